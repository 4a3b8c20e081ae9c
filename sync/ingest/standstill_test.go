package ingest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// TestPosting: while nothing can be posted HQ says so, and since when; lanes get their acknowledgements all the same.
func TestPosting(t *testing.T) {
	b := newBench(t)
	lacking := errors.New("a batch is not in the books")
	var stands atomic.Bool
	stands.Store(true)
	h := b.run(b.store, func(c *Config) {
		c.PostEvery = 10 * time.Millisecond
		c.CatchUp = func(context.Context) error {
			if stands.Load() {
				return lacking
			}
			return nil
		}
	})
	wait := func(what string, ok func() bool) {
		t.Helper()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for !ok() {
			select {
			case <-tick.C:
			case <-b.Ctx.Done():
				t.Fatal("never: " + what)
			}
		}
	}
	wait("it stands still", func() bool { _, err := h.Posting(); return errors.Is(err, lacking) })
	if since, _ := h.Posting(); !since.Equal(b.Chain.Now) {
		t.Errorf("since %v, want %v", since, b.Chain.Now)
	}
	stands.Store(false)
	wait("it goes on", func() bool { since, err := h.Posting(); return err == nil && since.IsZero() })
}
