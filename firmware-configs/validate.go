package firmware

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limits of a profile's values.
const (
	MinFrame = 512  // what EMVCo demands that a reader can deliver
	MaxFrame = 4096 // more than any code on a phone's screen holds

	minGap, maxGap = 20 * time.Millisecond, 2 * time.Second
	maxBlanking    = 5 * time.Second
	gapCharacters  = 10 // an idle gap shorter than this many characters is no silence
)

var bauds = []int{1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600}

// Error says what is wrong with one value of a profile, and where.
type Error struct {
	File string // empty for a profile that came from no file
	Line int    // 0 when there is no line to point at
	Key  string // dotted, such as framing.idle_gap; empty for a syntax error
	Msg  string
}

// Error gives one line: file:line: key: what is wrong.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	return b.String() + e.Msg
}

// Validate checks every value and returns all that is wrong, each as an *Error.
func (p Profile) Validate() error {
	var all []error
	for _, e := range p.check() {
		all = append(all, e)
	}
	return errors.Join(all...)
}

func (p Profile) check() []*Error {
	var bad []*Error
	refuse := func(ok bool, key, format string, args ...any) {
		if !ok {
			bad = append(bad, &Error{Key: key, Msg: fmt.Sprintf(format, args...)})
		}
	}
	refuse(nameForm.MatchString(p.Name), "name", "%q must be lower-case letters, digits and '-', at most 40", p.Name)
	p.Serial.check(refuse)
	p.Framing.check(refuse)
	if gap := p.Serial.time(gapCharacters); gap > 0 {
		refuse(p.Framing.IdleGap >= gap, "framing.idle_gap", "%v is less than %d characters at %d baud (%v)",
			p.Framing.IdleGap, gapCharacters, p.Serial.Baud, gap)
	}
	return bad
}

func (s Serial) check(refuse func(bool, string, string, ...any)) {
	refuse(slices.Contains(bauds, s.Baud), "serial.baud", "%d is none of %v", s.Baud, bauds)
	refuse(s.DataBits == 7 || s.DataBits == 8, "serial.data_bits", "%d is neither 7 nor 8", s.DataBits)
	oneOf(refuse, "serial.parity", s.Parity, ParityNone, ParityOdd, ParityEven, ParityMark, ParitySpace)
	refuse(s.StopBits == 1 || s.StopBits == 2, "serial.stop_bits", "%d is neither 1 nor 2", s.StopBits)
	refuse(s.Flow == FlowNone, "serial.flow", "%q must be %q: switch handshaking off in the scanner", s.Flow, FlowNone)
}

func (f Framing) check(refuse func(bool, string, string, ...any)) {
	for i, s := range f.Suffixes {
		oneOf(refuse, "framing.suffixes", s, SuffixCR, SuffixLF, SuffixCRLF, SuffixETX)
		refuse(!slices.Contains(f.Suffixes[:i], s), "framing.suffixes", "%q is there twice", s)
	}
	oneOf(refuse, "framing.stx", f.STX, Off, Optional, Required)
	oneOf(refuse, "framing.aim", f.AIM, Off, Optional, Required)
	refuse(f.IdleGap >= minGap && f.IdleGap <= maxGap, "framing.idle_gap", "%v is not within %v and %v", f.IdleGap, minGap, maxGap)
	refuse(f.Blanking >= 0 && f.Blanking <= maxBlanking, "framing.blanking", "%v is not within 0s and %v", f.Blanking, maxBlanking)
	refuse(f.MaxFrame >= MinFrame && f.MaxFrame <= MaxFrame, "framing.max_frame", "%d is not within %d and %d", f.MaxFrame, MinFrame, MaxFrame)
}

func oneOf[T ~string](refuse func(bool, string, string, ...any), key string, v T, allowed ...T) {
	refuse(slices.Contains(allowed, v), key, "%q is none of %q", v, allowed)
}

// time is how long n characters take on the wire: a start bit, the data, the parity bit and the stop bits each.
func (s Serial) time(n int) time.Duration {
	if s.Baud <= 0 {
		return 0
	}
	bits := 1 + s.DataBits + s.StopBits
	if s.Parity != ParityNone {
		bits++
	}
	return time.Duration(n*bits) * time.Second / time.Duration(s.Baud)
}
