package ingest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tilld/sync/ingest/ingesttest"
)

// TestHelloWaitsForTheRoad: HQ does not speak into the void, at its start or in an outage, and says hello in the
// moment in which the road comes up, be it before ingest runs.
func TestHelloWaitsForTheRoad(t *testing.T) {
	b := newBench(t)
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		var log bytes.Buffer
		out, start := &road{fail: errors.New("no connection")}, time.Now()
		connect := func() { out.set(nil); up.Store(true) }
		cfg := configFor(b.Chain, idleLedger{b.store}, out)
		cfg.Now = func() time.Time { return ingesttest.Noon.Add(time.Since(start)) }
		cfg.Linked, cfg.Log = up.Load, slog.New(slog.NewTextHandler(&log, nil))
		g, err := New(b.Ctx, cfg)
		b.Must(err)
		said := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if n := len(out.take()); n != want {
				t.Errorf("%s: %d hellos, want %d", what, n, want)
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()

		<-time.After(70 * time.Second)
		said("without a road", 0)
		connect()
		g.LinkUp()
		said("when it comes up", 1)
		<-time.After(40 * time.Second)
		said("behind that, as always", 1)
		up.Store(false)
		out.set(errors.New("no connection"))
		<-time.After(100 * time.Second)
		said("in an outage", 0)
		connect()
		g.LinkUp()
		said("when it comes back", 1)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		if log.Len() > 0 {
			t.Errorf("logged %s", &log)
		}

		g, err = New(b.Ctx, cfg)
		b.Must(err)
		g.LinkUp() // before anybody listens
		ctx, cancel = context.WithCancel(context.Background())
		go func() { done <- g.Run(ctx) }()
		synctest.Wait()
		if n := len(out.take()); n == 0 {
			t.Error("a road that was there before Run: no hello")
		}
		cancel()
		<-done
	})
}
