package checkout

import (
	"slices"

	"tilld/agent/payment"
	"tilld/agent/policy"
)

// A signed code can be decided on here, and its issuer knows better: who is stopped, what is left. So while HQ answers,
// and the policy says so, the issuer is asked through HQ like any wallet's operator (Asked, then Authorised or Declined);
// when HQ does not answer in time, the lane decides by itself after all.
//
//	Scan ──▶ Asking ──▶ Paid: Authorised                                     the issuer charged
//	           │  └───▶ Refused: Declined                                    the issuer did not, and will not
//	           │  └───▶ Paid: Declined + Approved, one transaction           HQ could not ask the issuer at all
//	           └─ IssuerFor ─▶ Paid: Reversed + Approved, one transaction    nobody answered; offline, within the share
//	                     └───▶ goes on asking, as of an opaque code          nobody answered, and no right to decide
//
// What keeps the customer from paying twice, arrow by arrow:
//
//   - The attempt and the offline approval are one payment, under one identifier, and are journalled together: no crash
//     leaves the one without the other. An attempt that is given up is HQ's to take back, whatever came of it; the
//     entry says so, and the lane asks for it on the faster road besides.
//   - The request that is still on its way when it is given up: HQ has the Reversed, or hears of it later. Before, it is
//     asked and then cancelled; behind it, the tombstone kills it; behind NotAfter, HQ refuses it.
//   - The charge that the issuer made, and whose answer is lost: HQ cancels it. Should what the lane took offline be
//     presented to the issuer before that cancel, the issuer takes the charge back by itself: the payment is the same
//     one, by its identifier and by the code's. The cancel then finds it reversed.
//   - What was presented before the charge arrives at the issuer: the code's counter is spent, and the charge declined.
//   - HQ's answer that comes too late finds the attempt closed here, and changes nothing.
//   - The program that ends while HQ is asked: nobody has the code any more. The sale is parked, and HQ finds out.
//   - The same code again, at this lane: Asked holds its counter, so it pays once here, online or offline.
//   - The journal that can't be written: nothing was approved, nothing was given up; both are tried again.

// lacks are the refusals for want of the right to decide offline, which its issuer can decide on. A certificate that is
// not valid yet is one of them: after a change of phone it says that lanes may not decide, and the issuer may.
var lacks = []payment.Reason{
	payment.ReasonNone, payment.CertificateNotYet, payment.OfflineTooLong, payment.OverPaymentCap, payment.UnboundAboveCap,
	payment.OverAccountCap, payment.OverAccountCount, payment.OverShareSum, payment.OverShareCount,
}

// asksIssuer says whether a signed code's issuer is asked, when the rules of an offline approval come to why. While it
// does not answer HQ, it is asked only what the lane may not decide by itself.
func asksIssuer(q *question, why payment.Reason) bool {
	switch {
	case q.scan.Read.Code == nil || !slices.Contains(lacks, why):
		return false
	case !q.doc.Feature(policy.HouseOnline) || q.sale.Training || !q.Online || !q.Now.Trusted:
		return false
	case why == payment.ReasonNone && slices.Contains(q.Down, q.wallet):
		return false
	}
	// A certificate's time is asked before these.
	return rulePlace(q) == payment.ReasonNone && ruleReplay(q) == payment.ReasonNone
}

// notAsked are HQ's short codes that say that the issuer was never asked.
var notAsked = map[string]bool{"not_enabled": true, "busy": true, "late": true}

// fallBack approves offline what HQ says nothing about, and gives the attempt up in the same breath. Where the lane has
// no right to, it goes on waiting for HQ.
func fallBack(s State, e FallBack, c Context) (Decision, error) {
	if !s.Phase.Asked() || s.Attempt.Ref != e.Ref || s.Attempt.Offline == nil {
		return Decision{State: s}, nil
	}
	if err := canWrite(c); err != nil {
		return Decision{}, err
	}
	a := s.Attempt
	d, ok := offline(s, e.Known, c)
	if !ok {
		s.Attempt.Offline = nil
		return Decision{State: s}, nil
	}
	r := saleDraft(&s, c, &payment.Reversed{Amount: a.Amount, Wallet: a.Wallet, Ref: a.Ref, Cause: payment.WaivedOffline})
	r.Payment = a.Payment
	d.Drafts = append([]Draft{r}, d.Drafts...)
	return d, nil
}

// offline asks the rules of an offline approval about the code of the present attempt, as of now, and approves; false:
// they refuse. That the code is held by the attempt itself is no replay of it.
func offline(s State, known Known, c Context) (Decision, bool) {
	a := s.Attempt
	code := a.Offline.Read.Code
	if known.Used && known.By == a.Payment {
		known.Used = false
		if known.Counter == code.Counter {
			known.Counter--
		}
	}
	if checkSpent(known) != nil {
		return Decision{}, false
	}
	e := Scan{Payment: a.Payment, Read: a.Offline.Read, Hash: a.Offline.Hash, HashKey: a.Offline.HashKey, Known: known}
	s.Attempt = Attempt{}
	q := newQuestion(&s, &e, c)
	if decide(q) != payment.ReasonNone || q.wallet != a.Wallet || q.due != a.Amount {
		return Decision{}, false
	}
	s.Touched = c.Now.Boot
	return approve(s, q), true
}
