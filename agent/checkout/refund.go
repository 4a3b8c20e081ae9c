package checkout

import (
	"slices"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
)

// maxRefunds bounds the refunds of which HQ has not said what became of them.
const maxRefunds = 24

// maxShown bounds them with those that nobody has seen settled.
const maxShown = 2 * maxRefunds

// GiveBack gives money back of a payment: it is taken back as a whole while HQ has not acknowledged it, and refunded
// through HQ otherwise. The cashier sees one thing.
type GiveBack struct {
	ID         payment.ID    // new; names the refund if this becomes one
	Payment    payment.ID    // the original one, of whatever lane and day
	Amount     payment.Money // the zero Money: all that is left, of a payment that is here
	Supervisor string        // who approved; empty: nobody was asked
	Found      *Record       // the payment as the journal knows it; nil: it is another lane's, or pruned
	Acked      uint64        // highest sequence of the present epoch that HQ has acknowledged
	Given      int64         // of it, what this lane has given back or is about to, in minor units
	Alone      uint64        // how often cashiers gave back without the manager, here and on this business date
}

// RefundHeard is HQ's word about a refund.
type RefundHeard struct {
	Ref         string
	Outcome     payment.Outcome // Paid: given back; NotPaid: not, and it won't be; Unknown: HQ goes on with it
	Why         string          // of NotPaid: HQ's short code
	Wallet      string          // of the payment; empty: HQ does not know it either
	Transaction string
	At          time.Time // of the answer, HQ's clock
}

// RefundLate says that HQ has not answered for so long that the cashier must know what to tell the customer.
type RefundLate struct{ Ref string }

// DismissRefund takes a refund off the screen that somebody has seen. One that is not known yet goes on, and comes back
// when it is declined.
type DismissRefund struct{ Ref string }

func (GiveBack) event()      {}
func (RefundHeard) event()   {}
func (RefundLate) event()    {}
func (DismissRefund) event() {}

// Refund is one refund, as the lane knows it.
type Refund struct {
	Ref           string
	Payment, Sale payment.ID // zero Sale: another lane's payment
	Amount        payment.Money
	Wallet        string          // empty: not known
	Since         time.Duration   // when HQ was asked, by the boot-time clock
	Outcome       payment.Outcome // NoOutcome: HQ is being asked; Unknown: the customer need not wait
	Why           payment.Reason  // of NotPaid
	Seen          bool            // somebody took it off the screen
}

// Settled says whether it is known what became of it.
func (r *Refund) Settled() bool { return r.Outcome == payment.Paid || r.Outcome == payment.NotPaid }

// MustApprove says whether the manager has to be asked before so much is given back, when cashiers gave back so often
// by themselves already. How the manager proves to be there is the caller's: today by the PIN.
func MustApprove(p *policy.Document, amount payment.Money, alone uint64) bool {
	return p == nil || amount.Minor > p.RefundAlone || alone >= p.RefundAloneCount
}

func giveBack(s State, e GiveBack, c Context) (Decision, error) {
	amount, err := e.amount()
	if err != nil {
		return Decision{}, err
	}
	if f := e.Found; f != nil && f.ThisEpoch && f.Seq > e.Acked {
		return takeBack(s, e, amount, c)
	}
	p := c.Bundle.Policy()
	switch {
	case e.Found != nil && e.Found.Training:
		return Decision{}, payment.Errorf(payment.NotAllowed, op, "payment %s was practice: there is nothing to give back", e.Payment)
	case p == nil || !p.Feature(policy.Refund):
		return Decision{}, payment.Errorf(payment.NotAllowed, op, "HQ's policy has refunds switched off (features, %q)", policy.Refund)
	case !c.Online:
		return Decision{}, payment.Errorf(payment.Retry, op, "HQ has payment %s and does not answer now: nothing can be given back before it does", e.Payment)
	case s.Day == 0:
		return Decision{}, payment.Errorf(payment.Retry, op, "%w", ErrRollFirst)
	case e.open(&s) >= maxRefunds:
		return Decision{}, payment.Errorf(payment.Retry, op, "%d refunds wait for HQ already", maxRefunds)
	case strings.TrimSpace(e.Supervisor) == "" && MustApprove(p, amount, e.Alone):
		return Decision{}, payment.Errorf(payment.Forbidden, op, "the manager has to approve giving back %s", amount)
	}
	if err := canWrite(c); err != nil {
		return Decision{}, err
	}
	return e.ask(s, amount, c), nil
}

// amount is what is to be given back, as far as this lane can tell that it may be.
func (e *GiveBack) amount() (payment.Money, error) {
	f, amount := e.Found, e.Amount
	if f == nil {
		if amount == (payment.Money{}) {
			return amount, payment.Errorf(payment.Invalid, op, "this lane does not know payment %s: say how much to give back", e.Payment)
		}
		return amount, amount.Validate()
	}
	if f.Voided {
		return amount, payment.Errorf(payment.Conflict, op, "payment %s was taken back before", e.Payment)
	}
	left := payment.Of(f.Amount.Minor-e.Given, f.Amount.Currency)
	if amount == (payment.Money{}) {
		amount = left
	}
	if amount.Currency != f.Amount.Currency || amount.Minor > left.Minor || left.Minor <= 0 {
		return amount, payment.Errorf(payment.Conflict, op, "%s is left of payment %s, not %s", left, e.Payment, amount)
	}
	return amount, amount.Validate()
}

// takeBack is for what HQ has not acknowledged: all of it, on its business date, with or without HQ.
func takeBack(s State, e GiveBack, amount payment.Money, c Context) (Decision, error) {
	f := e.Found
	switch {
	case amount != f.Amount:
		return Decision{}, payment.Errorf(payment.Retry, op, "HQ has not got payment %s: give back the whole %s, or a part when HQ has it", e.Payment, f.Amount)
	case f.Date != s.Day:
		return Decision{}, payment.Errorf(payment.Retry, op, "payment %s is of %s, and HQ has not got it: nothing can be given back before it has", e.Payment, f.Date)
	case strings.TrimSpace(e.Supervisor) == "":
		return Decision{}, payment.Errorf(payment.Forbidden, op, "the manager has to approve taking back what HQ has not got")
	}
	return void(s, Void{Payment: e.Payment, Supervisor: e.Supervisor, Found: f, Acked: e.Acked}, c)
}

// open counts the refunds that wait for HQ.
func (e *GiveBack) open(s *State) (n int) {
	for i := range s.Refunds {
		if !s.Refunds[i].Settled() {
			n++
		}
	}
	return n
}

// ask writes the intent down. From then on the money goes back, whatever becomes of this program, unless HQ declines.
func (e *GiveBack) ask(s State, amount payment.Money, c Context) Decision {
	r := Refund{Ref: e.ID.RefundRef(), Payment: e.Payment, Amount: amount, Since: c.Now.Boot}
	if e.Found != nil {
		r.Sale, r.Wallet = e.Found.Sale, e.Found.Wallet
	}
	d := draft(&s, c, &payment.RefundAsked{Amount: amount, Ref: r.Ref, Wallet: r.Wallet, Alone: strings.TrimSpace(e.Supervisor) == ""})
	d.Sale, d.Payment = r.Sale, r.Payment
	if e.Supervisor != "" {
		d.Body = &payment.Body{Supervisor: e.Supervisor}
	}
	s.Refunds = append(unseen(s.Refunds), r)
	return Decision{State: s, Drafts: []Draft{d}, Answer: Answer{Kind: Asked, Payment: r.Payment, Sale: r.Sale, Amount: amount, Wallet: r.Wallet}}
}

// unseen copies the list of refunds, and bounds it: at a lane without a cashier nobody takes any off. What was given back is
// left out first, the oldest of it.
func unseen(list []Refund) []Refund {
	list = slices.Clone(list)
	for len(list) >= maxShown {
		i := slices.IndexFunc(list, func(r Refund) bool { return r.Outcome == payment.Paid })
		if i < 0 {
			i = slices.IndexFunc(list, func(r Refund) bool { return r.Settled() })
		}
		if i < 0 {
			break
		}
		list = slices.Delete(list, i, i+1)
	}
	return list
}

// refundHeard takes HQ's word. Of a refund that is settled nothing changes.
func refundHeard(s State, e RefundHeard, c Context) (Decision, error) {
	i := refundAt(&s, e.Ref)
	if i < 0 || s.Refunds[i].Settled() {
		return Decision{State: s}, nil
	}
	s.Refunds = slices.Clone(s.Refunds)
	r := &s.Refunds[i]
	d := Decision{}
	switch e.Outcome {
	case payment.Paid, payment.NotPaid:
		if err := canWrite(c); err != nil {
			return Decision{}, err
		}
		if r.Wallet == "" {
			r.Wallet = e.Wallet
		}
		if e.Outcome == payment.Paid && r.Wallet == "" {
			return Decision{}, payment.Errorf(payment.Internal, op, "HQ gave refund %s back and does not say by which wallet", e.Ref)
		}
		d.Drafts = []Draft{refundEnding(&s, c, r, e)}
	case payment.Unknown, payment.Pending:
		if r.Outcome == payment.NoOutcome { // "asking" lasts as long as it always does: the customer may as well wait for it
			return Decision{State: s}, nil
		}
	default:
		return Decision{}, payment.Errorf(payment.Internal, op, "HQ says %q of a refund", e.Outcome)
	}
	if r.Outcome = e.Outcome; e.Outcome == payment.Pending {
		r.Outcome = payment.Unknown
	}
	if e.Outcome == payment.NotPaid {
		r.Why, r.Seen = RefundReasonOf(e.Why), false
	}
	d.Answer = Answer{Kind: Told, Outcome: r.Outcome, Reason: r.Why, Payment: r.Payment, Sale: r.Sale, Amount: r.Amount, Wallet: r.Wallet}
	if r.Seen && r.Settled() {
		s.Refunds = slices.Delete(s.Refunds, i, i+1)
	}
	d.State = s
	return d, nil
}

// refundEnding is the entry that ends a refund by HQ's word.
func refundEnding(s *State, c Context, r *Refund, e RefundHeard) Draft {
	var f payment.Fact = &payment.RefundDeclined{Amount: r.Amount, Ref: r.Ref, Wallet: r.Wallet, Why: e.Why}
	if e.Outcome == payment.Paid {
		f = &payment.Refunded{Amount: r.Amount, Ref: r.Ref, Wallet: r.Wallet, Transaction: e.Transaction, At: e.At.UnixMilli()}
	}
	d := draft(s, c, f)
	d.Sale, d.Payment = r.Sale, r.Payment
	return d
}

// RefundDue is what time alone has brought about: nil for nothing yet.
func RefundDue(s State, c Context) Event {
	for i := range s.Refunds {
		if r := &s.Refunds[i]; r.Outcome == payment.NoOutcome && c.Now.Boot-r.Since >= AskFor {
			return RefundLate{Ref: r.Ref}
		}
	}
	return nil
}

func refundLate(s State, e RefundLate) (Decision, error) {
	if i := refundAt(&s, e.Ref); i >= 0 && s.Refunds[i].Outcome == payment.NoOutcome {
		s.Refunds = slices.Clone(s.Refunds)
		s.Refunds[i].Outcome = payment.Unknown
	}
	return Decision{State: s}, nil
}

func dismissRefund(s State, e DismissRefund) (Decision, error) {
	i := refundAt(&s, e.Ref)
	switch {
	case i < 0:
		return Decision{State: s}, nil // somebody did before
	case s.Refunds[i].Outcome == payment.NoOutcome:
		return Decision{}, payment.Errorf(payment.Conflict, op, "HQ is being asked about refund %s", e.Ref)
	}
	s.Refunds = slices.Clone(s.Refunds)
	if s.Refunds[i].Settled() {
		s.Refunds = slices.Delete(s.Refunds, i, i+1)
	} else {
		s.Refunds[i].Seen = true
	}
	return Decision{State: s}, nil
}

func refundAt(s *State, ref string) int {
	return slices.IndexFunc(s.Refunds, func(r Refund) bool { return r.Ref == ref })
}

// refundWhys are HQ's short codes of a declined refund: package operator's Why on HQ's side.
var refundWhys = map[string]payment.Reason{
	"payment_unknown": payment.RefundUnknown, "payment_waits": payment.RefundWaits, "payment_voided": payment.RefundVoided,
	"payment_lost": payment.RefundLost, "over_payment": payment.RefundOver, "other_owner": payment.RefundElsewhere,
	"whole_only": payment.RefundWhole, "too_late_back": payment.RefundTooLate, "not_enabled": payment.ShopNotAllowed,
	"terminal_revoked": payment.TerminalRevoked,
}

// RefundReasonOf is the reason that HQ's short code of a declined refund stands for. One that means nothing to a cashier
// is RefundRefused.
func RefundReasonOf(why string) payment.Reason {
	if r, ok := refundWhys[why]; ok {
		return r
	}
	return payment.RefundRefused
}
