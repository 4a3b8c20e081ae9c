package ledger

import (
	"errors"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/operator"
)

// RefundWord is what an entry says of a refund.
type RefundWord struct {
	What    payment.Kind // KindRefundAsked, KindRefunded or KindRefundDeclined
	Ref     operator.Ref
	Payment payment.ID // the original one
	Amount  payment.Money
	Wallet  string // "": the lane did not know it
}

// refundWord takes a lane's word about a refund. The intent is a request like any other: what was asked in vain by the
// faster road is carried out by it. How it ended is HQ's own word, given back to it; where the books say otherwise they
// were put back, or the lane makes it up.
func (j *judge) refundWord(b *branchState, w *Judgement) (Kind, error) {
	if w.Kind != "" {
		_, err := j.except(b, w, w.Kind, 0)
		return w.Kind, err
	}
	f := w.Refund
	mine := authorise.Refunding{Ref: f.Ref, Payment: f.Payment, Terminal: b.place.Terminal, Store: b.place.Store, Lane: b.place.Lane,
		Wallet: f.Wallet, Amount: f.Amount, Made: millis(j.now), State: authorise.RefundWritten, Call: authorise.Refund, Due: millis(j.now)}
	r, found, err := j.refund(f.Ref)
	if err != nil {
		return "", err
	}
	if found && !r.Same(&mine) {
		w.Detail = fmt.Sprintf("refund %s is of payment %s, %s, at terminal %s", r.Ref, r.Payment, r.Amount, r.Terminal)
		return j.refundContradicts(b, w)
	}
	switch f.What {
	case payment.KindRefundAsked:
		if found {
			return "", nil
		}
		return "", j.refundAsked(b, w, &mine)
	case payment.KindRefunded:
		return j.refundTold(b, w, &mine, r, found)
	case payment.KindRefundDeclined:
		return j.refundDenied(b, w, r, found)
	}
	return "", nil
}

// refundAsked begins the refund that an entry asks for. Books that were put back may have carried it out already: the
// operator is asked in a while, under the same reference.
func (j *judge) refundAsked(b *branchState, w *Judgement, r *authorise.Refunding) error {
	if b.heldFrom != 0 && w.Entry.Name.Seq >= b.heldFrom {
		r.Refuse(operator.TerminalRevoked)
		return j.beginRefund(r)
	}
	doubt, err := j.forgetful(b, w)
	if err != nil {
		return err
	}
	if err := j.beginRefund(r); err != nil || !doubt || r.State != authorise.RefundWritten {
		return err
	}
	adopted := authorise.AdoptRefund(*r, millis(j.now))
	return j.saveRefund(&adopted)
}

// refundTold takes the lane's word that HQ said: it is given back.
func (j *judge) refundTold(b *branchState, w *Judgement, mine *authorise.Refunding, r authorise.Refunding, found bool) (Kind, error) {
	if !found { // its intent has not come, or is of a life of the books that is gone
		if b.heldFrom != 0 && w.Entry.Name.Seq >= b.heldFrom { // anybody who holds a till's disk can say so
			mine.Refuse(operator.TerminalRevoked)
		}
		err := j.beginRefund(mine)
		if err != nil && !errors.Is(err, authorise.ErrExists) {
			return "", err
		}
		if r = *mine; r.State == authorise.RefundWritten {
			r = authorise.AdoptRefund(r, millis(j.now))
			return "", j.saveRefund(&r)
		}
	}
	if r.State != authorise.RefundRefused {
		return "", nil
	}
	w.Detail = fmt.Sprintf("the lane says that refund %s of payment %s was given back, %s: the books refused it (%s). Ask the operator, and post it by hand",
		r.Ref, r.Payment, r.Amount, r.Why)
	return j.refundContradicts(b, w)
}

// refundDenied takes the lane's word that HQ said: it is not given back. What was adopted and not asked about yet is left
// alone.
func (j *judge) refundDenied(b *branchState, w *Judgement, r authorise.Refunding, found bool) (Kind, error) {
	switch {
	case !found:
		return "", nil
	case r.State == authorise.RefundDone:
		w.Detail = fmt.Sprintf("the lane says that refund %s of payment %s was declined: %s was given back", r.Ref, r.Payment, r.Amount)
		return j.refundContradicts(b, w)
	}
	next := authorise.StepRefund(r, authorise.LeftAlone{}, nil, nil, millis(j.now))
	if r.State == authorise.RefundByHand || next == r {
		return "", nil
	}
	return "", j.saveRefund(&next)
}

func (j *judge) refundContradicts(b *branchState, w *Judgement) (Kind, error) {
	_, err := j.except(b, w, RefundContradicts, 0)
	return RefundContradicts, err
}

// refundedBefore says what keeps a payment from being taken back as a whole: money that was given back of it, or is about
// to be. Taking all of it back too would give more than was paid.
func (t *tx) refundedBefore(p *paymentRow) (string, error) {
	sum, err := t.givenBack(p)
	if err != nil || sum == 0 {
		return "", err
	}
	return fmt.Sprintf("%d of it was given back before, or is about to be: it stays charged", sum), nil
}

// refundedAlone is refundedBefore of a payment of which no other entry is posted. Where one is, that one stays charged.
func (t *tx) refundedAlone(p *paymentRow) (string, error) {
	var stands bool
	_, err := t.get("SELECT EXISTS (SELECT 1 FROM payment p JOIN payment o ON o.id = p.id WHERE p.no = ? AND o.state = 'posted')", []any{p.no}, &stands)
	if err != nil || stands {
		return "", err
	}
	return t.refundedBefore(p)
}
