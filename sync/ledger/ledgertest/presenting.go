package ledgertest

import (
	"slices"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/operator"
)

// toldOf goes round once as HQ's desk does, with an issuer that takes everything, and returns what it was told, with a
// minus for what was withdrawn.
func (b *Bench) toldOf(limit int) (list []int64) {
	b.Helper()
	for {
		page, to, err := b.Present(b.Ctx, ingesttest.Wallet, limit)
		b.Must(err)
		for i := range page {
			p, what, sign := &page[i], ledger.Presented, int64(1)
			if p.State != ledger.Posted {
				what, sign = ledger.Withdrawn, -1
			}
			if sign > 0 && len(p.Body) == 0 {
				b.Errorf("payment %s comes without its evidence", p.Payment)
			}
			b.Must(b.ToldIssuer(b.Ctx, p, what, "as it is"))
			list = append(list, sign*p.Amount.Minor)
		}
		b.Must(b.PassPresented(b.Ctx, ingesttest.Wallet, to))
		if again, end, err := b.Present(b.Ctx, ingesttest.Wallet, 1); err != nil || len(again) == 0 && end == to {
			b.Must(err)
			return list
		}
	}
}

func (b *Bench) wantTold1(what string, got []int64, want ...int64) {
	b.Helper()
	if !slices.Equal(got, want) {
		b.Errorf("%s: the issuer was told %v, want %v", what, got, want)
	}
}

// testPresent: an issuer is told once of each payment that is posted, in the order of the postings, also of one that a
// person decided, and of what was taken back since; of nothing that waits, nor of what was paid online.
func testPresent(b *Bench) {
	l, p := b.Lane("s1", "1"), b.Chain.Phone()
	first := l.Sell(p, 300)
	l.Sell(p, 50)
	b.Paid(l, func() ingesttest.Tried { t := l.Ask(70); t.Seq = 0; l.Authorise(t); return t }())
	b.flow(l, 0)
	b.wantTold1("what was posted", b.toldOf(1), 300, 50)
	b.wantTold1("again", b.toldOf(10))
	l.Void(first)
	last := l.Last() - 1
	soon := l.Sell(p, 20)
	l.Void(soon)
	b.flow(l, last)
	b.wantTold1("a void, and one of what was never told, as far as the books know", b.toldOf(10), -300, -20)
	s, x := b.exception(100, ledger.OverCap)
	b.wantTold1("what waits", b.toldOf(10))
	b.Must(b.Resolve(b.Ctx, []payment.ID{x.ID}, ledger.Receivable, "finance", "so"))
	b.WantState(s, ledger.Posted)
	b.wantTold1("what was decided", b.toldOf(10), 100)
	_, x = b.exception(90, ledger.OverCap)
	b.Must(b.Resolve(b.Ctx, []payment.ID{x.ID}, ledger.LossTaken, "finance", "so"))
	b.wantTold1("a loss", b.toldOf(10), -90)
	twice := l.Sell(p, 40)
	b.flow(l, l.Last()-1)
	b.wantTold1("a payment", b.toldOf(10), 40)
	other := b.Lane("s1", "8")
	other.SellWith(b.Chain.Phone(), 40, ingesttest.Change{Payment: twice.Payment})
	b.flow(other, 0)
	b.Must(b.Resolve(b.Ctx, []payment.ID{b.of(ledger.PaymentRepeated)[0].ID}, ledger.LossTaken, "finance", "so"))
	b.wantTold1("the loss of another entry of that payment, which stands", b.toldOf(10))
	c := b.Lane("s1", "9")
	kept, gone := c.Carry(800), c.Carry(700)
	b.flow(c, 0)
	b.wantTold1("what customers paid through their own phones", b.toldOf(10), 800, 700)
	c.VoidCarried(gone)
	b.flow(c, c.Last()-1)
	b.wantTold1("and what was taken back of it", b.toldOf(10), -700)
	b.WantState(kept, ledger.Posted)
	if denied, err := b.ToldCounts(b.Ctx); err != nil || denied != 0 {
		b.Errorf("%d refused, %v", denied, err)
	}
}

// testApprovedAfterAll: a lane that heard nothing about its attempt gave it up and approved the same payment offline. It
// is posted once; the attempt is taken back whatever becomes of it.
func testApprovedAfterAll(b *Bench) {
	for _, charged := range []bool{false, true} {
		l, p := b.Lane("s1", "1"), b.Chain.Phone()
		before := b.Net(ledger.WalletReceivable)
		t := l.Ask(300)
		if charged {
			b.Paid(l, t)
		}
		l.GiveUp(t)
		s := l.SellWith(p, 300, ingesttest.Change{Payment: t.Payment})
		if v := b.flow(l, 0); len(v) != 0 {
			b.Fatalf("verdicts %+v", v)
		}
		b.WantState(s, ledger.Posted)
		want := authorise.Closed
		if charged {
			want = authorise.Reversing
		}
		b.WantAttempt(t.Ref, want)
		if charged {
			b.Happens(t.Ref, authorise.Answered{Call: authorise.Cancel, Answer: operator.Answer{Outcome: operator.Reversed}})
			b.WantAttempt(t.Ref, authorise.Closed)
		}
		b.WantState(s, ledger.Posted)
		if got := b.Net(ledger.WalletReceivable) - before; got != 300 {
			b.Errorf("%d is receivable of 300", got)
		}
		b.toldOf(10)
	}
	b.Balance()
}

// testIssuerWord: who is named stands until he is not named any more, whatever is said twice.
func testIssuerWord(b *Bench) {
	one, two := ledger.Named{Kind: ledger.WordAccount, ID: string(make([]byte, 16))}, ledger.Named{Kind: ledger.WordPhone, ID: "12345678"}
	want := func(list ...ledger.Named) {
		b.Helper()
		got, err := b.Word(b.Ctx, "house")
		if b.Must(err); !slices.Equal(got, list) {
			b.Errorf("%v, want %v", got, list)
		}
	}
	want()
	for range 2 {
		b.Must(b.SetWord(b.Ctx, "house", 4, []ledger.Named{one, two}, nil))
		want(one, two)
	}
	for range 2 {
		b.Must(b.SetWord(b.Ctx, "house", 4, nil, []ledger.Named{one}))
		want(two)
	}
	b.Must(b.SetWord(b.Ctx, "house", 6, []ledger.Named{one}, nil))
	want(one, two)
	if other, err := b.Word(b.Ctx, "points"); err != nil || len(other) != 0 {
		b.Errorf("%v, %v", other, err)
	}
}

// testSettledUntil: all is here up to when HQ heard last from a lane that had nothing left; not while one is behind, was
// never heard, or has a payment that waits.
func testSettledUntil(b *Bench) {
	want := func(what string, at time.Time) {
		b.Helper()
		got, err := b.SettledUntil(b.Ctx, ingesttest.Wallet)
		if b.Must(err); !got.Equal(at) {
			b.Errorf("%s: up to %s, want %s", what, got, at)
		}
	}
	want("no lane at all", time.Time{})
	l, p := b.Lane("s1", "1"), b.Chain.Phone()
	l.Sell(p, 300)
	want("never heard", time.Time{})
	b.beat(l, 1, nil)
	want("behind", time.Time{})
	b.SendAll(l, 0)
	want("not judged", time.Time{})
	b.JudgeAll()
	heard := b.Chain.Now.Truncate(time.Millisecond)
	b.Chain.Now = b.Chain.Now.Add(time.Hour)
	want("all is here", heard)
	b.beat(l, 2, nil)
	later := b.Chain.Now.Truncate(time.Millisecond)
	want("heard again", later)
	b.Chain.Now = b.Chain.Now.Add(time.Hour)
	_, x := b.exception(100, ledger.OverCap) // at a lane of its own, which was never heard
	want("another lane", time.Time{})
	b.Must(b.RevokeTerminal(b.Ctx, x.Entry.Terminal, "ops", "gone"))
	b.Chain.Now = b.Chain.Now.Add(time.Minute)
	b.beat(l, 3, nil)
	if got, err := b.SettledUntil(b.Ctx, ingesttest.Wallet); err != nil || !got.Before(b.Chain.Now) || got.IsZero() {
		b.Errorf("with a payment that waits: %s, %v", got, err)
	}
	b.Must(b.Resolve(b.Ctx, []payment.ID{x.ID}, ledger.Receivable, "finance", "so"))
	want("decided", b.Chain.Now.Truncate(time.Millisecond))
}
