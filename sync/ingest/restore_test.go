package ingest

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// TestRestored: HQ's disk is lost and a backup put in its place. Its new HQ epoch makes the lanes go back to
// where it stands; what they send again is posted as it was, and what was settled is not settled again.
func TestRestored(t *testing.T) {
	b := newBench(t)
	lanes, sum := b.lanes(4, 20)
	for i, l := range lanes { // some lanes are far when the backup is made, some are not there at all
		if i > 0 {
			b.deliver(l, l.Message(1, uint64(5*i)))
		}
	}
	b.post()
	backup := filepath.Join(t.TempDir(), "backup.db")
	b.Must(b.store.Backup(b.Ctx, backup))
	for _, l := range lanes {
		b.settleUp(l)
	}
	b.WantNet(ledger.WalletReceivable, sum)
	batch := b.CloseDay(ingesttest.Today)
	want := b.picture()
	before, err := b.HQEpoch(b.Ctx)
	b.Must(err)

	again := benchAt(t, b.Chain, backup)
	epoch, err := again.Restored(again.Ctx)
	b.Must(err)
	again.start(again.store)
	again.Must(again.CommitBatch(again.Ctx, batch)) // from the archive, before anything else is cut
	for i, l := range lanes {
		acks := again.deliver(l, l.Beat(uint64(100+i), func(w *wire.Beat) { w.Acked = l.Last() }))
		held := uint64(5 * i)
		if i == 0 {
			acks = again.deliver(l, bytes.Clone(l.Message(l.Last(), l.Last()))) // signed by a key that this HQ never heard of
			if len(acks) != 1 {                                                 // it is told how much HQ has, and sends the change of key again
				t.Errorf("lane 0: %+v", acks)
			}
		} else if len(acks) != 1 && again.keyKnown(l) {
			t.Fatalf("lane %d: %d answers", i, len(acks))
		}
		for _, a := range acks {
			if a.HQEpoch != epoch || epoch <= before || a.Acked != held || !a.Resend || held > 0 && !bytes.Equal(a.Head, l.Hash(held)) {
				t.Errorf("lane %d is told %+v", i, a)
			}
		}
		again.deliverAll(l, held, 6)
	}
	again.post()
	if got := again.picture(); got != want {
		t.Errorf("posted after the restore\n%s\nwant\n%s", got, want)
	}
	if next := again.CloseDay(ingesttest.Today + 1); next.Count != 0 {
		t.Errorf("settled again: %d lines of %d", next.Count, next.Sum)
	}
	if r := again.Balance(); r.Awaited != 0 || len(r.Missing) != 0 {
		t.Errorf("%+v", r)
	}
}

func (b *bench) keyKnown(l *ingesttest.Lane) bool {
	keys, err := b.Keys(b.Ctx, l.ID)
	b.Must(err)
	return len(present(keys)(l.Signer().Public().KID())) > 0
}

// picture is where every payment and every account stands.
func (b *bench) picture() string {
	b.Helper()
	var lines []string
	all, err := b.Payments(b.Ctx, ledger.PaymentFilter{}, 0, 10_000)
	b.Must(err)
	for _, p := range all {
		lines = append(lines, fmt.Sprintf("%s %s %d %+v", p.ID, p.State, p.Amount, p.Dimension))
	}
	balances, err := b.Balances(b.Ctx, ledger.BalanceFilter{})
	b.Must(err)
	for _, row := range balances {
		lines = append(lines, fmt.Sprintf("%d %+v %d %d", row.Account, row.Dimension, row.Debits, row.Credits))
	}
	slices.Sort(lines)
	return fmt.Sprint(lines)
}

// TestAnyRoad: with evidence opened and everything checked, the postings are the same however the messages
// come: cut otherwise, in another order, repeated, mixed among the lanes, judged at any point.
func TestAnyRoad(t *testing.T) {
	first := newBench(t)
	lanes, _ := first.lanes(3, 6)
	p := first.Chain.Phone()
	lanes[0].SellWith(p, 900, ingesttest.Change{Code: p.Code("elsewhere", "")})
	lanes[1].SellWith(p, 40_000, ingesttest.Change{})
	lanes[2].SellWith(p, 50, ingesttest.Change{Extra: func(x *extra) { x.Body = nil }})
	lanes[2].AddUnknown()
	for _, l := range lanes {
		first.settleUp(l)
	}
	want := first.picture()
	first.Balance()
	rapid.Check(t, func(t *rapid.T) {
		b := benchAt(first.T, first.Chain, filepath.Join(first.T.TempDir(), "hq.db"))
		for _, l := range lanes {
			b.Enrol(l)
		}
		acked := make([]uint64, len(lanes))
		for done := 0; done < len(lanes); {
			i := rapid.IntRange(0, len(lanes)-1).Draw(t, "lane")
			l := lanes[i]
			if acked[i] == l.Last() {
				i = slices.IndexFunc(lanes, func(l *ingesttest.Lane) bool { return acked[slices.Index(lanes, l)] < l.Last() })
				l = lanes[i]
			}
			back := uint64(rapid.IntRange(0, int(acked[i])).Draw(t, "repeated"))
			batches := l.Batches(acked[i]-back, rapid.IntRange(1, 9).Draw(t, "size"))
			at := min(rapid.IntRange(0, 1).Draw(t, "lost"), len(batches)-1)
			msg, err := wire.EncodeBatch(batches[at])
			b.Must(err)
			for _, a := range b.deliver(l, msg) {
				acked[i] = max(acked[i], a.Acked)
			}
			if acked[i] == l.Last() {
				done++
			}
			if rapid.IntRange(0, 5).Draw(t, "post") == 0 {
				b.post()
				b.acks(l)
			}
		}
		b.post()
		if got := b.picture(); got != want {
			t.Fatalf("posted\n%s\nwant\n%s", got, want)
		}
		if r := b.Balance(); len(r.Missing)+len(r.Waiting) != 0 {
			t.Fatalf("%+v", r)
		}
	})
}
