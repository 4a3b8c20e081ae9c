package ingest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// slowBooks record nothing until they are let, and note whose entries each transaction had.
type slowBooks struct {
	Ledger
	let    chan struct{}
	groups [][]*ledger.Arrival
}

func (s *slowBooks) Record(ctx context.Context, a []*ledger.Arrival, b []*wire.Beat) ([]ledger.Answer, []ledger.Answer, error) {
	<-s.let
	s.groups = append(s.groups, a)
	return s.Ledger.Record(ctx, a, b)
}

// TestLiveLanesOvertake: lanes come back with their backlogs before a lane that sells sends an entry. It waits for the
// transaction that is under way, and for none of theirs.
func TestLiveLanesOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		live := b.Lane("s1", "live")
		var dark []*ingesttest.Lane
		for i := range 10 {
			l := b.Lane("s1", string(rune('a'+i)))
			p := b.Chain.Phone()
			for range 30 {
				l.Sell(p, 10)
			}
			dark = append(dark, l)
		}
		books := &slowBooks{Ledger: b.store, let: make(chan struct{})}
		h := b.run(books, func(c *Config) { c.GroupEntries, c.Workers = 32, 2 })
		for _, l := range dark {
			msg := l.Message(1, l.Last())
			if len(msg) <= quickSize {
				t.Fatalf("a backlog of %d bytes", len(msg))
			}
			h.Handle(b.Ctx, wire.UpTopic(l.ID), msg)
			h.Handle(b.Ctx, wire.UpTopic(l.ID), l.Beat(1, nil)) // stays behind its batch
		}
		synctest.Wait()
		live.Sell(b.Chain.Phone(), 5)
		h.Handle(b.Ctx, wire.UpTopic(live.ID), live.Message(1, 2))
		h.Handle(b.Ctx, wire.UpTopic(live.ID), live.Message(3, 3))
		synctest.Wait()
		close(books.let)
		time.Sleep(time.Second) // the writer lingers for more
		synctest.Wait()
		at := -1
		for i, g := range books.groups {
			for _, a := range g {
				if a.Batch.Terminal == live.ID && at < 0 {
					at = i
				}
			}
		}
		if at < 0 || at > 1 || len(books.groups) < 8 {
			t.Errorf("the live lane's entries are in transaction %d of %d", at+1, len(books.groups))
		}
		s := h.Stats()
		if s.Waiting != 0 || len(h.express.slow) != 0 || s.Stored != uint64(10*32+3) {
			t.Errorf("left behind: %+v, %v", s, h.express.slow)
		}
		for _, l := range append(dark, live) {
			places, err := b.Places(b.Ctx, l.ID, l.Epoch)
			b.Must(err)
			if len(places) != 1 || places[0].Acked != l.Last() {
				t.Errorf("%s: %+v", l.Name, places)
			}
		}
		if err := h.end(); err == nil {
			t.Error("Run ended by itself")
		}
	})
}
