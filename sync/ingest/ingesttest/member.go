package ingesttest

import "tilld/agent/payment"

// Member is a loyalty number, sealed to HQ, as a lane attaches it to a sale.
type Member struct {
	Programme string
	Text      string // the number
	Hash      []byte // of it
	Eligible  int64
}

// Attach writes that a member is attached to a sale; of is the payment that has paid it by then, zero: none.
func (l *Lane) Attach(m Member, sale, of payment.ID) uint64 {
	x := Extra{Sale: &sale, Body: &payment.Body{}, Code: m.Text}
	if !of.IsZero() {
		x.Payment = &of
	}
	return l.Add(&payment.Member{Programme: m.Programme, Number: m.Hash, HashKey: 1, Eligible: m.Eligible, Currency: "JPY"}, x)
}
