package ledger_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/ledger/ledgertest"
	"tilld/sync/operator"
)

// mortal is a store that keeps so many changes, and dies with the next.
type mortal struct {
	ledger.Refunds
	left *int
}

func (m mortal) SaveRefund(ctx context.Context, r *authorise.Refunding) error {
	if *m.left--; *m.left < 0 {
		return errDied
	}
	return m.Refunds.SaveRefund(ctx, r)
}

// backDesk is a desk by hand in front of the books, with an operator that answers at once.
type backDesk struct {
	*ledgertest.Bench
	desk  *authorise.Desk
	op    *giver
	lives int // changes of refunds that are kept before HQ dies
	lane  *ingesttest.Lane
	paid  ingesttest.Tried
	now   func() time.Time
}

func newBackDesk(t *testing.T) *backDesk {
	t.Helper()
	c := ingesttest.NewChain(t)
	d := &backDesk{now: func() time.Time { return c.Now }, lives: 1_000}
	s := open(t, d.now)
	d.Bench = &ledgertest.Bench{T: t, Ledger: s, Chain: c, Ctx: t.Context()}
	d.lane = d.Lane("s1", "1")
	paid := d.lane.Ask(1_000)
	d.Paid(d.lane, paid)
	d.paid = d.lane.Authorise(paid)
	d.SendAll(d.lane, 0)
	d.JudgeAll()
	d.op = &giver{calm: true, charge: payment.Of(1_000, "JPY"), refunds: map[operator.Ref]int64{}, refused: map[operator.Ref]bool{}}
	d.desk = authorise.New(authorise.Config{Store: s.Attempts(), Refunds: mortal{s.Refunds(), &d.lives}, Operators: map[string]operator.Operator{paid.Wallet: d.op},
		Now: d.now, Log: slog.New(slog.DiscardHandler), ByHand: true})
	return d
}

func (d *backDesk) ask(k ingesttest.Back) (authorise.Refunding, error) {
	return d.desk.Refund(d.Ctx, authorise.RefundRequest{Ref: k.Ref(), Payment: k.Payment, Terminal: d.lane.ID, Store: d.lane.Store, Lane: d.lane.Name,
		Wallet: k.Wallet, Amount: payment.Of(k.Amount, "JPY")})
}

// wait lets time pass, and what is due be done.
func (d *backDesk) wait(by time.Duration, times int) {
	d.Helper()
	for range times {
		d.Chain.Now = d.Chain.Now.Add(by)
		if _, err := d.desk.Step(d.Ctx); err != nil {
			d.Fatal(err)
		}
	}
}

// wantSame fails the test when the books say something else than the operator's.
func (d *backDesk) wantSame() {
	d.Helper()
	d.WantNet(ledger.WalletReceivable, 1_000-d.op.gone())
	d.Balance()
}

// TestRefundCancelledUnheard: HQ dies over a cancel that the operator has made, and is back when the operator's day is over.
// The refund that the operator refuses then is no reason to say that nothing was given back.
func TestRefundCancelledUnheard(t *testing.T) {
	d := newBackDesk(t)
	k := d.Chain.Back(d.paid.Payment, "", 1_000)
	d.lives = 1 // the choice is kept, the answer is not
	if _, err := d.ask(k); err == nil || !d.op.reversed {
		t.Fatalf("cancelled: %v; %v", d.op.reversed, err)
	}
	d.lives = 1_000
	d.wait(26*time.Hour, 1)
	d.wait(time.Hour, 3)
	d.WantBack(k, authorise.RefundDone, operator.NoReason)
	d.wantSame()
}

// TestRefundDeniedUnderWay: a lane's word that a refund was declined does not undo a call that is under way, or was perhaps
// heard.
func TestRefundDeniedUnderWay(t *testing.T) {
	d := newBackDesk(t)
	k := d.Chain.Back(d.paid.Payment, "", 300)
	r := d.AsksBack(d.lane, k)
	r = authorise.AdoptRefund(r, d.now())
	d.Must(d.Refunds().SaveRefund(d.Ctx, &r))
	d.lives = 1 // it is begun, and the answer not kept
	d.Chain.Now = d.Chain.Now.Add(3 * time.Minute)
	if _, _ = d.desk.Step(d.Ctx); d.op.gone() != 300 {
		t.Fatalf("%d is given back", d.op.gone())
	}
	d.lives = 1_000
	from := d.lane.Last()
	d.lane.AskBack(k)
	d.lane.KeptBack(k, "")
	d.SendAll(d.lane, from)
	d.JudgeAll()
	d.wait(time.Hour, 3)
	d.WantBack(k, authorise.RefundDone, operator.NoReason)
	d.wantSame()
}

// TestRefundPutBackUnheard: books that were put back to when a refund was written down do not know that the operator has
// cancelled the charge since.
func TestRefundPutBackUnheard(t *testing.T) {
	for _, entry := range []bool{false, true} {
		d := newBackDesk(t)
		k := d.Chain.Back(d.paid.Payment, "", 1_000)
		if entry {
			d.AsksBack(d.lane, k) // and the rest is gone
		}
		d.op.reversed = true
		d.Chain.Now = d.Chain.Now.Add(26 * time.Hour)
		_, err := d.Restored(d.Ctx)
		d.Must(err)
		r, err := d.ask(k)
		d.Must(err)
		if r.State.Over() {
			t.Errorf("with the row in the backup %t: the lane is told %s", entry, r.State)
		}
		d.wait(time.Hour, 3)
		d.WantBack(k, authorise.RefundDone, operator.NoReason)
		d.wantSame()
	}
}

// TestRefundOfForgotten: of a payment that books put back have not heard of again, nobody is told that nothing is given back.
func TestRefundOfForgotten(t *testing.T) {
	d := newBackDesk(t)
	k := d.Chain.Back(d.Chain.ID(), "", 100)
	_, err := d.Restored(d.Ctx)
	d.Must(err)
	if r, err := d.ask(k); err == nil {
		t.Errorf("told: %s (%s)", r.State, r.Why)
	}
	d.Chain.Now = d.Chain.Now.Add(25 * time.Hour)
	if r, err := d.ask(k); err != nil || r.Why != operator.PaymentUnknown {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRefundToldWhenRevoked: whoever holds a revoked till's disk has nothing given back by saying that it was.
func TestRefundToldWhenRevoked(t *testing.T) {
	d := newBackDesk(t)
	from := d.lane.Last()
	d.Must(d.RevokeTerminal(d.Ctx, d.lane.ID, "ops", "stolen"))
	k, o := d.Chain.Back(d.paid.Payment, "", 300), d.Chain.Back(d.paid.Payment, "", 200)
	d.lane.AskBack(o)
	d.lane.GaveBack(k, d.paid.Wallet)
	d.SendAll(d.lane, from)
	d.JudgeAll()
	d.wait(time.Hour, 3)
	d.WantBack(o, authorise.RefundRefused, operator.TerminalRevoked)
	d.WantBack(k, authorise.RefundRefused, operator.TerminalRevoked)
	d.wantSame()
}
