package ingest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestGiveWay: with live traffic the poster goes straight on; while outboxes are emptied it waits on a single processor,
// until that is over or it has had its share of waiting.
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
			g := &Ingest{cfg: Config{Workers: 1}}
			seen := g.drained.Load()
			start := time.Now()
			ctx, cancel := context.WithCancel(context.Background())
			if tt.busy > 0 {
				g.drained.Add(1)
				go func() {
					every := time.NewTicker(5 * time.Millisecond)
					defer every.Stop()
					for time.Since(start) < tt.busy {
						select {
						case <-every.C:
							g.drained.Add(1)
						case <-ctx.Done():
							return
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

// TestGiveHalf: with more processors than one the poster never waits, and has half of them while outboxes are emptied.
func TestGiveHalf(t *testing.T) {
	g := &Ingest{cfg: Config{Workers: 5}, examiners: 5}
	for _, step := range []struct {
		batches uint64
		want    int
	}{{0, 5}, {3, 2}, {1, 2}, {0, 5}} {
		seen := g.drained.Load()
		g.drained.Add(step.batches)
		if err := g.giveWay(t.Context(), time.Hour, seen); err != nil {
			t.Fatal(err)
		}
		if g.examiners != step.want {
			t.Errorf("%d examiners behind %d batches, want %d", g.examiners, step.batches, step.want)
		}
	}
}
