package checkout

import (
	"time"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

// How long a sale can be paid through the customer's own phone, by the boot-time clock, which nobody can set.
const (
	// OfferFor is how long issuers take the code that is shown, from each showing on.
	OfferFor = 10 * time.Minute
	// OfferMost is how long after the first showing it can be shown again. With OfferFor and TakeFor it bounds when an
	// approval can be taken at all, and an issuer gives money back only long after that (sync/house/rule).
	OfferMost = 30 * time.Minute
	// TakeFor is how long beyond OfferFor an approval is taken: the customer paid in the last moment, and shows it now.
	TakeFor = 5 * time.Minute
)

// Offer has the present sale shown on the customer's screen, to be paid at an issuer by the customer's own phone. Shown
// again it stays the same payment, so that nobody pays it twice.
type Offer struct {
	Payment payment.ID // new; names the payment when the sale was not offered before
}

func (Offer) event() {}

// Offered is what a sale was offered as; the zero value: it was not.
type Offered struct {
	Payment payment.ID
	First   time.Duration // when it was shown first, by the boot-time clock
	Since   time.Duration // and last
	Until   time.Time     // until when issuers take it, by the lane's estimate of HQ's time then
}

// Shows says whether the offer's code may be on the customer's screen.
func (o *Offered) Shows(boot time.Duration) bool {
	return !o.Payment.IsZero() && boot >= o.Since && boot-o.Since < OfferFor
}

// takes says whether an approval of the offer comes in time. A machine that was restarted since has forgotten the offer.
func (o *Offered) takes(boot time.Duration) bool {
	return !o.Payment.IsZero() && boot >= o.Since && boot-o.Since < OfferFor+TakeFor
}

// Approval is an issuer's signed word that it has the money for one payment, verified.
type Approval struct {
	Payment  payment.ID
	Terminal payment.ID // that may take it
	Amount   payment.Money
	Account  [policy.AccountSize]byte
	Issuer   [policy.KeySize]byte
	At       time.Time // by the issuer's clock
}

// CanOffer says why the sale can't be paid through the customer's phone here; ReasonNone: it can. It asks no clock: the
// payment's identifier is this lane's and new, so an approval of it can't be an old one.
func CanOffer(s *State, c Context) payment.Reason {
	q := newQuestion(s, &Scan{}, c)
	switch why := ruleLane(q); {
	case why != payment.ReasonNone:
		return why
	case !q.doc.Feature(policy.Carried) || s.Sale.Training:
		return payment.ShopNotAllowed
	}
	return ruleSale(q)
}

// CuredByApproval says whether a payment that is refused for a reason may be made through the customer's own phone: the
// issuer can tell what this lane can't, and has limits of its own.
func CuredByApproval(r payment.Reason) bool {
	switch r {
	case payment.OnlineOnly, payment.HQAway, payment.CertificateExpired, payment.CertificateNotYet, payment.CodeExpired,
		payment.CodeFromFuture, payment.UnboundAboveCap, payment.OverPaymentCap, payment.OverAccountCap, payment.OverAccountCount,
		payment.OverShareSum, payment.OverShareCount, payment.OfflineTooLong, payment.ClockUntrusted,
		payment.ApprovalEnded, payment.ApprovalUsed, payment.ApprovalDiffers:
		return true
	}
	return false
}

// offer is journalled before anything is shown: from then on somebody may pay it.
func offer(s State, e Offer, c Context) (Decision, error) {
	if !s.Phase.Waiting() {
		return Decision{}, wrongPhase(s.Sale.ID, s.Phase, "offered")
	}
	if err := canWrite(c); err != nil {
		return Decision{}, err
	}
	if why := CanOffer(&s, c); why != payment.ReasonNone {
		return Decision{}, payment.Errorf(payment.NotAllowed, op, "this sale can't be paid through the customer's phone: %s", why)
	}
	o := s.Offer
	switch {
	case o.Payment.IsZero():
		o = Offered{Payment: e.Payment, First: c.Now.Boot}
	case c.Now.Boot < o.First || c.Now.Boot-o.First >= OfferMost:
		return Decision{}, payment.Errorf(payment.Conflict, op, "sale %s was shown for so long: cancel it and ring it up again", s.Sale.ID)
	}
	if o.Payment.IsZero() {
		return Decision{}, payment.Errorf(payment.Internal, op, "a payment needs an identifier")
	}
	o.Since, o.Until = c.Now.Boot, c.Now.Time.Add(OfferFor).Truncate(time.Second)
	s.Offer, s.Touched = o, c.Now.Boot
	d := saleDraft(&s, c, &payment.Offered{Amount: s.Sale.Due(), Until: o.Until.UnixMilli()})
	d.Payment = o.Payment
	return Decision{State: s, Drafts: []Draft{d}, Answer: Answer{Kind: Showing, Payment: o.Payment, Sale: s.Sale.ID, Amount: s.Sale.Due()}}, nil
}

// scanApproval takes an issuer's approval, or says what becomes of the money: never is one of this lane's answered as if it
// were unknown, for a customer has paid it.
func scanApproval(s State, e Scan, c Context) (Decision, error) {
	a := e.Read.Approval
	switch {
	case a != nil && a.Payment == s.Last.Payment && !s.Last.Voided:
		return Decision{State: s, Answer: again(&s)}, nil
	case s.Phase.Asked():
		return Decision{State: s, Answer: underWay(&s)}, nil
	case !s.Phase.Waiting() && a == nil:
		return Decision{State: s, Answer: Answer{Kind: Unreadable, Reason: e.Read.Reason, Advice: ScanAgain}}, nil
	case !s.Phase.Waiting():
		why := ruleOffer(&s, &e, c)
		if why == payment.ReasonNone { // it was offered, and paid otherwise since
			why = payment.ApprovalEnded
		}
		return Decision{State: s, Answer: Answer{Kind: Unwanted, Reason: why, Advice: AdviceFor(why), Payment: a.Payment, Amount: a.Amount}}, nil
	}
	s.Touched = c.Now.Boot
	q := newQuestion(&s, &e, c)
	if why := decideApproval(&s, q); why != payment.ReasonNone {
		return refuse(s, q, why), nil
	}
	// From here on the payment is approved: everything below only writes it down.
	return carry(s, q), nil
}

func decideApproval(s *State, q *question) payment.Reason {
	if why := ruleLane(q); why != payment.ReasonNone {
		return why
	}
	a := q.scan.Read.Approval
	if a == nil {
		return q.scan.Read.Reason
	}
	if why := ruleOffer(s, q.scan, q.Context); why != payment.ReasonNone {
		return why
	}
	switch {
	case a.Amount != q.due:
		return payment.ApprovalDiffers
	case !q.terms.Takes(q.wallet):
		return payment.WalletDisabled
	case q.doc.Revoked.Issuer(a.Issuer[:]): // that an account is revoked the issuer knows better
		return payment.IssuerRevoked
	}
	return payment.ReasonNone
}

// ruleOffer asks whether a verified approval is of what the present sale was offered as, and in time.
func ruleOffer(s *State, e *Scan, c Context) payment.Reason {
	a := e.Read.Approval
	switch {
	case a.Terminal != c.Place.Terminal:
		return payment.ApprovalElsewhere
	case e.Known.Used:
		return payment.ApprovalUsed
	case a.Payment != s.Offer.Payment || !s.Offer.takes(c.Now.Boot):
		return payment.ApprovalEnded
	}
	return payment.ReasonNone
}

func carry(s State, q *question) Decision {
	a := q.scan.Read.Approval
	s.Phase, s.Refusal = Paid, Refusal{}
	s.Last = Taken{Payment: a.Payment, Sale: s.Sale.ID, Amount: q.due, Wallet: q.wallet, Hash: string(q.scan.Hash)}
	d := saleDraft(&s, q.Context, &payment.Carried{Amount: q.due, Wallet: q.wallet, Issuer: a.Issuer[:], At: a.At.Unix()})
	d.Payment, d.Evidence = a.Payment, q.scan.Read.Text
	d.Body = &payment.Body{Cashier: s.Sale.Cashier, Account: a.Account[:]}
	return Decision{State: s, Drafts: []Draft{d}, Answer: Answer{
		Kind: Approved, Outcome: payment.Paid, Payment: a.Payment, Sale: s.Sale.ID, Amount: q.due, Wallet: q.wallet,
	}}
}

// examineApproval checks an approval's signature with the issuers' keys that are believed at a moment, as Examine does
// for codes.
func examineApproval(r Read, c paycode.Classification, trust *policy.Trust, at time.Time) Read {
	v := c.Approval
	if err := v.Verify(trust.Keys(policy.UseIssuer, at)); err != nil {
		r.Kind, r.Reason = paycode.Invalid, paycode.SignedReason(err)
		return r
	}
	r.Wallets = []string{trust.Wallet(v.Issuer)}
	r.Approval = &Approval{Payment: v.Payment, Terminal: v.Terminal, Amount: v.Amount, Account: v.Account, Issuer: v.Issuer, At: v.At}
	return r
}
