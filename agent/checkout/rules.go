package checkout

import (
	"slices"

	"tilld/agent/payment"
	"tilld/agent/policy"
)

// question is a scan before the rules.
type question struct {
	Context
	doc    *policy.Document // nil: none
	terms  policy.LaneTerms
	due    payment.Money
	sale   *payment.Sale
	scan   *Scan
	wallet string // the one that is asked to pay
	bound  bool   // the code names this place
	tier   policy.Tier
	limits payment.Limits
	count  *payment.AccountCount
}

// rule answers why not, or ReasonNone.
type rule func(*question) payment.Reason

// rules in the order of the package comment. From time on there is a verified code.
var rules = []rule{
	ruleLane, ruleSale, ruleCode, ruleRevocation, ruleTime, rulePlace, ruleReplay, ruleRight,
}

// decide asks every rule. With ReasonNone the question has its tier and limits, and nothing is left that
// could refuse.
func decide(q *question) payment.Reason {
	for _, ask := range rules {
		if why := ask(q); why != payment.ReasonNone {
			return why
		}
	}
	return payment.ReasonNone
}

func newQuestion(s *State, e *Scan, c Context) *question {
	q := &question{Context: c, sale: &s.Sale, due: s.Sale.Due(), scan: e}
	if q.doc = c.Bundle.Policy(); q.doc != nil {
		q.terms = q.doc.Terms(c.Place.Store, c.Place.Lane)
	}
	if len(e.Read.Wallets) > 0 {
		q.wallet = e.Read.Wallets[0]
	}
	if i := slices.IndexFunc(e.Read.Wallets, q.terms.Takes); i >= 0 {
		q.wallet = e.Read.Wallets[i]
	}
	return q
}

// Standing is how much of the offline right this lane has now, and why none. It is what a screen shows
// before anybody scans; the share, which amounts use up, is not in it.
func Standing(c Context) (policy.Tier, payment.Reason) {
	q := newQuestion(&State{}, &Scan{}, c)
	if why := ruleLane(q); why != payment.ReasonNone {
		return policy.TierNone, why
	}
	if !c.Now.Trusted {
		return policy.TierNone, payment.ClockUntrusted
	}
	tier := q.terms.Tier(c.Now.Age, c.Now.Restarted)
	if tier == policy.TierNone {
		return tier, payment.OfflineTooLong
	}
	return tier, payment.ReasonNone
}

// ruleLane asks whether this lane may decide anything at all. A lane that can't seal a code to HQ could
// keep no evidence of it, so that counts as no policy.
func ruleLane(q *question) payment.Reason {
	switch {
	case q.Stopped:
		return payment.JournalStopped
	case q.doc == nil || q.Bundle.Trust().Seal(q.Now.known()) == nil:
		return payment.NoPolicy
	case q.Revoked || q.doc.Revoked.Terminal(q.Place.Terminal):
		return payment.TerminalRevoked
	}
	return payment.ReasonNone
}

func ruleSale(q *question) payment.Reason {
	switch {
	case q.due.Currency != q.terms.Currency:
		return payment.CurrencyMismatch
	case q.due.Minor > q.sale.Eligible.Wallet:
		return payment.AmountNotEligible
	}
	return payment.ReasonNone
}

// ruleCode asks whether the text is a code that this lane can decide on: one whose signatures hold, of a
// wallet that the store takes. All else is for its operator, who is not asked offline.
func ruleCode(q *question) payment.Reason {
	r := &q.scan.Read
	switch {
	case r.Reason != payment.ReasonNone:
		return r.Reason
	case !q.terms.Takes(q.wallet):
		return payment.WalletDisabled
	case r.Code == nil:
		return payment.OnlineOnly
	}
	q.bound, _ = r.Code.boundTo(q.Place)
	return payment.ReasonNone
}

func ruleRevocation(q *question) payment.Reason {
	code, revoked := q.scan.Read.Code, &q.doc.Revoked
	switch {
	case revoked.Issuer(code.Issuer[:]):
		return payment.IssuerRevoked
	case revoked.Phone(code.Phone[:]):
		return payment.KeyRevoked
	case revoked.Account(code.Account[:]):
		return payment.AccountRevoked
	}
	return payment.ReasonNone
}

func ruleTime(q *question) payment.Reason {
	code, now := q.scan.Read.Code, q.Now.Time
	switch {
	case !q.Now.Trusted:
		return payment.ClockUntrusted
	case now.Before(code.NotBefore):
		return payment.CertificateNotYet
	case !now.Before(code.Expiry):
		return payment.CertificateExpired
	}
	// HQ has only the phone's time to hold against the certificate, so that has to fit as well.
	switch why := q.terms.Code.CheckTime(code.Time, now); {
	case why != payment.ReasonNone:
		return why
	case code.Time.Add(q.terms.Code.Future.Duration()).Before(code.NotBefore):
		return payment.CertificateNotYet
	case !code.Time.Before(code.Expiry):
		return payment.CertificateExpired
	}
	return payment.ReasonNone
}

func rulePlace(q *question) payment.Reason {
	if _, other := q.scan.Read.Code.boundTo(q.Place); other {
		return payment.OtherPlace
	}
	return payment.ReasonNone
}

func ruleReplay(q *question) payment.Reason {
	code, known := q.scan.Read.Code, &q.scan.Known
	switch {
	case known.Used || code.Counter == known.Counter:
		return payment.CodeUsed
	case code.Counter < known.Counter:
		return payment.CounterNotAbove
	}
	return payment.ReasonNone
}

// ruleRight holds the payment against what is left of the offline right, by the function by which HQ will.
func ruleRight(q *question) payment.Reason {
	code := q.scan.Read.Code
	q.tier = q.terms.Tier(q.Now.Age, q.Now.Restarted)
	q.limits = q.terms.Limits(q.tier, q.bound, code.Cap.Minor, q.due.Minor, q.scan.Known.Spent)
	q.count = q.terms.AccountCount(q.scan.Known.Spent)
	return q.terms.Judge(policy.Claim{
		Amount: q.due, Limits: q.limits, Count: q.count, HQAge: q.Now.EntryAge, Bound: q.bound, CertCap: code.Cap,
	})
}
