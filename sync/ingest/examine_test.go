package ingest

import (
	"fmt"
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

type (
	fact  = payment.Approved
	extra = ingesttest.Extra
)

// TestExamine sells once with something wrong in each case, and wants it named, with the money where it belongs.
func TestExamine(t *testing.T) {
	onFact := func(f func(*fact)) ingesttest.Change { return ingesttest.Change{Fact: f} }
	onEntry := func(f func(*wire.Entry)) ingesttest.Change {
		return ingesttest.Change{Extra: func(x *extra) { x.Edit = f }}
	}
	for _, tt := range []struct {
		name   string
		before func(*bench, *ingesttest.Lane, *ingesttest.Phone)
		change ingesttest.Change
		amount int64 // 0: 1000
		want   ledger.Kind
	}{
		{name: "all is well"},
		{name: "small amounts hours later", change: onEntry(func(e *wire.Entry) { e.HQAge = 20 * 3600_000 }), amount: 1000,
			before: func(b *bench, l *ingesttest.Lane, p *ingesttest.Phone) { l.Tier = 2 }},
		{name: "no body", change: onFact(nil), want: ledger.EvidenceMissing},
		{name: "no code", change: ingesttest.Change{Extra: func(x *extra) { x.Code = "" }}, want: ledger.EvidenceMissing},
		{name: "sealed to nobody", change: ingesttest.Change{Extra: func(x *extra) {
			x.Code = ""
			x.Body.Evidence, x.Body.SealKey = []byte("sealed"), make([]byte, 8)
		}}, want: ledger.EvidenceSealed},
		{name: "no code at all", change: ingesttest.Change{Code: "281234567890123456"}, want: ledger.EvidenceSealed},
		{name: "moved from another entry", change: ingesttest.Change{Extra: func(x *extra) { x.SealAt = 1 }}, want: ledger.EvidenceSealed},
		{name: "a digit of the code", change: ingesttest.Change{Code: "tampered"}, want: ledger.BadCode},
		{name: "another issuer", change: ingesttest.Change{Code: "foreign"}, want: ledger.UnknownIssuer},
		{name: "another wallet", change: onFact(func(f *fact) { f.Wallet = "paypay" }), want: ledger.ClaimsDiffer},
		{name: "another phone", change: onFact(func(f *fact) { f.Replay.Phone = make([]byte, 8) }), want: ledger.ClaimsDiffer},
		{name: "another counter", change: onFact(func(f *fact) { f.Replay.Counter++ }), want: ledger.ClaimsDiffer},
		{name: "another issuer's key", change: onFact(func(f *fact) { f.Issuer = make([]byte, 8) }), want: ledger.ClaimsDiffer},
		{name: "another account", change: ingesttest.Change{Extra: func(x *extra) { x.Body.Account = make([]byte, 16) }}, want: ledger.ClaimsDiffer},
		{name: "a policy of the future", change: onEntry(func(e *wire.Entry) { e.Policy = 99 }), want: ledger.PolicyUnknown},
		{name: "no policy", change: onEntry(func(e *wire.Entry) { e.Policy = 0 }), want: ledger.PolicyUnknown},
		{name: "a policy beyond all numbers", change: onEntry(func(e *wire.Entry) { e.Policy = 1 << 63 }), want: ledger.Malformed},
		{name: "a revoked account", before: func(b *bench, l *ingesttest.Lane, p *ingesttest.Phone) {
			b.newPolicy(l, func(d *policy.Document) { d.Revoked.Accounts = []policy.Hex{p.Account[:]} })
		}, want: ledger.Revoked},
		{name: "a revoked phone", before: func(b *bench, l *ingesttest.Lane, p *ingesttest.Phone) {
			kid := p.Key.Public().KID()
			b.newPolicy(l, func(d *policy.Document) { d.Revoked.Phones = []policy.Hex{kid[:]} })
		}, want: ledger.Revoked},
		{name: "revoked later", before: func(b *bench, l *ingesttest.Lane, p *ingesttest.Phone) {
			b.newPolicy(l, func(d *policy.Document) { d.Revoked.Accounts = []policy.Hex{p.Account[:]} })
			l.Policy = 1
		}},
		{name: "a wallet that the store does not take", before: func(b *bench, l *ingesttest.Lane, p *ingesttest.Phone) {
			b.newPolicy(l, func(d *policy.Document) { d.Wallets = []string{"paypay"} })
		}, want: ledger.NotTaken},
		{name: "another store's code", change: ingesttest.Change{Code: "elsewhere"}, want: ledger.OtherPlace},
		{name: "another lane's code", change: ingesttest.Change{Code: "next lane"}, want: ledger.OtherPlace},
		{name: "another lane's entry", change: onEntry(func(e *wire.Entry) { e.Lane = "2" }), want: ledger.WrongPlace},
		{name: "a certificate of yesterday", change: ingesttest.Change{Code: "expired"}, want: ledger.AfterExpiry},
		{name: "a certificate of tomorrow", change: ingesttest.Change{Code: "not yet"}, want: ledger.AfterExpiry},
		{name: "a code of next month", before: func(b *bench, l *ingesttest.Lane, p *ingesttest.Phone) {
			*p = *b.Chain.PhoneWith(b.Chain.Issuer, b.Chain.Now.Add(-time.Hour), 24, 50_000)
		}, change: ingesttest.Change{Code: "future"}, want: ledger.AfterExpiry},
		{name: "a phone at the limit, at a lane that is fast", change: ingesttest.Change{Code: "fast"}},
		{name: "a clock that is days off", change: onEntry(func(e *wire.Entry) { e.Wall -= 3 * 86400_000 }), want: ledger.AfterExpiry},
		{name: "a clock in another zone", change: onEntry(func(e *wire.Entry) { e.Wall += 9 * 3600_000 })},
		{name: "a clock in another zone, and nothing else", change: onEntry(func(e *wire.Entry) { e.Wall += 9 * 3600_000; e.HQAge = 0 }),
			before: func(b *bench, l *ingesttest.Lane, p *ingesttest.Phone) { l.Tier = 3 }, want: ledger.AfterExpiry},
		{name: "the date of tomorrow", change: onEntry(func(e *wire.Entry) { e.BusinessDate++ })},
		{name: "the date of the day after", change: onEntry(func(e *wire.Entry) { e.BusinessDate += 2 }), want: ledger.AfterExpiry},
		{name: "a date of last week", change: onEntry(func(e *wire.Entry) { e.BusinessDate -= 7 }), want: ledger.AfterExpiry},
		{name: "too long without HQ", change: onEntry(func(e *wire.Entry) { e.HQAge = 30 * 3600_000 }), want: ledger.AfterExpiry},
		{name: "over the payment cap", amount: 30_001, want: ledger.OverCap},
		{name: "over the certificate's cap", before: func(b *bench, l *ingesttest.Lane, p *ingesttest.Phone) {
			*p = *b.Chain.PhoneWith(b.Chain.Issuer, b.Chain.Now.Add(-time.Hour), 24, 500)
		}, want: ledger.OverCap},
		{name: "over the cap for codes of no store", amount: 10_001, change: ingesttest.Change{Code: "unbound"}, want: ledger.OverCap},
		{name: "within it", amount: 10_000, change: ingesttest.Change{Code: "unbound"}},
		{name: "over the account's day", change: onFact(func(f *fact) { f.Limits.AccountSpent = 50_001 }), want: ledger.OverAccount},
		{name: "less spent than this very payment", change: onFact(func(f *fact) { f.Limits.AccountSpent = 999 }), want: ledger.OverAccount},
		{name: "over the account's count", change: onFact(func(f *fact) { f.AccountCount.Used = 1_001 }), want: ledger.OverAccount},
		{name: "the account's payments not counted", change: onFact(func(f *fact) { f.AccountCount = nil }), want: ledger.OverAccount},
		{name: "over the share", change: onFact(func(f *fact) { f.Limits.ShareUsed = 1_000_001 }), want: ledger.OverShare},
		{name: "over the share's count", change: onFact(func(f *fact) { f.Limits.CountUsed = 10_001 }), want: ledger.OverShare},
		{name: "another currency", change: onFact(func(f *fact) { f.Amount.Currency = "TWD" }), want: ledger.WrongCurrency},
		{name: "no tier", change: onFact(func(f *fact) { f.Limits.Tier = 0 }), want: ledger.AfterExpiry},
		{name: "less than nothing", change: onFact(func(f *fact) { f.Amount.Minor = -1000 }), want: ledger.Malformed},
		{name: "more than there is", change: onFact(func(f *fact) { f.Amount.Minor = 1 << 62 }), want: ledger.Malformed},
		{name: "no currency", change: onFact(func(f *fact) { f.Amount.Currency = "XXX" }), want: ledger.Malformed},
		{name: "a wallet that is no name", change: onFact(func(f *fact) { f.Wallet = "pay pay" }), want: ledger.Malformed},
		{name: "no payment", change: ingesttest.Change{Extra: func(x *extra) { x.Payment = nil }}, want: ledger.Malformed},
		{name: "no date", change: onEntry(func(e *wire.Entry) { e.BusinessDate = 20261340 }), want: ledger.Malformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			l, p := b.Lane("s1", "1"), b.Chain.Phone()
			if tt.before != nil {
				tt.before(b, l, p)
			}
			change := tt.change
			if tt.name == "no body" {
				change.Extra = func(x *extra) { x.Body = nil }
			}
			change.Code = b.codeFor(change.Code, p)
			amount := tt.amount
			if amount == 0 {
				amount = 1000
			}
			l.SellWith(p, amount, change)
			b.settleUp(l)
			b.wantKind(tt.want)
			b.wantMoney(amount, tt.want)
			for _, x := range b.OpenExceptions() {
				if strings.Contains(x.Detail, signed.House) {
					t.Errorf("the detail holds a code: %q", x.Detail)
				}
			}
			b.Balance()
		})
	}
}

// wantMoney wants an amount to be posted, to wait, or to be nowhere.
func (b *bench) wantMoney(amount int64, kind ledger.Kind) {
	b.Helper()
	posted, waiting := amount, int64(0)
	switch {
	case kind != "" && kind.Loss() == 0:
		posted = 0
	case kind != "":
		posted, waiting = 0, amount
	}
	b.WantNet(ledger.WalletReceivable, posted)
	b.WantNet(ledger.StorePayable, posted)
	b.WantNet(ledger.SuspenseClaims, waiting)
	b.WantNet(ledger.SuspenseHeld, waiting)
}

// newPolicy signs the next policy; the lane sells by it.
func (b *bench) newPolicy(l *ingesttest.Lane, edit func(*policy.Document)) {
	b.Helper()
	next := *b.Chain.Doc
	next.Version, next.Issued = next.Version+1, policy.StampOf(b.Chain.Now)
	edit(&next)
	b.Chain.Doc = &next
	b.addPapers()
	l.Policy = next.Version
}

// codeFor makes the code that a name in the table stands for.
func (b *bench) codeFor(name string, p *ingesttest.Phone) string {
	b.Helper()
	c := b.Chain
	from := func(q *ingesttest.Phone) string { *p = *q; return p.Code("s1", "") }
	switch name {
	case "tampered":
		// A signature of another code of the same phone: well-formed, and not this code's.
		one, two := p.CodeAt(1, "s1", ""), p.CodeAt(2, "s1", "")
		return one[:len(one)-40] + two[len(two)-40:]
	case "foreign":
		return from(c.PhoneWith(ingesttest.P256(b.T), c.Now.Add(-time.Hour), 24, 50_000))
	case "elsewhere":
		return p.Code("s2", "")
	case "next lane":
		return p.Code("s1", "2")
	case "unbound":
		return p.Code("", "")
	case "expired":
		return from(c.PhoneWith(c.Issuer, c.Now.Add(-25*time.Hour), 24, 50_000))
	case "not yet":
		return from(c.PhoneWith(c.Issuer, c.Now.Add(time.Hour), 24, 50_000))
	case "fast": // 120 s ahead of a lane that is 30 s ahead of HQ
		now := c.Now
		defer func() { c.Now = now }()
		c.Now = now.Add(150 * time.Second)
		return p.Code("s1", "")
	case "future":
		now := c.Now
		defer func() { c.Now = now }()
		c.Now = now.Add(10 * time.Minute)
		return p.Code("s1", "")
	}
	return name
}

// TestTrustChanges: an issuer's key that the newest bundle no longer lists is believed for codes of before, and
// for as long as a lane could lawfully not know.
func TestTrustChanges(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration // from the new bundle to the code
		want  ledger.Kind
	}{{-time.Hour, ""}, {time.Hour, ""}, {71 * time.Hour, ""}, {73 * time.Hour, ledger.UnknownIssuer}} {
		t.Run(fmt.Sprint(tt.after), func(t *testing.T) {
			b := newBench(t)
			l := b.Lane("s1", "1")
			old := b.Chain.Issuer
			b.Chain.Issuer = ingesttest.P256(t)
			b.Chain.Trust = b.Chain.NewTrust(2)
			b.Chain.Trust.Issued = policy.StampOf(b.Chain.Now)
			b.addPapers()
			b.Chain.Issuer = old
			b.Chain.Now = b.Chain.Now.Add(tt.after)
			p := b.Chain.PhoneWith(old, b.Chain.Now.Add(-time.Minute), 24, 50_000)
			l.OpenDay(payment.DateOf(b.Chain.Now))
			l.Sell(p, 1000)
			b.settleUp(l)
			b.wantKind(tt.want)
		})
	}
}

// TestRevokedLong: an account that was revoked for longer than any lane may go without hearing of it is revoked,
// whatever older policy an entry names; what was revoked and is not any more, is not.
func TestRevokedLong(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration // from the revocation to the code
		back  bool          // the next policy takes the revocation back
		want  ledger.Kind
	}{{time.Hour, false, ""}, {71 * time.Hour, false, ""}, {73 * time.Hour, false, ledger.Revoked}, {30 * 24 * time.Hour, false, ledger.Revoked},
		{73 * time.Hour, true, ""}} {
		t.Run(fmt.Sprint(tt.after, tt.back), func(t *testing.T) {
			b := newBench(t)
			l := b.Lane("s1", "1")
			p := b.Chain.PhoneWith(b.Chain.Issuer, b.Chain.Now.Add(tt.after).Add(-time.Minute), 24, 50_000)
			b.newPolicy(l, func(d *policy.Document) { d.Revoked.Accounts = []policy.Hex{p.Account[:]} })
			if tt.back {
				b.newPolicy(l, func(d *policy.Document) { d.Revoked.Accounts = nil })
			}
			b.Chain.Now = b.Chain.Now.Add(tt.after)
			b.newPolicy(l, func(d *policy.Document) { d.Caps.Payment++ })
			l.Policy = 1 // says whoever has the lane's key
			l.OpenDay(payment.DateOf(b.Chain.Now))
			l.Sell(p, 1000)
			b.settleUp(l)
			b.wantKind(tt.want)
		})
	}
}

// TestFutureRelease: an entry of a later release is kept and acknowledged, and what is behind it flows.
func TestFutureRelease(t *testing.T) {
	b := newBench(t)
	l, p := b.Lane("s1", "1"), b.Chain.Phone()
	l.Sell(p, 100)
	seq := l.AddUnknown()
	l.AddRaw(func(seq uint64, prev []byte) []byte {
		raw, err := wire.Marshal(map[int]any{1: uint(wire.Version + 1), 2: l.ID[:], 3: l.Epoch, 4: seq, 5: prev, 6: map[string]bool{"new": true}})
		b.Must(err)
		return raw
	})
	l.AddRaw(func(seq uint64, prev []byte) []byte {
		raw, err := wire.Marshal(map[int]any{1: uint(wire.Version), 2: l.ID[:], 3: l.Epoch, 4: seq, 5: prev})
		b.Must(err)
		return raw
	})
	l.Sell(p, 200)
	acks := b.deliver(l, l.Message(1, l.Last()))
	if len(acks) != 1 || acks[0].Acked != l.Last() {
		t.Fatalf("acknowledged %+v", acks)
	}
	b.post()
	open := b.OpenExceptions()
	if len(open) != 3 || open[0].Kind != ledger.SetAside || open[0].Entry.Seq != seq || open[2].Kind != ledger.SetAside {
		t.Errorf("exceptions %+v", open)
	}
	b.WantNet(ledger.WalletReceivable, 300)
	b.Balance()
}
