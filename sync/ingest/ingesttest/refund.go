package ingesttest

import (
	"tilld/agent/payment"
	"tilld/sync/operator"
)

// Back is a refund that a lane asks for.
type Back struct {
	ID      payment.ID // the refund's own
	Payment payment.ID
	Amount  int64
	Wallet  string // "": the lane does not know it
}

// Ref is how the refund is called.
func (k Back) Ref() operator.Ref { return operator.Ref(k.ID.RefundRef()) }

// Back names a refund of a payment, of whatever lane.
func (c *Chain) Back(of payment.ID, wallet string, amount int64) Back {
	return Back{ID: c.ID(), Payment: of, Amount: amount, Wallet: wallet}
}

// AskBack writes the intent to give money back.
func (l *Lane) AskBack(k Back) uint64 {
	return l.Add(&payment.RefundAsked{Amount: payment.Of(k.Amount, "JPY"), Ref: string(k.Ref()), Wallet: k.Wallet}, Extra{Payment: &k.Payment})
}

// GaveBack writes that HQ said that the money is given back.
func (l *Lane) GaveBack(k Back, wallet string) uint64 {
	return l.Add(&payment.Refunded{Amount: payment.Of(k.Amount, "JPY"), Ref: string(k.Ref()), Wallet: wallet, At: l.chain.Now.UnixMilli()}, Extra{Payment: &k.Payment})
}

// KeptBack writes that HQ said that it is not.
func (l *Lane) KeptBack(k Back, why string) uint64 {
	return l.Add(&payment.RefundDeclined{Amount: payment.Of(k.Amount, "JPY"), Ref: string(k.Ref()), Wallet: k.Wallet, Why: why}, Extra{Payment: &k.Payment})
}
