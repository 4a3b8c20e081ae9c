package cashier

import (
	"context"
	"net/http"
	"strings"
	"unicode"

	"tilld/agent/payment"
)

// GiveBack is what the cashier wants to be given back.
type GiveBack struct {
	Payment    payment.ID
	Amount     payment.Money
	Supervisor string // who approved; empty: nobody was asked, where the policy lets a cashier
}

// Refund is money that is given back through HQ.
type Refund struct {
	Ref     string // names it, for DismissRefund
	Payment payment.ID
	Amount  payment.Money
	Wallet  string          // empty: another lane's payment, and HQ has not said
	Outcome payment.Outcome // Paid: given back; NotPaid: not; Unknown: HQ goes on with it; NoOutcome: HQ is being asked
	Reason  payment.Reason  // of NotPaid
}

// State is the state of the screen that looks like it: what is given back is as good as an answer can be.
func (r Refund) State() State {
	switch r.Outcome {
	case payment.Paid:
		return Paid
	case payment.NotPaid:
		return Refused
	case payment.NoOutcome:
		return Asking
	}
	return Unknown
}

// Seen says whether somebody may take it off the list: HQ has said what becomes of it, or the customer need not wait.
func (r Refund) Seen() bool { return r.Outcome != payment.NoOutcome }

// Declined counts the refunds that were not given back, and that nobody has seen.
func (v View) Declined() (n int) {
	for _, r := range v.Refunds {
		if r.Outcome == payment.NotPaid {
			n++
		}
	}
	return n
}

// Sum is what is left of a row's payment, as one types it.
func (r Row) Sum() string { return r.Left.Decimal(r.Left.Currency.Exponent()) }

// Refunder is the part of a Lane that gives money back.
type Refunder interface {
	// GiveBack gives money back of a payment of this lane or another: the lane chooses how. Forbidden: the manager has to
	// approve; Conflict: more than is left; NotFound: no such payment; NotAllowed: switched off; Retry: HQ is needed for it,
	// and away, or it has not got the payment.
	GiveBack(ctx context.Context, g GiveBack) error
	// DismissRefund takes a refund off the list. Conflict: HQ is being asked.
	DismissRefund(ctx context.Context, ref string) error
}

// giveBack reads what the cashier typed. Where cashiers may give back by themselves, name and PIN may both be missing: then
// the lane says whether this is such a case.
func (p *Page) giveBack(r *http.Request) error {
	const op = "cashier.giveback"
	g := GiveBack{Supervisor: strings.TrimSpace(r.FormValue("supervisor"))}
	var err error
	if g.Payment, err = payment.ParseID(strings.ToUpper(strings.TrimSpace(r.FormValue("payment")))); err != nil {
		return payment.Errorf(payment.NotFound, op, "%w", err)
	}
	text := strings.NewReplacer(",", "", " ", "", "\u3000", "").Replace(r.FormValue("sum"))
	if g.Amount, err = payment.ParseMoney(text, p.lane.Currency()); err == nil {
		err = g.Amount.Validate()
	}
	if err != nil {
		return payment.Errorf(payment.Invalid, op, "%w", err)
	}
	pin := r.FormValue("pin")
	if g.Supervisor == "" && pin == "" && p.lane.View().Alone {
		return p.lane.GiveBack(r.Context(), g)
	}
	if len(g.Supervisor) > 64 || !strings.ContainsFunc(g.Supervisor, unicode.IsLetter) { // a PIN in the wrong field is not journalled as a name
		return payment.Errorf(payment.Forbidden, op, "the manager's name is missing, too long or no name")
	}
	if err := p.pin.Check(pin); err != nil {
		return err
	}
	return p.lane.GiveBack(r.Context(), g)
}
