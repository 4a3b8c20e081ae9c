package scanner_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tilld/drivers/drivertest"
	"tilld/drivers/port"
	"tilld/drivers/scanner"
	"tilld/firmware-configs"
)

func TestNewRefuses(t *testing.T) {
	good := generic(t)
	wild := good
	wild.Framing.IdleGap = 0
	tests := []struct {
		name string
		cfg  scanner.Config
		want string // a part of the error
	}{
		{"no profile", scanner.Config{Spec: port.Spec{Path: "/dev/ttyACM0"}}, "profile"},
		{"a wrong profile", scanner.Config{Spec: port.Spec{Path: "/dev/ttyACM0"}, Profile: wild}, "framing.idle_gap"},
		{"no port, and a profile for no model", scanner.Config{Profile: good}, "no port is named"},
		{"two ports", scanner.Config{Profile: good, Spec: port.Spec{Path: "/dev/ttyACM0", Serial: "1"}}, "a path and a USB device"},
		{"a prefix that fits everything", scanner.Config{Profile: good, Spec: port.Spec{Path: "/dev/ttyACM0"}, HousePrefixes: []string{""}}, "house prefix"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if s, err := scanner.New(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) || s != nil {
				t.Errorf("got %v, want an error about %q", err, tt.want)
			}
		})
	}
}

func TestProfilesUSBIDsNameThePort(t *testing.T) {
	p := generic(t)
	p.USB = []firmware.USBID{{Vendor: 0xffff, Product: 0xfffe}}
	s, err := scanner.New(scanner.Config{Profile: p, LockDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var got scanner.Event
	_ = s.Run(ctx, func(e scanner.Event) { got = e; cancel() }) // ends by cancel
	if l, ok := got.(scanner.Lost); !ok || !errors.Is(l.Err, port.ErrNotFound) || !strings.Contains(l.Err.Error(), "ffff:fffe") {
		t.Errorf("got %v", got)
	}
}

// runScripted runs a scanner in a synctest bubble on ports that open gives, and tells what it says and when.
func runScripted(t *testing.T, for_ time.Duration, open func(n int) (port.Port, error)) (story []string, stats scanner.Stats) {
	t.Helper()
	profile := generic(t)
	synctest.Test(t, func(t *testing.T) {
		n := -1
		s, err := scanner.New(scanner.Config{Profile: profile, Rand: func() float64 { return 0 },
			Open: func() (port.Port, error) { n++; return open(n) }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), for_)
		defer cancel()
		start := time.Now()
		err = s.Run(ctx, func(e scanner.Event) {
			line := fmt.Sprintf("%v %s", e.When().Sub(start), drivertest.Describe(e))
			switch e := e.(type) {
			case scanner.Returned:
				line += fmt.Sprintf(" as %s after %v", e.Device, e.Away)
			case scanner.Lost:
				line += fmt.Sprintf(", was %q", e.Device)
			}
			story = append(story, line)
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run ends with %v", err)
		}
		stats = s.Stats()
	})
	return story, stats
}

func TestLossIsToldOncePerReason(t *testing.T) {
	story, stats := runScripted(t, time.Minute, func(n int) (port.Port, error) {
		switch {
		case n < 3:
			return nil, port.ErrNotFound
		case n < 5:
			return nil, port.ErrPermission
		case n == 5:
			return port.Replay("ttyACM0", []port.Step{{Wait: 10 * time.Second}}, nil), nil
		case n < 8:
			return nil, port.ErrNotFound // it was pulled out: nothing new
		case n < 10:
			return nil, &port.Error{Op: "open", Device: "ttyACM1", Kind: port.ErrBusy, Hint: "ModemManager holds it"}
		case n < 12:
			return nil, errors.New("something else")
		case n == 12:
			return port.Replay("ttyACM1", []port.Step{{Wait: 50 * time.Millisecond}}, nil), nil // gone before it is heard
		case n == 13:
			return port.Replay("ttyACM1", []port.Step{{Wait: time.Hour}}, nil), nil
		}
		panic("opened too often")
	})
	want := []string{
		`0s lost: no such device, was ""`,
		`350ms lost: no permission, was ""`,
		`1.75s returned as ttyACM0 after 1.75s`,
		`11.55s lost: device unplugged, was "ttyACM0"`,
		`11.9s lost: device in use, was "ttyACM0"`,
		`13.1s lost: <nil>, was "ttyACM0"`,
		`15.15s lost: device unplugged, was "ttyACM1"`,
		`16.35s returned as ttyACM1 after 4.8s`,
	}
	if got, want := strings.Join(story, "\n"), strings.Join(want, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if stats.Losses != 2 {
		t.Errorf("counted %d losses, it was missing twice", stats.Losses)
	}
}

func TestStats(t *testing.T) {
	_, stats := runScripted(t, time.Minute, func(n int) (port.Port, error) {
		if n > 0 {
			return nil, port.ErrNotFound
		}
		return port.Replay("x", []port.Step{{Wait: time.Second, Data: []byte("a1\rb2\rc\td\r")}, {Wait: time.Second}}, nil), nil
	})
	if want := (scanner.Stats{Bytes: 10, Symbols: 1, BadReads: 1, Blanked: 1, Losses: 1}); stats != want {
		t.Errorf("got %+v, want %+v", stats, want)
	}
}

// TestSlowReceiver: a receiver that waits for a disk must not make whole codes look broken.
func TestSlowReceiver(t *testing.T) {
	profile := generic(t)
	synctest.Test(t, func(t *testing.T) {
		var steps []port.Step
		for i := range 20 {
			code := fmt.Sprintf("code-%02d\r", i)
			steps = append(steps, port.Step{Wait: time.Second, Data: []byte(code[:4])},
				port.Step{Wait: 100 * time.Millisecond, Data: []byte(code[4:])})
		}
		steps = append(steps, port.Step{Wait: time.Hour})
		s, err := scanner.New(scanner.Config{Profile: profile,
			Open: func() (port.Port, error) { return port.Replay("x", steps, nil), nil }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		start := time.Now()
		var got []string
		_ = s.Run(ctx, func(e scanner.Event) { // ends by cancel
			if _, ok := e.(scanner.Symbol); !ok && len(got) > 0 {
				t.Errorf("got %v", e)
			}
			got = append(got, drivertest.Describe(e))
			if at, want := e.When().Sub(start), time.Duration(len(got)-1)*1100*time.Millisecond; len(got) > 1 && at != want {
				t.Errorf("%s at %v, want %v", got[len(got)-1], at, want)
			}
			if len(got) == 21 {
				cancel()
				return
			}
			<-time.After(3 * time.Second)
		})
		if len(got) != 21 || got[20] != "symbol code-19" {
			t.Errorf("got %q", got)
		}
	})
}

// TestFlood: more events than may wait are not dropped, the scanner is read more slowly instead.
func TestFlood(t *testing.T) {
	const codes = 3000
	profile := generic(t)
	synctest.Test(t, func(t *testing.T) {
		flood := []port.Step{{Wait: time.Second, Data: []byte(strings.Repeat("x\r", codes))}, {Wait: time.Hour}}
		s, err := scanner.New(scanner.Config{Profile: profile,
			Open: func() (port.Port, error) { return port.Replay("x", flood, nil), nil }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got := 0
		_ = s.Run(ctx, func(e scanner.Event) { // ends with ctx
			switch e.(type) {
			case scanner.Symbol, scanner.Blanked:
				<-time.After(time.Millisecond)
				got++
			}
		})
		if got != codes {
			t.Errorf("got %d codes of %d", got, codes)
		}
	})
}

// TestSlowSelfIsNoSilence: when the driver itself was held up, a code whose rest was read in time is whole, although
// the alarm for the silence has rung as well.
func TestSlowSelfIsNoSilence(t *testing.T) {
	profile := generic(t)
	steps := []port.Step{{Wait: time.Second, Data: []byte(strings.Repeat("x\r", 200) + "half")},
		{Wait: 50 * time.Millisecond, Data: []byte("rest\r")}, {Wait: time.Hour}}
	for range 20 { // the wrong order is a matter of luck
		synctest.Test(t, func(t *testing.T) {
			s, err := scanner.New(scanner.Config{Profile: profile,
				Open: func() (port.Port, error) { return port.Replay("x", steps, nil), nil }})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			last := ""
			_ = s.Run(ctx, func(e scanner.Event) { // ends with ctx
				if last = drivertest.Describe(e); last == "symbol x" {
					<-time.After(10 * time.Second) // the queue fills, and the driver waits
				}
			})
			if last != "blanked halfrest" {
				t.Fatalf("got %q", last)
			}
		})
	}
}

func TestRunEndsWhileTheReceiverIsFull(t *testing.T) {
	profile := generic(t)
	synctest.Test(t, func(t *testing.T) {
		flood := []port.Step{{Wait: time.Second, Data: []byte(strings.Repeat("x\r", 3000))}, {Wait: time.Hour}}
		s, err := scanner.New(scanner.Config{Profile: profile,
			Open: func() (port.Port, error) { return port.Replay("x", flood, nil), nil }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- s.Run(ctx, func(e scanner.Event) {
				if _, ok := e.(scanner.Symbol); ok {
					<-ctx.Done() // as a lane does that is shutting down
				}
			})
		}()
		<-time.After(time.Minute) // the queue is full now
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
