package ledger

import (
	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Carried is a payment by an issuer's approval, which the lane took from the customer's phone, in the terms of the ledger.
type Carried struct {
	Payment      payment.ID
	Sale         payment.ID
	Amount       payment.Money
	Wallet       string
	BusinessDate payment.Date
	Policy       uint64
	TakenAt      int64 // Unix ms by the lane's clock
}

// carried posts a payment that its issuer has approved, or lets it wait. The approval names the payment, so that one which
// is carried in twice is a repeated payment.
func (j *judge) carried(b *branchState, w *Judgement) (Kind, error) {
	if w.Kind.Status() == wire.Rejected {
		_, err := j.except(b, w, w.Kind, 0)
		return w.Kind, err
	}
	c := w.Carried
	repeated, err := j.repeated(c.Payment)
	if err != nil {
		return "", err
	}
	p, err := j.newPayment(b, w, Posted, &taken{Payment: c.Payment, Sale: c.Sale, Amount: c.Amount, Wallet: c.Wallet,
		BusinessDate: c.BusinessDate, Policy: c.Policy, TakenAt: c.TakenAt, carried: true})
	if err != nil {
		return "", err
	}
	kind := b.history(w, c.Policy)
	if kind == "" && repeated {
		kind = PaymentRepeated
	}
	var was standing
	if kind != "" {
		if was, err = j.standing(w.Entry.Hash[:]); err != nil {
			return "", err
		}
	}
	if kind == "" || was.settled {
		err = j.post(move{debit: WalletReceivable, credit: StorePayable, amount: p.amount, dimension: p.dimension,
			cause: causeApproved, payment: p.no, entry: p.entry})
	}
	if err != nil || kind == "" {
		return "", err
	}
	x, err := j.except(b, w, kind, p.no)
	if err != nil {
		return "", err
	}
	if was.settled {
		return kind, j.suspend(p, x)
	}
	if err := j.hold(p, x); err != nil {
		return "", err
	}
	return kind, j.setState(p, Suspended, 0)
}
