package payment

import "strings"

// refundMark ends the reference of a refund: no attempt's does.
const refundMark = "R"

// RefundRef is how the refund of this identifier is called at the lane, at HQ and at the wallet's operator: 27 of
// [A-Z0-9]. It never changes, so that asking again gives back once.
func (id ID) RefundRef() string { return id.String() + refundMark }

// ParseRefundRef reads what RefundRef writes, and nothing else.
func ParseRefundRef(ref string) (id ID, ok bool) {
	text, marked := strings.CutSuffix(ref, refundMark)
	id, err := ParseID(text)
	return id, marked && err == nil && !id.IsZero() && id.RefundRef() == ref
}

// RefundAsked is the intent to give money back to whom it came from: written before HQ is asked. Its entry names the
// original payment, which may be of another lane, or of another day. HQ acts on the entry too, so a refund whose asking
// was lost is carried out all the same. Refunded or RefundDeclined follows, under the same Ref. Who approved it stands
// in the body.
type RefundAsked struct {
	Amount Money  `cbor:"1,keyasint" json:"amount"`
	Ref    string `cbor:"2,keyasint" json:"ref"`
	Wallet string `cbor:"3,keyasint,omitempty" json:"wallet,omitempty"` // of the payment; empty: this lane does not know it, HQ does
	Alone  bool   `cbor:"4,keyasint,omitempty" json:"alone,omitempty"`  // the policy lets a cashier give this much back without the manager
}

// Refunded ends a refund of which HQ said that the money is given back.
type Refunded struct {
	Amount      Money  `cbor:"1,keyasint" json:"amount"`
	Ref         string `cbor:"2,keyasint" json:"ref"`
	Wallet      string `cbor:"3,keyasint" json:"wallet"`
	Transaction string `cbor:"4,keyasint,omitempty" json:"transaction,omitempty"` // the operator's own name for it
	At          int64  `cbor:"5,keyasint" json:"at"`                              // of HQ's answer, HQ's clock, Unix ms
}

// RefundDeclined ends a refund of which HQ said that nothing was given back, and that nothing will be.
type RefundDeclined struct {
	Amount Money  `cbor:"1,keyasint" json:"amount"`
	Ref    string `cbor:"2,keyasint" json:"ref"`
	Wallet string `cbor:"3,keyasint,omitempty" json:"wallet,omitempty"`
	Why    string `cbor:"4,keyasint,omitempty" json:"why,omitempty"` // HQ's short code, such as "over_payment"
}

// RefundTotal is what was given back by one wallet on a business date at one lane, whatever lane and date the payments
// were of. Voids are not in it: they are in DayTotal.
type RefundTotal struct {
	Wallet   string   `cbor:"1,keyasint" json:"wallet"`
	Currency Currency `cbor:"2,keyasint" json:"currency"`
	Count    uint64   `cbor:"3,keyasint" json:"count"`
	Sum      int64    `cbor:"4,keyasint" json:"sum"`
}

// Kind names the fact.
func (*RefundAsked) Kind() Kind    { return KindRefundAsked }
func (*Refunded) Kind() Kind       { return KindRefunded }
func (*RefundDeclined) Kind() Kind { return KindRefundDeclined }
