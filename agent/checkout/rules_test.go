package checkout

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

// breach is one way of breaking a rule: what changes, and the refusal that follows.
type breach struct {
	name   string
	change func(d *policy.Document, s *State, e *Scan, c *Context)
	want   payment.Reason
}

type (
	doc = policy.Document
	st  = State
	sc  = Scan
	ctx = Context
)

// breaches in order of precedence: with two of them the earlier one is answered (see TestPrecedence).
var breaches = []breach{
	{"journal stopped", func(d *doc, s *st, e *sc, c *ctx) { c.Stopped = true }, payment.JournalStopped},
	{"terminal revoked by policy", func(d *doc, s *st, e *sc, c *ctx) { d.Revoked.Terminals = []payment.ID{id(9)} }, payment.TerminalRevoked},
	{"terminal revoked by an acknowledgement", func(d *doc, s *st, e *sc, c *ctx) { c.Revoked = true }, payment.TerminalRevoked},
	{"foreign currency", func(d *doc, s *st, e *sc, c *ctx) { s.Sale.Total.Currency = "USD" }, payment.CurrencyMismatch},
	{"more than is eligible", func(d *doc, s *st, e *sc, c *ctx) { s.Sale.Eligible.Wallet = 999 }, payment.AmountNotEligible},
	{"unknown", func(d *doc, s *st, e *sc, c *ctx) {
		e.Read = Read{Kind: paycode.Unknown, Reason: payment.UnknownCode}
	}, payment.UnknownCode},
	{"malformed", func(d *doc, s *st, e *sc, c *ctx) {
		e.Read = Read{Kind: paycode.Invalid, Reason: payment.MalformedCode}
	}, payment.MalformedCode},
	{"unknown issuer", func(d *doc, s *st, e *sc, c *ctx) {
		e.Read.Kind, e.Read.Reason, e.Read.Code = paycode.Payment, payment.UnknownIssuer, nil
	}, payment.UnknownIssuer},
	{"wrong signature", func(d *doc, s *st, e *sc, c *ctx) {
		e.Read.Kind, e.Read.Reason, e.Read.Code = paycode.Payment, payment.BadSignature, nil
	}, payment.BadSignature},
	{"wallet not taken", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Wallets = []string{"linepay"} }, payment.WalletDisabled},
	{"issuer of no wallet", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Wallets = []string{""} }, payment.WalletDisabled},
	{"opaque", func(d *doc, s *st, e *sc, c *ctx) {
		e.Read = Read{Kind: paycode.Payment, Format: paycode.Numeric, Wallets: []string{"linepay", "paypay"}}
	}, payment.OnlineOnly},
	{"issuer revoked", func(d *doc, s *st, e *sc, c *ctx) { d.Revoked.Issuers = []policy.Hex{issuer[:]} }, payment.IssuerRevoked},
	{"key revoked", func(d *doc, s *st, e *sc, c *ctx) { d.Revoked.Phones = []policy.Hex{phone[:]} }, payment.KeyRevoked},
	{"account revoked", func(d *doc, s *st, e *sc, c *ctx) { d.Revoked.Accounts = []policy.Hex{account[:]} }, payment.AccountRevoked},
	{"clock untrusted", func(d *doc, s *st, e *sc, c *ctx) { c.Now.Trusted = false }, payment.ClockUntrusted},
	{"certificate of later", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.NotBefore = noon.Add(1) }, payment.CertificateNotYet},
	{"certificate expired", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.Expiry = noon }, payment.CertificateExpired},
	{"code expired", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.Time = noon.Add(-time.Minute - 1) }, payment.CodeExpired},
	{"code of later", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.Time = noon.Add(2*time.Minute + 1) }, payment.CodeFromFuture},
	{"another store", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.Store = "0002" }, payment.OtherPlace},
	{"another lane", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.Lane = "2" }, payment.OtherPlace},
	{"a lane of no store", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.Store, e.Read.Code.Lane = "", "1" }, payment.OtherPlace},
	{"used", func(d *doc, s *st, e *sc, c *ctx) { e.Known.Used, e.Known.Counter = true, 9 }, payment.CodeUsed},
	{"the last counter", func(d *doc, s *st, e *sc, c *ctx) { e.Known.Counter = 7 }, payment.CodeUsed},
	{"an older counter", func(d *doc, s *st, e *sc, c *ctx) { e.Known.Counter = 8 }, payment.CounterNotAbove},
	{"foreign certificate", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.Cap.Currency = "USD" }, payment.CurrencyMismatch},
	{"HQ away too long", func(d *doc, s *st, e *sc, c *ctx) { away(c, 24*time.Hour+1) }, payment.OfflineTooLong},
	{"restarted too long ago", func(d *doc, s *st, e *sc, c *ctx) { restarted(c, 12*time.Hour+1) }, payment.OfflineTooLong},
	{"over the payment's cap", func(d *doc, s *st, e *sc, c *ctx) { setDue(s, 5_001) }, payment.OverPaymentCap},
	{"over the certificate's", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.Cap = jpy(999) }, payment.OverPaymentCap},
	{"over the small tier's", func(d *doc, s *st, e *sc, c *ctx) { away(c, 5*time.Hour); setDue(s, 2_001) }, payment.OverPaymentCap},
	{"over the restart tier's", func(d *doc, s *st, e *sc, c *ctx) { restarted(c, time.Hour); setDue(s, 2_001) }, payment.OverPaymentCap},
	{"unbound above its cap", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.Store = ""; setDue(s, 2_001) }, payment.UnboundAboveCap},
	{"unbound in the small tier", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.Store = ""; away(c, 5*time.Hour) }, payment.UnboundAboveCap},
	{"over the account's day", func(d *doc, s *st, e *sc, c *ctx) { e.Known.Spent.Account = 7_001 }, payment.OverAccountCap},
	{"over the account's count", func(d *doc, s *st, e *sc, c *ctx) { d.Caps.AccountCount = 3; e.Known.Spent.AccountCount = 3 }, payment.OverAccountCount},
	{"share used up", func(d *doc, s *st, e *sc, c *ctx) { e.Known.Spent.Sum = 99_001 }, payment.OverShareSum},
	{"a quarter after a restart", func(d *doc, s *st, e *sc, c *ctx) { restarted(c, time.Hour); e.Known.Spent.Sum = 24_001 }, payment.OverShareSum},
	{"count used up", func(d *doc, s *st, e *sc, c *ctx) { e.Known.Spent.Count = 200 }, payment.OverShareCount},
	{"a quarter of the count after a restart", func(d *doc, s *st, e *sc, c *ctx) { restarted(c, time.Hour); e.Known.Spent.Count = 50 }, payment.OverShareCount},
}

func away(c *Context, age time.Duration) {
	c.Now.Restarted, c.Now.Age, c.Now.EntryAge = false, age, age.Milliseconds()+1
	if age > 24*time.Hour {
		c.Now.EntryAge++ // what is left of a millisecond counts
	}
}

func restarted(c *Context, age time.Duration) {
	c.Now.Restarted, c.Now.Age, c.Now.EntryAge = true, age, 0
}

func setDue(s *State, amount int64) {
	s.Sale.Total, s.Sale.Eligible.Wallet = jpy(amount), amount
}

// unchanged is the bundle of document(), which most scans are decided by; making one costs signatures.
var unchanged *policy.Bundle

// broken applies changes to a scan that would be approved, and decides.
func broken(t *testing.T, changes ...func(*policy.Document, *State, *Scan, *Context)) Decision {
	t.Helper()
	d, s, e := document(), opened(1_000), goodScan()
	c := lane(t, nil)
	for _, change := range changes {
		change(d, &s, &e, &c)
	}
	if c.Bundle = unchanged; c.Bundle == nil || !reflect.DeepEqual(d, document()) {
		c.Bundle = believing(t, d)
	}
	if reflect.DeepEqual(d, document()) {
		unchanged = c.Bundle
	}
	return mustApply(t, s, e, c)
}

func TestRules(t *testing.T) {
	if d := broken(t); d.Answer.Kind != Approved {
		t.Fatalf("the scan that breaks no rule: %+v", d.Answer)
	}
	for _, b := range breaches {
		t.Run(b.name, func(t *testing.T) {
			d := broken(t, b.change)
			a := d.Answer
			if a.Kind != NotTaken || a.Reason != b.want || a.Outcome != payment.NotPaid || a.Advice == NoAdvice || a.Payment != (payment.ID{}) {
				t.Fatalf("got %+v, want %v", a, b.want)
			}
			if d.State.Phase != Refused || d.State.Last != (Taken{}) {
				t.Errorf("the state is %+v", d.State)
			}
			if b.want == payment.JournalStopped {
				if len(d.Drafts) != 0 {
					t.Error("a journal that can't be written gets an entry")
				}
				return
			}
			f, ok := d.Drafts[0].Fact.(*payment.Refused)
			if len(d.Drafts) != 1 || !ok || f.Reason != b.want || d.Drafts[0].Sale != id(1) || d.Drafts[0].Date != today || d.Drafts[0].Evidence != nil {
				t.Errorf("journalled %+v", d.Drafts)
			}
		})
	}
}

// TestPrecedence breaks every pair of rules: the answer is the one that comes first. Pairs that set the same
// thing to two values, and so are no pair of breaches, are left out by name.
func TestPrecedence(t *testing.T) {
	for i, first := range breaches {
		for _, second := range breaches[i+1:] {
			if sharesField(first.name, second.name) {
				continue
			}
			d := broken(t, second.change, first.change)
			if got := d.Answer.Reason; got != first.want {
				t.Errorf("%s and %s: got %v, want %v", first.name, second.name, got, first.want)
			}
		}
	}
}

func sharesField(a, b string) bool {
	pairs := [][]string{
		{"used", "the last counter", "an older counter"},
		{"HQ away too long", "restarted too long ago", "over the small tier's", "over the restart tier's", "unbound above its cap",
			"unbound in the small tier", "a quarter after a restart", "a quarter of the count after a restart"},
		{"another store", "a lane of no store"},
		{"foreign currency", "over the payment's cap", "over the small tier's", "over the restart tier's", "unbound above its cap"},
	}
	return slices.ContainsFunc(pairs, func(names []string) bool { return slices.Contains(names, a) && slices.Contains(names, b) })
}

// TestReasons holds that every reason has advice, and that a rule's row above produces each that a scan
// can be refused for.
func TestReasons(t *testing.T) {
	produced := map[payment.Reason]bool{}
	for _, b := range breaches {
		produced[b.want] = true
	}
	produced[payment.NoPolicy] = true    // TestNoPolicy
	produced[payment.StorageFull] = true // of a sale that can't begin; agent/lane looks at the disks
	produced[payment.HQAway] = true      // TestAskOrRefuse
	produced[payment.TakenBack] = true   // TestGiveUp
	produced[payment.OperatorDeclined] = true
	for _, r := range []payment.Reason{payment.ApprovalElsewhere, payment.ApprovalEnded, payment.ApprovalUsed, payment.ApprovalDiffers} { // TestApprovalRefused
		produced[r] = true
	}
	for _, r := range whys { // TestHQsWord
		produced[r] = true
	}
	produced[payment.RefundRefused] = true
	for _, r := range refundWhys { // TestHQsWordOfRefunds
		produced[r] = true
	}
	for _, r := range payment.Reasons() {
		if a, listed := adviceFor(r); !listed || a == NoAdvice || a.String() == "" {
			t.Errorf("%v: no advice", r)
		}
		if !produced[r] && r != payment.NotPaymentCode { // which is for the POS
			t.Errorf("%v: no test of the rule that answers it", r)
		}
	}
	for k := Done; k <= Unwanted; k++ {
		if text, err := k.MarshalText(); err != nil || len(text) == 0 || string(text) == "unknown" {
			t.Errorf("kind %d of answer is called %q, %v", k, text, err)
		}
	}
	for p := Idle; p <= Unknown; p++ {
		if text, err := p.MarshalText(); err != nil || len(text) == 0 || p.String() == "phase_0" {
			t.Errorf("phase %d is called %q, %v", p, text, err)
		}
	}
	if AdviceFor(payment.Reason(999)) != CallManager {
		t.Error("a reason of a later release is not the manager's")
	}
	for _, a := range AllAdvice() {
		if a.String() == "" {
			t.Errorf("advice %d has no name", a)
		}
	}
}

func TestNoPolicy(t *testing.T) {
	s, e := opened(1_000), goodScan()
	c := lane(t, nil)
	if d := mustApply(t, s, e, c); d.Answer.Reason != payment.NoPolicy || d.Drafts[0].Policy != 0 {
		t.Errorf("without a policy: %+v", d.Answer)
	}
	c = lane(t, document())
	c.Now.Time = noon.AddDate(2, 0, 0) // past every key's window
	if d := mustApply(t, s, e, c); d.Answer.Reason != payment.NoPolicy {
		t.Errorf("without a key to seal evidence to: %+v", d.Answer)
	}
}

func TestApproved(t *testing.T) {
	tests := []struct {
		name   string
		change func(*policy.Document, *State, *Scan, *Context)
		limits payment.Limits
	}{
		{"full, bound to the store", func(d *doc, s *st, e *sc, c *ctx) {},
			payment.Limits{Payment: 5000, AccountDay: 8000, AccountSpent: 1000, ShareSum: 100000, ShareUsed: 1000, ShareCount: 200, CountUsed: 1, Tier: 1}},
		{"bound to the lane", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.Lane = "1" },
			payment.Limits{Payment: 5000, AccountDay: 8000, AccountSpent: 1000, ShareSum: 100000, ShareUsed: 1000, ShareCount: 200, CountUsed: 1, Tier: 1}},
		{"unbound", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.Store = "" },
			payment.Limits{Payment: 2000, AccountDay: 8000, AccountSpent: 1000, ShareSum: 100000, ShareUsed: 1000, ShareCount: 200, CountUsed: 1, Tier: 1}},
		{"every cap just reached", func(d *doc, s *st, e *sc, c *ctx) {
			setDue(s, 5000)
			e.Known.Spent = policy.Used{Account: 3000, Sum: 95000, Count: 199}
		}, payment.Limits{Payment: 5000, AccountDay: 8000, AccountSpent: 8000, ShareSum: 100000, ShareUsed: 100000, ShareCount: 200, CountUsed: 200, Tier: 1}},
		{"small", func(d *doc, s *st, e *sc, c *ctx) { away(c, 24*time.Hour); setDue(s, 2000) },
			payment.Limits{Payment: 2000, AccountDay: 8000, AccountSpent: 2000, ShareSum: 100000, ShareUsed: 2000, ShareCount: 200, CountUsed: 1, Tier: 2}},
		{"after a restart", func(d *doc, s *st, e *sc, c *ctx) { restarted(c, 12*time.Hour); setDue(s, 2000) },
			payment.Limits{Payment: 2000, AccountDay: 8000, AccountSpent: 2000, ShareSum: 25000, ShareUsed: 2000, ShareCount: 50, CountUsed: 1, Tier: 3}},
		{"the oldest code", func(d *doc, s *st, e *sc, c *ctx) { e.Read.Code.Time = noon.Add(-time.Minute) },
			payment.Limits{Payment: 5000, AccountDay: 8000, AccountSpent: 1000, ShareSum: 100000, ShareUsed: 1000, ShareCount: 200, CountUsed: 1, Tier: 1}},
		{"a certificate's first and a code's last moment", func(d *doc, s *st, e *sc, c *ctx) {
			e.Read.Code.NotBefore, e.Read.Code.Time = noon, noon.Add(2*time.Minute)
		}, payment.Limits{Payment: 5000, AccountDay: 8000, AccountSpent: 1000, ShareSum: 100000, ShareUsed: 1000, ShareCount: 200, CountUsed: 1, Tier: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := broken(t, tt.change)
			if d.Answer.Kind != Approved || d.Answer.Outcome != payment.Paid || d.Answer.Payment != id(100) || d.Answer.Reason != payment.ReasonNone {
				t.Fatalf("got %+v", d.Answer)
			}
			draft := d.Drafts[0]
			f := draft.Fact.(*payment.Approved)
			if f.Limits != tt.limits || *f.AccountCount != (payment.AccountCount{Most: 10, Used: 1}) {
				t.Errorf("limits %+v, count %+v, want %+v", f.Limits, f.AccountCount, tt.limits)
			}
			if f.Amount != d.Answer.Amount || f.Wallet != "house" || !slices.Equal(f.Replay.Phone, phone[:]) || f.Replay.Counter != 7 ||
				!slices.Equal(f.Issuer, issuer[:]) || string(f.CodeHash) != "0123456789abcdef" || f.HashKey != 1 {
				t.Errorf("fact %+v", f)
			}
			want := &payment.Body{Cashier: "Sato", Account: account[:]}
			if draft.Payment != id(100) || draft.Sale != id(1) || draft.Policy != 1 || string(draft.Evidence) != "ZY:1 the code" || !reflect.DeepEqual(draft.Body, want) {
				t.Errorf("draft %+v", draft)
			}
			if d.State.Phase != Paid || d.State.Last.Payment != id(100) || d.State.Last.Code != (CodeID{phone, 7}) {
				t.Errorf("state %+v", d.State)
			}
		})
	}
}

// An approval says how often its account paid where the policy bounds that, the last payment with it, and else not.
func TestApprovedWithCount(t *testing.T) {
	for most, want := range map[uint64]*payment.AccountCount{3: {Most: 3, Used: 3}, 0: nil} {
		d := broken(t, func(d *doc, s *st, e *sc, c *ctx) { d.Caps.AccountCount = most; e.Known.Spent.AccountCount = 2 })
		if f := d.Drafts[0].Fact.(*payment.Approved); !reflect.DeepEqual(f.AccountCount, want) {
			t.Errorf("at most %d: got %+v", most, f.AccountCount)
		}
	}
}

func TestStanding(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Context)
		tier   policy.Tier
		why    payment.Reason
	}{
		{"well", func(c *Context) {}, policy.TierFull, payment.ReasonNone},
		{"five hours", func(c *Context) { away(c, 5*time.Hour) }, policy.TierSmall, payment.ReasonNone},
		{"two days", func(c *Context) { away(c, 48*time.Hour) }, policy.TierNone, payment.OfflineTooLong},
		{"restarted", func(c *Context) { restarted(c, time.Hour) }, policy.TierRestart, payment.ReasonNone},
		{"clock", func(c *Context) { c.Now.Trusted = false }, policy.TierNone, payment.ClockUntrusted},
		{"stopped", func(c *Context) { c.Stopped = true }, policy.TierNone, payment.JournalStopped},
		{"revoked", func(c *Context) { c.Revoked = true }, policy.TierNone, payment.TerminalRevoked},
		{"no policy", func(c *Context) { c.Bundle = believing(t, nil) }, policy.TierNone, payment.NoPolicy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := lane(t, document())
			tt.change(&c)
			if tier, why := Standing(c); tier != tt.tier || why != tt.why {
				t.Errorf("got %v, %v", tier, why)
			}
		})
	}
}
