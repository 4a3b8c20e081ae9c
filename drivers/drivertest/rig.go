package drivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"tilld/drivers/emulate"
	"tilld/drivers/port"
	"tilld/drivers/scanner"
	"tilld/firmware-configs"
)

// patience is how long a test waits, in real time, for what must come at once. Only a broken driver spends it.
const patience = 30 * time.Second

// HousePrefix is the house code's prefix in the suite.
const HousePrefix = "TILLD:"

// Rig is a scanner driver on an emulated scanner, with a clock that only the test moves.
type Rig struct {
	t       *testing.T
	Clock   *Clock
	Device  *emulate.Scanner
	Scanner *scanner.Scanner
	Profile firmware.Profile

	events chan scanner.Event
	meter  meter
	sent   int
	quiet  bool // nothing was sent since time last passed: more of it may pass
	log    lockedBuffer
	codes  []string // every code sent, none of which may show up in the log
}

// NewRig starts a driver with this profile and waits until it listens. It ends with the test, which fails if a code
// was logged.
func NewRig(t *testing.T, profile firmware.Profile) *Rig {
	t.Helper()
	r := &Rig{t: t, Clock: NewClock(), Profile: profile, events: make(chan scanner.Event, 1024)}
	r.meter.changed = make(chan struct{}, 1)
	var err error
	if r.Device, err = emulate.NewScanner(filepath.Join(t.TempDir(), "by-id", "scanner"), emulate.Options{}); err != nil {
		t.Fatal(err)
	}
	set := port.Settings{Baud: profile.Serial.Baud, DataBits: profile.Serial.DataBits,
		Parity: port.Parity(profile.Serial.Parity), StopBits: profile.Serial.StopBits}
	locks := t.TempDir()
	r.Scanner, err = scanner.New(scanner.Config{
		Profile: profile, HousePrefixes: []string{HousePrefix},
		Now: r.Clock.Now, After: r.Clock.After,
		Log: slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Open: func() (port.Port, error) {
			p, err := port.Open(port.Spec{Path: r.Device.Link()}, set, port.Options{LockDir: locks})
			if err != nil {
				return nil, err
			}
			return r.meter.on(p), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.run()
	r.AwaitReturn()
	return r
}

func (r *Rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- r.Scanner.Run(ctx, func(e scanner.Event) {
			select {
			case r.events <- e:
			case <-ctx.Done():
			}
		})
	}()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			r.t.Errorf("Run ended with %v", err)
		}
		if err := r.Device.Close(); err != nil {
			r.t.Error(err)
		}
		for _, code := range r.codes {
			if len(code) > 3 && bytes.Contains(r.log.bytes(), []byte(code)) {
				r.t.Error("a code was logged")
			}
		}
	})
}

// Send sends raw bytes and waits until the driver has taken all of them in.
func (r *Rig) Send(raw string) {
	r.t.Helper()
	r.quiet = false
	if err := r.Device.SendRaw([]byte(raw)); err != nil {
		r.t.Fatal(err)
	}
	r.sent += len(raw)
	r.meter.await(r.t, r.sent)
}

// SendCode sends a code as the profile frames it.
func (r *Rig) SendCode(code string) {
	r.t.Helper()
	r.Send(r.Frame(code))
}

// Frame is a code with the first suffix and the prefixes that the profile demands. A profile without a suffix ends a
// code by silence: see Settle.
func (r *Rig) Frame(code string) string {
	r.codes = append(r.codes, code)
	f := r.Profile.Framing
	if f.AIM == firmware.Required {
		code = "]Q1" + code
	}
	if f.STX == firmware.Required {
		code = "\x02" + code
	}
	return code + suffix(f)
}

// Pass lets time pass in silence.
func (r *Rig) Pass(d time.Duration) {
	r.Clock.Advance(d)
	r.quiet = true
}

// Settle lets so much time pass that nothing of before matters: silence, mistrust and blanking are over.
func (r *Rig) Settle() {
	f := r.Profile.Framing
	r.Pass(f.IdleGap + max(f.IdleGap, f.Blanking) + 2*time.Millisecond)
}

// Next waits for the driver's next event. In a silence it moves the clock if the driver waits for that: a driver that
// was about to set its alarm when the silence passed has set it too late.
func (r *Rig) Next() scanner.Event {
	r.t.Helper()
	var armed <-chan struct{}
	if r.quiet {
		armed = r.Clock.Armed()
	}
	for deadline := time.After(patience); ; {
		select {
		case e := <-r.events:
			return e
		case <-armed:
			r.Clock.AdvanceToNext()
		case <-deadline:
			r.t.Fatal("the driver says nothing")
		}
	}
}

// Expect compares the next events with their descriptions: see Describe.
func (r *Rig) Expect(want ...string) {
	r.t.Helper()
	for _, w := range want {
		if got := Describe(r.Next()); got != w {
			r.t.Fatalf("the driver says %q, want %q", got, w)
		}
	}
}

// ExpectNothingMore lets all time pass and scans one more good code: it must be the very next event.
func (r *Rig) ExpectNothingMore() {
	r.t.Helper()
	const code = "sentinel-0123456789"
	r.Settle()
	r.SendCode(code)
	r.Settle()
	r.Expect(r.good(code))
}

// AwaitReturn moves the clock until the scanner is back. Nothing but losses may be told before.
func (r *Rig) AwaitReturn() {
	r.t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case e := <-r.events:
			if ret, ok := e.(scanner.Returned); ok {
				if ret.Device != r.Device.Device() {
					r.t.Fatalf("back as %s, it is %s", ret.Device, r.Device.Device())
				}
				return
			}
			if _, ok := e.(scanner.Lost); !ok {
				r.t.Fatalf("the driver says %q before it is back", Describe(e))
			}
		case <-r.Clock.Armed():
			r.Clock.AdvanceToNext()
		case <-deadline:
			r.t.Fatal("the driver does not find the scanner again")
		}
	}
}

// Describe puts an event into words for comparison. Unlike the event's own words they hold the code, which in a test
// is nobody's money.
func Describe(e scanner.Event) string {
	switch e := e.(type) {
	case scanner.Symbol:
		if e.AIM != "" {
			return fmt.Sprintf("symbol %s %s", e.AIM, e.Text)
		}
		return "symbol " + e.Text
	case scanner.BadRead:
		return "bad " + e.Reason.String()
	case scanner.Blanked:
		if e.Same {
			return "blanked same"
		}
		return "blanked " + e.Symbol.Text
	case scanner.Lost:
		return fmt.Sprintf("lost: %v", port.Kind(e.Err))
	case scanner.Returned:
		return "returned"
	}
	return fmt.Sprintf("%T", e)
}

func suffix(f firmware.Framing) string {
	if len(f.Suffixes) == 0 {
		return ""
	}
	return suffixBytes[f.Suffixes[0]]
}

var suffixBytes = map[firmware.Suffix]string{
	firmware.SuffixCR: "\r", firmware.SuffixLF: "\n", firmware.SuffixCRLF: "\r\n", firmware.SuffixETX: "\x03",
}
