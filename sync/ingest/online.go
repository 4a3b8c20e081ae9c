package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

// authorised examines an online approval. It needs no evidence: whether the customer was charged is HQ's own to know,
// and the ledger asks its own attempt.
func (g *Ingest) authorised(ctx context.Context, j *ledger.Judgement, e *wire.Entry, f *payment.Authorised, at place) error {
	o, err := attemptOf(e, f.Ref, f.Amount, f.Wallet, f.At)
	j.Authorised = &ledger.Authorised{Online: o, Transaction: f.Transaction, BusinessDate: e.BusinessDate, Policy: e.Policy, TakenAt: e.Wall}
	if err == nil {
		err = senseOfTerms(e)
	}
	if err != nil {
		j.Kind, j.Detail = ledger.Malformed, err.Error()
		return nil
	}
	doc, err := g.papers.policy(ctx, e.Policy)
	if err != nil {
		return err
	}
	if doc == nil {
		j.Kind, j.Detail = ledger.PolicyUnknown, fmt.Sprintf("the entry names policy %d", e.Policy)
		return nil
	}
	terms := doc.Terms(at.store, at.lane)
	switch {
	case !terms.Takes(f.Wallet):
		j.Kind, j.Detail = ledger.NotTaken, fmt.Sprintf("policy %d did not let this store take %s", doc.Version, f.Wallet)
	case e.Store != at.store || e.Lane != at.lane:
		j.Kind, j.Detail = elsewhere(e, at)
	}
	return nil
}

// reversed examines an attempt that a lane gave up.
func reversed(j *ledger.Judgement, e *wire.Entry, f *payment.Reversed) {
	o, err := attemptOf(e, f.Ref, f.Amount, f.Wallet, 0)
	if j.Reversed = &o; err != nil {
		j.Kind, j.Detail = ledger.Malformed, err.Error()
	}
}

// asked examines an intent. One that makes no sense moves nothing, and needs nobody.
func asked(j *ledger.Judgement, e *wire.Entry, f *payment.Asked) {
	if o, err := attemptOf(e, f.Ref, f.Amount, f.Wallet, f.NotAfter); err == nil {
		j.Asked = &o
	}
}

// attemptOf reads which attempt an entry is about, and refuses what could be none whoever sent it.
func attemptOf(e *wire.Entry, ref string, amount payment.Money, wallet string, until int64) (ledger.Online, error) {
	o := ledger.Online{Ref: operator.Ref(ref), Amount: amount, Wallet: wallet}
	if e.Sale != nil {
		o.Sale = *e.Sale
	}
	if e.Payment == nil || e.Payment.IsZero() {
		return o, errors.New("the entry names no payment")
	}
	o.Payment = *e.Payment
	if err := o.Ref.Validate(); err != nil {
		return o, err
	}
	if !strings.HasPrefix(ref, e.Payment.String()) {
		return o, fmt.Errorf("attempt %s is not of payment %s", ref, e.Payment)
	}
	if until < 0 || until > 1<<50 {
		return o, errors.New("HQ's time is out of range")
	}
	if until > 0 {
		o.Until = time.UnixMilli(until)
	}
	if err := amount.Validate(); err != nil {
		return o, err
	}
	return o, wire.CheckName("wallet", wallet)
}

// elsewhere is the finding about an entry that names another place than its terminal's.
func elsewhere(e *wire.Entry, at place) (ledger.Kind, string) {
	return ledger.WrongPlace, fmt.Sprintf("the entry is of %s/%s, its terminal of %s/%s", e.Store, e.Lane, at.store, at.lane)
}

// tellAttempts tells whoever carries attempts on that some of them may have changed.
func (g *Ingest) tellAttempts(work []ledger.Judgement) {
	if g.cfg.OnAttempts == nil {
		return
	}
	for i := range work {
		if w := &work[i]; w.Authorised != nil || w.Reversed != nil || w.Asked != nil || w.Void != nil || w.Refund != nil {
			g.cfg.OnAttempts()
			return
		}
	}
}
