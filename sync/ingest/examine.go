package ingest

import (
	"context"
	"errors"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// place is where a terminal stands, by its enrolment.
type place struct{ store, lane string }

// examine says what an entry is and what is wrong with it, as far as that can be told without the books. The
// same entry gives the same answer whenever it is examined. An error is the archive's, never the entry's.
func (g *Ingest) examine(ctx context.Context, h *ledger.Held, at place) (ledger.Judgement, error) {
	j := ledger.Judgement{Entry: *h}
	e, err := wire.DecodeEntry(h.Payload)
	if err != nil {
		// Its place in the chain holds, or it would not be here; what it says is for a later release.
		j.Kind, j.Detail = ledger.SetAside, err.Error()
		return j, nil
	}
	if e.Training && practised(e.Kind) {
		j.WithoutLeave = g.withoutLeave(ctx, e)
		return j, nil
	}
	switch f := e.Fact.(type) {
	case *payment.SaleOpened:
		return j, g.basket(ctx, &j, e)
	case *payment.Member:
		return j, g.member(ctx, &j, e, f)
	case *payment.Approved:
		err = g.approval(ctx, &j, e, f, at)
	case *payment.Carried:
		err = g.carried(ctx, &j, e, f, at)
	case *payment.Authorised:
		err = g.authorised(ctx, &j, e, f, at)
	case *payment.Reversed:
		reversed(&j, e, f)
	case *payment.Asked:
		asked(&j, e, f)
	case *payment.RefundAsked:
		refund(&j, e, f.Ref, f.Amount, f.Wallet)
	case *payment.Refunded:
		refund(&j, e, f.Ref, f.Amount, f.Wallet)
	case *payment.RefundDeclined:
		refund(&j, e, f.Ref, f.Amount, f.Wallet)
	case *payment.Voided:
		j.Void = &ledger.Void{Amount: f.Amount, Wallet: f.Wallet, Of: f.Of, Acked: f.Acked, BusinessDate: e.BusinessDate}
		if e.Payment != nil {
			j.Void.Payment = *e.Payment
		}
	case *payment.DayClosed:
		if err := e.BusinessDate.Validate(); err != nil {
			j.Kind, j.Detail = ledger.Malformed, err.Error()
			return j, nil
		}
		j.Close = &ledger.Close{BusinessDate: e.BusinessDate, FirstSeq: f.FirstSeq, Totals: f.Totals}
	case *payment.EpochOpened:
		j.Opened = &ledger.Opened{Parent: f.ParentEpoch, After: f.ParentSeq}
	case *payment.KeyChanged:
		if _, err := wire.CheckKeyChange(f, e.Name()); err != nil {
			j.Kind, j.Detail = ledger.KeyRefused, err.Error()
		} else {
			j.NewKey = f.NewKey
		}
	}
	if err == nil && (j.Approval != nil || j.Authorised != nil || j.Carried != nil) {
		j.Figures, j.Points, err = g.figures(ctx, e)
	}
	return j, err
}

// practised says whether a kind of entry can be of a practice sale, which moves nothing. The flag on any other hides
// nothing: epochs, keys and days are real.
func practised(k payment.Kind) bool {
	switch k {
	case payment.KindEpochOpened, payment.KindKeyChanged, payment.KindDayOpened, payment.KindDayClosed:
		return false
	}
	return true
}

// approval examines an approval. A finding does not end the examination of what it does not concern: a code
// that holds is used up though the amount was too high.
func (g *Ingest) approval(ctx context.Context, j *ledger.Judgement, e *wire.Entry, f *payment.Approved, at place) error {
	j.Approval = &ledger.Approval{Amount: f.Amount, Wallet: f.Wallet, BusinessDate: e.BusinessDate, Policy: e.Policy, TakenAt: e.Wall,
		AccountSpent: f.Limits.AccountSpent, ShareUsed: f.Limits.ShareUsed, ShareCount: f.Limits.CountUsed}
	if f.AccountCount != nil {
		j.Approval.AccountUsed = f.AccountCount.Used
	}
	if err := sense(e, f); err != nil {
		j.Kind, j.Detail = ledger.Malformed, err.Error()
		return nil
	}
	j.Approval.Payment = *e.Payment
	if e.Sale != nil {
		j.Approval.Sale = *e.Sale
	}
	x := &approvalCheck{g: g, j: j, e: e, f: f, at: at}
	for _, step := range []func(context.Context) (ledger.Kind, string, error){x.evidence, x.code, x.claims, x.policy, x.place, x.time, x.caps} {
		kind, detail, err := step(ctx)
		if err != nil {
			return err
		}
		if kind != "" {
			j.Kind, j.Detail = kind, detail
			return nil
		}
	}
	return nil
}

// sense refuses what could not be a payment whoever sent it.
func sense(e *wire.Entry, f *payment.Approved) error {
	switch {
	case e.Payment == nil || e.Payment.IsZero():
		return errors.New("the approval names no payment")
	case f.Replay.Counter > 1<<62:
		return errors.New("the code's counter is out of range")
	}
	if err := f.Amount.Validate(); err != nil {
		return err
	}
	if err := wire.CheckName("wallet", f.Wallet); err != nil {
		return err
	}
	return senseOfTerms(e)
}

// senseOfTerms is sense, of what an approval says about the terms that it was decided by.
func senseOfTerms(e *wire.Entry) error {
	if e.Policy > 1<<62 {
		return errors.New("the policy's version is out of range")
	}
	if err := e.BusinessDate.Validate(); err != nil {
		return fmt.Errorf("business date: %w", err)
	}
	return nil
}
