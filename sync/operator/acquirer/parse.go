package acquirer

import (
	"net/http"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

type amount struct {
	Amount   int64            `json:"amount"`
	Currency payment.Currency `json:"currency"`
}

func of(m payment.Money) amount { return amount{m.Minor, m.Currency} }

// answer is a charge, or an error: see the package comment.
type answer struct {
	Error       string       `json:"error"`
	Reference   operator.Ref `json:"reference"`
	Transaction string       `json:"transaction"`
	amount
	State  string    `json:"state"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	Refund *struct {
		Reference operator.Ref `json:"reference"`
		Amount    int64        `json:"amount"`
	} `json:"refund"`
}

// refusals are the errors that say something of the money.
var refusals = map[string]operator.Answer{
	"not_found": {Outcome: operator.Absent},
	"too_late":  {Outcome: operator.TooLate},
	"not_paid":  {Outcome: operator.Declined},
	"over_rest": {Outcome: operator.Declined, Why: operator.OverLimit},
}

func read(r operator.Reply) (*answer, *operator.Answer) {
	a := new(answer)
	err := operator.ReadJSON(r.Body, a)
	none := &operator.Answer{Said: a.Error}
	no, known := refusals[a.Error]
	switch {
	case r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden:
		none.Err = operator.ErrCredentials
	case err == nil && known && r.Status >= 400 && r.Status < 500:
		no.Said = a.Error
		none = &no
	case r.Status != http.StatusOK:
		none.Err = operator.ErrStatus
	case err != nil:
		none.Err = err
	case a.Error != "" || a.State == "":
		none.Err = operator.ErrGarbled
	default:
		return a, nil
	}
	return nil, none
}

var states = map[string]operator.Outcome{"paid": operator.Paid, "confirming": operator.Confirming, "declined": operator.Declined,
	"reversed": operator.Reversed, "refunded": operator.Refunded}

// state is what became of a charge, if the answer is about it.
func (a *answer) state(ref operator.Ref, want payment.Money) operator.Answer {
	out := operator.Answer{Transaction: a.Transaction, Said: a.State, At: a.At.UTC()}
	if a.At.IsZero() || a.At.Year() < 2000 || a.At.Year() > 2199 {
		out.At = time.Time{}
	}
	o, known := states[a.State]
	switch {
	case a.Reference != ref || a.amount != of(want):
		out.Err = operator.ErrMismatch
	case !known:
		out.Err = operator.ErrGarbled
	default:
		out.Outcome = o
	}
	if out.Outcome == operator.Declined {
		if a.Reason != "" {
			out.Said = a.Reason
		}
		out.Why, _ = operator.ParseWhy(a.Reason)
	}
	return out
}

func (a *answer) refunded(r *operator.Refund) operator.Answer {
	out := a.state(r.Of.Ref, r.Of.Amount)
	if out.Err != nil {
		return out
	}
	out.Outcome, out.Why = operator.Unknown, operator.NoReason
	switch {
	case a.Refund == nil:
		out.Err = operator.ErrGarbled
	case a.Refund.Reference != r.Ref || a.Refund.Amount != r.Amount.Minor:
		out.Err = operator.ErrMismatch
	default:
		out.Outcome = operator.Refunded
	}
	return out
}
