package ingesttest

import (
	"tilld/agent/payment"
	"tilld/sync/operator"
)

// Tried is an attempt at an online payment of which a lane wrote the intent.
type Tried struct {
	Sold
	Ref    operator.Ref
	Wallet string
}

// OnlineWallet is a wallet whose codes only its operator can check. A policy must allow it.
const OnlineWallet = "paypay"

// Ask writes the intent to have an operator charge a customer; Sold.Seq is its entry until the lane takes it for paid.
func (l *Lane) Ask(amount int64) Tried {
	c := l.chain
	t := Tried{Sold: Sold{Payment: c.ID(), Sale: c.ID(), Amount: amount}, Wallet: OnlineWallet}
	var err error
	t.Ref, err = operator.NewRef(t.Payment, 1)
	c.must(err)
	t.Seq = l.Add(&payment.Asked{Amount: payment.Of(amount, "JPY"), Wallet: t.Wallet, Ref: string(t.Ref), NotAfter: c.Now.UnixMilli() + 20_000}, t.extra())
	return t
}

func (t *Tried) extra() Extra { return Extra{Sale: &t.Sale, Payment: &t.Payment} }

// Authorise writes that HQ said the attempt is paid, and returns it with the entry's sequence.
func (l *Lane) Authorise(t Tried) Tried { return l.AuthoriseWith(t, nil, nil) }

// AuthoriseWith is Authorise with something wrong.
func (l *Lane) AuthoriseWith(t Tried, edit func(*payment.Authorised), extra func(*Extra)) Tried {
	f := &payment.Authorised{Amount: payment.Of(t.Amount, "JPY"), Wallet: t.Wallet, Ref: string(t.Ref), Transaction: "T-" + string(t.Ref),
		At: l.chain.Now.UnixMilli()}
	x := t.extra()
	if edit != nil {
		edit(f)
	}
	if extra != nil {
		extra(&x)
	}
	t.Seq = l.Add(f, x)
	if !x.Training {
		d := l.total(f.Wallet)
		d.Count, d.Sum = d.Count+1, d.Sum+f.Amount.Minor
	}
	return t
}

// Decline writes that HQ said that nobody was charged.
func (l *Lane) Decline(t Tried) uint64 {
	return l.Add(&payment.Declined{Amount: payment.Of(t.Amount, "JPY"), Wallet: t.Wallet, Ref: string(t.Ref), Why: "no_funds"}, t.extra())
}

// GiveUp writes that the lane takes the attempt back.
func (l *Lane) GiveUp(t Tried) uint64 {
	return l.Add(&payment.Reversed{Amount: payment.Of(t.Amount, "JPY"), Wallet: t.Wallet, Ref: string(t.Ref), Cause: payment.WaivedSilent}, t.extra())
}

// VoidOnline takes an online payment back that was authorised at t.Seq.
func (l *Lane) VoidOnline(t Tried) uint64 {
	d := l.total(t.Wallet)
	d.VoidCount, d.VoidSum = d.VoidCount+1, d.VoidSum+t.Amount
	return l.Add(&payment.Voided{Amount: payment.Of(t.Amount, "JPY"), Wallet: t.Wallet, Of: t.Seq}, t.extra())
}
