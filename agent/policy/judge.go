package policy

import (
	"time"

	"tilld/agent/payment"
)

// Claim is an offline approval, held against the policy that it names. At the lane it is a draft; at HQ the
// entry, with Bound and CertCap from the signed code that HQ verified itself.
type Claim struct {
	Amount  payment.Money
	Limits  payment.Limits
	Count   *payment.AccountCount
	HQAge   int64         // the entry's: ms since HQ's last signed time plus 1; 0: none since the machine started
	Bound   bool          // the code names this store (and this lane, if any)
	CertCap payment.Money // the cap in the phone's certificate
}

// Judge says whether an approval was within the policy, and else the first limit that it broke, in this
// order: currency, tier, payment, the account's sum and count, share. It recomputes every cap: what the lane wrote into Limits
// counts only for the sums that the lane alone knows, and those must contain the payment itself.
//
// What passes here is the issuer's liability; what does not, the store's.
func (t *LaneTerms) Judge(c Claim) payment.Reason {
	if c.Amount.Validate() != nil || c.Amount.Currency != t.Currency || c.CertCap.Currency != t.Currency {
		return payment.CurrencyMismatch
	}
	tier := Tier(c.Limits.Tier)
	if !t.tierFits(tier, c.HQAge) {
		return payment.OfflineTooLong
	}
	amount, l := c.Amount.Minor, c.Limits
	switch {
	case amount > t.PaymentCap(tier, true, c.CertCap.Minor):
		return payment.OverPaymentCap
	case amount > t.PaymentCap(tier, c.Bound, c.CertCap.Minor):
		return payment.UnboundAboveCap
	case l.AccountSpent < amount || l.AccountSpent > t.AccountCap(c.CertCap.Minor):
		return payment.OverAccountCap
	case !t.countFits(c.Count):
		return payment.OverAccountCount
	}
	sum, count := t.Share(tier)
	switch {
	case l.ShareUsed < amount || l.ShareUsed > sum:
		return payment.OverShareSum
	case l.CountUsed < 1 || l.CountUsed > count:
		return payment.OverShareCount
	}
	return payment.ReasonNone
}

// Used is what was approved before a payment: by its account at this lane and business date, and by the lane
// without HQ's acknowledgement. Voided payments are not in it.
type Used struct {
	Account      int64
	AccountCount uint64
	Sum          int64
	Count        uint64
}

// Limits are the caps for a payment as its approval records them, with what is used up including it.
func (t *LaneTerms) Limits(tier Tier, bound bool, certCap, amount int64, used Used) payment.Limits {
	sum, count := t.Share(tier)
	return payment.Limits{
		Payment: t.PaymentCap(tier, bound, certCap), AccountDay: t.AccountCap(certCap), AccountSpent: used.Account + amount,
		ShareSum: sum, ShareUsed: used.Sum + amount, ShareCount: count, CountUsed: used.Count + 1, Tier: uint8(tier),
	}
}

// AccountCount is the account's cap on the number of payments as an approval records it, with the payment itself
// counted; nil where the policy sets none.
func (t *LaneTerms) AccountCount(used Used) *payment.AccountCount {
	if t.Caps.AccountCount == 0 {
		return nil
	}
	return &payment.AccountCount{Most: t.Caps.AccountCount, Used: used.AccountCount + 1}
}

// countFits holds what the lane counted against the cap. That a lane under a cap must count is safe to ask: one of a
// release before caps.account_count refuses the policy that sets it.
func (t *LaneTerms) countFits(c *payment.AccountCount) bool {
	most := t.Caps.AccountCount
	return most == 0 || c != nil && c.Used >= 1 && c.Used <= most
}

// tierFits says whether a tier was open at an entry's age of HQ's word. In the restart tier the age is the
// wall clock's word, which the entry does not carry: that there was none of HQ's is all that can be asked.
func (t *LaneTerms) tierFits(tier Tier, hqAge int64) bool {
	if tier == TierRestart {
		return hqAge == 0 && t.Tiers.RestartFor > 0
	}
	if tier == TierNone || hqAge < 1 || hqAge > maxWait.Duration().Milliseconds()+1 {
		return false
	}
	open := t.Tier(time.Duration(hqAge-1)*time.Millisecond, false)
	return tier == open || tier == TierSmall && open == TierFull
}
