package authorise

import (
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// RefundState is where a refund stands at HQ. The numbers are stored.
type RefundState uint8

// The states of a refund. It is written down, and counted against what is left of its payment, before any operator
// is asked; refused ones are written down too, so that a repeat that was held up can't be carried out after its lane was
// told that it isn't.
//
//	(lane) ─> written ──the operator gave it back──────────> done <─┐
//	   │         │ └────no answer────> doubtful ────────────────────┤
//	   │         │                        └─it will not, any more─> by hand ──a person──> refused | done
//	   └─────────┴──beyond the payment, or the operator will not──> refused
const (
	RefundWritten  RefundState = 1 // within the payment; the operator has not answered yet, and no call was lost
	RefundDoubtful RefundState = 2 // a call brought no answer: HQ goes on, and the customer was told so
	RefundDone     RefundState = 3 // given back, and posted
	RefundRefused  RefundState = 4 // nothing was given back, and nothing will be
	RefundByHand   RefundState = 5 // the customer was told that the money comes, and the operator will not: a person has to see to it
	refundStateEnd RefundState = 6
)

var refundStateNames = [refundStateEnd]string{"", "written", "doubtful", "done", "refused", "by_hand"}

// String is the state's name, such as "doubtful".
func (s RefundState) String() string {
	if s > 0 && s < refundStateEnd {
		return refundStateNames[s]
	}
	return fmt.Sprintf("refund_%d", uint8(s))
}

// MarshalText writes String.
func (s RefundState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Outcome is what the lane is told: Paid is "given back", NotPaid "not given back", Unknown "HQ goes on with it".
func (s RefundState) Outcome() payment.Outcome {
	switch s {
	case RefundDone:
		return payment.Paid
	case RefundRefused:
		return payment.NotPaid
	case RefundWritten, RefundDoubtful, RefundByHand:
		return payment.Unknown
	}
	return payment.Unknown
}

// Over says that nothing of it changes by itself any more, and that a lane may be told so.
func (s RefundState) Over() bool { return s == RefundDone || s == RefundRefused }

// Counts says that it takes its amount from what is left of its payment.
func (s RefundState) Counts() bool { return s != RefundRefused }

// Refunding is one refund as HQ keeps it.
type Refunding struct {
	Ref         operator.Ref // names it, here and at the operator: payment.ID.RefundRef
	Payment     payment.ID   // the original one
	Terminal    payment.ID   // that asked
	Store, Lane string
	Wallet      string // of the payment; what the store fills in when the lane did not know it
	Amount      payment.Money
	Reference   string    // of the sale, the shop's own
	Made        time.Time // when it was written down, HQ's time

	Of    operator.Ref // the charge that is given back; "": none stands behind the payment, an approval offline
	Whole bool         // all of the payment, of which nothing was given back before

	State    RefundState
	Call     Call      // Query (what became of the charge), Cancel or Refund; Nothing when it is over
	Due      time.Time // when; zero with Nothing. While a call is under way: when another worker may take it for lost
	Tries    int       // calls in a row that changed nothing, with one that is under way; 0: none was made since the last that did
	Trouble  Trouble
	NoCancel bool // the operator refused to cancel: only a refund gives it back

	Why         operator.Why // of RefundRefused
	Transaction string       // the operator's own name for it
	Said        string       // the operator's last word, for people

	Version int64 // counts what was stored of it
}

// Same says whether two refunds of one reference are one. A lane need not know the wallet.
func (r *Refunding) Same(o *Refunding) bool {
	return r.Terminal == o.Terminal && r.Payment == o.Payment && r.Amount == o.Amount &&
		(r.Wallet == o.Wallet || r.Wallet == "" || o.Wallet == "")
}

// Refuse makes it one that is not carried out.
func (r *Refunding) Refuse(why operator.Why) {
	r.State, r.Why = RefundRefused, why
	r.Call, r.Due, r.Tries = Nothing, time.Time{}, 0
}

// AdoptRefund makes a refund of what HQ hears of it from a lane's entry and may have carried out in a life of its books
// that is gone. The operator is asked under the same reference, but not at once: the lane's next entries say what it was
// told.
func AdoptRefund(r Refunding, now time.Time) Refunding {
	r.State, r.Call, r.Due = RefundDoubtful, Refund, now.Add(adoptAfter)
	if r.Whole {
		r.Call = Query // it may have been cancelled
	}
	r.Said = "made from the lane's entry: the books had no such refund"
	return r
}

// adoptAfter is how long HQ waits for the lane's next entries about a refund that it has forgotten.
const adoptAfter = 2 * time.Minute

// RefundEvent is something that happened to a refund. Begin, GivenBack, CreditedByHand and LeftAlone are all.
type RefundEvent interface{ refundEvent() }

// Begin chooses how the money goes back, before the operator is asked for the first time.
type Begin struct{}

// GivenBack is what the operator said to a call.
type GivenBack struct {
	Call   Call
	Answer operator.Answer
}

// calling says that a call is about to be made. One of which the answer is not kept, for the program ended over it, was
// perhaps heard.
func (r *Refunding) calling() { r.Tries = max(r.Tries, 1) }

// taken notes, before the next call, that one was made whose answer nobody kept.
func (r *Refunding) taken() {
	if r.State == RefundWritten && r.Tries > 0 {
		r.State = RefundDoubtful
	}
}

// CreditedByHand is a person's word that the customer has the money back by the operator's own hand.
type CreditedByHand struct{}

// LeftAlone is a person's word, or the lane's, that nothing is given back.
type LeftAlone struct{}

func (Begin) refundEvent()          {}
func (GivenBack) refundEvent()      {}
func (CreditedByHand) refundEvent() {}
func (LeftAlone) refundEvent()      {}

// StepRefund is what an event makes of a refund of a charge, by its operator's rules; it changes neither. Cancel while the
// operator's window lasts and all of it goes back; else a refund. A cancel that was perhaps heard is never followed by a
// refund before a query has said that the charge still stands.
func StepRefund(r Refunding, e RefundEvent, charge *Attempt, rules *operator.Rules, now time.Time) Refunding {
	s := refundStep{Refunding: r, charge: charge, r: rules, now: now}
	switch e := e.(type) {
	case Begin:
		if r.State == RefundWritten && r.Tries == 0 {
			s.begin()
		}
	case GivenBack:
		if r.State == RefundWritten || r.State == RefundDoubtful {
			s.answered(e)
		}
	case CreditedByHand:
		if r.State == RefundByHand {
			s.done()
			s.Trouble = NoTrouble
		}
	case LeftAlone:
		if r.State == RefundByHand || r.State == RefundDoubtful && r.Tries == 0 {
			s.Refuse(operator.NoReason)
			s.Trouble = NoTrouble
		}
	}
	return s.Refunding
}

// refundStep is one transition while it is worked out.
type refundStep struct {
	Refunding
	charge *Attempt
	r      *operator.Rules
	now    time.Time
}

// cancels says that the operator would cancel the charge now.
func (s *refundStep) cancels() bool {
	ends := s.r.CancelEnds(s.charge.Made)
	return s.Whole && !s.NoCancel && !s.now.Before(s.charge.Made.Add(s.r.CancelAfter)) && (ends.IsZero() || s.now.Before(ends))
}

// refunds says why the operator would not refund it now; NoReason: it would.
func (s *refundStep) refunds() operator.Why {
	switch {
	case s.Amount != s.charge.Amount && !s.r.PartialRefund:
		return operator.WholeOnly
	case s.r.RefundFor == 0 || !s.now.Before(s.charge.Made.Add(s.r.RefundFor)):
		return operator.TooLateBack
	}
	return operator.NoReason
}

func (s *refundStep) begin() {
	if s.cancels() {
		s.Call = Cancel
		return
	}
	s.Call = Refund
	if why := s.refunds(); why != operator.NoReason {
		s.Refuse(why)
	}
}

func (s *refundStep) done() {
	s.State = RefundDone
	s.Call, s.Due, s.Tries = Nothing, time.Time{}, 0
	if s.Trouble == Overdue {
		s.Trouble = NoTrouble
	}
}

// fail ends what the operator will not do. Whoever was told that the money comes has to be seen to by a person.
func (s *refundStep) fail(why operator.Why) {
	if s.State == RefundWritten {
		s.Refuse(why)
		return
	}
	s.State, s.Trouble = RefundByHand, NoWayBack
	s.Call, s.Due, s.Tries = Nothing, time.Time{}, 0
}

// again makes a call later, the later the more often nothing came of it; the lane is told that HQ goes on.
func (s *refundStep) again(c Call) {
	s.State = RefundDoubtful
	if c != s.Call {
		s.Tries = 0
	}
	pause := s.r.QueryEvery << min(s.Tries/8, 8)
	s.Call, s.Due, s.Tries = c, s.now.Add(min(max(pause, time.Second), slowest)), s.Tries+1
	if s.now.Sub(s.Made) >= overdue {
		s.Trouble = max(s.Trouble, Overdue)
	}
}

func (s *refundStep) answered(e GivenBack) {
	if e.Answer.Said != "" {
		s.Said = e.Answer.Said
	}
	if e.Call == Refund && e.Answer.Transaction != "" {
		s.Transaction = e.Answer.Transaction
	}
	switch e.Call {
	case Cancel:
		s.cancelled(e.Answer)
	case Query:
		s.looked(e.Answer)
	case Refund:
		s.refunded(e.Answer)
	case Nothing, Silence:
	}
}

// cancelled takes the answer to a cancel.
func (s *refundStep) cancelled(a operator.Answer) {
	switch a.Outcome {
	case operator.Reversed, operator.Refunded:
		s.done()
	case operator.Declined, operator.TooLate:
		s.NoCancel = true
		if s.State == RefundDoubtful { // an earlier cancel may have been heard
			s.again(Query)
			return
		}
		s.refund()
	case operator.Unknown, operator.NotSent, operator.Confirming, operator.Paid, operator.Absent:
		if s.cancels() {
			s.again(Cancel)
			return
		}
		s.again(Query)
	}
}

// refund goes on by a refund, now.
func (s *refundStep) refund() {
	if why := s.refunds(); why != operator.NoReason {
		s.fail(why)
		return
	}
	s.Call, s.Due, s.Tries = Refund, s.now, 0
}

// looked takes what became of the charge, asked behind a cancel that was perhaps heard.
func (s *refundStep) looked(a operator.Answer) {
	switch a.Outcome {
	case operator.Reversed, operator.Refunded:
		s.done()
	case operator.Paid:
		if s.cancels() {
			s.again(Cancel)
			return
		}
		s.refund()
	case operator.Declined:
		s.fail(a.Why) // of the charge: nobody was charged, says the operator now
	case operator.Unknown, operator.NotSent, operator.Confirming, operator.Absent, operator.TooLate:
		s.again(Query)
	}
}

// refunded takes the answer to a refund.
func (s *refundStep) refunded(a operator.Answer) {
	switch a.Outcome {
	case operator.Refunded, operator.Reversed:
		s.done()
	case operator.Declined:
		s.fail(a.Why)
	case operator.TooLate:
		s.fail(operator.TooLateBack)
	case operator.Unknown, operator.NotSent, operator.Confirming, operator.Paid, operator.Absent:
		s.again(Refund)
	}
}
