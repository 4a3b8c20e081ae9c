package ledgertest

import (
	"slices"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// testVoidFoul: whoever has a till's disk can sign voids of all that it ever took. What no lane of ours could have
// written takes nothing back, and has an owner.
func testVoidFoul(b *Bench) {
	for _, tt := range []struct {
		name string
		void func(at *Bench, l *ingesttest.Lane, s ingesttest.Sold) // behind ten more sales, all of which HQ has
		want ledger.Kind                                            // empty: it is taken back
	}{
		{"as it should be", func(at *Bench, l *ingesttest.Lane, s ingesttest.Sold) { l.Void(s) }, ""},
		{"the terminal was revoked", func(at *Bench, l *ingesttest.Lane, s ingesttest.Sold) {
			at.Must(at.RevokeTerminal(at.Ctx, l.ID, "ops", "stolen"))
			b.Chain.Now = b.Chain.Now.Add(time.Hour)
			l.Void(s)
		}, ledger.TerminalRevoked},
		{"of a copy", func(at *Bench, l *ingesttest.Lane, s ingesttest.Sold) {
			twin := l.Clone()
			twin.Sell(b.Chain.Phone(), 7)
			at.SendAll(twin, l.Last())
			at.JudgeAll()
			l.Void(s)
		}, ledger.Fork},
		{"HQ had it, says the void", func(at *Bench, l *ingesttest.Lane, s ingesttest.Sold) {
			l.Add(&payment.Voided{Amount: payment.Of(s.Amount, "JPY"), Wallet: ingesttest.Wallet, Of: s.Seq, Acked: s.Seq},
				ingesttest.Extra{Sale: &s.Sale, Payment: &s.Payment})
		}, ledger.VoidUnmatched},
		{"on another date", func(at *Bench, l *ingesttest.Lane, s ingesttest.Sold) {
			l.OpenDay(ingesttest.Today + 1)
			l.Void(s)
		}, ledger.VoidUnmatched},
		{"HQ had it, said the lane just before", func(at *Bench, l *ingesttest.Lane, s ingesttest.Sold) {
			at.told(l, 1, l.Last())
			l.Void(s)
		}, ""}, // it may have been under way
		{"HQ had it, said the lane long before", func(at *Bench, l *ingesttest.Lane, s ingesttest.Sold) {
			at.told(l, 1, l.Last())
			at.sell(l, 10)
			l.Void(s)
		}, ledger.VoidUnmatched},
		{"HQ had it, said the lane before the last beat", func(at *Bench, l *ingesttest.Lane, s ingesttest.Sold) {
			at.told(l, 1, l.Last())
			at.sell(l, 10)
			at.told(l, 2, l.Last())
			l.Void(s)
		}, ledger.VoidUnmatched},
		{"a beat that was brought again", func(at *Bench, l *ingesttest.Lane, s ingesttest.Sold) {
			at.told(l, 5, l.Last())
			at.sell(l, 10)
			at.told(l, 4, 0)
			at.told(l, 4, 0)
			l.Void(s)
		}, ledger.VoidUnmatched},
		{"by the word of a life that is gone", func(at *Bench, l *ingesttest.Lane, s ingesttest.Sold) {
			at.told(l, 1, l.Last())
			at.sell(l, 10)
			_, err := at.Restored(at.Ctx)
			at.Must(err)
			at.told(l, 2, 0)
			l.Void(s)
		}, ""},
	} {
		at := b.another()
		l, p := at.Lane("s1", "1"), b.Chain.Phone()
		s := l.Sell(p, 300)
		at.sell(l, 10)
		at.SendAll(l, 0)
		at.JudgeAll()
		before := l.Last()
		tt.void(at, l, s)
		at.SendAll(l, before)
		verdicts := at.JudgeAll()
		if tt.want == "" {
			if len(verdicts) != 0 {
				b.Errorf("%s: verdicts %+v", tt.name, verdicts)
			}
			at.WantState(s, ledger.Voided)
		} else {
			if n := len(verdicts); n == 0 || verdicts[n-1].Name.Seq != l.Last() || verdicts[n-1].Kind != tt.want {
				b.Errorf("%s: verdicts %+v, want %s", tt.name, verdicts, tt.want)
			}
			at.WantState(s, ledger.Posted)
			mine := func(x ledger.Exception) bool {
				return x.Entry.Seq == l.Last() && x.Kind == tt.want && x.Payment.IsZero() && x.Owner == ledger.OwnerOperations
			}
			if open := at.OpenExceptions(); !slices.ContainsFunc(open, mine) {
				b.Errorf("%s: exceptions %+v", tt.name, open)
			}
		}
		at.Balance()
		if b.Failed() {
			b.Fatal(tt.name)
		}
	}
}

// sell writes sales of one yen each, of as many customers.
func (b *Bench) sell(l *ingesttest.Lane, n int) {
	for range n {
		l.Sell(b.Chain.Phone(), 1)
	}
}

// told is a beat that says up to where HQ has acknowledged.
func (b *Bench) told(l *ingesttest.Lane, count, acked uint64) {
	b.Helper()
	hq, err := b.HQEpoch(b.Ctx)
	b.Must(err)
	_, _, err = b.Record(b.Ctx, nil, []*wire.Beat{{Version: wire.MessageVersion, Terminal: l.ID, Epoch: l.Epoch, Last: l.Last(), Head: l.Head(),
		Acked: acked, HQEpoch: hq, Count: count, Challenge: make([]byte, wire.NonceSize)}})
	b.Must(err)
}
