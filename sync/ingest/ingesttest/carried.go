package ingesttest

import (
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
)

// CarriedChange is what a test wants to be wrong with a carried payment.
type CarriedChange struct {
	Approval func(*signed.Approval) // the last word on what the issuer signs
	Code     string                 // instead of it
	Fact     func(*payment.Carried) // the last word on the fact
	Extra    func(*Extra)           // the last word on the rest
	Payment  payment.ID             // instead of a fresh identifier
}

// Carry writes an offer, and an issuer's approval of it.
func (l *Lane) Carry(amount int64) Sold { return l.CarryWith(amount, CarriedChange{}) }

// CarryWith is Carry with something wrong.
func (l *Lane) CarryWith(amount int64, ch CarriedChange) Sold {
	c := l.chain
	s := Sold{Payment: ch.Payment, Sale: c.ID(), Amount: amount, Account: []byte("sixteen bytes of")}
	if s.Payment.IsZero() {
		s.Payment = c.ID()
	}
	l.Add(&payment.Offered{Amount: payment.Of(amount, "JPY"), Until: c.Now.UnixMilli() + 600_000}, Extra{Sale: &s.Sale, Payment: &s.Payment})
	a := signed.Approval{Payment: s.Payment, Terminal: l.ID, Amount: payment.Of(amount, "JPY"), Account: signed.Account(s.Account), At: c.Now}
	if ch.Approval != nil {
		ch.Approval(&a)
	}
	code := ch.Code
	if code == "" {
		var err error
		code, err = signed.Approve(c.Issuer, a)
		c.must(err)
	}
	kid := c.Issuer.Public().KID()
	f := &payment.Carried{Amount: payment.Of(amount, "JPY"), Wallet: Wallet, Issuer: kid[:], At: c.Now.Unix()}
	x := Extra{Sale: &s.Sale, Payment: &s.Payment, Code: code, Body: &payment.Body{Cashier: "c1", Account: s.Account}}
	if ch.Fact != nil {
		ch.Fact(f)
	}
	if ch.Extra != nil {
		ch.Extra(&x)
	}
	s.Seq = l.Add(f, x)
	if !x.Training {
		t := l.total(f.Wallet)
		t.Count, t.Sum = t.Count+1, t.Sum+f.Amount.Minor
	}
	return s
}

// VoidCarried takes a carried payment back.
func (l *Lane) VoidCarried(s Sold) uint64 {
	t := l.total(Wallet)
	t.VoidCount, t.VoidSum = t.VoidCount+1, t.VoidSum+s.Amount
	return l.Add(&payment.Voided{Amount: payment.Of(s.Amount, "JPY"), Wallet: Wallet, Of: s.Seq}, Extra{Sale: &s.Sale, Payment: &s.Payment})
}
