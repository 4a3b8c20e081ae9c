package authorise

import (
	"context"
	"errors"
	"time"

	"tilld/sync/operator"
)

// Limits of the loop.
const (
	dueAtOnce = 64               // attempts read at once
	lookEvery = 30 * time.Second // another Desk, or a person's command, may have left something to do
)

// Run carries attempts on until ctx ends: it asks what became of those in doubt, takes back what is to be taken back,
// and reports lanes that are silent. It returns when no call of its own is under way any more.
func (d *Desk) Run(ctx context.Context) error {
	defer d.working.Wait()
	for {
		wait, err := d.Step(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d.Log.Error("attempts at payment are not carried on", "error", err.Error())
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-d.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// Step does what is due, and says when to look again: what Run does, for who drives a desk by hand.
func (d *Desk) Step(ctx context.Context) (wait time.Duration, err error) {
	if wait, err = d.runOnce(ctx); err != nil {
		return wait, err
	}
	next, err := d.refundsOnce(ctx)
	return min(wait, next), err
}

// runOnce begins what is due, and says when to look again.
func (d *Desk) runOnce(ctx context.Context) (wait time.Duration, err error) {
	now := d.now()
	due, err := d.Store.Due(ctx, now.Add(lookEvery), dueAtOnce, d.full())
	if err != nil {
		return lookEvery, err
	}
	for i := range due {
		if due[i].Due.After(now) { // they come in order
			return due[i].Due.Sub(now), nil
		}
		if err := d.begin(ctx, due[i]); err != nil {
			return lookEvery, err
		}
	}
	if len(due) == dueAtOnce {
		return 0, nil
	}
	return lookEvery, nil
}

// full are the wallets towards whose operators no more calls may begin.
func (d *Desk) full() (wallets []string) {
	for wallet, calls := range d.calls {
		if len(calls) == cap(calls) {
			wallets = append(wallets, wallet)
		}
	}
	return wallets
}

// begin makes a call. It is noted before as under way, so that no other worker makes it too, and made again should this
// one die.
func (d *Desk) begin(ctx context.Context, a Attempt) error {
	op := d.Operators[a.Wallet]
	if op == nil {
		// The wallet was taken out of the configuration with payments open. They stay, and somebody has to know.
		a.Due, a.Trouble = d.now().Add(slowest), max(a.Trouble, Overdue)
		return passed(d.Store.Save(ctx, &a))
	}
	if a.Call == Silence {
		_, err := d.apply(ctx, a.Ref, Silent{})
		return err
	}
	select {
	case d.calls[a.Wallet] <- struct{}{}:
	default:
		return nil // it is read again when one of the others has ended
	}
	rules := op.Rules()
	shop := d.shop(&a)
	a.Due = d.now().Add(rules.Timeout + slack)
	if err := d.Store.Save(ctx, &a); err != nil {
		<-d.calls[a.Wallet]
		return passed(err)
	}
	work := func() {
		defer d.Stir()
		defer func() { <-d.calls[a.Wallet] }()
		if err := d.call(ctx, op, a, shop, rules.Timeout); err != nil && ctx.Err() == nil {
			d.Log.Error("an operator's answer is not kept", "ref", string(a.Ref), "error", err.Error())
		}
	}
	if d.ByHand {
		work()
	} else {
		d.working.Go(work)
	}
	return nil
}

// shop is what the operator calls the place.
func (d *Desk) shop(a *Attempt) operator.Shop {
	if a.Shop == (operator.Shop{}) && d.Shop != nil {
		return d.Shop(a)
	}
	return a.Shop
}

func (d *Desk) call(ctx context.Context, op operator.Operator, a Attempt, shop operator.Shop, within time.Duration) error {
	call, end := context.WithTimeout(ctx, within)
	defer end()
	a.Shop = shop
	answer := ask(call, op, &a)
	if ctx.Err() != nil {
		return ctx.Err() // the end of this program is no word of the operator's; the call is made again
	}
	d.heard(a.Wallet, &answer)
	_, err := d.apply(ctx, a.Ref, Answered{Call: a.Call, Answer: answer})
	return err
}

// Stir lets the loop look again at once: for whoever changed an attempt in the store, beside the desk. It never blocks.
func (d *Desk) Stir() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// passed is no error when somebody else was there before.
func passed(err error) error {
	if errors.Is(err, ErrMoved) {
		return nil
	}
	return err
}

func ask(ctx context.Context, op operator.Operator, a *Attempt) operator.Answer {
	switch a.Call {
	case Query:
		return op.Query(ctx, a.find())
	case Cancel:
		return op.Cancel(ctx, a.find())
	case Refund:
		return op.Refund(ctx, operator.Refund{Ref: a.RefundRef(), Of: a.find(), Amount: a.Amount})
	case Nothing, Silence:
	}
	return operator.Answer{Outcome: operator.Unknown}
}
