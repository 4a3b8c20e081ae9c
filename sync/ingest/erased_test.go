package ingest

import (
	"testing"
	"time"

	"tilld/sync/ingest/ingesttest"
	"tilld/sync/wire"
)

// TestABodyIsAskedForHoweverOld: whoever carries messages leaves out the evidence of a long outage. The batch is
// not taken, so the lane keeps it; only the terminal's own word that a body was erased lets it go without.
func TestABodyIsAskedForHoweverOld(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	sold := l.Sell(b.Chain.Phone(), 100)
	b.Chain.Now = b.Chain.Now.Add(90 * 24 * time.Hour)
	bare := func() []byte {
		return batchFrom(l, 1, l.Last(), func(w *wire.Batch) { w.Bodies[sold.Seq-1] = nil })
	}
	count := uint64(0)
	beat := func(erased uint64) []byte {
		count++
		return l.Beat(count, func(w *wire.Beat) { w.Erased = erased })
	}
	refused := func(what string) {
		t.Helper()
		before := b.g.Stats()
		if got := b.deliver(l, bare()); len(got) != 0 {
			t.Errorf("%s: acknowledged up to %d", what, got[0].Acked)
		}
		if after := b.g.Stats(); after.Unsigned != before.Unsigned+1 || after.Stored != before.Stored {
			t.Errorf("%s: %+v", what, after)
		}
	}
	refused("nothing was said")
	b.deliver(l, beat(sold.Seq-1))
	refused("another body was erased")
	b.deliver(l, beat(sold.Seq))
	b.deliver(l, beat(1)) // sent again by somebody
	if got := b.deliver(l, bare()); len(got) != 1 || got[0].Acked != l.Last() {
		t.Errorf("it was erased, and HQ wants it: %+v", got)
	}
	b.start(b.store) // a new session has to be told again
	l.Sell(b.Chain.Phone(), 100)
	refused("HQ was started again")
}

// TestErasedIsBounded: a terminal that speaks of ever new epochs fills no memory.
func TestErasedIsBounded(t *testing.T) {
	var x erased
	l := ingesttest.NewChain(t).Lane("s1", "1")
	for epoch := range uint64(100) {
		x.note(&wire.Beat{Terminal: l.ID, Epoch: epoch + 1, Erased: 5})
		x.note(&wire.Beat{Terminal: l.ID, Epoch: 1, Erased: 7})
	}
	if n := len(x.terminals[l.ID]); n != maxErased || x.upTo(l.ID, 1) != 7 || x.upTo(l.ID, 100) != 5 || x.upTo(l.ID, 50) != 0 {
		t.Errorf("%d epochs are kept", n)
	}
}
