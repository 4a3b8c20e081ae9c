package ledgertest

import (
	"errors"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	"tilld/sync/settle"
	"tilld/sync/wire"
)

func refundWord(e *wire.Entry, ref string, amount payment.Money, wallet string) *ledger.RefundWord {
	return &ledger.RefundWord{What: e.Kind, Ref: operator.Ref(ref), Payment: *e.Payment, Amount: amount, Wallet: wallet}
}

// AsksBack is HQ's own record of a lane's wish, as the desk writes it before it asks the operator.
func (b *Bench) AsksBack(l *ingesttest.Lane, k ingesttest.Back) authorise.Refunding {
	b.Helper()
	now := b.Chain.Now.UTC().Truncate(time.Millisecond)
	r := authorise.Refunding{Ref: k.Ref(), Payment: k.Payment, Terminal: l.ID, Store: l.Store, Lane: l.Name, Wallet: k.Wallet,
		Amount: payment.Of(k.Amount, "JPY"), Made: now, State: authorise.RefundWritten, Call: authorise.Refund, Due: now.Add(15 * time.Second)}
	b.Must(b.Refunds().BeginRefund(b.Ctx, &r))
	return r
}

// BackIs makes a step of a refund by the operator's answer, as the desk does.
func (b *Bench) BackIs(k ingesttest.Back, o operator.Outcome) authorise.Refunding {
	b.Helper()
	was, err := b.Refunds().GetRefund(b.Ctx, k.Ref())
	b.Must(err)
	charge, err := b.Attempts().Get(b.Ctx, was.Of)
	b.Must(err)
	rules := rulesOf
	rules.PartialRefund = true
	r := authorise.StepRefund(was, authorise.GivenBack{Call: was.Call, Answer: operator.Answer{Outcome: o, Said: o.String()}}, &charge, &rules, b.Chain.Now)
	if r != was {
		b.Must(b.Refunds().SaveRefund(b.Ctx, &r))
	}
	return r
}

// WantBack fails the test when a refund is not in a state, and returns it.
func (b *Bench) WantBack(k ingesttest.Back, want authorise.RefundState, why operator.Why) authorise.Refunding {
	b.Helper()
	r, err := b.Refunds().GetRefund(b.Ctx, k.Ref())
	b.Must(err)
	if r.State != want || r.Why != why {
		b.Errorf("refund of %d is %s (%s), want %s (%s)", k.Amount, r.State, r.Why, want, why)
	}
	return r
}

// paidOnline is a posted online payment.
func (b *Bench) paidOnline(l *ingesttest.Lane, amount int64) ingesttest.Tried {
	b.Helper()
	t := l.Ask(amount)
	b.Paid(l, t)
	t = l.Authorise(t)
	b.flow(l, 0)
	b.WantState(t.Sold, ledger.Posted)
	return t
}

// testRefundDrawn: of what a wallet's issuer draws from the customer's account when it is told of it, HQ gives nothing back in
// its own books alone; what HQ charged itself goes back as ever.
func testRefundDrawn(b *Bench) {
	b.Must(b.PassPresented(b.Ctx, ingesttest.Wallet, 0)) // the wallet has such an issuer
	l := b.Lane("s1", "1")
	sold, carried := l.Sell(b.Chain.Phone(), 300), l.Carry(400)
	b.flow(l, 0)
	for _, s := range []ingesttest.Sold{sold, carried} {
		k := b.Chain.Back(s.Payment, ingesttest.Wallet, 100)
		b.AsksBack(l, k)
		b.WantBack(k, authorise.RefundRefused, operator.NotEnabled)
	}
	if net := b.Net(ledger.WalletReceivable); net != 700 {
		b.Errorf("%d is receivable, want 700", net)
	}
	t := b.paidOnline(l, 500)
	if r := b.AsksBack(l, b.Chain.Back(t.Payment, t.Wallet, 500)); r.State != authorise.RefundWritten {
		b.Errorf("of an online payment: %s", r.State)
	}
	b.Balance()
}

// testRefund: money goes back in parts, from whatever lane of the owner, and never more than was paid. Each part is posted
// when the operator has given it back, with the payment's own dimension, and settled once.
func testRefund(b *Bench) {
	l, other := b.Lane("s1", "1"), b.Lane("s1", "2")
	t := b.paidOnline(l, 500)
	first, second := b.Chain.Back(t.Payment, t.Wallet, 300), b.Chain.Back(t.Payment, "", 200)
	r := b.AsksBack(l, first)
	if r.State != authorise.RefundWritten || r.Of != t.Ref || r.Whole || r.Wallet != t.Wallet {
		b.Fatalf("%+v", r)
	}
	over := b.Chain.Back(t.Payment, "", 201)
	b.AsksBack(other, over) // while the first is under way
	b.WantBack(over, authorise.RefundRefused, operator.OverPayment)
	b.WantNet(ledger.WalletReceivable, 500)
	b.BackIs(first, operator.Refunded)
	b.WantBack(first, authorise.RefundDone, operator.NoReason)
	b.WantNet(ledger.WalletReceivable, 200)
	b.WantNet(ledger.StorePayable, 200)
	b.wantBatch(b.closeOnline(ingesttest.Today), 2, 200)
	if r := b.AsksBack(other, second); r.Wallet != t.Wallet {
		b.Errorf("the wallet is not told: %+v", r)
	}
	b.BackIs(second, operator.Unknown)
	b.WantNet(ledger.WalletReceivable, 200)
	b.BackIs(second, operator.Refunded)
	batch := b.closeOnline(ingesttest.Today + 1)
	b.wantBatch(batch, 1, -200)
	if x := batch.Lines[0]; x.Kind != settle.KindRefund || x.Decision != second.ID.String() || x.Payment != t.Payment || x.Lane != "1" {
		b.Errorf("line %+v", x)
	}
	b.wantBatch(b.closeOnline(ingesttest.Today+2), 0, 0)
	b.WantNet(ledger.WalletReceivable, 0)
	b.WantNet(ledger.SettlementPayable, 0)
	void := l.VoidOnline(t)
	b.wantVerdict(b.flow(l, t.Seq), void, ledger.VoidUnmatched)
	b.WantState(t.Sold, ledger.Posted)
	b.WantAttempt(t.Ref, authorise.Completed)
	b.Balance()
}

// testRefundOffline: behind an offline approval no operator's charge stands: it is posted at once, and the batch takes it to
// the issuer.
func testRefundOffline(b *Bench) {
	l := b.Lane("s1", "1")
	s := l.Sell(b.Chain.Phone(), 100)
	b.flow(l, 0)
	k := b.Chain.Back(s.Payment, "", 40)
	if r := b.AsksBack(l, k); r.State != authorise.RefundDone || r.Of != "" || r.Call != authorise.Nothing || !r.Due.IsZero() {
		b.Fatalf("%+v", r)
	}
	b.WantNet(ledger.WalletReceivable, 60)
	batch := b.CloseDay(ingesttest.Today)
	b.wantBatch(batch, 2, 60)
	b.WantNet(ledger.SettlementPayable, 60)
	b.Balance()
}

// testRefundRefused: what may not be given back is written down with the reason, moves nothing, and takes nothing from what is left.
func testRefundRefused(b *Bench) {
	l := b.Lane("s1", "1")
	stranger := b.Chain.Lane("s9", "1")
	stranger.Entity = "another-owner"
	b.Enrol(stranger)
	p := b.Chain.Phone()
	good, voided, lost := l.Sell(p, 100), l.Sell(p, 20), l.SellWith(p, 30, ingesttest.Change{Fact: lie})
	waits := l.SellWith(p, 50, ingesttest.Change{Fact: lie})
	l.Void(voided)
	b.flow(l, 0)
	for _, x := range b.OpenExceptions() {
		if x.Payment == lost.Payment {
			b.Must(b.Resolve(b.Ctx, []payment.ID{x.ID}, ledger.LossTaken, "ops", "gone"))
		}
	}
	for _, tt := range []struct {
		from *ingesttest.Lane
		back ingesttest.Back
		why  operator.Why
	}{
		{l, b.Chain.Back(b.Chain.ID(), "", 1), operator.PaymentUnknown},
		{l, b.Chain.Back(good.Payment, "paypay", 1), operator.PaymentUnknown},
		{stranger, b.Chain.Back(good.Payment, "", 1), operator.OtherOwner},
		{l, b.Chain.Back(voided.Payment, "", 1), operator.PaymentVoided},
		{l, b.Chain.Back(lost.Payment, "", 1), operator.PaymentLost},
		{l, b.Chain.Back(waits.Payment, "", 1), operator.PaymentWaits},
		{l, b.Chain.Back(good.Payment, "", 101), operator.OverPayment},
	} {
		before := b.Net(ledger.WalletReceivable)
		b.AsksBack(tt.from, tt.back)
		b.WantBack(tt.back, authorise.RefundRefused, tt.why)
		b.WantNet(ledger.WalletReceivable, before)
	}
	all := b.Chain.Back(good.Payment, "", 100)
	b.AsksBack(l, all)
	b.WantBack(all, authorise.RefundDone, operator.NoReason)
	b.Balance()
}

// testRefundKept: a reference names one refund, a row changes one version at a time, and what ended stays ended.
func testRefundKept(b *Bench) {
	l := b.Lane("s1", "1")
	t := b.paidOnline(l, 500)
	k := b.Chain.Back(t.Payment, "", 500)
	r := b.AsksBack(l, k)
	again := r
	if err := b.Refunds().BeginRefund(b.Ctx, &again); !errors.Is(err, authorise.ErrExists) {
		b.Errorf("begun twice: %v", err)
	}
	due, err := b.Refunds().DueRefunds(b.Ctx, b.Chain.Now.Add(time.Minute), 10, nil)
	b.Must(err)
	if len(due) != 1 || due[0] != r || !r.Whole {
		b.Errorf("due %+v, want %+v", due, r)
	}
	if due, err = b.Refunds().DueRefunds(b.Ctx, b.Chain.Now.Add(time.Minute), 10, []string{t.Wallet}); err != nil || len(due) != 0 {
		b.Errorf("due of another wallet: %+v, %v", due, err)
	}
	stale := r
	b.BackIs(k, operator.Refunded)
	stale.State = authorise.RefundByHand
	if err := b.Refunds().SaveRefund(b.Ctx, &stale); !errors.Is(err, authorise.ErrMoved) {
		b.Errorf("saved over: %v", err)
	}
	r = b.WantBack(k, authorise.RefundDone, operator.NoReason)
	r.State = authorise.RefundWritten
	if err := b.Refunds().SaveRefund(b.Ctx, &r); err == nil {
		b.Error("what is given back is not any more")
	}
	if _, err := b.Refunds().GetRefund(b.Ctx, "X"); !errors.Is(err, authorise.ErrNone) {
		b.Errorf("got: %v", err)
	}
	b.Balance()
}

// testRefundEntries: the lane's entry asks too, once with the faster road, and HQ's word that comes back is held against
// the books.
func testRefundEntries(b *Bench) {
	l := b.Lane("s1", "1")
	t := b.paidOnline(l, 500)
	from := l.Last()
	k, both := b.Chain.Back(t.Payment, "", 200), b.Chain.Back(t.Payment, "", 100)
	l.AskBack(k)
	b.AsksBack(l, both)
	l.AskBack(both)
	if v := b.flow(l, from); len(v) != 0 {
		b.Fatalf("verdicts %+v", v)
	}
	if r := b.WantBack(k, authorise.RefundWritten, operator.NoReason); r.Of != t.Ref || r.Due.IsZero() {
		b.Errorf("%+v", r)
	}
	b.BackIs(k, operator.Refunded)
	from = l.Last()
	l.GaveBack(k, t.Wallet)
	if v := b.flow(l, from); len(v) != 0 {
		b.Fatalf("verdicts %+v", v)
	}
	from = l.Last()
	other, made := k, b.Chain.Back(t.Payment, "", 900)
	other.Amount = 7
	l.GaveBack(other, t.Wallet)
	l.KeptBack(k, "over_payment")
	l.GaveBack(made, t.Wallet)
	if v := b.flow(l, from); len(v) != 3 || v[0].Kind != ledger.RefundContradicts || v[1].Kind != ledger.RefundContradicts || v[2].Kind != ledger.RefundContradicts {
		b.Errorf("verdicts %+v", v)
	}
	b.WantNet(ledger.WalletReceivable, 300)
	b.Balance()
}

// testRefundPutBack: books that were put back to before a refund adopt it by the lane's entries, ask the operator, and settle
// it no second time; one that was declined then is left alone.
func testRefundPutBack(b *Bench) {
	l := b.Lane("s1", "1")
	t := l.Ask(500)
	before := b.another()
	before.Enrol(l)
	before.Paid(l, t)
	t = l.Authorise(t)
	before.flow(l, 0)
	from := l.Last()
	k, no := b.Chain.Back(t.Payment, "", 200), b.Chain.Back(t.Payment, "", 250)
	before.AsksBack(l, k)
	l.AskBack(k)
	before.BackIs(k, operator.Refunded)
	l.GaveBack(k, t.Wallet)
	l.AskBack(no)
	l.KeptBack(no, "")
	before.flow(l, from)
	batch := before.closeOnline(ingesttest.Today)
	before.wantBatch(batch, 2, 300)

	after := b.another()
	after.Enrol(l)
	after.Paid(l, t)
	_, err := after.Restored(after.Ctx)
	b.Must(err)
	b.Must(after.CommitBatch(after.Ctx, batch))
	if v := after.flow(l, 0); len(v) != 0 {
		b.Fatalf("verdicts %+v", v)
	}
	if r := after.WantBack(k, authorise.RefundDoubtful, operator.NoReason); !r.Due.After(b.Chain.Now) {
		b.Errorf("asked at once: %+v", r)
	}
	after.WantBack(no, authorise.RefundRefused, operator.NoReason)
	after.BackIs(k, operator.Refunded)
	after.wantBatch(after.closeOnline(ingesttest.Today+1), 0, 0)
	after.WantNet(ledger.StorePayable, 0)
	after.WantNet(ledger.SettlementPayable, 300)
	if r := after.Balance(); r.Awaited != 0 {
		b.Errorf("awaited %d", r.Awaited)
	}
}

// testRefundForked: money was given back of a payment whose journal turns out to have two histories, and it is the other
// entry of the charge that is decided to stand. What was given back counts for that one, and the first can be a loss.
func testRefundForked(b *Bench) {
	l := b.Lane("s1", "1")
	t := l.Ask(500)
	b.Paid(l, t)
	at, twin := l.Last(), l.Clone()
	one := l.Authorise(t)
	b.flow(l, 0)
	first := b.Chain.Back(t.Payment, t.Wallet, 300)
	b.AsksBack(l, first)
	b.BackIs(first, operator.Refunded)
	twin.Sell(b.Chain.Phone(), 1)
	two := twin.Authorise(t)
	b.flow(twin, at)
	ids := map[uint64]payment.ID{}
	for _, x := range b.OpenExceptions() {
		if x.Payment == t.Payment {
			ids[x.Entry.Seq] = x.ID
		}
	}
	loss := []payment.ID{ids[one.Seq]}
	b.wantCode(b.Resolve(b.Ctx, loss, ledger.LossTaken, "ops", "nobody pays for what is given back"), payment.Conflict)
	b.Must(b.Resolve(b.Ctx, []payment.ID{ids[two.Seq]}, ledger.Receivable, "ops", "this one"))
	b.Must(b.Resolve(b.Ctx, loss, ledger.LossTaken, "ops", "the other"))
	b.WantAttempt(t.Ref, authorise.Completed)
	over, rest := b.Chain.Back(t.Payment, "", 201), b.Chain.Back(t.Payment, "", 200)
	b.AsksBack(l, over)
	b.WantBack(over, authorise.RefundRefused, operator.OverPayment)
	if r := b.AsksBack(l, rest); r.Whole {
		b.Error("a part is all of it")
	}
	b.BackIs(rest, operator.Refunded)
	b.WantNet(ledger.WalletReceivable, 0)
	b.Balance()
}
