package checkout

import (
	"errors"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
)

const op = "checkout.Apply"

// Errors of Apply that a caller acts on. They come inside a *payment.Error.
var (
	ErrRollFirst = errors.New("the business date must roll first")
	ErrPhase     = errors.New("not in this phase of the sale")
)

// Apply decides on one event. An error means that the event was not possible; then nothing changes and
// nothing is to be journalled. It is a *payment.Error whose message can be shown. A code that is not taken is
// no error but a Decision.
func Apply(s State, e Event, c Context) (Decision, error) {
	switch e := e.(type) {
	case OpenSale:
		return openSale(s, e, c)
	case Scan:
		return scan(s, e, c)
	case Cancel:
		return cancel(s, e, c)
	case Complete:
		return complete(s, e, c)
	case Void:
		return void(s, e, c)
	case DayRoll:
		return dayRoll(s, e, c)
	case Heard:
		return heard(s, e, c)
	case Late:
		return late(s, e)
	case FallBack:
		return fallBack(s, e, c)
	case GiveUp:
		return giveUp(s, e, c)
	case Park:
		return park(s, e, c)
	case Dismiss:
		return dismiss(s, e, c)
	case Offer:
		return offer(s, e, c)
	case GiveBack:
		return giveBack(s, e, c)
	case RefundHeard:
		return refundHeard(s, e, c)
	case RefundLate:
		return refundLate(s, e)
	case DismissRefund:
		return dismissRefund(s, e)
	case Another:
		s.Another = true
		return Decision{State: s}, nil
	}
	return Decision{}, payment.Errorf(payment.Internal, op, "unknown event %T", e)
}

// canWrite refuses what must be journalled and can't be.
func canWrite(c Context) error {
	if c.Stopped {
		return payment.Errorf(payment.Retry, op, "this lane can't write its journal: it must not sell")
	}
	return nil
}

// wrongPhase says what can't be done with a sale, and why.
func wrongPhase(id payment.ID, p Phase, what string) error {
	return payment.Errorf(payment.Conflict, op, "sale %s is %s and can't be %s: %w", id, p, what, ErrPhase)
}

// draft begins an entry of the day that is open.
func draft(s *State, c Context, f payment.Fact) Draft {
	d := Draft{Fact: f, Date: s.Day}
	if p := c.Bundle.Policy(); p != nil {
		d.Policy = p.Version
	}
	return d
}

// saleDraft begins an entry about the present sale.
func saleDraft(s *State, c Context, f payment.Fact) Draft {
	d := draft(s, c, f)
	d.Sale, d.Training = s.Sale.ID, s.Sale.Training
	return d
}

func openSale(s State, e OpenSale, c Context) (Decision, error) {
	if err := canWrite(c); err != nil {
		return Decision{}, err
	}
	if err := e.Sale.Validate(); err != nil {
		return Decision{}, err
	}
	switch {
	case e.Sale.ID.IsZero() || e.Sale.ID == s.Sale.ID:
		return Decision{}, payment.Errorf(payment.Internal, op, "a sale needs an identifier of its own")
	case len(e.Request) != len(e.Digest):
		return Decision{}, payment.Errorf(payment.Internal, op, "an idempotency key without the digest of its request")
	case s.Phase.Waiting():
		return Decision{}, payment.Errorf(payment.Conflict, op, "sale %s is open: finish or cancel it: %w", s.Sale.ID, ErrPhase)
	case s.Phase.Asked():
		return Decision{}, payment.Errorf(payment.Conflict, op, "sale %s waits for its wallet: park it or take it back: %w", s.Sale.ID, ErrPhase)
	case s.Day == 0 && businessDate(c).Validate() != nil:
		return Decision{}, payment.Errorf(payment.NotAllowed, op, "this machine's clock says %s: set it", c.Now.Time.Format(time.DateOnly))
	case s.Day == 0 || RollDue(s, c):
		return Decision{}, payment.Errorf(payment.Retry, op, "%w", ErrRollFirst)
	}
	p := c.Bundle.Policy()
	if e.Sale.Training && (p == nil || !p.Feature(policy.Training)) {
		return Decision{}, payment.Errorf(payment.NotAllowed, op, "training: HQ's policy has practice sales switched off (features, %q)", policy.Training)
	}
	if p != nil && e.Sale.Total.Currency != p.Currency {
		return Decision{}, payment.Errorf(payment.Invalid, op, "total: this store sells in %s, not %s", p.Currency, e.Sale.Total.Currency)
	}
	s.Phase, s.Sale, s.Touched, s.Refusal = Open, e.Sale, c.Now.Boot, Refusal{}
	s.Attempt, s.Another, s.Offer, s.Members = Attempt{}, false, Offered{}, nil
	d := saleDraft(&s, c, &payment.SaleOpened{
		Reference: e.Sale.Reference, Total: e.Sale.Total, Due: e.Sale.Due(), Tax: e.Sale.Tax, Eligible: e.Sale.Eligible,
		Request: e.Request, Digest: e.Digest, Tenders: e.Sale.Tenders, TenderNames: payment.TenderNames(e.Sale.Tenders),
	})
	if e.Sale.Cashier != "" || len(e.Sale.Lines) > 0 {
		d.Body = &payment.Body{Cashier: e.Sale.Cashier, Lines: e.Sale.Lines, SKUs: e.Sale.SKUs}
	}
	return Decision{State: s, Drafts: []Draft{d}}, nil
}

func cancel(s State, e Cancel, c Context) (Decision, error) {
	switch {
	case e.Sale != s.Sale.ID || s.Phase == Idle:
		return Decision{}, payment.Errorf(payment.NotFound, op, "sale %s is not the present one: only that can be cancelled", e.Sale)
	case s.Phase == Cancelled:
		return Decision{State: s}, nil
	case s.Phase.Asked():
		return Decision{}, payment.Errorf(payment.Conflict, op, "sale %s waits for its wallet: take that back first: %w", e.Sale, ErrPhase)
	case !s.Phase.Waiting():
		return Decision{}, wrongPhase(e.Sale, s.Phase, "cancelled")
	}
	if err := canWrite(c); err != nil {
		return Decision{}, err
	}
	return endSale(s, c), nil
}

func endSale(s State, c Context) Decision {
	s.Phase, s.Touched, s.Refusal = Cancelled, c.Now.Boot, Refusal{}
	return Decision{State: s, Drafts: []Draft{saleDraft(&s, c, &payment.SaleCancelled{})}, Answer: Answer{Outcome: payment.NotPaid}}
}

func complete(s State, e Complete, c Context) (Decision, error) {
	present := e.Sale == s.Sale.ID && s.Phase != Idle
	phase := e.Phase
	if present {
		phase = s.Phase
	}
	switch phase {
	case Completed:
		return Decision{State: s}, nil
	case Paid:
	case Idle:
		return Decision{}, payment.Errorf(payment.NotFound, op, "there is no sale %s at this lane", e.Sale)
	case Open, Refused, Cancelled, Voided, Asking, Pending, Unknown:
		return Decision{}, wrongPhase(e.Sale, phase, "completed")
	default:
		return Decision{}, payment.Errorf(payment.Internal, op, "sale %s is in an unknown phase", e.Sale)
	}
	if err := canWrite(c); err != nil {
		return Decision{}, err
	}
	d := draft(&s, c, &payment.SaleCompleted{})
	d.Sale = e.Sale
	if present {
		s.Phase, s.Touched, d.Training = Completed, c.Now.Boot, s.Sale.Training
	}
	return Decision{State: s, Drafts: []Draft{d}}, nil
}

func checkSpent(k Known) error {
	const most = 1 << 60 // far above what payment.MaxMinor and a share's count can sum to
	if k.Spent.Account < 0 || k.Spent.Account > most || k.Spent.Sum < 0 || k.Spent.Sum > most || k.Spent.Count > most || k.Spent.AccountCount > most {
		return fmt.Errorf("looked-up sums are out of range: %+v", k.Spent)
	}
	return nil
}
