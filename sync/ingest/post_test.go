package ingest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tilld/sync/ledger"
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

// TestSettledFirst: nothing is judged while the books lack what has been settled; it is recorded all the same.
func TestSettledFirst(t *testing.T) {
	b := newBench(t)
	lanes, sum := b.lanes(1, 3)
	b.start(b.store)
	lacking := errors.New("a batch is not in the books")
	behind := lacking
	b.g.cfg.CatchUp = func(context.Context) error { return behind }
	b.deliverAll(lanes[0], 0, 100)
	if err := b.g.postAll(b.Ctx); !errors.Is(err, lacking) {
		t.Errorf("posted: %v", err)
	}
	b.WantNet(ledger.WalletReceivable, 0)
	if left, err := b.store.Backlogs(b.Ctx, 0, 10); err != nil || len(left) != 1 {
		t.Errorf("%d histories wait, %v", len(left), err)
	}
	behind = nil
	b.post()
	b.WantNet(ledger.WalletReceivable, sum)
}
