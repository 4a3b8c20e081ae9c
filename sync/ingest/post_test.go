package ingest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestGiveWay: with live traffic the poster goes straight on; while outboxes are emptied it waits, until that is
// over or it has had its share of waiting.
func TestGiveWay(t *testing.T) {
	const took = time.Second
	for _, tt := range []struct {
		name string
		busy time.Duration // for how long full batches keep coming
		want time.Duration
	}{
		{"live traffic", 0, 0},
		{"the end of a drain", 2*calm + calm/2, 4 * calm},
		{"a long drain", time.Hour, (leastShare - 1) * took},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := new(Ingest)
			seen := g.drained.Load()
			start := time.Now()
			ctx, cancel := context.WithCancel(context.Background())
			if tt.busy > 0 {
				g.drained.Add(1)
				go func() {
					every := time.NewTicker(5 * time.Millisecond)
					defer every.Stop()
					for time.Since(start) < tt.busy && ctx.Err() == nil {
						select {
						case <-ctx.Done():
						case <-every.C:
							g.drained.Add(1)
						}
					}
				}()
			}
			if err := g.giveWay(ctx, took, seen); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(start); d != tt.want {
				t.Errorf("%s: waited %s, want %s", tt.name, d, tt.want)
			}
			cancel()
			if tt.busy > 0 {
				g.drained.Add(1)
				if err := g.giveWay(ctx, took, seen); !errors.Is(err, context.Canceled) {
					t.Errorf("%s: %v", tt.name, err)
				}
			}
		})
	}
}
