package policy

import (
	"cmp"
	"slices"
	"time"

	"tilld/agent/payment"
)

// Tier is how much of the offline right is left. The numbers are signed into approvals (payment.Limits).
type Tier uint8

// The tiers.
const (
	TierNone    Tier = 0 // no offline approval
	TierFull    Tier = 1
	TierSmall   Tier = 2 // small amounts, and only codes bound to this store
	TierRestart Tier = 3 // the machine restarted without HQ: the wall clock must do, for a part of the share
)

// String is "none", "full", "small" or "restart".
func (t Tier) String() string {
	switch t {
	case TierFull:
		return "full"
	case TierSmall:
		return "small"
	case TierRestart:
		return "restart"
	}
	return "none"
}

// LaneTerms is what applies to one lane: a policy seen from there. Its methods are the whole arithmetic of
// the offline right; the lane decides by them and HQ judges by them.
type LaneTerms struct {
	Version  uint64 // of the policy
	Currency payment.Currency
	Zone     string // of the store
	Market   string // the chain's country; empty: not said
	Roll     Seconds
	Wallets  []string // that the store takes, in order
	ShareSum int64    // most money approved and not yet acknowledged
	ShareNum uint64   // the same as a number of payments
	Caps     Caps
	Code     Tolerance
	Tiers    Tiers
}

// Terms are the terms of a lane. A store that is not listed has the default ones; a lane that its listed
// store does not name has no share.
func (d *Document) Terms(store, lane string) LaneTerms {
	t := LaneTerms{
		Version: d.Version, Currency: d.Currency, Zone: d.Zone, Market: d.Market, Roll: d.Roll, Wallets: d.wallets(store, nil, nil),
		ShareSum: d.Default.Sum, ShareNum: d.Default.Count, Caps: d.Caps, Code: d.Code, Tiers: d.Tiers,
	}
	s := d.store(store)
	if s == nil {
		return t
	}
	t.Zone = cmp.Or(s.Zone, d.Zone)
	t.Wallets = d.wallets(store, s, nil)
	t.ShareSum, t.ShareNum = 0, 0
	if i, ok := slices.BinarySearchFunc(s.Lanes, lane, func(l Lane, name string) int { return cmp.Compare(l.Name, name) }); ok {
		t.ShareSum, t.ShareNum = s.Lanes[i].Sum, s.Lanes[i].Count
		t.Wallets = d.wallets(store, s, &s.Lanes[i])
	}
	return t
}

func (d *Document) store(name string) *Store {
	i, ok := slices.BinarySearchFunc(d.Stores, name, func(s Store, name string) int { return cmp.Compare(s.Name, name) })
	if !ok {
		return nil
	}
	return &d.Stores[i]
}

// Takes says whether the store takes the wallet.
func (t *LaneTerms) Takes(wallet string) bool { return slices.Contains(t.Wallets, wallet) }

// Tier is what is left of the offline right when HQ's last signed time is age old; restarted means that
// since then the machine restarted and the age is the wall clock's word.
func (t *LaneTerms) Tier(age time.Duration, restarted bool) Tier {
	switch {
	case age < 0:
		return TierNone
	case restarted && age <= t.Tiers.RestartFor.Duration():
		return TierRestart
	case restarted:
		return TierNone
	case age <= t.Tiers.FullFor.Duration():
		return TierFull
	case age <= t.Tiers.SmallFor.Duration():
		return TierSmall
	}
	return TierNone
}

// Share is what a lane may have approved and not yet acknowledged in a tier, as money and as a number. What
// it has is counted from the journal, so neither restart nor clock sets it back.
func (t *LaneTerms) Share(tier Tier) (sum int64, count uint64) {
	switch tier {
	case TierFull, TierSmall:
		return t.ShareSum, t.ShareNum
	case TierRestart:
		return t.ShareSum * int64(t.Tiers.RestartPercent) / 100, t.ShareNum * uint64(t.Tiers.RestartPercent) / 100
	}
	return 0, 0
}

// PaymentCap is the most for one payment in a tier, by a code that names this store (bound) or none, under
// a certificate whose own cap is certCap.
func (t *LaneTerms) PaymentCap(tier Tier, bound bool, certCap int64) int64 {
	most := min(t.Caps.Payment, certCap)
	switch tier {
	case TierFull:
	case TierSmall:
		if !bound {
			return 0
		}
		most = min(most, t.Caps.Small)
	case TierRestart:
		most = min(most, t.Tiers.RestartPayment)
	default:
		return 0
	}
	if !bound {
		most = min(most, t.Caps.Unbound)
	}
	return max(most, 0)
}

// AccountCap is the most for one account at this lane in one business date. The certificate's cap is the
// issuer's word on what the account may spend offline at all, so it bounds the day too.
func (t *LaneTerms) AccountCap(certCap int64) int64 { return max(min(t.Caps.AccountDay, certCap), 0) }

// CheckTime compares a signed code's time with now: CodeExpired, CodeFromFuture or ReasonNone.
func (t *Tolerance) CheckTime(code, now time.Time) payment.Reason {
	switch {
	case code.Before(now.Add(-t.Past.Duration())):
		return payment.CodeExpired
	case code.After(now.Add(t.Future.Duration())):
		return payment.CodeFromFuture
	}
	return payment.ReasonNone
}
