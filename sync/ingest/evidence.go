package ingest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// approvalCheck is the examination of one approval. Its steps are asked in order; each returns the kind of
// exception and a sentence for its owner, which never holds any part of the code.
type approvalCheck struct {
	g  *Ingest
	j  *ledger.Judgement
	e  *wire.Entry
	f  *payment.Approved
	at place

	body  *payment.Body
	text  *signed.Code
	seen  *signed.Verified
	terms policy.LaneTerms
	doc   *policy.Document
}

// evidence opens the body and what is sealed in it.
func (x *approvalCheck) evidence(context.Context) (ledger.Kind, string, error) {
	text, body, kind, detail := x.g.openEvidence(x.j, x.e)
	if kind != "" {
		return kind, detail, nil
	}
	x.body = body
	var err error
	if x.text, err = signed.Parse(text); err != nil {
		return ledger.EvidenceSealed, err.Error(), nil
	}
	return "", "", nil
}

// openEvidence opens an entry's body and what is sealed in it, or says why it can't be.
func (g *Ingest) openEvidence(j *ledger.Judgement, e *wire.Entry) (text string, body *payment.Body, kind ledger.Kind, detail string) {
	raw := j.Entry.Body
	if len(raw) == 0 {
		return "", nil, ledger.EvidenceMissing, "the entry came without its body"
	}
	if err := wire.CheckBody(raw, e.BodyHash); err != nil {
		return "", nil, ledger.EvidenceMissing, err.Error()
	}
	body, err := wire.DecodeBody(raw)
	if err != nil {
		return "", nil, ledger.EvidenceMissing, err.Error()
	}
	if len(body.Evidence) == 0 {
		return "", nil, ledger.EvidenceMissing, "the body holds no code"
	}
	kid, err := wire.ParseKID(body.SealKey)
	if err != nil {
		return "", nil, ledger.EvidenceSealed, err.Error()
	}
	key := g.cfg.Unseal(kid)
	if key == nil {
		return "", nil, ledger.EvidenceSealed, fmt.Sprintf("sealed to the key %s, which HQ does not have", kid)
	}
	opened, err := key.Open(e.Name(), body.Evidence)
	if err != nil {
		return "", nil, ledger.EvidenceSealed, err.Error()
	}
	return string(opened), body, "", ""
}

// code checks both signatures of the code, the issuer's key as it could be believed when the code was shown.
// From here on the code is real, and used up.
func (x *approvalCheck) code(ctx context.Context) (ledger.Kind, string, error) {
	keys, wallet, err := x.g.papers.issuer(ctx, x.text.Certificate.Issuer, x.text.Time)
	if err != nil {
		return "", "", err
	}
	if len(keys) == 0 {
		return ledger.UnknownIssuer, fmt.Sprintf("certified by the key %s, which was nobody's then", x.text.Certificate.Issuer), nil
	}
	if x.seen, err = x.text.Verify(func(wire.KID) []wire.PublicKey { return keys }); err != nil {
		return ledger.BadCode, err.Error(), nil
	}
	key := x.seen.ReplayKey()
	x.j.Approval.Replay, x.j.Approval.Account = &key, x.seen.Account[:]
	x.j.Approval.AccountCap = payment.MaxMinor // until the policy says less
	if wallet != x.f.Wallet {
		return ledger.ClaimsDiffer, fmt.Sprintf("the code is of the wallet %s, the entry says %s", wallet, x.f.Wallet), nil
	}
	return "", "", nil
}

// claims holds what the entry says of the code against the code.
func (x *approvalCheck) claims(context.Context) (ledger.Kind, string, error) {
	v, f := x.seen, x.f
	var what string
	switch {
	case !bytes.Equal(f.Replay.Phone, v.PhoneKey[:]):
		what = "phone"
	case f.Replay.Counter != v.Counter:
		what = "counter"
	case !bytes.Equal(f.Issuer, v.IssuerKID[:]):
		what = "issuer"
	case len(x.body.Account) > 0 && !bytes.Equal(x.body.Account, v.Account[:]):
		what = "account"
	default:
		return "", "", nil
	}
	return ledger.ClaimsDiffer, "the entry names another " + what + " than the code", nil
}

// policy finds the policy that the lane decided by, and what it forbids whatever the amount. Which policy that was is
// the lane's word; what was revoked for so long that every lane had to know it is not for the lane to say.
func (x *approvalCheck) policy(ctx context.Context) (ledger.Kind, string, error) {
	doc, err := x.g.papers.policy(ctx, x.e.Policy)
	if err != nil {
		return "", "", err
	}
	if doc == nil {
		return ledger.PolicyUnknown, fmt.Sprintf("the entry names policy %d", x.e.Policy), nil
	}
	x.doc, x.terms = doc, doc.Terms(x.at.store, x.at.lane)
	x.j.Approval.AccountCap, x.j.Approval.AccountMost = x.terms.AccountCap(x.seen.Cap.Minor), x.terms.Caps.AccountCount
	later, err := x.g.papers.overdue(ctx, x.e.Policy, x.seen.Time)
	if err != nil {
		return "", "", err
	}
	what, by := x.revoked(doc), doc
	if what == "" && later != nil {
		what, by = x.revoked(later), later
	}
	switch {
	case what != "":
		return ledger.Revoked, fmt.Sprintf("policy %d had revoked the %s", by.Version, what), nil
	case !x.terms.Takes(x.f.Wallet):
		return ledger.NotTaken, fmt.Sprintf("policy %d did not let this store take %s", doc.Version, x.f.Wallet), nil
	}
	return "", "", nil
}

// revoked says what of the approval a policy had revoked; empty: nothing.
func (x *approvalCheck) revoked(doc *policy.Document) string {
	r, v := &doc.Revoked, x.seen
	switch {
	case r.Account(v.Account[:]):
		return "account"
	case r.Phone(v.PhoneKey[:]):
		return "phone"
	case r.Issuer(v.IssuerKID[:]):
		return "issuer"
	case r.Terminal(x.e.Terminal):
		return "terminal"
	}
	return ""
}

// place asks whether terminal, entry and code are of one place.
func (x *approvalCheck) place(context.Context) (ledger.Kind, string, error) {
	v := x.seen
	switch {
	case x.e.Store != x.at.store || x.e.Lane != x.at.lane:
		kind, detail := elsewhere(x.e, x.at)
		return kind, detail, nil
	case v.Store != "" && v.Store != x.at.store, v.Lane != "" && v.Lane != x.at.lane:
		return ledger.OtherPlace, fmt.Sprintf("the code was made for %s/%s", v.Store, v.Lane), nil
	}
	return "", "", nil
}

// fast is how far a lane's estimate of HQ's time may be ahead of it: the longest way of an answer that sets it
// (clock.MaxRoundTrip), and as much for drift. A code that such a lane took at the limit is not the store's fault.
const fast = time.Minute

// gross is how far a lane's clock may be from a code's time without anybody asking. A lane decides by HQ's time
// and not by that clock, so this finds only what can't be an error of the clock's zone.
const gross = 26 * time.Hour

// time asks whether certificate and code were valid when they were shown. The phone's time is what counts, for
// both its signature and the certificate's; the lane's clock is a note, except where the lane itself had
// nothing else (after a restart without HQ).
func (x *approvalCheck) time(context.Context) (ledger.Kind, string, error) {
	v, wall := x.seen, time.UnixMilli(x.e.Wall)
	ahead := x.terms.Code.Future.Duration()
	switch {
	case !v.Time.Before(v.CertExpiry):
		return ledger.AfterExpiry, fmt.Sprintf("the certificate ended at %s, the code is of %s", stamp(v.CertExpiry), stamp(v.Time)), nil
	case v.Time.Add(ahead).Before(v.CertNotBefore):
		return ledger.AfterExpiry, fmt.Sprintf("the certificate began at %s, the code is of %s", stamp(v.CertNotBefore), stamp(v.Time)), nil
	case v.Time.After(x.j.Entry.ReceivedAt.Add(ahead + fast)):
		return ledger.AfterExpiry, fmt.Sprintf("the code is of %s and was at HQ at %s", stamp(v.Time), stamp(x.j.Entry.ReceivedAt)), nil
	case wall.Sub(v.Time).Abs() > gross, x.e.HQAge == 0 && x.terms.Code.CheckTime(v.Time, wall) != payment.ReasonNone:
		return ledger.AfterExpiry, fmt.Sprintf("the code is of %s, the lane's clock said %s", stamp(v.Time), stamp(wall)), nil
	}
	today, err := x.g.zones.businessDate(v.Time, x.terms)
	if err != nil {
		return "", "", err
	}
	if apart := x.e.BusinessDate.Time().Sub(today.Time()).Abs(); apart > oneDay {
		return ledger.AfterExpiry, fmt.Sprintf("the code is of %s, the entry of the business date %s", stamp(v.Time), x.e.BusinessDate), nil
	}
	return "", "", nil
}

// oneDay is how far the business date of an entry may be from that of its code. A lane holds a date while a sale is
// open, and when a policy moves zone or roll. An account's caps are by business date, and that is the lane's word:
// named freely, each date would give the account its caps anew.
const oneDay = 24 * time.Hour

// zones are the time zones of stores, each read once.
type zones struct{ sync.Map }

func (z *zones) businessDate(at time.Time, t policy.LaneTerms) (payment.Date, error) {
	zone, ok := z.Load(t.Zone)
	if !ok {
		loc, err := time.LoadLocation(t.Zone)
		if err != nil {
			return 0, fmt.Errorf("the zone of policy %d: %w", t.Version, err)
		}
		zone, _ = z.LoadOrStore(t.Zone, loc)
	}
	return payment.BusinessDate(at, zone.(*time.Location), t.Roll.Duration()), nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// caps holds the approval against the policy by the very function that the lane used.
func (x *approvalCheck) caps(context.Context) (ledger.Kind, string, error) {
	reason := x.terms.Judge(policy.Claim{Amount: x.f.Amount, Limits: x.f.Limits, Count: x.f.AccountCount, HQAge: x.e.HQAge, Bound: x.seen.Store != "", CertCap: x.seen.Cap})
	kind := map[payment.Reason]ledger.Kind{
		payment.ReasonNone: "", payment.CurrencyMismatch: ledger.WrongCurrency, payment.OfflineTooLong: ledger.AfterExpiry,
		payment.OverPaymentCap: ledger.OverCap, payment.UnboundAboveCap: ledger.OverCap, payment.OverAccountCap: ledger.OverAccount,
		payment.OverAccountCount: ledger.OverAccount,
		payment.OverShareSum:     ledger.OverShare, payment.OverShareCount: ledger.OverShare,
	}
	k, known := kind[reason]
	if !known {
		k = ledger.OverCap
	}
	return k, fmt.Sprintf("%s under policy %d", reason, x.doc.Version), nil
}
