package operatortest

import (
	"errors"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
)

func (b *bench) refund(c operator.Charge, ref operator.Ref, amount payment.Money) operator.Answer {
	b.Helper()
	return b.checked(b.op.Refund(b.ctx, operator.Refund{Ref: ref, Of: find(c), Amount: amount}))
}

// testRefund: all of it, and the same refund again is the same refund.
func testRefund(b *bench) {
	for _, known := range []bool{false, true} {
		c := b.paid()
		r := operator.Refund{Ref: b.ref(), Of: find(c), Amount: c.Amount}
		if known {
			book, _ := b.server.Book(b.Wallet, c.Ref)
			r.Of.Transaction = book.Transaction
		}
		for range 3 {
			b.want(b.checked(b.op.Refund(b.ctx, r)), operator.Refunded)
			b.net(c, b.none())
		}
		b.want(b.query(c), operator.Refunded)
		b.want(b.cancel(c), operator.TooLate)
		b.net(c, b.none())
	}
}

// testRefundParts: parts sum up to the whole and no further.
func testRefundParts(b *bench) {
	c := b.paid()
	if !b.op.Rules().PartialRefund {
		b.want(b.refund(c, b.ref(), b.money(5)), operator.NotSent)
		b.net(c, c.Amount)
		return
	}
	first := b.ref()
	b.want(b.refund(c, first, b.money(5)), operator.Refunded)
	b.want(b.refund(c, first, b.money(5)), operator.Refunded)
	b.net(c, b.money(7))
	b.want(b.refund(c, first, b.money(6)), operator.Declined, operator.Unknown)
	b.net(c, b.money(7))
	if b.RefundHides {
		b.want(b.query(c), operator.Refunded)
	} else {
		b.want(b.query(c), operator.Paid)
	}
	b.want(b.cancel(c), operator.TooLate)
	b.want(b.refund(c, b.ref(), b.money(8)), operator.Declined)
	b.net(c, b.money(7))
	b.want(b.refund(c, b.ref(), b.money(7)), operator.Refunded)
	b.net(c, b.none())
	b.want(b.refund(c, b.ref(), b.money(1)), operator.Declined)
	b.net(c, b.none())
}

func testRefundLost(b *bench) {
	for _, fault := range []emulate.Fault{emulate.CutAfter, emulate.CutBefore, emulate.ErrorAfter, emulate.ErrorBefore, emulate.Busy} {
		c, ref := b.paid(), b.ref()
		b.behave(fault, emulate.Refund)
		b.want(b.refund(c, ref, c.Amount), operator.Unknown)
		b.behave(emulate.None)
		b.want(b.refund(c, ref, c.Amount), operator.Refunded)
		b.net(c, b.none())
	}
}

// testRefundBlind: a refund that must first find its charge, and can't, does not say that there is no refund.
func testRefundBlind(b *bench) {
	c, ref := b.paid(), b.ref()
	b.want(b.refund(c, ref, c.Amount), operator.Refunded)
	b.behave(emulate.CutAfter, emulate.Query)
	b.want(b.refund(c, ref, c.Amount), operator.Unknown, operator.Refunded)
	b.behave(emulate.None)
	b.net(c, b.none())
}

// testRefundOver: more than was paid is not even asked for.
func testRefundOver(b *bench) {
	c := b.paid()
	if a := b.refund(c, b.ref(), b.money(13)); a.Outcome != operator.NotSent || !errors.Is(a.Err, payment.ErrRange) {
		b.Errorf("%s, %v", a.Outcome, a.Err)
	}
	b.net(c, c.Amount)
}

func testRefundNothing(b *bench) {
	c := b.charge(nil)
	b.want(b.refund(c, b.ref(), c.Amount), operator.Absent)
	poor := b.charge(func(c *emulate.Customer) { c.Balance = b.none() })
	b.want(b.pay(poor), operator.Declined)
	b.want(b.refund(poor, b.ref(), poor.Amount), operator.Declined, operator.Absent)
	b.net(poor, b.none())
}

// testRefundMismatch: an answer about another refund is none.
func testRefundMismatch(b *bench) {
	if !b.RefundNames {
		return
	}
	for _, fault := range []emulate.Fault{emulate.WrongAmount, emulate.WrongRef} {
		c, ref := b.paid(), b.ref()
		b.behave(fault, emulate.Refund)
		b.want(b.refund(c, ref, c.Amount), operator.Unknown)
		b.behave(emulate.None)
		b.want(b.refund(c, ref, c.Amount), operator.Refunded)
		b.net(c, b.none())
	}
}
