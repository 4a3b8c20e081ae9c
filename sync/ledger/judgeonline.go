package ledger

import (
	"errors"
	"fmt"
	"math"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

// Online is what an entry says of an attempt at an online payment.
type Online struct {
	Ref     operator.Ref
	Payment payment.ID
	Sale    payment.ID
	Amount  payment.Money
	Wallet  string
	// Until is a time of HQ's clock that the entry names: of an intent when HQ refuses it, of an approval when HQ
	// answered. It is the lane's word. Zero: none is named.
	Until time.Time
}

// Authorised is a lane's online approval in the terms of the ledger.
type Authorised struct {
	Online
	Transaction  string // the operator's name for the charge, as the lane was told
	BusinessDate payment.Date
	Policy       uint64
	TakenAt      int64 // Unix ms by the lane's clock
}

// adoptedNote is what HQ says of an attempt that it learnt of from a lane's entry.
const adoptedNote = "made from the lane's entry: the books had no such attempt"

// authorised posts an online payment, or lets it wait. HQ's own attempt says whether the operator charged the customer.
func (j *judge) authorised(b *branchState, w *Judgement) (Kind, error) {
	if w.Kind.Status() == wire.Rejected {
		_, err := j.except(b, w, w.Kind, 0)
		return w.Kind, err
	}
	a := w.Authorised
	repeated, err := j.repeated(a.Payment)
	if err != nil {
		return "", err
	}
	at, kind, err := j.onlineReason(b, w, repeated)
	if err != nil {
		return "", err
	}
	was, err := j.standing(w.Entry.Hash[:])
	if err != nil {
		return "", err
	}
	before, err := j.confirmedBefore(w)
	if err != nil {
		return "", err
	}
	if kind == AttemptUnknown && (was.stands || before) || kind == PaymentRepeated && was.stands {
		took, err := j.takeCharge(at, was)
		if err != nil {
			return "", err
		}
		if took {
			kind = ""
		}
	}
	state := Posted
	if kind != "" {
		state = Suspended
	}
	p, err := j.newPayment(b, w, state, &taken{Payment: a.Payment, Sale: a.Sale, Amount: a.Amount, Wallet: a.Wallet,
		BusinessDate: a.BusinessDate, Policy: a.Policy, TakenAt: a.TakenAt, ref: a.Ref})
	if err != nil {
		return "", err
	}
	switch {
	case before:
		err = j.confirmAgain(b, w, p)
	case kind == "", was.settled:
		err = j.post(move{debit: WalletReceivable, credit: StorePayable, amount: p.amount, dimension: p.dimension,
			cause: causeApproved, payment: p.no, entry: p.entry})
	}
	if err != nil || kind == "" {
		return "", err
	}
	x, err := j.except(b, w, kind, p.no)
	if err != nil {
		return "", err
	}
	if was.settled || before {
		if err := j.reverse(p, causeSuspense, p.entry, x); err != nil {
			return "", err
		}
	}
	return kind, j.hold(p, x)
}

// confirmedBefore says whether a batch holds the payment of an entry that had waited for its operator's word: then it
// was posted by that word, and not by the entry.
func (j *judge) confirmedBefore(w *Judgement) (bool, error) {
	id := ExceptionID(AttemptUnknown, w.Entry.Name, w.Entry.Hash)
	var n int
	_, err := j.get("SELECT count(*) FROM batch_line WHERE entry = ? AND kind = 'adjustment' AND decision = ? AND back = 0", []any{w.Entry.Hash[:], id[:]}, &n)
	return n > 0, err
}

// confirmAgain posts a payment as the operator's word did then, so that its line is the one that is settled.
func (j *judge) confirmAgain(b *branchState, w *Judgement, p *paymentRow) error {
	x, err := j.except(b, w, AttemptUnknown, p.no)
	if err == nil {
		err = j.hold(p, x)
	}
	if err == nil {
		err = j.receive(x, p)
	}
	if err != nil {
		return err
	}
	return j.decided(x, Receivable, 0, "tilld", "the operator confirmed it, and it was settled, before the books were put back")
}

// onlineReason says why an online payment has to wait; empty: it doesn't. That the lane has completed its attempt is
// noted in any case: the goods are the customer's. It returns the attempt as it is then, if it is the payment's own.
func (j *judge) onlineReason(b *branchState, w *Judgement, repeated bool) (authorise.Attempt, Kind, error) {
	at, charge, detail, err := j.charge(b, w)
	if err != nil {
		return at, "", err
	}
	kind := b.history(w, w.Authorised.Policy)
	switch {
	case kind != "":
	case repeated:
		kind = PaymentRepeated
	case charge != "":
		kind, w.Detail = charge, detail
	}
	return at, kind, nil
}

// charge holds an online approval against HQ's own attempt. An attempt that HQ does not have is adopted: the books were
// put back to before it, or the lane lies; the operator knows.
func (j *judge) charge(b *branchState, w *Judgement) (at authorise.Attempt, kind Kind, detail string, err error) {
	mine := j.attemptOf(b, w, &w.Authorised.Online)
	at, found, err := j.attempt(mine.Ref)
	switch {
	case err != nil:
		return at, "", "", err
	case !found:
		at = authorise.Adopt(mine, authorise.Claimed, millis(j.now))
		at.Said, at.Version = adoptedNote, 1
		detail = fmt.Sprintf("HQ has no attempt %s: its books were put back, or the lane made it up. The operator is asked. The lane names its transaction %q",
			at.Ref, w.Authorised.Transaction)
		return at, AttemptUnknown, detail, j.beginAttempt(&at)
	case !at.Same(&mine):
		detail = fmt.Sprintf("attempt %s is of payment %s, %s by %s, at terminal %s", at.Ref, at.Payment, at.Amount, at.Wallet, at.Terminal)
		return authorise.Attempt{}, AttemptContradicts, detail, nil
	}
	if at, err = j.step(at, authorise.Complete{}); err != nil {
		return at, "", "", err
	}
	switch at.State {
	case authorise.Completed:
		return at, "", "", nil
	case authorise.Asked, authorise.Confirming, authorise.Doubtful, authorise.Paid:
		detail = fmt.Sprintf("HQ does not know what became of attempt %s: it is %s. The operator is asked", at.Ref, at.State)
		return at, AttemptUnknown, detail, nil
	case authorise.Declined, authorise.Reversing, authorise.Closed, authorise.Manual:
	}
	return at, AttemptContradicts, fmt.Sprintf("attempt %s is %s, and the lane says that it was paid: are the goods gone?", at.Ref, at.State), nil
}

// attemptOf is the attempt that an entry of a lane speaks of, but for its state. When it was made is at most what the
// lane says: it can't be in the future.
func (j *judge) attemptOf(b *branchState, w *Judgement, o *Online) authorise.Attempt {
	made := w.Entry.ReceivedAt
	if !o.Until.IsZero() && o.Until.Before(made) {
		made = o.Until
	}
	return authorise.Attempt{Ref: o.Ref, Payment: o.Payment, Sale: o.Sale, Terminal: b.place.Terminal, Store: b.place.Store, Lane: b.place.Lane,
		Wallet: o.Wallet, Amount: o.Amount, Made: made.UTC().Truncate(time.Millisecond)}
}

// takeCharge makes a payment that a batch has settled the one that its attempt's charge is for, as takeOver does for
// codes: HQ posted it when its own attempt said that it was paid, and the books that said so are gone. Whatever was
// posted for the same charge this time waits in its place.
//
// An attempt that is not the payment's own has no state.
func (j *judge) takeCharge(at authorise.Attempt, this standing) (bool, error) {
	switch at.State {
	case authorise.Asked, authorise.Confirming, authorise.Doubtful, authorise.Paid, authorise.Completed:
	default: // another payment's, or nobody was charged
		return false, nil
	}
	other, x, err := j.postedOf(at.Ref)
	if err != nil {
		return false, err
	}
	if other != nil {
		if that, err := j.standing(x.hash[:]); err != nil || that.stands && this.back {
			return false, err
		}
		x.kind, x.detail = PaymentRepeated, "another entry of the same attempt was settled before HQ was restored"
		no, err := j.open(x)
		if err != nil {
			return false, err
		}
		if err := j.suspend(other, no); err != nil {
			return false, err
		}
	}
	_, err = j.step(at, authorise.Answered{Call: authorise.Query, Answer: operator.Answer{Outcome: operator.Paid, Said: "settled before the books were put back"}})
	return err == nil, err
}

// reversed takes an attempt back that the lane gave up. When HQ has none, a tombstone kills the request that may still
// come.
func (j *judge) reversed(b *branchState, w *Judgement) (Kind, error) {
	if w.Kind != "" {
		_, err := j.except(b, w, w.Kind, 0)
		return w.Kind, err
	}
	mine := j.attemptOf(b, w, w.Reversed)
	doubt, err := j.forgetful(b, w)
	if err != nil {
		return "", err
	}
	at, found, err := j.attempt(mine.Ref)
	switch {
	case err != nil:
		return "", err
	case !found:
		tomb := authorise.Tombstone(mine, doubt, millis(j.now))
		return "", j.beginAttempt(&tomb)
	case !at.Same(&mine):
		w.Detail = fmt.Sprintf("the lane gives attempt %s up, which is of payment %s, %s by %s, at terminal %s: it stays as it is", at.Ref, at.Payment,
			at.Amount, at.Wallet, at.Terminal)
	default:
		at, err = j.step(at, authorise.Reverse{})
		if err == nil && doubt {
			_, err = j.step(at, authorise.Doubted{})
		}
		if !errors.Is(err, authorise.ErrCompleted) {
			return "", err
		}
		w.Detail = fmt.Sprintf("the lane gives attempt %s up, which was completed before: it stays charged", at.Ref)
	}
	_, err = j.except(b, w, AttemptContradicts, 0)
	return AttemptContradicts, err
}

// intended adopts an attempt of which books that were put back know nothing, though the operator may have been asked:
// whatever the lane's next entry about it is, and if there is none, what was charged gets a name. While HQ would still
// take the request it is left alone, for that would be refused as a repeat.
func (j *judge) intended(b *branchState, w *Judgement) error {
	o := w.Asked
	doubt, err := j.forgetful(b, w)
	if err != nil || !doubt || w.Kind != "" || !o.Until.Before(millis(j.now)) {
		return err
	}
	_, found, err := j.attempt(o.Ref)
	if err != nil || found {
		return err
	}
	at := authorise.Adopt(j.attemptOf(b, w, o), authorise.Perhaps, millis(j.now))
	at.Said = adoptedNote
	return j.beginAttempt(&at)
}

// forgetful says whether an entry may be about an attempt of a life of the ledger that is gone: it was written before
// the lane had the word of this one (see judgeshare.go), or this life is young.
func (j *judge) forgetful(b *branchState, w *Judgement) (bool, error) {
	if b.words <= 1 {
		return false, nil
	}
	if w.Entry.Name.Seq < b.words {
		return true, nil
	}
	return j.young()
}

// young says that this life of the ledger began less than a day ago.
func (t *tx) young() (bool, error) {
	began, err := t.hqEpoch()
	return t.now-int64(min(began, math.MaxInt64)) < oneDay.Milliseconds(), err
}

// oneDay is for how long behind a restore HQ takes it that it may have forgotten what it asked.
const oneDay = 24 * time.Hour
