package port

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// scriptedPort is open until it is told to end.
type scriptedPort struct {
	Port
	name   string
	ending chan error
}

func (p *scriptedPort) Device() string { return p.name }

func (p *scriptedPort) Read([]byte) (int, error) { return 0, <-p.ending }

func (p *scriptedPort) Close() error {
	select {
	case p.ending <- ErrClosed:
	default:
	}
	return nil
}

// rig runs a supervisor in a synctest bubble and writes down what it says, with the time since the start.
type rig struct {
	opens []any // what each opening gives: an error, or how long the port lives
	story []string
	start time.Time
	live  int
}

func (r *rig) open() (Port, error) {
	if len(r.opens) == 0 {
		return nil, ErrNotFound
	}
	next := r.opens[0]
	r.opens = r.opens[1:]
	switch next := next.(type) {
	case error:
		return nil, next
	case time.Duration:
		r.live++
		p := &scriptedPort{name: fmt.Sprintf("tty%d", r.live), ending: make(chan error, 1)}
		if next > 0 {
			time.AfterFunc(next, func() { p.ending <- ErrUnplugged })
		}
		return p, nil
	}
	panic("a rig opens with an error or a duration")
}

func (r *rig) note(c Change) {
	what := "open " + c.Device
	if c.Err != nil {
		what = strings.TrimSpace(c.Device + " " + c.Err.Error())
	}
	r.story = append(r.story, fmt.Sprintf("%v %s", c.At.Sub(r.start), what))
}

func readToEnd(_ context.Context, p Port) error {
	_, err := p.Read(make([]byte, 1))
	return err
}

func (r *rig) run(t *testing.T, for_ time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), for_)
	defer cancel()
	r.start = time.Now()
	s := &Supervisor{Open: r.open, Rand: func() float64 { return 0 }} // no jitter: the least wait
	if err := s.Run(ctx, readToEnd, r.note); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run ends with %v", err)
	}
}

func TestSupervisor(t *testing.T) {
	tests := []struct {
		name  string
		opens []any
		for_  time.Duration
		want  []string
	}{
		{"opens and keeps", []any{time.Duration(0)}, time.Hour, []string{"0s open tty1"}},
		{"waits longer and longer, up to the cap", []any{ErrNotFound, ErrNotFound, ErrPermission, ErrNotFound, ErrNotFound, ErrNotFound, ErrNotFound}, 5200 * time.Millisecond, []string{
			"0s no such device", "50ms no such device", "150ms no permission", "350ms no such device", "750ms no such device",
			"1.55s no such device", "2.55s no such device", "3.55s no such device", "4.55s no such device"}},
		{"a loss is said at once and mended", []any{time.Minute, ErrNotFound, time.Duration(0)}, time.Hour, []string{
			"0s open tty1", "1m0s tty1 device unplugged", "1m0.05s no such device", "1m0.15s open tty2"}},
		{"a loose contact is no busy loop", []any{time.Millisecond, time.Millisecond, time.Millisecond, time.Duration(0)}, time.Hour, []string{
			"0s open tty1", "1ms tty1 device unplugged", "51ms open tty2", "52ms tty2 device unplugged",
			"152ms open tty3", "153ms tty3 device unplugged", "353ms open tty4"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &rig{opens: tt.opens}
				r.run(t, tt.for_)
				if got, want := strings.Join(r.story, "\n"), strings.Join(tt.want, "\n"); got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		})
	}
}

func TestSupervisorStopsWhileReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{opens: []any{time.Duration(0)}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- (&Supervisor{Open: r.open}).Run(ctx, readToEnd, r.note) }()
		synctest.Wait() // it sits in Read now
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if len(r.story) != 1 {
			t.Errorf("letting go of a port is no loss: %q", r.story)
		}
	})
}

func TestSupervisorStoppedBeforeItBegan(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &rig{opens: []any{time.Duration(0)}}
	if err := (&Supervisor{Open: r.open}).Run(ctx, readToEnd, r.note); !errors.Is(err, context.Canceled) || r.live != 0 {
		t.Errorf("got %v, opened %d times", err, r.live)
	}
}

func TestBackoffStaysWithinItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Backoff{
			Min: time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "min")),
			Max: time.Duration(rapid.Int64Range(int64(time.Minute), int64(time.Hour)).Draw(t, "max")),
		}
		n := rapid.IntRange(0, 1<<40).Draw(t, "n")
		d := b.wait(n, rand.Float64())
		if d < b.Min/2 || d > b.Max {
			t.Fatalf("%+v waits %v before attempt %d", b, d, n)
		}
		if n > 62 && d < b.Max/2 {
			t.Fatalf("%+v waits only %v after %d failures", b, d, n)
		}
	})
}
