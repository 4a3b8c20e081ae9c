package ingest

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// collecting is an Ingest of which only the collector works.
func collecting() (*Ingest, *collector) {
	cfg := Config{GroupEntries: 50, Queue: 100}
	cfg.defaults(1)
	g := &Ingest{cfg: cfg, verified: make(chan *item, cfg.Queue)}
	g.express.open(1, cfg.Queue)
	return g, &collector{g: g}
}

func saleOf(terminal byte, first uint64, entries int, quick bool) *item {
	return &item{quick: quick, size: 100 * entries, arrival: &ledger.Arrival{
		Batch: &wire.Batch{Terminal: payment.ID{terminal}, First: first}, Hashes: make([][32]byte, entries),
	}}
}

func beatOf(terminal byte) *item {
	return &item{quick: true, size: 100, beat: &wire.Beat{Terminal: payment.ID{terminal}}}
}

func (g *Ingest) put(items ...*item) {
	for _, it := range items {
		if it.quick {
			g.express.verified <- it
		} else {
			g.verified <- it
		}
	}
}

// TestCollect: sales of lanes that sell don't wait for a backlog's transaction, a backlog has every other turn, and
// beats hurry nobody.
func TestCollect(t *testing.T) {
	big := func(n byte) *item { return saleOf(n, 1, 20, false) }
	sale := func(n byte) *item { return saleOf(n, 1, 3, true) }
	tests := []struct {
		name string
		in   []*item
		want []int // items in each group
	}{
		{"backlogs fill a group", []*item{big(1), big(2), big(3), big(4)}, []int{3, 1}},
		{"sales go first and alone", []*item{big(1), big(2), sale(3), sale(4)}, []int{2, 2}},
		{"beats ride with a backlog", []*item{big(1), big(2), beatOf(3), beatOf(4)}, []int{4}},
		{"a sale alone", []*item{sale(3)}, []int{1}},
		{"sales fill a group", slices.Repeat([]*item{sale(3)}, 20), []int{17, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, c := collecting()
				g.put(tt.in...)
				var got []int
				for left := len(tt.in); left > 0; {
					group, err := c.next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					got, left = append(got, len(group)), left-len(group)
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("groups of %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// TestBacklogsTurn: however many sales come in, every other group is of backlogs.
func TestBacklogsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, c := collecting()
		g.put(saleOf(1, 1, 20, false), saleOf(2, 1, 20, false))
		for n := range 6 {
			g.put(saleOf(9, uint64(1+n), 3, true))
			if _, err := c.next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(g.verified) > 0 {
			t.Errorf("%d backlogs still wait", len(g.verified))
		}
	})
}

// TestOrderIsKept: whatever way messages of a terminal take, they come in the order in which they were verified.
func TestOrderIsKept(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			g, c := collecting()
			seq, last, in := map[byte]uint64{}, map[payment.ID]uint64{}, 0
			waiting := map[byte]int{} // ordinary messages of a terminal that are under way: then all of its are ordinary
			take := func() {
				group, err := c.next(t.Context())
				if err != nil {
					r.Fatal(err)
				}
				for _, it := range group {
					b := it.arrival.Batch
					if b.First != last[b.Terminal]+1 {
						r.Fatalf("message %d of terminal %d comes behind %d", b.First, b.Terminal[0], last[b.Terminal])
					}
					last[b.Terminal], in = b.First, in-1
					if !it.quick {
						waiting[b.Terminal[0]]--
					}
				}
			}
			for range rapid.IntRange(1, 60).Draw(r, "messages") {
				n := rapid.ByteRange(1, 3).Draw(r, "terminal")
				quick := waiting[n] == 0 && rapid.Bool().Draw(r, "quick")
				seq[n]++
				if !quick {
					waiting[n]++
				}
				g.put(saleOf(n, seq[n], 3, quick))
				if in++; rapid.IntRange(0, 3).Draw(r, "take") == 0 {
					take()
				}
			}
			for in > 0 {
				take()
			}
		})
	})
}

// TestShortWhileSelling: rounds are short for a second behind a sale, and long before the first.
func TestShortWhileSelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := collecting()
		if n := g.express.short(500, 64); n != 500 {
			t.Errorf("%d before any sale", n)
		}
		g.express.saw()
		if n := g.express.short(500, 64); n != 64 {
			t.Errorf("%d behind a sale", n)
		}
		if n := g.express.short(32, 64); n != 32 {
			t.Errorf("%d where 32 is the most", n)
		}
		<-time.After(selling + 1)
		if n := g.express.short(500, 64); n != 500 {
			t.Errorf("%d a second behind a sale", n)
		}
	})
}

// TestCollectorEnds with its context, in either queue's turn.
func TestCollectorEnds(t *testing.T) {
	for _, turned := range []bool{false, true} {
		_, c := collecting()
		c.turned = turned
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if group, err := c.next(ctx); err == nil || group != nil {
			t.Errorf("%v, %v", group, err)
		}
	}
}
