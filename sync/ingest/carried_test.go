package ingest

import (
	"strings"
	"testing"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// TestExamineCarried carries a payment in with something wrong in each case, and wants it named, with the money where it
// belongs.
func TestExamineCarried(t *testing.T) {
	type ch = ingesttest.CarriedChange
	onFact := func(f func(*payment.Carried)) ch { return ch{Fact: f} }
	onApproval := func(f func(*signed.Approval)) ch { return ch{Approval: f} }
	onEntry := func(f func(*wire.Entry)) ch {
		return ch{Extra: func(x *ingesttest.Extra) { x.Edit = f }}
	}
	for _, tt := range []struct {
		name   string
		before func(*bench, *ingesttest.Lane)
		change ch
		code   func(*bench, *ingesttest.Lane) string
		want   ledger.Kind
	}{
		{name: "all is well"},
		{name: "an hour without end after HQ's last word", change: onEntry(func(e *wire.Entry) { e.HQAge = 60 * 3600_000 })},
		{name: "no evidence", change: ch{Extra: func(x *ingesttest.Extra) { x.Code = "" }}, want: ledger.EvidenceMissing},
		{name: "moved from another entry", change: ch{Extra: func(x *ingesttest.Extra) { x.SealAt = 1 }}, want: ledger.EvidenceSealed},
		{name: "a customer's code", code: func(b *bench, l *ingesttest.Lane) string { return b.Chain.Phone().Code(l.Store, "") }, want: ledger.EvidenceSealed},
		{name: "of another issuer", code: func(b *bench, l *ingesttest.Lane) string {
			return approvalBy(t, ingesttest.P256(t), signed.Approval{Payment: payment.ID{1}, Terminal: l.ID, Amount: payment.Of(1000, "JPY"), Account: signed.Account{1}, At: b.Chain.Now})
		}, want: ledger.UnknownIssuer},
		{name: "a turned bit", code: func(b *bench, l *ingesttest.Lane) string {
			s := approvalBy(t, b.Chain.Issuer, signed.Approval{Payment: payment.ID{1}, Terminal: l.ID, Amount: payment.Of(1000, "JPY"), Account: signed.Account{1}, At: b.Chain.Now})
			return strings.TrimSuffix(s, s[len(s)-3:]) + "000"
		}, want: ledger.BadCode},
		{name: "for another payment", change: onApproval(func(a *signed.Approval) { a.Payment[15]++ }), want: ledger.ClaimsDiffer},
		{name: "for another terminal", change: onApproval(func(a *signed.Approval) { a.Terminal[15]++ }), want: ledger.ClaimsDiffer},
		{name: "for less", change: onApproval(func(a *signed.Approval) { a.Amount.Minor-- }), want: ledger.ClaimsDiffer},
		{name: "of another account", change: onApproval(func(a *signed.Approval) { a.Account[0]++ }), want: ledger.ClaimsDiffer},
		{name: "of another time", change: onApproval(func(a *signed.Approval) { a.At = a.At.Add(-time.Second) }), want: ledger.ClaimsDiffer},
		{name: "the entry says another issuer", change: onFact(func(f *payment.Carried) { f.Issuer = make([]byte, 8) }), want: ledger.ClaimsDiffer},
		{name: "the entry says another wallet", change: onFact(func(f *payment.Carried) { f.Wallet = "paypay" }), want: ledger.ClaimsDiffer},
		{name: "from the future", change: ch{Approval: func(a *signed.Approval) { a.At = a.At.Add(time.Hour) }, Fact: func(f *payment.Carried) { f.At += 3600 }}, want: ledger.AfterExpiry},
		{name: "a policy of the future", change: onEntry(func(e *wire.Entry) { e.Policy = 99 }), want: ledger.PolicyUnknown},
		{name: "another lane's entry", change: onEntry(func(e *wire.Entry) { e.Lane = "2" }), want: ledger.WrongPlace},
		{name: "no payment", change: onEntry(func(e *wire.Entry) { e.Payment = nil }), want: ledger.Malformed},
		{name: "no date", change: onEntry(func(e *wire.Entry) { e.BusinessDate = 20261340 }), want: ledger.Malformed},
		{name: "a wallet that is no name", change: onFact(func(f *payment.Carried) { f.Wallet = "a b" }), want: ledger.Malformed},
		{name: "a revoked issuer", before: func(b *bench, l *ingesttest.Lane) {
			kid := b.Chain.Issuer.Public().KID()
			b.newPolicy(l, func(d *policy.Document) { d.Revoked.Issuers = []policy.Hex{kid[:]} })
		}, want: ledger.Revoked},
		{name: "a terminal that the policy has revoked", before: func(b *bench, l *ingesttest.Lane) {
			b.newPolicy(l, func(d *policy.Document) { d.Revoked.Terminals = []payment.ID{l.ID} })
		}, want: ledger.Revoked},
		{name: "practice", change: ch{Extra: func(x *ingesttest.Extra) { x.Training = true }}, want: "practice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := ingesttest.NewChain(t)
			b := benchAt(t, c, t.TempDir()+"/hq.db")
			l := b.Lane("s1", "1")
			if tt.before != nil {
				tt.before(b, l)
			}
			if tt.code != nil {
				tt.change.Code = tt.code(b, l)
			}
			l.CarryWith(1000, tt.change)
			b.settleUp(l)
			if tt.want == "practice" {
				b.wantKind("")
				b.wantMoney(0, "")
			} else {
				b.wantKind(tt.want)
				b.wantMoney(1000, tt.want)
			}
			b.Balance()
		})
	}
}

func approvalBy(t *testing.T, issuer *wire.Signer, a signed.Approval) string {
	t.Helper()
	text, err := signed.Approve(issuer, a)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
