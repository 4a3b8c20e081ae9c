package policy

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/payment"
)

func TestTier(t *testing.T) {
	terms := starter().Terms("s", "1")
	tests := []struct {
		name      string
		age       time.Duration
		restarted bool
		want      Tier
	}{
		{"just now", 0, false, TierFull},
		{"four hours", 4 * time.Hour, false, TierFull},
		{"a moment more", 4*time.Hour + 1, false, TierSmall},
		{"a day", 24 * time.Hour, false, TierSmall},
		{"more than a day", 24*time.Hour + 1, false, TierNone},
		{"restarted", time.Minute, true, TierRestart},
		{"restarted, twelve hours", 12 * time.Hour, true, TierRestart},
		{"restarted, more", 12*time.Hour + 1, true, TierNone},
		{"before HQ's time", -1, false, TierNone},
		{"restarted, before HQ's time", -1, true, TierNone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := terms.Tier(tt.age, tt.restarted); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	never := terms
	never.Tiers = Tiers{}
	for _, restarted := range []bool{false, true} {
		if got := never.Tier(time.Second, restarted); got != TierNone {
			t.Errorf("without any time allowed, restarted %v: %v", restarted, got)
		}
	}
}

func TestTerms(t *testing.T) {
	d := starter()
	d.Stores = []Store{{Name: "0001", Cap: 50_000, Zone: "Asia/Taipei", Wallets: []string{"paypay"},
		Lanes: []Lane{{"1", 30_000, 30, nil}, {"2", 20_000, 20, nil}}}}
	tests := []struct {
		store, lane string
		sum         int64
		count       uint64
		zone, takes string
	}{
		{"0001", "1", 30_000, 30, "Asia/Taipei", "paypay"},
		{"0001", "2", 20_000, 20, "Asia/Taipei", "paypay"},
		{"0001", "3", 0, 0, "Asia/Taipei", "paypay"},
		{"0002", "1", 100_000, 200, "Asia/Tokyo", "house"},
	}
	for _, tt := range tests {
		t.Run(tt.store+"/"+tt.lane, func(t *testing.T) {
			terms := d.Terms(tt.store, tt.lane)
			if terms.ShareSum != tt.sum || terms.ShareNum != tt.count || terms.Zone != tt.zone || !terms.Takes(tt.takes) || terms.Version != d.Version {
				t.Errorf("got %+v", terms)
			}
		})
	}
	if got := d.AccountWorst("0001"); got != jpy(20_000) {
		t.Errorf("an account can cost %v at a store of two lanes", got)
	}
	if got := d.AccountWorst("0002"); got != jpy(40_000) {
		t.Errorf("an account can cost %v at a store of up to four lanes", got)
	}
}

func TestPaymentCap(t *testing.T) {
	terms := starter().Terms("s", "1") // payment 5000, unbound 2000, small 2000, restart 2000
	terms.Caps.Small = 3_000
	tests := []struct {
		name  string
		tier  Tier
		bound bool
		cert  int64
		want  int64
	}{
		{"full", TierFull, true, 1 << 40, 5_000},
		{"full, the certificate's", TierFull, true, 4_000, 4_000},
		{"full, unbound", TierFull, false, 1 << 40, 2_000},
		{"full, unbound, the certificate's", TierFull, false, 1_000, 1_000},
		{"small", TierSmall, true, 1 << 40, 3_000},
		{"small, unbound", TierSmall, false, 1 << 40, 0},
		{"restart", TierRestart, true, 1 << 40, 2_000},
		{"restart, unbound", TierRestart, false, 1 << 40, 2_000},
		{"none", TierNone, true, 1 << 40, 0},
		{"a tier of the future", Tier(9), true, 1 << 40, 0},
		{"a certificate of nothing", TierFull, true, 0, 0},
		{"a certificate below nothing", TierFull, true, -1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := terms.PaymentCap(tt.tier, tt.bound, tt.cert); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// TestSharesWithinStore holds invariant 6: in no tier do the lanes of a valid policy's store have more than
// the store's cap together, listed or not.
func TestSharesWithinStore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDocument(t)
		tier := Tier(rapid.Uint8Range(0, 4).Draw(t, "tier"))
		for _, s := range d.Stores {
			var sum int64
			for _, l := range s.Lanes {
				terms := d.Terms(s.Name, l.Name)
				share, _ := terms.Share(tier)
				sum += share
			}
			if sum > s.Cap {
				t.Fatalf("store %s: shares of %d, cap %d", s.Name, sum, s.Cap)
			}
		}
		terms := d.Terms("not listed", "1")
		if share, _ := terms.Share(tier); share*int64(d.Default.Lanes) > d.Default.Cap {
			t.Fatalf("default: share %d for %d lanes, cap %d", share, d.Default.Lanes, d.Default.Cap)
		}
	})
}

func TestJudge(t *testing.T) {
	terms := starter().Terms("s", "1")
	minute := int64(60_000)
	claim := func(amount int64, change func(*Claim)) Claim {
		c := Claim{Amount: jpy(amount), HQAge: minute, Bound: true, CertCap: jpy(9_000)}
		used := Used{Account: 100, AccountCount: 1, Sum: 1_000, Count: 3}
		c.Limits, c.Count = terms.Limits(TierFull, true, 9_000, amount, used), terms.AccountCount(used)
		if change != nil {
			change(&c)
		}
		return c
	}
	tests := []struct {
		name string
		c    Claim
		want payment.Reason
	}{
		{"within", claim(5_000, nil), payment.ReasonNone},
		{"over the payment's cap", claim(5_001, nil), payment.OverPaymentCap},
		{"whatever cap the lane wrote down", claim(5_001, func(c *Claim) { c.Limits.Payment = 1 << 40 }), payment.OverPaymentCap},
		{"over the certificate's", claim(4_000, func(c *Claim) { c.CertCap = jpy(3_999) }), payment.OverPaymentCap},
		{"unbound above its cap", claim(2_001, func(c *Claim) { c.Bound = false }), payment.UnboundAboveCap},
		{"unbound at its cap", claim(2_000, func(c *Claim) { c.Bound = false }), payment.ReasonNone},
		{"foreign", claim(100, func(c *Claim) { c.Amount.Currency = "USD" }), payment.CurrencyMismatch},
		{"foreign certificate", claim(100, func(c *Claim) { c.CertCap.Currency = "USD" }), payment.CurrencyMismatch},
		{"nothing", claim(0, nil), payment.CurrencyMismatch},
		{"account over", claim(100, func(c *Claim) { c.Limits.AccountSpent = 9_001 }), payment.OverAccountCap},
		{"account at the certificate's cap", claim(100, func(c *Claim) { c.Limits.AccountSpent = 9_000 }), payment.ReasonNone},
		{"account without the payment itself", claim(100, func(c *Claim) { c.Limits.AccountSpent = 99 }), payment.OverAccountCap},
		{"account too often", claim(100, func(c *Claim) { c.Count.Used = 11 }), payment.OverAccountCount},
		{"account too often, whatever cap the lane wrote down", claim(100, func(c *Claim) { c.Count.Most, c.Count.Used = 1<<40, 11 }), payment.OverAccountCount},
		{"account at its count", claim(100, func(c *Claim) { c.Count.Used = 10 }), payment.ReasonNone},
		{"account's payments without this one", claim(100, func(c *Claim) { c.Count.Used = 0 }), payment.OverAccountCount},
		{"account's payments not counted", claim(100, func(c *Claim) { c.Count = nil }), payment.OverAccountCount},
		{"share over", claim(100, func(c *Claim) { c.Limits.ShareUsed = 100_001 }), payment.OverShareSum},
		{"share at its end", claim(100, func(c *Claim) { c.Limits.ShareUsed = 100_000 }), payment.ReasonNone},
		{"share without the payment itself", claim(100, func(c *Claim) { c.Limits.ShareUsed = 99 }), payment.OverShareSum},
		{"count over", claim(100, func(c *Claim) { c.Limits.CountUsed = 201 }), payment.OverShareCount},
		{"count at its end", claim(100, func(c *Claim) { c.Limits.CountUsed = 200 }), payment.ReasonNone},
		{"not counted", claim(100, func(c *Claim) { c.Limits.CountUsed = 0 }), payment.OverShareCount},
		{"no tier", claim(100, func(c *Claim) { c.Limits.Tier = 0 }), payment.OfflineTooLong},
		{"no tier, and rightly so", claim(100, func(c *Claim) { c.Limits.Tier, c.HQAge = 0, 48*60*minute }), payment.OfflineTooLong},
		{"a tier of the future", claim(100, func(c *Claim) { c.Limits.Tier = 4 }), payment.OfflineTooLong},
		{"full at four hours", claim(100, func(c *Claim) { c.HQAge = 4*60*minute + 1 }), payment.ReasonNone},
		{"full after four hours", claim(100, func(c *Claim) { c.HQAge = 4*60*minute + 2 }), payment.OfflineTooLong},
		{"full without HQ", claim(100, func(c *Claim) { c.HQAge = 0 }), payment.OfflineTooLong},
		{"full at an age below nothing", claim(100, func(c *Claim) { c.HQAge = math.MinInt64 }), payment.OfflineTooLong},
		{"full at an age beyond all", claim(100, func(c *Claim) { c.HQAge = math.MaxInt64 }), payment.OfflineTooLong},
		{"small within full's time", claim(100, func(c *Claim) { c.Limits.Tier = 2 }), payment.ReasonNone},
		{"small, unbound", claim(100, func(c *Claim) { c.Limits.Tier, c.Bound = 2, false }), payment.UnboundAboveCap},
		{"small over", claim(2_001, func(c *Claim) { c.Limits.Tier = 2 }), payment.OverPaymentCap},
		{"restart", claim(100, func(c *Claim) { c.Limits.Tier, c.HQAge = 3, 0 }), payment.ReasonNone},
		{"restart though HQ spoke", claim(100, func(c *Claim) { c.Limits.Tier = 3 }), payment.OfflineTooLong},
		{"restart over its share", claim(100, func(c *Claim) { c.Limits.Tier, c.HQAge, c.Limits.ShareUsed = 3, 0, 25_001 }), payment.OverShareSum},
		{"restart over its count", claim(100, func(c *Claim) { c.Limits.Tier, c.HQAge, c.Limits.CountUsed = 3, 0, 51 }), payment.OverShareCount},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := terms.Judge(tt.c); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestJudgeIsBounded shows that whatever a lane writes into its entry, what passes stays under every cap.
func TestJudgeIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDocument(t)
		terms := d.Terms("not listed", "1")
		any64 := rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, 200_000))
		c := Claim{
			Amount: jpy(any64.Draw(t, "amount")), HQAge: rapid.Int64Range(-1, 100*3600_000).Draw(t, "age"),
			Bound: rapid.Bool().Draw(t, "bound"), CertCap: jpy(any64.Draw(t, "cert")),
			Limits: payment.Limits{
				Payment: any64.Draw(t, "p"), AccountDay: any64.Draw(t, "a"), AccountSpent: any64.Draw(t, "as"),
				ShareSum: any64.Draw(t, "s"), ShareUsed: any64.Draw(t, "su"),
				ShareCount: rapid.Uint64().Draw(t, "c"), CountUsed: rapid.Uint64Range(0, 300).Draw(t, "cu"), Tier: rapid.Uint8Range(0, 5).Draw(t, "tier"),
			},
		}
		if rapid.Bool().Draw(t, "counted") {
			c.Count = &payment.AccountCount{Most: rapid.Uint64().Draw(t, "am"), Used: rapid.Uint64Range(0, 300).Draw(t, "au")}
		}
		if terms.Judge(c) != payment.ReasonNone {
			return
		}
		if most := d.Caps.AccountCount; most > 0 && c.Count.Used > most {
			t.Fatalf("passed %+v, count %+v", c, c.Count)
		}
		a := c.Amount.Minor
		if a < 1 || a > d.Caps.Payment || a > c.CertCap.Minor || a > d.Default.Sum || c.Limits.AccountSpent > d.Caps.AccountDay ||
			c.Limits.ShareUsed > d.Default.Sum || c.Limits.CountUsed > d.Default.Count || !c.Bound && a > d.Caps.Unbound {
			t.Fatalf("passed %+v", c)
		}
	})
}

func TestCheckTime(t *testing.T) {
	tol := Tolerance{Past: 60, Future: 120}
	tests := []struct {
		name string
		code time.Duration // from now
		want payment.Reason
	}{
		{"now", 0, payment.ReasonNone},
		{"a minute old", -time.Minute, payment.ReasonNone},
		{"older", -time.Minute - 1, payment.CodeExpired},
		{"two minutes ahead", 2 * time.Minute, payment.ReasonNone},
		{"further ahead", 2*time.Minute + 1, payment.CodeFromFuture},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tol.CheckTime(today.Add(tt.code), today); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRevoked(t *testing.T) {
	d := starter()
	account, phone, issuer := make(Hex, AccountSize), make(Hex, KeySize), make(Hex, KeySize)
	account[3], phone[3], issuer[3] = 1, 2, 3
	terminal := payment.ID{5}
	d.Revoked = Revoked{
		Accounts: []Hex{make(Hex, AccountSize), account, account},
		Phones:   []Hex{phone}, Issuers: []Hex{issuer}, Terminals: []payment.ID{terminal},
	}
	if err := d.Validate(); err == nil {
		t.Error("a list with a repeat is valid")
	}
	d.sort()
	if err := d.Validate(); err != nil {
		t.Fatal(err)
	}
	r := &d.Revoked
	if !r.Account(account) || !r.Phone(phone) || !r.Issuer(issuer) || !r.Terminal(terminal) {
		t.Error("what is listed is not found")
	}
	if r.Account(phone) || r.Phone(issuer) || r.Issuer(phone) || r.Terminal(payment.ID{6}) || r.Account(nil) {
		t.Error("what is not listed is found")
	}
}
