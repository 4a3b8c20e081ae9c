package lane

import (
	"context"
	"slices"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

// GiveBack is a wish to give money back.
type GiveBack struct {
	ID         payment.ID    // of the refund, so that the same wish again is the same refund; zero: a new one
	Payment    payment.ID    // the original one: this lane's, or another's
	Amount     payment.Money // zero: all that is left, of this lane's payment
	Supervisor string        // who approved; empty: nobody was asked
}

// Back is what a GiveBack has come to.
type Back struct {
	Voided bool           // taken back as a whole, for HQ had not acknowledged the payment
	Refund journal.Refund // else: what HQ is asked to give back, and what became of it
}

// GiveBack gives money back of a payment: by a void while HQ has not acknowledged it, through HQ otherwise. It does not
// wait for HQ: the view and the events say what becomes of a refund. The same ID again gives nothing back twice.
func (l *Lane) GiveBack(ctx context.Context, g GiveBack) (back Back, err error) {
	err = l.do(ctx, func(ctx context.Context) error {
		back, err = l.giveBack(ctx, g)
		return err
	})
	return back, err
}

func (l *Lane) giveBack(ctx context.Context, g GiveBack) (back Back, err error) {
	if g.ID.IsZero() {
		if g.ID, err = l.cfg.IDs.Next(); err != nil {
			return back, payment.Errorf(payment.Internal, "lane.GiveBack", "no identifier: %w", err)
		}
	} else if again, ok, err := l.repeatedBack(ctx, g); ok || err != nil {
		return again, err
	}
	e, err := l.backEvent(ctx, g)
	if err != nil {
		return back, err
	}
	d, err := l.apply(ctx, e)
	if err != nil {
		return back, err
	}
	if d.Answer.Kind != checkout.Asked {
		return Back{Voided: true}, l.voided(e.Found)
	}
	r := l.state.Refunds[len(l.state.Refunds)-1]
	l.cfg.Asker.Refund(l.refund(&r))
	l.feed.publish(Event{Kind: RefundAsked, Sale: r.Sale, Payment: r.Payment, Refund: r.Ref, Amount: r.Amount, Wallet: r.Wallet})
	back.Refund, _, err = l.cfg.Journal.RefundByRef(ctx, r.Ref)
	if err != nil {
		return back, unread(err)
	}
	return back, nil
}

// repeatedBack finds what became of the same wish before.
func (l *Lane) repeatedBack(ctx context.Context, g GiveBack) (back Back, ok bool, err error) {
	back.Refund, ok, err = l.cfg.Journal.RefundByRef(ctx, g.ID.RefundRef())
	switch {
	case err != nil:
		return back, false, unread(err)
	case ok && (back.Refund.Payment != g.Payment || g.Amount != (payment.Money{}) && g.Amount != back.Refund.Amount):
		return back, false, payment.Errorf(payment.Conflict, "lane.GiveBack", "this refund is of payment %s, %s", back.Refund.Payment, back.Refund.Amount)
	case ok:
		return back, true, nil
	}
	p, here, err := l.cfg.Journal.PaymentByID(ctx, g.Payment)
	if err != nil {
		return back, false, unread(err)
	}
	all := g.Amount == (payment.Money{}) || g.Amount == p.Amount
	return Back{Voided: true}, here && p.Voided && all, nil
}

// backEvent looks up what the rules ask before money is given back.
func (l *Lane) backEvent(ctx context.Context, g GiveBack) (checkout.GiveBack, error) {
	e := checkout.GiveBack{ID: g.ID, Payment: g.Payment, Amount: g.Amount, Supervisor: g.Supervisor}
	at, err := l.cfg.Journal.State(ctx)
	if err != nil {
		return e, unread(err)
	}
	p, ok, err := l.cfg.Journal.PaymentByID(ctx, g.Payment)
	if err != nil {
		return e, unread(err)
	}
	if e.Acked = at.Current.Acked; ok {
		e.Found = recordOf(&p, at.Current.Epoch)
	}
	given, err := l.cfg.Journal.RefundsOf(ctx, g.Payment)
	if err != nil {
		return e, unread(err)
	}
	for _, r := range given {
		if r.State != journal.RefundDeclined {
			e.Given += r.Amount.Minor
		}
	}
	today, err := l.cfg.Journal.Refunds(ctx, l.state.Day)
	if err != nil {
		return e, unread(err)
	}
	for _, r := range today {
		if r.Alone && r.State != journal.RefundDeclined {
			e.Alone++
		}
	}
	return e, nil
}

// voided shows that a payment was taken back.
func (l *Lane) voided(p *checkout.Record) error {
	if p.Sale == l.state.Sale.ID {
		l.clear()
	}
	l.feed.publish(Event{Kind: PaymentVoided, Sale: p.Sale, Payment: p.Payment, Amount: p.Amount, Wallet: p.Wallet, Training: p.Training})
	return nil
}

func recordOf(p *journal.Payment, epoch uint64) *checkout.Record {
	return &checkout.Record{
		Payment: p.ID, Sale: p.Sale, Amount: p.Amount, Wallet: p.Wallet, Date: p.Date, Seq: p.Seq,
		ThisEpoch: p.Epoch == epoch, Voided: p.Voided, Training: p.Training,
	}
}

// refund is a refund as the asker puts it to HQ.
func (l *Lane) refund(r *checkout.Refund) Attempt {
	return Attempt{Ref: r.Ref, Payment: r.Payment, Sale: r.Sale, Wallet: r.Wallet, Amount: r.Amount, Policy: l.Bundle().PolicyVersion()}
}

// heardRefund takes HQ's word about a refund.
func (l *Lane) heardRefund(ctx context.Context, a wire.Answer) error {
	i := slices.IndexFunc(l.state.Refunds, func(r checkout.Refund) bool { return r.Ref == a.Ref && !r.Settled() })
	if i < 0 {
		l.cfg.Asker.Forget(a.Ref)
		return nil
	}
	d, err := l.apply(ctx, checkout.RefundHeard{Ref: a.Ref, Outcome: a.Outcome, Why: a.Why, Wallet: a.Wallet, Transaction: a.Transaction,
		At: time.UnixMilli(a.Time).UTC()})
	if err != nil {
		l.unheard = true
		return err
	}
	kinds := map[payment.Outcome]EventKind{payment.Paid: PaymentRefunded, payment.NotPaid: RefundDeclined}
	if kind, over := kinds[a.Outcome]; over {
		l.cfg.Asker.Forget(a.Ref)
		l.feed.publish(Event{Kind: kind, Sale: d.Answer.Sale, Payment: d.Answer.Payment, Refund: a.Ref, Amount: d.Answer.Amount,
			Wallet: d.Answer.Wallet, Reason: d.Answer.Reason})
	}
	return nil
}

// DismissRefund takes a refund off the screen that somebody has seen.
func (l *Lane) DismissRefund(ctx context.Context, ref string) error {
	return l.do(ctx, func(ctx context.Context) error {
		_, err := l.apply(ctx, checkout.DismissRefund{Ref: ref})
		return err
	})
}

// Refunds lists what this lane asked to be given back of a payment, in the order of asking.
func (l *Lane) Refunds(ctx context.Context, id payment.ID) ([]journal.Refund, error) {
	list, err := l.cfg.Journal.RefundsOf(ctx, id)
	if err != nil {
		return nil, unread(err)
	}
	return list, nil
}

// refundsDue does what time has brought about open refunds.
func (l *Lane) refundsDue(ctx context.Context) {
	for {
		e := checkout.RefundDue(l.state, l.context())
		if e == nil {
			return
		}
		if _, err := l.apply(ctx, e); err != nil {
			l.cfg.Log.Error("a refund could not be shown as not known", "error", err)
			return
		}
	}
}

// watchRefunds has HQ asked what became of every refund that is open.
func (l *Lane) watchRefunds() {
	for i := range l.state.Refunds {
		if r := &l.state.Refunds[i]; !r.Settled() {
			l.cfg.Asker.Refund(l.refund(r))
		}
	}
}

// recallRefunds asks HQ again about the refunds that were open when the program ended: the same reference gives back once.
func (l *Lane) recallRefunds(ctx context.Context, s *checkout.State) error {
	list, err := l.cfg.Journal.OpenRefunds(ctx)
	if err != nil {
		return err
	}
	for _, r := range l.state.Refunds { // the journal was reopened: somebody has to see these still
		if r.Settled() {
			s.Refunds = append(s.Refunds, r)
		}
	}
	for _, r := range list {
		open := checkout.Refund{Ref: r.Ref, Payment: r.Payment, Sale: r.Sale, Amount: r.Amount, Wallet: r.Wallet,
			Since: l.cfg.Clock.Boot(), Outcome: payment.Unknown}
		s.Refunds = append(s.Refunds, open)
		l.cfg.Asker.Refund(l.refund(&open))
	}
	return nil
}

// shownRefunds are those that a screen shows.
func (l *Lane) shownRefunds() (list []checkout.Refund) {
	for _, r := range l.state.Refunds {
		if !r.Seen {
			list = append(list, r)
		}
	}
	return list
}
