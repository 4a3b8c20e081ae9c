//go:build unix

package port

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestSupervisorOnATerminal pulls the cable of a real pseudo-terminal and plugs it in again, under another name.
func TestSupervisorOnATerminal(t *testing.T) {
	s, locks := plugIn(t), t.TempDir()
	changes := make(chan Change, 64)
	read := make(chan string, 64)
	use := func(_ context.Context, p Port) error {
		b := make([]byte, 64)
		for {
			n, err := p.Read(b)
			if err != nil {
				return err
			}
			read <- string(b[:n])
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	sup := &Supervisor{
		Open:    func() (Port, error) { return Open(Spec{Path: s.Link()}, wire, Options{LockDir: locks}) },
		Backoff: Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond, Stable: time.Hour},
	}
	go func() { done <- sup.Run(ctx, use, func(c Change) { changes <- c }) }()
	until := func(what string, ok func(Change) bool) {
		t.Helper()
		for deadline := time.After(30 * time.Second); ; {
			select {
			case c := <-changes:
				if ok(c) {
					return
				}
			case <-deadline:
				t.Fatalf("it never was %s", what)
			}
		}
	}
	for range 5 {
		now := s.Device()
		until("open", func(c Change) bool { return c.Err == nil && c.Device == now })
		if err := s.SendRaw([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if got := <-read; got != "x" {
			t.Errorf("read %q", got)
		}
		if err := s.Unplug(); err != nil {
			t.Fatal(err)
		}
		until("lost", func(c Change) bool { return errors.Is(c.Err, ErrUnplugged) && c.Device == now })
		until("missing", func(c Change) bool { return errors.Is(c.Err, ErrNotFound) })
		if err := s.Replug(); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ends with %v", err)
	}
}
