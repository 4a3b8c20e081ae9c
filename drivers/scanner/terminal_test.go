package scanner_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.bug.st/serial"

	"tilld/drivers/drivertest"
	"tilld/drivers/emulate"
	"tilld/drivers/port"
	"tilld/drivers/scanner"
)

// signedCode is as long as a signed payment code, in the same alphabet.
var signedCode = "TILLD:" + strings.Repeat("6BFOXN*TS0BI$ZD.", 24)

func plugIn(t testing.TB) *emulate.Scanner {
	t.Helper()
	d, err := emulate.NewScanner(filepath.Join(t.TempDir(), "scanner"), emulate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// start runs a scanner as the lane does: by path, with the machine's clock and everything left at its default.
func start(t testing.TB, cfg scanner.Config) <-chan scanner.Event {
	t.Helper()
	s, err := scanner.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	events, done := make(chan scanner.Event, 64), make(chan error, 1)
	go func() {
		done <- s.Run(ctx, func(e scanner.Event) {
			select {
			case events <- e:
			case <-ctx.Done():
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
	return events
}

func expect(t testing.TB, events <-chan scanner.Event, want string) scanner.Event {
	t.Helper()
	select {
	case e := <-events:
		if got := drivertest.Describe(e); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		return e
	case <-time.After(30 * time.Second):
		t.Fatalf("waited in vain for %q", want)
		return nil
	}
}

func TestOnATerminal(t *testing.T) {
	d := plugIn(t)
	cfg := scanner.Config{Spec: port.Spec{Path: d.Link()}, Profile: generic(t), LockDir: t.TempDir()}
	events := start(t, cfg)
	expect(t, events, "returned")

	second := start(t, cfg)
	busy := expect(t, second, "lost: device in use")
	if l, ok := busy.(scanner.Lost); !ok || !strings.Contains(l.Err.Error(), "this process") {
		t.Errorf("who holds it is not said: %v", busy)
	}
	if err := d.Send("]Q1" + signedCode); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "symbol ]Q1 "+signedCode)
	if err := d.SendRaw([]byte("half a co")); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "bad no-terminator")
	if err := d.Unplug(); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "lost: device unplugged")
}

// BenchmarkBytesToSymbol compares a signed code's way from the terminal to the Symbol with reading the same bytes from
// the same kind of terminal and doing nothing with them.
func BenchmarkBytesToSymbol(b *testing.B) {
	profile := generic(b)
	profile.Framing.Blanking = 0
	d := plugIn(b)
	events := start(b, scanner.Config{Spec: port.Spec{Path: d.Link()}, Profile: profile, LockDir: b.TempDir()})
	expect(b, events, "returned")
	bare, read := plugIn(b), make(chan struct{})
	readBare(b, bare, len(signedCode)+1, read)

	var ours, theirs time.Duration
	for b.Loop() {
		begin := time.Now()
		if err := d.Send(signedCode); err != nil {
			b.Fatal(err)
		}
		if s, ok := (<-events).(scanner.Symbol); !ok || s.Text != signedCode {
			b.Fatal("the code did not arrive")
		}
		middle := time.Now()
		if err := bare.Send(signedCode); err != nil {
			b.Fatal(err)
		}
		<-read
		ours += middle.Sub(begin)
		theirs += time.Since(middle)
	}
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "ns/symbol")
	b.ReportMetric(float64(theirs.Nanoseconds())/float64(b.N), "ns/bare-read")
}

// readBare reads codes of n bytes with the serial package alone.
func readBare(b *testing.B, d *emulate.Scanner, n int, read chan<- struct{}) {
	b.Helper()
	p, err := serial.Open(d.Link(), &serial.Mode{BaudRate: 115200, DataBits: 8})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close() })
	go func() {
		buf := make([]byte, 4096)
		for got := 0; ; {
			m, err := p.Read(buf)
			if err != nil {
				return
			}
			if got += m; got == n {
				got = 0
				read <- struct{}{}
			}
		}
	}()
}

// BenchmarkFramer is the framer alone, without any terminal.
func BenchmarkFramer(b *testing.B) {
	rules := generic(b).Framing
	rules.Blanking = 0
	f := scanner.NewFramer(rules, []string{"TILLD:"})
	data := []byte("]Q1" + signedCode + "\r\n")
	b.SetBytes(int64(len(data)))
	var events []scanner.Event
	for b.Loop() {
		events = f.Push(events[:0], epoch, data)
		if len(events) != 1 {
			b.Fatal(events)
		}
	}
}
