package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// carriedCheck is the examination of a payment by an issuer's approval, as approvalCheck is of one by a code.
type carriedCheck struct {
	g  *Ingest
	j  *ledger.Judgement
	e  *wire.Entry
	f  *payment.Carried
	at place

	body *payment.Body
	text *signed.ApprovalRead
}

func (g *Ingest) carried(ctx context.Context, j *ledger.Judgement, e *wire.Entry, f *payment.Carried, at place) error {
	j.Carried = &ledger.Carried{Amount: f.Amount, Wallet: f.Wallet, BusinessDate: e.BusinessDate, Policy: e.Policy, TakenAt: e.Wall}
	if err := senseOfCarried(e, f); err != nil {
		j.Kind, j.Detail = ledger.Malformed, err.Error()
		return nil
	}
	j.Carried.Payment = *e.Payment
	if e.Sale != nil {
		j.Carried.Sale = *e.Sale
	}
	x := &carriedCheck{g: g, j: j, e: e, f: f, at: at}
	for _, step := range []func(context.Context) (ledger.Kind, string, error){x.evidence, x.issuer, x.claims, x.policy, x.place} {
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

// senseOfCarried refuses what could not be a payment whoever sent it.
func senseOfCarried(e *wire.Entry, f *payment.Carried) error {
	if e.Payment == nil || e.Payment.IsZero() {
		return errors.New("the entry names no payment")
	}
	if err := f.Amount.Validate(); err != nil {
		return err
	}
	if err := wire.CheckName("wallet", f.Wallet); err != nil {
		return err
	}
	return senseOfTerms(e)
}

func (x *carriedCheck) evidence(context.Context) (ledger.Kind, string, error) {
	text, body, kind, detail := x.g.openEvidence(x.j, x.e)
	if kind != "" {
		return kind, detail, nil
	}
	x.body = body
	var err error
	if x.text, err = signed.ParseApproval(text); err != nil {
		return ledger.EvidenceSealed, err.Error(), nil
	}
	return "", "", nil
}

// issuer checks the approval's signature, by the issuer's key as it could be believed when it was given.
func (x *carriedCheck) issuer(ctx context.Context) (ledger.Kind, string, error) {
	keys, wallet, err := x.g.papers.issuer(ctx, x.text.Issuer, x.text.At)
	switch {
	case err != nil:
		return "", "", err
	case len(keys) == 0:
		return ledger.UnknownIssuer, fmt.Sprintf("approved by the key %s, which was nobody's then", x.text.Issuer), nil
	}
	if err := x.text.Verify(func(wire.KID) []wire.PublicKey { return keys }); err != nil {
		return ledger.BadCode, err.Error(), nil
	}
	if wallet != x.f.Wallet {
		return ledger.ClaimsDiffer, fmt.Sprintf("the approval is of the wallet %s, the entry says %s", wallet, x.f.Wallet), nil
	}
	return "", "", nil
}

// claims holds the approval against the entry: it is for this payment of this terminal, the whole of it, and for nothing
// else.
func (x *carriedCheck) claims(context.Context) (ledger.Kind, string, error) {
	a, f := x.text, x.f
	var what string
	switch {
	case a.Payment != *x.e.Payment:
		what = "payment"
	case a.Terminal != x.e.Terminal:
		what = "terminal"
	case a.Amount != f.Amount:
		what = "amount"
	case !bytes.Equal(f.Issuer, a.Issuer[:]):
		what = "issuer"
	case f.At != a.At.Unix():
		what = "time"
	case len(x.body.Account) > 0 && !bytes.Equal(x.body.Account, a.Account[:]):
		what = "account"
	default:
		return "", "", nil
	}
	return ledger.ClaimsDiffer, "the approval names another " + what + " than the entry", nil
}

// policy asks what the policy in force forbade. That an account is revoked the issuer knew better when it approved.
func (x *carriedCheck) policy(ctx context.Context) (ledger.Kind, string, error) {
	doc, err := x.g.papers.policy(ctx, x.e.Policy)
	if err != nil {
		return "", "", err
	}
	if doc == nil {
		return ledger.PolicyUnknown, fmt.Sprintf("the entry names policy %d", x.e.Policy), nil
	}
	later, err := x.g.papers.overdue(ctx, x.e.Policy, x.text.At)
	if err != nil {
		return "", "", err
	}
	what, by := x.revoked(doc), doc
	if what == "" && later != nil {
		what, by = x.revoked(later), later
	}
	terms := doc.Terms(x.at.store, x.at.lane)
	switch {
	case what != "":
		return ledger.Revoked, fmt.Sprintf("policy %d had revoked the %s", by.Version, what), nil
	case !terms.Takes(x.f.Wallet):
		return ledger.NotTaken, fmt.Sprintf("policy %d did not let this store take %s", doc.Version, x.f.Wallet), nil
	case x.f.Amount.Currency != terms.Currency:
		return ledger.WrongCurrency, fmt.Sprintf("policy %d is in %s", doc.Version, terms.Currency), nil
	}
	return "", "", nil
}

func (x *carriedCheck) revoked(doc *policy.Document) string {
	switch {
	case doc.Revoked.Issuer(x.text.Issuer[:]):
		return "issuer"
	case doc.Revoked.Terminal(x.e.Terminal):
		return "terminal"
	}
	return ""
}

// place asks whether terminal and entry are of one place, and whether the approval was there before HQ heard of it.
func (x *carriedCheck) place(context.Context) (ledger.Kind, string, error) {
	switch {
	case x.e.Store != x.at.store || x.e.Lane != x.at.lane:
		kind, detail := elsewhere(x.e, x.at)
		return kind, detail, nil
	case x.text.At.After(x.j.Entry.ReceivedAt.Add(fast)):
		return ledger.AfterExpiry, fmt.Sprintf("the approval is of %s and was at HQ at %s", stamp(x.text.At), stamp(x.j.Entry.ReceivedAt)), nil
	}
	return "", "", nil
}
