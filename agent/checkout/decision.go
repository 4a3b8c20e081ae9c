package checkout

import (
	"log/slog"

	"tilld/agent/payment"
)

// Decision is what an event comes to. Drafts go into the journal in one transaction; State and Answer count
// from then on.
type Decision struct {
	State  State
	Drafts []Draft
	Answer Answer
}

// Draft is an entry before the journal gives it its place, its times and its signature.
type Draft struct {
	Fact          payment.Fact
	Sale, Payment payment.ID // zero: none
	Date          payment.Date
	Policy        uint64 // version that was obeyed; 0: none
	Training      bool
	Body          *payment.Body // nil: none; its salt is the journal's to make
	Evidence      Secret        // the signed code, to be sealed into the body
}

// Secret is a customer's code in plain. It does not print.
type Secret []byte

// String hides the code.
func (Secret) String() string { return "[code]" }

// GoString hides the code.
func (Secret) GoString() string { return "[code]" }

// LogValue hides the code.
func (Secret) LogValue() slog.Value { return slog.StringValue("[code]") }

// MarshalText hides the code.
func (Secret) MarshalText() ([]byte, error) { return []byte("[code]"), nil }

// Kind is the kind of an answer.
type Kind uint8

// The kinds of answer.
const (
	Done         Kind = iota // as asked; nothing to say about a code
	Approved                 // paid: hand over the goods
	NotTaken                 // this code is refused; the sale waits for another
	Again                    // already taken: Payment has what it paid; nothing new happened
	ForPOS                   // no payment code: the shop's POS has it (Read.ForPOS)
	NoSale                   // a payment code, and no sale waits for one
	Unreadable               // a broken code, and no sale waits for one
	Surplus                  // another code than the one that has paid: Payment has what was paid; this code was not charged
	Asked                    // HQ is asked: State.Attempt says for what. Send it, with the code
	Waits                    // nothing is final: Outcome is Pending or Unknown
	UnderWay                 // a code while HQ is asked about one: it was not looked at
	SamePurchase             // the same amount is still open at this lane: is this the same purchase? Payment has it
	Told                     // of a parked sale: State.Parked has what is known of it now
	Showing                  // the sale can be shown to the customer's phone: State.Offer says as what
	Unwanted                 // an issuer's approval that no sale waits for: Reason says why. The issuer gives the money back
	Noted                    // a loyalty programme's member is attached to the sale; Programme has which
	OtherMember              // the sale has another member of that programme already: this one is not attached
)

var kindNames = [...]string{
	"done", "approved", "not_taken", "again", "for_pos", "no_sale", "unreadable", "surplus", "asked", "waits", "under_way", "same_purchase", "told", "showing", "unwanted",
	"noted", "other_member",
}

// String is the kind's name, such as "approved".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// MarshalText writes String.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Answer is what the screen needs.
type Answer struct {
	Kind    Kind
	Outcome payment.Outcome // of the present sale: Paid, NotPaid, or NoOutcome while nothing is decided
	Reason  payment.Reason
	Advice  Advice
	Payment payment.ID    // Approved: the new payment; Again and Surplus: the earlier one
	Sale    payment.ID    // of Payment
	Amount  payment.Money // of Payment
	Wallet  string

	Programme string // of Noted and OtherMember
}
