package authorise

import (
	"context"
	"errors"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// ErrForgotten says that books that were put back do not know enough to say what becomes of a refund: it is asked again.
var ErrForgotten = errors.New("the books were put back, and do not know the payment again yet")

// RefundStore keeps refunds. What it says is kept is on the disk.
type RefundStore interface {
	// BeginRefund keeps a new refund, within what is left of its payment: it looks the payment up and fills in Wallet, Of
	// and Whole. One that does not fit is kept as RefundRefused, and one behind which no charge stands as RefundDone,
	// posted: r says so. ErrExists: there is one of this reference; then nothing is written. So it is with ErrForgotten:
	// books that were put back a while ago do not know the payment again yet. What they may have carried out before is kept
	// as RefundDoubtful.
	BeginRefund(ctx context.Context, r *Refunding) error
	// SaveRefund keeps what became of a refund and counts its Version up, and posts it in the same transaction when it is
	// done. ErrMoved says that somebody else did so before, and writes nothing.
	SaveRefund(ctx context.Context, r *Refunding) error
	// GetRefund returns a refund, or ErrNone.
	GetRefund(ctx context.Context, ref operator.Ref) (Refunding, error)
	// DueRefunds returns up to so many refunds whose Due is set and not after until, the longest due first, but none of
	// the wallets named.
	DueRefunds(ctx context.Context, until time.Time, most int, but []string) ([]Refunding, error)
}

// RefundRequest is a lane's wish to give money back.
type RefundRequest struct {
	Ref         operator.Ref
	Payment     payment.ID
	Terminal    payment.ID
	Store, Lane string
	Wallet      string // "": the lane does not know it
	Amount      payment.Money
	Reference   string
}

func (r *RefundRequest) refunding(now time.Time) Refunding {
	return Refunding{Ref: r.Ref, Payment: r.Payment, Terminal: r.Terminal, Store: r.Store, Lane: r.Lane, Wallet: r.Wallet,
		Amount: r.Amount, Reference: r.Reference, Made: now, State: RefundWritten}
}

// callsAtOnce bounds how often an operator is asked while the lane waits: a cancel that is refused, and the refund.
const callsAtOnce = 3

// Refund writes a refund down, asks the operator and returns what came of it; RefundWritten and RefundDoubtful mean that
// Run goes on with it. The same request again returns what has become of it, and gives nothing back twice. ErrOther: the
// reference is another's. That ctx ends does not end it.
func (d *Desk) Refund(ctx context.Context, q RefundRequest) (Refunding, error) {
	if err := q.Ref.Validate(); err != nil {
		return Refunding{}, err
	}
	r := q.refunding(d.now())
	r.Call, r.Due = Refund, r.Made.Add(d.rules(q.Wallet).Timeout+slack)
	return d.carry(context.WithoutCancel(ctx), r)
}

// DeclineRefund writes down that a refund is not carried out, and why; it returns it, or what became of it before.
func (d *Desk) DeclineRefund(ctx context.Context, q RefundRequest, why operator.Why) (Refunding, error) {
	r := q.refunding(d.now())
	r.Refuse(why)
	return d.carry(ctx, r)
}

func (d *Desk) carry(ctx context.Context, r Refunding) (Refunding, error) {
	if d.Refunds == nil {
		r.Refuse(operator.NotEnabled)
		return r, nil
	}
	switch err := d.Refunds.BeginRefund(ctx, &r); {
	case errors.Is(err, ErrExists):
		return d.sameRefund(ctx, &r)
	case err != nil:
		return Refunding{}, err
	}
	d.refundChanged(&r)
	for range callsAtOnce {
		if r.State != RefundWritten {
			break
		}
		next, went, err := d.giveBack(ctx, r)
		if err != nil || !went {
			return next, err
		}
		r = next
	}
	return r, nil
}

func (d *Desk) sameRefund(ctx context.Context, r *Refunding) (Refunding, error) {
	was, err := d.Refunds.GetRefund(ctx, r.Ref)
	if err != nil {
		return Refunding{}, err
	}
	if !was.Same(r) {
		return Refunding{}, ErrOther
	}
	return was, nil
}

// DecideRefund is a person's: CreditedByHand, or LeftAlone. Who decided, and why, is the caller's to keep.
func (d *Desk) DecideRefund(ctx context.Context, ref operator.Ref, e RefundEvent) (Refunding, error) {
	return d.applyRefund(ctx, ref, e, nil)
}

// giveBack makes one call to the operator. went is false when there was no room for one, or somebody else is at it: it
// stays due.
func (d *Desk) giveBack(ctx context.Context, r Refunding) (next Refunding, went bool, err error) {
	op := d.Operators[r.Wallet]
	if op == nil {
		// The wallet was taken out of the configuration. It stays, and somebody has to know.
		r.Due, r.Trouble, r.State = d.now().Add(slowest), max(r.Trouble, Overdue), RefundDoubtful
		if err := d.Refunds.SaveRefund(ctx, &r); err != nil {
			return r, false, passed(err)
		}
		d.refundChanged(&r)
		return r, false, nil
	}
	calls := d.calls[r.Wallet] // r is another's when an answer can't be kept
	select {
	case calls <- struct{}{}:
		defer func() { <-calls }()
	default:
		return r, false, nil
	}
	charge, err := d.Store.Get(ctx, r.Of)
	if err != nil {
		return r, false, err
	}
	rules := op.Rules()
	r.taken()
	r = StepRefund(r, Begin{}, &charge, &rules, d.now())
	if r.State != RefundRefused {
		r.calling()
		r.Due = d.now().Add(rules.Timeout + slack)
	}
	if err := d.Refunds.SaveRefund(ctx, &r); err != nil {
		return r, false, passed(err)
	}
	if r.State == RefundRefused {
		d.refundChanged(&r)
		return r, true, nil
	}
	charge.Shop = d.shop(&charge)
	call, end := context.WithTimeout(ctx, rules.Timeout)
	defer end()
	answer := askBack(call, op, &charge, &r)
	if ctx.Err() != nil {
		return r, false, ctx.Err() // the end of this program is no word of the operator's; the call is made again
	}
	d.heard(r.Wallet, &answer)
	r, err = d.applyRefund(ctx, r.Ref, GivenBack{Call: r.Call, Answer: answer}, &charge)
	return r, true, err
}

func askBack(ctx context.Context, op operator.Operator, charge *Attempt, r *Refunding) operator.Answer {
	switch r.Call {
	case Cancel:
		return op.Cancel(ctx, charge.find())
	case Query:
		return op.Query(ctx, charge.find())
	case Refund:
		return op.Refund(ctx, operator.Refund{Ref: r.Ref, Of: charge.find(), Amount: r.Amount})
	case Nothing, Silence:
	}
	return operator.Answer{Outcome: operator.Unknown}
}

// applyRefund makes a step of a refund as it is now, and keeps it.
func (d *Desk) applyRefund(ctx context.Context, ref operator.Ref, e RefundEvent, charge *Attempt) (Refunding, error) {
	for {
		was, err := d.Refunds.GetRefund(ctx, ref)
		if err != nil {
			return Refunding{}, err
		}
		r := StepRefund(was, e, charge, d.rules(was.Wallet), d.now())
		if r == was {
			return r, nil
		}
		err = d.Refunds.SaveRefund(ctx, &r)
		if errors.Is(err, ErrMoved) {
			continue
		}
		if err != nil {
			return Refunding{}, err
		}
		d.refundChanged(&r)
		return r, nil
	}
}

func (d *Desk) refundChanged(r *Refunding) {
	if d.RefundChanged != nil {
		d.RefundChanged(*r)
	}
	d.Stir()
}

// refundsOnce begins what is due of refunds, and says when to look again.
func (d *Desk) refundsOnce(ctx context.Context) (wait time.Duration, err error) {
	if d.Refunds == nil {
		return lookEvery, nil
	}
	now := d.now()
	due, err := d.Refunds.DueRefunds(ctx, now.Add(lookEvery), dueAtOnce, d.full())
	if err != nil {
		return lookEvery, err
	}
	for i := range due {
		if due[i].Due.After(now) { // they come in order
			return due[i].Due.Sub(now), nil
		}
		if err := d.beginRefund(ctx, due[i]); err != nil {
			return lookEvery, err
		}
	}
	if len(due) == dueAtOnce {
		return 0, nil
	}
	return lookEvery, nil
}

// beginRefund makes the call that is due. It is noted as under way before another look, so that no other makes it too.
func (d *Desk) beginRefund(ctx context.Context, r Refunding) error {
	if rules := d.rules(r.Wallet); d.Operators[r.Wallet] != nil && !d.ByHand {
		r.Due = d.now().Add(rules.Timeout + slack)
		if err := d.Refunds.SaveRefund(ctx, &r); err != nil {
			return passed(err)
		}
	}
	work := func() {
		defer d.Stir()
		if _, _, err := d.giveBack(ctx, r); err != nil && ctx.Err() == nil {
			d.Log.Error("an operator's answer about a refund is not kept", "ref", string(r.Ref), "error", err.Error())
		}
	}
	if d.ByHand {
		work()
	} else {
		d.working.Go(work)
	}
	return nil
}
