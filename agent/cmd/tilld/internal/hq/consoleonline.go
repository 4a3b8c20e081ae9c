package hq

import (
	"context"
	"errors"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	pages "tilld/ui/hq"
)

// Online is the page of online payments.
func (c *console) Online(ctx context.Context) (o pages.Online, err error) {
	for _, h := range c.desk.Health() {
		o.Operators = append(o.Operators, pages.Operator{Wallet: h.Wallet, Silent: h.Silent, Since: h.Since, Last: h.Last, Why: h.Why})
	}
	if o.Waiting, err = c.troubles(ctx); err != nil {
		return o, err
	}
	rows, err := c.books.Attempts().Troubled(ctx, authorise.NoTrouble, pages.OnlineMost)
	if err != nil {
		return o, err
	}
	for i := range rows {
		o.Rows = append(o.Rows, viewAttempt(&rows[i]))
	}
	decided, err := c.books.Attempts().Decisions(ctx, pages.DecidedShown)
	for i := range decided {
		o.Decided = append(o.Decided, viewDecision(&decided[i]))
	}
	if err != nil {
		return o, err
	}
	return o, c.addRefunds(ctx, &o)
}

// troubles counts the attempts and refunds that a person has to look at.
func (c *console) troubles(ctx context.Context) (n int, err error) {
	counts, err := c.books.Attempts().Troubles(ctx)
	for _, k := range counts {
		n += k
	}
	if err != nil {
		return n, err
	}
	back, err := c.books.Refunds().Troubles(ctx)
	for _, k := range back {
		n += k
	}
	return n, err
}

func viewAttempt(a *authorise.Attempt) pages.Attempt {
	return pages.Attempt{
		Ref: string(a.Ref), Payment: a.Payment, Store: a.Store, Lane: a.Lane, Wallet: a.Wallet, Amount: a.Amount, Reference: a.Reference,
		Begun: a.Made, PaidAt: a.At, State: a.State.String(), Trouble: a.Trouble.String(), Transaction: a.Transaction, Said: a.Said,
	}
}

func viewDecision(d *ledger.AttemptDecision) pages.AttemptDecision {
	return pages.AttemptDecision{Ref: string(d.Ref), Payment: d.Payment, Store: d.Store, Lane: d.Lane, Wallet: d.Wallet, Amount: d.Amount,
		Choice: pages.Choice(d.What), Trouble: d.Trouble.String(), At: d.At, By: d.By, Why: d.Why}
}

// Attempt finds an attempt.
func (c *console) Attempt(ctx context.Context, ref string) (pages.Attempt, error) {
	const op = "hq.Attempt"
	if operator.Ref(ref).Validate() != nil {
		return pages.Attempt{}, payment.Errorf(payment.Invalid, op, "not a reference")
	}
	if isRefund(ref) {
		return c.refund(ctx, ref)
	}
	a, err := c.books.Attempts().Get(ctx, operator.Ref(ref))
	if errors.Is(err, authorise.ErrNone) {
		return pages.Attempt{}, payment.Errorf(payment.NotFound, op, "no attempt %s", ref)
	}
	return viewAttempt(&a), err
}

// choiceEvents are what the desk does for each choice, in order. What is taken back is no lane's silence any more.
var choiceEvents = map[pages.Choice][]authorise.Event{
	pages.Complete: {authorise.Complete{}},
	pages.Reverse:  {authorise.Reverse{}, authorise.Cleared{}},
	pages.Cleared:  {authorise.Cleared{}},
}

// DecideAttempt writes down who decides what, and does it. Between the two nothing is lost: an attempt that was not
// changed is there still, and is decided again.
func (c *console) DecideAttempt(ctx context.Context, who, ref string, choice pages.Choice, why string) error {
	const op = "hq.DecideAttempt"
	if isRefund(ref) {
		return c.decideRefund(ctx, who, ref, choice, why)
	}
	events := choiceEvents[choice]
	if events == nil {
		return payment.Errorf(payment.Invalid, op, "no such choice: %q", string(choice))
	}
	if err := c.books.Attempts().Decided(ctx, operator.Ref(ref), string(choice), who, why); err != nil {
		return err
	}
	for _, e := range events {
		_, err := c.desk.Decide(ctx, operator.Ref(ref), e)
		if errors.Is(err, authorise.ErrCompleted) {
			return payment.Errorf(payment.Conflict, op, "%w", err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
