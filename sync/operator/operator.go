package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"tilld/agent/payment"
)

// Operator is one wallet operator, as one connector reaches it. Its methods may be called from any number of
// goroutines. They return when there is an answer or ctx ends, whichever is first, and bound themselves by
// Rules.Timeout when ctx does not: they never hang. They never panic on what the operator sends, and what they return
// names no code and no credential.
type Operator interface {
	// Rules is what the operator's documents say of time and form. It does not change.
	Rules() Rules
	// Pay asks for money. The same Charge may be sent again under the same reference when Rules.PayAgain allows it, and
	// only then.
	Pay(ctx context.Context, c Charge) Answer
	// Query asks what became of a charge. Outcomes are those of Pay, and Absent, Reversed and Refunded.
	Query(ctx context.Context, f Find) Answer
	// Cancel takes a charge back, or makes sure that it never comes to one: Reversed says so. Declined means that the
	// operator will not cancel it, TooLate that a refund is what is left.
	Cancel(ctx context.Context, f Find) Answer
	// Refund pays back a part or all of what was paid. Refunded is its success; the same refund under the same reference
	// is paid once.
	Refund(ctx context.Context, r Refund) Answer
}

// Ref is what we call an attempt or a refund towards the operator: 1 to 32 of [A-Za-z0-9], never used for two. It is
// the operator's idempotency key. A new customer code needs a new one (WeChat Pay: chapter 4.1.21 of its API).
type Ref string

// MaxRef is the longest reference that every operator takes.
const MaxRef = 32

// ErrRef reports a reference that not every operator takes.
var ErrRef = errors.New("not an operator reference: 1 to 32 letters and digits")

// NewRef names an attempt, 0 to 99, of a payment.
func NewRef(id payment.ID, attempt int) (Ref, error) {
	if id.IsZero() || attempt < 0 || attempt > 99 {
		return "", fmt.Errorf("%w: attempt %d of payment %s", ErrRef, attempt, id)
	}
	return Ref(fmt.Sprintf("%s%02d", id, attempt)), nil
}

// Validate says whether every operator would take it.
func (r Ref) Validate() error {
	if len(r) < 1 || len(r) > MaxRef {
		return fmt.Errorf("%w: %d characters", ErrRef, len(r))
	}
	for i := range len(r) {
		if c := r[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return fmt.Errorf("%w: character %d", ErrRef, i+1)
		}
	}
	return nil
}

// Shop is what the operator calls the place where the money is asked for. Operators give these out; which of them an
// operator wants is in its connector.
type Shop struct {
	Merchant string `json:"merchant"`
	Store    string `json:"store,omitempty"`
	Terminal string `json:"terminal,omitempty"`
}

// Code is a customer's code in plain. It does not print.
type Code string

// String hides the code.
func (Code) String() string { return "[code]" }

// GoString hides the code.
func (Code) GoString() string { return "[code]" }

// LogValue hides the code.
func (Code) LogValue() slog.Value { return slog.StringValue("[code]") }

// MarshalText hides the code.
func (Code) MarshalText() ([]byte, error) { return []byte("[code]"), nil }

// Charge is one attempt to be paid.
type Charge struct {
	Ref    Ref
	Code   Code // as it was scanned, byte for byte; it dies with the request
	Amount payment.Money
	Shop   Shop
	Sale   string    // how the shop's own POS calls the sale, for the operator's records; "": nothing is said
	Made   time.Time // when HQ decided to ask; the same in each repeat
}

// Find names a charge that was sent, or may have been.
type Find struct {
	Ref         Ref
	Transaction string // the operator's own ID, once it is known; "": it is not
	Amount      payment.Money
	Shop        Shop
	Made        time.Time // of the Charge
}

// Refund asks to pay back.
type Refund struct {
	Ref    Ref // of the refund itself
	Of     Find
	Amount payment.Money // at most Of.Amount less what was refunded before
}

// Outcome is what an answer comes to. The zero value is Unknown.
type Outcome uint8

// The outcomes. Final ones never change by asking again; the others are to be asked about until they do.
const (
	Unknown    Outcome = iota // nobody knows here: it may have been paid
	Confirming                // the customer is asked on the phone
	NotSent                   // no byte left this machine: the operator knows of nothing
	Absent                    // the operator has no such charge, as far as it knows now
	Paid                      // final: the money is the shop's
	Declined                  // final: no money moved, and none will under this reference
	Reversed                  // final: taken back, or closed before it was paid
	Refunded                  // final: paid back
	TooLate                   // final for a cancel: its window is over
	outcomeEnd
)

var outcomeNames = [outcomeEnd]string{"unknown", "confirming", "not_sent", "absent", "paid", "declined", "reversed", "refunded", "too_late"}

// String is the outcome's name, such as "paid".
func (o Outcome) String() string {
	if o < outcomeEnd {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome_%d", uint8(o))
}

// MarshalText writes String.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *Outcome) UnmarshalText(text []byte) error {
	i := slices.Index(outcomeNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no outcome", text)
	}
	*o = Outcome(i)
	return nil
}

// Final says that asking again gives the same.
func (o Outcome) Final() bool {
	switch o {
	case Paid, Declined, Reversed, Refunded, TooLate:
		return true
	case Unknown, Confirming, NotSent, Absent:
		return false
	}
	return false
}

// Why says why a charge was declined, as far as a cashier can act on it. The numbers are stored.
type Why uint8

// The causes. NoReason is for whatever is none of the others; the operator's own code is in Answer.Said.
const (
	NoReason        Why = iota
	CodeInvalid         // not a code of this operator, or broken
	CodeExpired         // too old: the customer shows a new one
	CodeUsed            // this code paid already
	NoFunds             // the balance is too low
	OverLimit           // above a limit of the customer's account
	CustomerSaidNo      // cancelled on the phone
	CustomerTooSlow     // not confirmed in time
	AccountStopped      // the operator has stopped this customer
	ShopNotAllowed      // the operator does not serve this shop, or this amount there
	RefUsed             // the reference stands for another charge: ours to look into
	Duplicate           // the operator takes it for a repeat of another charge

	// Said by HQ itself, which did not ask the operator.
	Late            // the lane did not want it any more when HQ heard of it
	Busy            // too much is under way to the operator
	NotEnabled      // the store does not take this wallet online, or no operator is asked for it
	TerminalRevoked // the lane may not sell
	CodeUnreadable  // the code was not sealed to a key of HQ's, or not for this attempt
	AnotherOpen     // another attempt of the same payment is not over

	// Said by HQ itself, of a refund.
	PaymentUnknown // HQ knows no such payment, or not by this wallet or in this currency
	PaymentWaits   // it is not decided yet whether the payment stands
	PaymentVoided  // the lane took the payment back
	PaymentLost    // the payment was written off: nobody was charged
	OverPayment    // more than is left of the payment
	OtherOwner     // the payment is another legal entity's
	WholeOnly      // the operator gives no part back
	TooLateBack    // the operator's time for refunds is over
	whyEnd
)

var whyNames = [whyEnd]string{"", "code_invalid", "code_expired", "code_used", "no_funds", "over_limit", "customer_said_no",
	"customer_too_slow", "account_stopped", "shop_not_allowed", "ref_used", "duplicate",
	"late", "busy", "not_enabled", "terminal_revoked", "code_unreadable", "another_open",
	"payment_unknown", "payment_waits", "payment_voided", "payment_lost", "over_payment", "other_owner", "whole_only", "too_late_back"}

// String is the cause's name, such as "code_used", or "" for none.
func (w Why) String() string {
	if w < whyEnd {
		return whyNames[w]
	}
	return fmt.Sprintf("why_%d", uint8(w))
}

// MarshalText writes String.
func (w Why) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (w *Why) UnmarshalText(text []byte) error {
	parsed, ok := ParseWhy(string(text))
	if !ok {
		return fmt.Errorf("%q is no cause", text)
	}
	*w = parsed
	return nil
}

// Answer is what an operator said, or that it said nothing.
type Answer struct {
	Outcome     Outcome
	Why         Why       // of Declined
	Transaction string    // the operator's own ID, up to 64 printable characters; "": none was given
	At          time.Time // when the operator says it happened; zero: it does not
	Said        string    // the operator's own code or status, up to 64 printable characters, for logs and exceptions
	Err         error     // of Unknown and NotSent: why there is no answer; it names no code and no credential
}

// Rules are an operator's own, from its documents.
type Rules struct {
	Timeout       time.Duration // for one call; a shorter one makes Unknowns of what would have been answers
	QueryAfter    time.Duration // without a final answer: when to ask first what became of a charge
	QueryEvery    time.Duration // and then how often
	GiveUp        time.Duration // when to stop waiting for the customer, and to cancel
	CancelAfter   time.Duration // a cancel before this, counted from the charge, is refused by the operator
	CancelUntil   Window        // until when a cancel is possible; then a refund
	RefundFor     time.Duration // until when a refund is possible, from the charge; 0: no refunds
	PartialRefund bool
	PayAgain      bool          // the same Charge sent again comes to one charge and gives the first one's answer
	AbsentIsFinal time.Duration // from the charge: when "no such charge" means that it will never come
}

// A Window is a time of the operator's own day.
type Window struct {
	Zone *time.Location // of the operator's day; nil: there is no window, a cancel is always possible
	Days int            // 0: the day of the charge, 1: the next
	End  time.Duration  // into that day, exclusive; beyond 24 h: into the one after
}

// Ends is when the window of a charge is over; the zero time: never.
func (w Window) Ends(charged time.Time) time.Time {
	if w.Zone == nil {
		return time.Time{}
	}
	y, m, d := charged.In(w.Zone).Date()
	hours, rest := int(w.End/time.Hour), w.End%time.Hour
	// By the wall of that zone, not by 24 hours a day: a day of a clock change has 23 or 25.
	return time.Date(y, m, d+w.Days, hours, 0, 0, int(rest), w.Zone)
}

// CancelEnds is when a charge can't be cancelled any more; the zero time: never.
func (r *Rules) CancelEnds(charged time.Time) time.Time { return r.CancelUntil.Ends(charged) }
