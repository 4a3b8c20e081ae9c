package ledgertest

import (
	"errors"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/operator"
)

// testOnlineForked: a till's disk was copied between the intent and the approval, and both say that the one attempt was
// paid. The operator charged once: whichever is decided for, the other can't be, and the charge stands while one of the
// two may be posted.
func testOnlineForked(b *Bench) {
	for _, keep := range []bool{true, false} {
		l := b.Lane("s1", "1")
		t := l.Ask(500)
		b.Paid(l, t)
		at, twin := l.Last(), l.Clone()
		one := l.Authorise(t)
		twin.Sell(b.Chain.Phone(), 1)
		two := twin.Authorise(t)
		b.flow(l, 0)
		b.WantState(one.Sold, ledger.Posted)
		b.flow(twin, at)
		var ids []payment.ID
		for _, x := range b.OpenExceptions() {
			if x.Payment == t.Payment {
				ids = append(ids, x.ID)
			}
		}
		if len(ids) != 2 || one.Seq == two.Seq {
			b.Fatalf("%d exceptions of two entries", len(ids))
		}
		b.WantAttempt(t.Ref, authorise.Completed)
		to := ledger.LossTaken
		if keep {
			to = ledger.Receivable
		}
		b.Must(b.Resolve(b.Ctx, ids[:1], to, "ops", "this one"))
		b.WantAttempt(t.Ref, authorise.Completed)
		if keep {
			b.wantCode(b.Resolve(b.Ctx, ids[1:], ledger.Receivable, "ops", "and this"), payment.Conflict)
		}
		b.Must(b.Resolve(b.Ctx, ids[1:], ledger.LossTaken, "ops", "the other"))
		if keep {
			b.WantAttempt(t.Ref, authorise.Completed)
		} else {
			b.WantAttempt(t.Ref, authorise.Reversing) // nobody is paid for it, so nobody pays
		}
		b.Balance()
	}
}

// testOnlineTwice: two journals of a lane, of different epochs, hold the approval of one attempt. One is posted, in either
// order, and whoever voids the other takes nothing back.
func testOnlineTwice(b *Bench) {
	for _, begun := range []bool{true, false} {
		l := b.Lane("s1", "1")
		t := l.Ask(500)
		twin := l.Clone()
		l.NewEpoch(payment.CauseRestore)
		twin.NewEpoch(payment.CauseRestore)
		one, two := l.Authorise(t), twin.Authorise(t)
		if begun {
			b.Paid(l, t)
		}
		b.flow(l, 0)
		twin.VoidOnline(two)
		b.flow(twin, 0)
		if !begun {
			b.WantAttempt(t.Ref, authorise.Doubtful)
			b.Happens(t.Ref, Says(operator.Paid))
		}
		b.WantAttempt(t.Ref, authorise.Completed)
		list, err := b.Payment(b.Ctx, t.Payment)
		b.Must(err)
		if len(list) != 2 || list[0].State != ledger.Posted || list[1].State != ledger.Voided || list[0].Entry.Seq != one.Seq {
			b.Errorf("begun %v: payments %+v", begun, list)
		}
		b.Balance()
		void := l.VoidOnline(one)
		b.Send(l, void, void)
		b.JudgeAll()
		b.WantState(one.Sold, ledger.Voided)
		b.WantAttempt(t.Ref, authorise.Reversing)
		b.Balance()
	}
}

// testOnlineForkMeanwhile: the fork is found while a payment waits for its operator's word. That word posts nothing that
// stands in one of two histories.
func testOnlineForkMeanwhile(b *Bench) {
	l := b.Lane("s1", "1")
	at, twin := l.Last(), l.Clone()
	t := l.Authorise(l.Ask(500))
	twin.Sell(b.Chain.Phone(), 1)
	b.flow(l, 0)
	b.flow(twin, at)
	b.Happens(t.Ref, Says(operator.Paid))
	b.WantState(t.Sold, ledger.Suspended)
	b.WantAttempt(t.Ref, authorise.Completed)
	var fork []payment.ID
	for _, x := range b.OpenExceptions() {
		if x.Payment == t.Payment && x.Kind == ledger.Fork {
			fork = append(fork, x.ID)
		}
	}
	b.WantNet(ledger.WalletReceivable, 0)
	b.Balance()
	b.Must(b.Resolve(b.Ctx, fork, ledger.Receivable, "ops", "the right one"))
	b.WantState(t.Sold, ledger.Posted)
	b.Balance()
}

// testOnlineRevoked: what a revoked terminal completes waits; the attempt is completed all the same, and taken back when
// nobody is to be paid. A void of what waits has it taken back too.
func testOnlineRevoked(b *Bench) {
	l := b.Lane("s1", "1")
	lost, gone, unknown := l.Ask(500), l.Ask(70), l.Ask(9)
	b.Paid(l, lost)
	b.Paid(l, gone)
	b.SendAll(l, 0)
	b.Must(b.RevokeTerminal(b.Ctx, l.ID, "ops", "stolen"))
	from := l.Last()
	lost, gone, unknown = l.Authorise(lost), l.Authorise(gone), l.Authorise(unknown)
	l.VoidOnline(gone)
	l.VoidOnline(unknown)
	b.flow(l, from)
	b.WantAttempt(lost.Ref, authorise.Completed)
	b.WantAttempt(gone.Ref, authorise.Reversing)
	b.WantAttempt(unknown.Ref, authorise.Reversing)
	x := b.one(ledger.TerminalRevoked)
	b.Must(b.Resolve(b.Ctx, []payment.ID{x.ID}, ledger.LossTaken, "ops", "stolen goods"))
	b.WantAttempt(lost.Ref, authorise.Reversing)
	for _, row := range ledger.Chart() {
		want := map[ledger.Account]int64{ledger.LossUnverified: 500, ledger.StorePayable: 500}[row.Account]
		b.WantNet(row.Account, want)
	}
	b.Balance()
}

// testOnlineRaces: the desk and the judge work on one attempt at once. Whoever is second sees what the first has done; and
// no desk takes a charge back whose payment is posted.
func testOnlineRaces(b *Bench) {
	l := b.Lane("s1", "1")
	first, second, stale := l.Ask(1), l.Ask(2), l.Ask(3)
	for _, t := range []ingesttest.Tried{first, second, stale} {
		b.Paid(l, t)
	}
	old := b.WantAttempt(stale.Ref, authorise.Paid)
	b.Happens(first.Ref, authorise.Complete{}) // by the quick road
	first, second, stale = l.Authorise(first), l.Authorise(second), l.Authorise(stale)
	if r := b.Balance(); len(r.Unclaimed) != 3 {
		b.Errorf("charges of no entry: %+v", r.Unclaimed)
	}
	if v := b.flow(l, 0); len(v) != 0 {
		b.Fatalf("verdicts %+v", v)
	}
	b.Happens(second.Ref, authorise.Complete{})
	late, err := authorise.Step(old, authorise.Reverse{}, &rulesOf, b.Chain.Now) // by what the desk read before
	b.Must(err)
	if err := b.Attempts().Save(b.Ctx, &late); !errors.Is(err, authorise.ErrMoved) && !errors.Is(err, authorise.ErrCompleted) {
		b.Errorf("saved: %v", err)
	}
	now := b.WantAttempt(stale.Ref, authorise.Completed)
	undone, err := authorise.Step(now, authorise.Undo{}, &rulesOf, b.Chain.Now)
	b.Must(err)
	if err := b.Attempts().Save(b.Ctx, &undone); !errors.Is(err, authorise.ErrCompleted) {
		b.Errorf("a posted payment's charge is taken back: %v", err)
	}
	for _, t := range []ingesttest.Tried{first, second, stale} {
		b.WantState(t.Sold, ledger.Posted)
		b.WantAttempt(t.Ref, authorise.Completed)
	}
	if r := b.Balance(); len(r.Unclaimed) != 0 {
		b.Errorf("charges of no entry: %+v", r.Unclaimed)
	}
}

// testOnlineShare: an online payment is of no offline share, so voiding one gives a lane none back.
func testOnlineShare(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	l.Sell(p, 100)
	t := l.Ask(500)
	b.Paid(l, t)
	l.VoidOnline(l.Authorise(t))
	more := l.SellWith(p, 40, ingesttest.Change{Fact: lie})
	b.wantVerdict(b.flow(l, 0), more.Seq, ledger.OverShare)
	b.Balance()
}
