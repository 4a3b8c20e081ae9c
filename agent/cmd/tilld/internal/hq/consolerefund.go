package hq

import (
	"context"
	"errors"
	"slices"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/operator"
	pages "tilld/ui/hq"
)

// isRefund tells a refund's reference from an attempt's.
func isRefund(ref string) bool { _, ok := payment.ParseRefundRef(ref); return ok }

// addRefunds puts the refunds that a person has to look at on the page of online payments, and what was decided about some.
func (c *console) addRefunds(ctx context.Context, o *pages.Online) error {
	rows, err := c.books.Refunds().Troubled(ctx, pages.OnlineMost)
	if err != nil {
		return err
	}
	for i := range rows {
		o.Rows = append(o.Rows, viewRefund(&rows[i]))
	}
	slices.SortStableFunc(o.Rows, func(a, b pages.Attempt) int { return b.Begun.Compare(a.Begun) })
	o.Rows = o.Rows[:min(len(o.Rows), pages.OnlineMost)]
	decided, err := c.books.Refunds().Decisions(ctx, pages.DecidedShown)
	for i := range decided {
		d := viewDecision(&decided[i])
		if d.Trouble = "refund_failed"; d.Choice == pages.Complete {
			d.Choice = pages.Credited
		}
		o.Decided = append(o.Decided, d)
	}
	slices.SortStableFunc(o.Decided, func(a, b pages.AttemptDecision) int { return b.At.Compare(a.At) })
	o.Decided = o.Decided[:min(len(o.Decided), pages.DecidedShown)]
	return err
}

func viewRefund(r *authorise.Refunding) pages.Attempt {
	a := pages.Attempt{
		Ref: string(r.Ref), Payment: r.Payment, Store: r.Store, Lane: r.Lane, Wallet: r.Wallet, Amount: r.Amount, Reference: r.Reference,
		Begun: r.Made, State: "refunding", Trouble: r.Trouble.String(), Transaction: r.Transaction, Said: r.Said,
	}
	if r.State == authorise.RefundByHand {
		a.State, a.Trouble = "manual", "refund_failed"
	}
	return a
}

func (c *console) refund(ctx context.Context, ref string) (pages.Attempt, error) {
	r, err := c.books.Refunds().GetRefund(ctx, operator.Ref(ref))
	if errors.Is(err, authorise.ErrNone) {
		return pages.Attempt{}, payment.Errorf(payment.NotFound, "hq.Attempt", "no refund %s", ref)
	}
	return viewRefund(&r), err
}

// refundChoices are what is kept and what the desk does for each choice about a refund.
var refundChoices = map[pages.Choice]struct {
	kept  string
	event authorise.RefundEvent
}{
	pages.Credited: {"complete", authorise.CreditedByHand{}},
	pages.Cleared:  {"cleared", authorise.LeftAlone{}},
}

// decideRefund is DecideAttempt, of a refund.
func (c *console) decideRefund(ctx context.Context, who, ref string, choice pages.Choice, why string) error {
	to, ok := refundChoices[choice]
	if !ok {
		return payment.Errorf(payment.Invalid, "hq.DecideAttempt", "no such choice: %q", string(choice))
	}
	if err := c.books.Refunds().Decided(ctx, operator.Ref(ref), to.kept, who, why); err != nil {
		return err
	}
	_, err := c.desk.DecideRefund(ctx, operator.Ref(ref), to.event)
	return err
}
