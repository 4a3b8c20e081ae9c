package operatortest

import (
	"context"
	"errors"
	"time"

	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
)

// testCancel: what is taken back is, once, and cancelling again says the same.
func testCancel(b *bench) {
	c := b.paid()
	b.takeBack(c)
	if b.CancelsPaid {
		b.want(b.cancel(c), operator.Reversed)
		b.want(b.query(c), operator.Reversed)
	} else {
		b.want(b.cancel(c), operator.TooLate)
		b.want(b.query(c), operator.Refunded)
	}
	b.net(c, b.none())
}

// testCancelWindow: to the second before its end, and then a refund is what is left.
func testCancelWindow(b *bench) {
	c, late := b.paid(), b.paid()
	r := b.op.Rules()
	ends := r.CancelEnds(c.Made)
	if ends.IsZero() {
		if b.CancelsPaid {
			b.Error("no operator cancels for ever what is paid")
		}
		return
	}
	b.clock.set(ends.Add(-time.Second))
	b.want(b.cancel(c), operator.Reversed)
	b.clock.set(ends)
	b.want(b.cancel(late), operator.TooLate)
	b.net(late, late.Amount)
	b.want(b.checked(b.op.Refund(b.ctx, operator.Refund{Ref: b.ref(), Of: find(late), Amount: late.Amount})), operator.Refunded)
	b.net(late, b.none())
}

// testCancelNothing: what the operator doesn't know is not reversed; it may be on its way.
func testCancelNothing(b *bench) {
	b.want(b.cancel(b.charge(nil)), operator.Absent)
}

func testCancelLost(b *bench) {
	for _, fault := range []emulate.Fault{emulate.CutAfter, emulate.ErrorAfter, emulate.CutBefore, emulate.Busy, emulate.Garbage} {
		c := b.charge(func(c *emulate.Customer) { c.Prompted = true })
		b.want(b.pay(c), operator.Confirming)
		b.behave(fault, emulate.Cancel)
		b.want(b.cancel(c), operator.Unknown, operator.Reversed, operator.Confirming)
		b.behave(emulate.None)
		b.want(b.cancel(c), operator.Reversed)
		b.net(c, b.none())
	}
}

// testCancelUnheard: an operator that says a cancel is done and charges all the same is found out by the query.
func testCancelUnheard(b *bench) {
	c := b.charge(func(c *emulate.Customer) { c.Prompted = true })
	b.want(b.pay(c), operator.Confirming)
	b.behave(emulate.Unheard, emulate.Cancel)
	b.want(b.cancel(c), operator.Reversed)
	b.must(b.server.Confirm(b.Wallet, c.Ref, true))
	b.behave(emulate.None)
	b.net(c, c.Amount)
	b.want(b.query(c), operator.Paid)
	b.takeBack(c)
}

// testCancelBound: a cancel that has to ask what became of the charge, and is told nothing, takes no longer than one call
// may, and says nothing.
func testCancelBound(b *bench) {
	c := b.paid()
	b.takeBack(c)
	b.behave(emulate.Slow)
	a := b.checked(b.impatient.Cancel(b.ctx, find(c)))
	b.want(a, operator.Unknown)
	if !errors.Is(a.Err, context.DeadlineExceeded) {
		b.Errorf("error %v", a.Err)
	}
}
