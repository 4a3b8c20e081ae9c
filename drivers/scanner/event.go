package scanner

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Event is what a scanner has to tell: a Symbol, BadRead, Blanked, Lost or Returned, and nothing else.
type Event interface {
	When() time.Time // by the lane's clock
	event()
}

// Symbol is one code that was scanned and arrived whole. The same code scanned again is a new Symbol: whether it may
// pay again is not decided here.
//
// The text can be a customer's payment code, as good as money for some minutes. Printing or logging a Symbol by any
// verb shows its length only.
type Symbol struct {
	// Text is the code without prefix, suffix and AIM identifier: valid UTF-8, not empty, without control
	// characters but for GS (1d), which separates the fields of GS1 codes.
	Text string    `json:"-"`
	AIM  string    // the AIM identifier in front of it, such as "]Q1" for a QR; empty when the scanner sent none
	At   time.Time // when its end was read
}

// BadRead is bytes that were no whole code. The customer is asked to show it again.
type BadRead struct {
	At     time.Time
	Reason Reason
	Length int // bytes, as far as they were counted
}

// Blanked is a second code that began within the blanking time of the first. The first has been taken; whoever gets
// this decides by what it is: a second payment code is not used, goods are passed on to the shop's POS.
type Blanked struct {
	Symbol Symbol
	Same   bool          // it is the first code again: the scanner stuttered
	Gap    time.Duration // from the end of the first to the beginning of this one
}

// Lost says that the scanner is not to be had. It comes at once, and again when the reason changes.
type Lost struct {
	At     time.Time
	Device string // as it was called; empty when it was never open
	Err    error  // matches a sentinel of package port: ErrUnplugged, ErrBusy, ErrPermission, ...
}

// Returned says that the scanner is open and what it scans from now on will be heard. The first opening says so too.
type Returned struct {
	At     time.Time
	Device string        // as it is called now
	Away   time.Duration // since Lost; 0 when it was not
}

// When implements Event.
func (s Symbol) When() time.Time { return s.At }

// When implements Event.
func (b BadRead) When() time.Time { return b.At }

// When implements Event.
func (b Blanked) When() time.Time { return b.Symbol.At }

// When implements Event.
func (l Lost) When() time.Time { return l.At }

// When implements Event.
func (r Returned) When() time.Time { return r.At }

func (Symbol) event()   {}
func (BadRead) event()  {}
func (Blanked) event()  {}
func (Lost) event()     {}
func (Returned) event() {}

// String tells length and AIM identifier, never the text.
func (s Symbol) String() string { return fmt.Sprintf("symbol(%d bytes, AIM %q)", len(s.Text), s.AIM) }

// Format implements fmt.Formatter, so that no verb shows the text.
func (s Symbol) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer.
func (s Symbol) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Reason is why a read was bad.
type Reason int

// The reasons. Their names (see String) may be stored and translated.
const (
	ReasonNoTerminator Reason = iota + 1 // the code stopped without its end; so it was never taken for a short one
	ReasonRemainder                      // what came behind a code that had stopped, or was under way when the port opened
	ReasonCut                            // the scanner was unplugged in the middle of a code
	ReasonOversize                       // longer than the profile allows
	ReasonControl                        // control characters: noise, wrong settings, a scanner in another mode
	ReasonEncoding                       // not UTF-8: noise, or a scanner set to another character set
	ReasonEmpty                          // an AIM identifier or STX and nothing behind
	ReasonNoAIM                          // the profile demands an AIM identifier
	ReasonNoSTX                          // the profile demands STX in front
	ReasonECI                            // backslashes that the QR's ECI mode does not allow
	ReasonTwoCodes                       // two codes run together
)

var reasonNames = map[Reason]string{
	ReasonNoTerminator: "no-terminator",
	ReasonRemainder:    "remainder",
	ReasonCut:          "cut",
	ReasonOversize:     "oversize",
	ReasonControl:      "control",
	ReasonEncoding:     "encoding",
	ReasonEmpty:        "empty",
	ReasonNoAIM:        "no-aim",
	ReasonNoSTX:        "no-stx",
	ReasonECI:          "eci",
	ReasonTwoCodes:     "two-codes",
}

// String is the reason's stable name.
func (r Reason) String() string {
	if name, ok := reasonNames[r]; ok {
		return name
	}
	return fmt.Sprintf("reason-%d", int(r))
}

// Reasons lists every reason in order, for catalogues of messages and their tests.
func Reasons() []Reason {
	all := make([]Reason, len(reasonNames))
	for i := range all {
		all[i] = Reason(i + 1)
	}
	return all
}
