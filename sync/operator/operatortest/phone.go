package operatortest

import (
	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
)

// asked is a charge that the phone asks its customer about.
func (b *bench) asked() operator.Charge {
	b.Helper()
	c := b.charge(func(c *emulate.Customer) { c.Prompted = true })
	b.want(b.pay(c), operator.Confirming)
	b.want(b.query(c), operator.Confirming)
	b.net(c, b.none())
	return c
}

func testConfirmed(b *bench) {
	c := b.asked()
	b.must(b.server.Confirm(b.Wallet, c.Ref, true))
	b.want(b.query(c), operator.Paid)
	b.net(c, c.Amount)
}

func testSaidNo(b *bench) {
	c := b.asked()
	b.must(b.server.Confirm(b.Wallet, c.Ref, false))
	b.want(b.query(c), operator.Declined)
	b.net(c, b.none())
}

func testNeverSaid(b *bench) {
	c := b.asked()
	b.clock.set(b.clock.get().Add(b.op.Rules().GiveUp + b.op.Rules().CancelAfter))
	b.want(b.cancel(c), operator.Reversed)
	b.net(c, b.none())
	b.want(b.query(c), operator.Reversed, operator.Declined)
	if b.server.Confirm(b.Wallet, c.Ref, true) == nil {
		b.Error("the customer could still pay")
	}
}
