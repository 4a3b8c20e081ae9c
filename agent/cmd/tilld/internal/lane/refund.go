package lane

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/payment"
	"tilld/agent/posapi"
	"tilld/ui/cashier"
	"tilld/ui/web"
)

// GiveBack gives money back of a payment.
func (s screen) GiveBack(ctx context.Context, g cashier.GiveBack) error {
	_, err := s.lane.GiveBack(ctx, lane.GiveBack{Payment: g.Payment, Amount: g.Amount, Supervisor: g.Supervisor})
	return err
}

// DismissRefund takes a refund off the list.
func (s screen) DismissRefund(ctx context.Context, ref string) error {
	return s.lane.DismissRefund(ctx, ref)
}

func refunds(v lane.View) (list []cashier.Refund) {
	for _, r := range v.Refunds {
		list = append(list, cashier.Refund{Ref: r.Ref, Payment: r.Payment, Amount: r.Amount, Wallet: r.Wallet, Outcome: r.Outcome, Reason: r.Why})
	}
	return list
}

// given is what was given back of payments, by this lane.
type given struct {
	on  bool // the policy lets money be given back through HQ
	sum map[payment.ID]int64
}

func (s screen) givenBack(ctx context.Context, v lane.View) (given, error) {
	g := given{on: v.Refund, sum: map[payment.ID]int64{}}
	list, err := s.journal.Refunds(ctx, v.Day) // of today's payments nothing was given back before
	for _, r := range list {
		if r.State != journal.RefundDeclined {
			g.sum[r.Payment] += r.Amount.Minor
		}
	}
	return g, err
}

// fill says of a row what was given back, and what can be.
func (g given) fill(r *cashier.Row, p *journal.Payment) {
	sum := g.sum[p.ID]
	if sum > 0 {
		r.Given = payment.Of(sum, p.Amount.Currency)
	}
	if g.on && !p.Voided && !p.Training && sum < p.Amount.Minor {
		r.Left = payment.Of(p.Amount.Minor-sum, p.Amount.Currency)
	}
}

// GiveBack gives money back for the shop's own program. Its key makes the refund's identifier: asked again, it is the same.
func (t till) GiveBack(ctx context.Context, g posapi.GiveBack) (posapi.Refund, error) {
	if g.PIN != "" {
		if err := t.checkPIN(g.PIN); err != nil {
			return posapi.Refund{}, err
		}
	}
	sum := sha256.Sum256([]byte("tilld/refund/1 " + t.id.Terminal.String() + " " + g.Key))
	back, err := t.lane.GiveBack(ctx, lane.GiveBack{ID: payment.ID(sum[:16]), Payment: g.Payment, Amount: g.Amount, Supervisor: g.Supervisor})
	if err != nil {
		return posapi.Refund{}, err
	}
	if back.Voided {
		return posapi.Refund{Payment: g.Payment, State: "voided"}, nil
	}
	return refundOf(&back.Refund), nil
}

// checkPIN says in the API's terms what is wrong with a PIN.
func (t till) checkPIN(pin string) error {
	err := t.pin.Check(pin)
	if _, locked := errors.AsType[*web.Locked](err); locked || errors.Is(err, web.ErrWrongPIN) || errors.Is(err, web.ErrNoPIN) {
		return payment.Errorf(payment.Forbidden, "lane.GiveBack", "%w", err)
	}
	return err
}

// Refunds lists what this lane was asked to give back of a payment.
func (t till) Refunds(ctx context.Context, id payment.ID) ([]posapi.Refund, error) {
	list, err := t.lane.Refunds(ctx, id)
	out := make([]posapi.Refund, len(list))
	for i := range list {
		out[i] = refundOf(&list[i])
	}
	return out, err
}

func refundOf(r *journal.Refund) posapi.Refund {
	v := posapi.Refund{Ref: r.Ref, Payment: r.Payment, Amount: r.Amount, Wallet: r.Wallet, AskedAt: time.UnixMilli(r.Wall).UTC(), State: string(r.State)}
	if r.State == journal.RefundDeclined {
		v.Reason = checkout.RefundReasonOf(r.Why)
	}
	return v
}
