package ledger

import (
	"database/sql"
	"errors"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

// An operator's charge and the books say the same: while one payment of an attempt is posted or waits, the charge stands;
// when the last is voided or written off, it is taken back; and nothing is posted of one that is not there.

// itsAttempt says of a payment p of the dimension d that a is HQ's own attempt of it, and not only of that reference.
const itsAttempt = ` a.ref = p.ref AND a.payment = p.id AND a.terminal = d.terminal AND a.wallet = d.wallet AND a.amount = p.amount
	AND a.currency = d.currency`

// ownAttempt finds the attempt of a payment. Online says whether it names one; found, that HQ has it and it is the
// payment's.
func (t *tx) ownAttempt(p *paymentRow) (a authorise.Attempt, online, found bool, err error) {
	var ref operator.Ref
	_, err = t.get(`SELECT coalesce(p.ref, ''), EXISTS (SELECT 1 FROM attempt a WHERE `+itsAttempt+`)
		FROM payment p JOIN dimension d ON d.no = p.dimension WHERE p.no = ?`, []any{p.no}, &ref, &found)
	if err != nil || !found {
		return a, ref != "", false, err
	}
	a, found, err = t.attempt(ref)
	return a, true, found, err
}

// uncharge has a charge taken back of which nobody is to be paid any more: its payment was voided, or written off.
func (t *tx) uncharge(p *paymentRow) error {
	a, _, found, err := t.ownAttempt(p)
	if err != nil || !found {
		return err
	}
	var alive int
	_, err = t.get(`SELECT count(*) FROM payment p JOIN dimension d ON d.no = p.dimension JOIN attempt a ON `+itsAttempt+`
		WHERE p.ref = ? AND p.no <> ? AND p.state IN ('posted', 'suspense')`, []any{string(a.Ref), p.no}, &alive)
	if err != nil || alive > 0 {
		return err
	}
	_, err = t.step(a, authorise.Undo{})
	return err
}

// claimCharge makes an online payment that is to be charged after all the one that its attempt's charge is for. Nobody's
// decision charges a customer whom the operator did not.
func (t *tx) claimCharge(op string, exception payment.ID, p *paymentRow) error {
	a, online, found, err := t.ownAttempt(p)
	switch {
	case err != nil || !online:
		return err
	case !found:
		return payment.Errorf(payment.Conflict, op, "exception %s: HQ has no attempt of this payment, so nobody was charged for it", exception)
	}
	other, x, err := t.postedOf(a.Ref)
	if err != nil {
		return err
	}
	if other != nil {
		return payment.Errorf(payment.Conflict, op, "exception %s: the charge of attempt %s is posted for entry %s: it can't be posted again",
			exception, a.Ref, x.name)
	}
	if _, err := t.step(a, authorise.Stand{}); errors.Is(err, authorise.ErrNotCharged) {
		return payment.Errorf(payment.Conflict, op, "exception %s: attempt %s is %s: %w", exception, a.Ref, a.State, err)
	} else if err != nil {
		return err
	}
	return nil
}

// postedOf is the payment that an attempt's charge is posted for, and an exception about its entry to be filled in; nil
// when there is none.
func (t *tx) postedOf(ref operator.Ref) (*paymentRow, *newException, error) {
	list, err := each(t, scanCharged, chargedFrom+" WHERE p.ref = ? AND p.state = 'posted'", string(ref))
	if err != nil || len(list) == 0 {
		return nil, nil, err
	}
	return &list[0].p, &list[0].x, nil
}

// charged is an online payment with what an exception about its entry needs.
type charged struct {
	p        paymentRow
	x        newException
	waits    int64 // the open exception that it waits for; 0: none
	forkFrom uint64
}

const chargedFrom = `SELECT p.no, p.entry, p.dimension, p.amount, p.state, t.no, t.id, e.epoch, y.seq, y.hash, coalesce(e.fork_from, 0),
	coalesce((SELECT x.no FROM exception x WHERE x.payment = p.no AND x.state = 'open' AND x.kind = 'attempt_unknown'), 0)
	FROM payment p JOIN entry y ON y.no = p.entry JOIN branch b ON b.no = y.branch JOIN epoch e ON e.no = b.epoch JOIN terminal t ON t.no = e.terminal`

func scanCharged(rows *sql.Rows) (c charged, err error) {
	var terminal, hash []byte
	var epoch, seq int64
	err = rows.Scan(&c.p.no, &c.p.entry, &c.p.dimension, &c.p.amount, &c.p.state, &c.x.terminal, &terminal, &epoch, &seq, &hash, &c.forkFrom, &c.waits)
	if err != nil {
		return c, err
	}
	c.x.entry, c.x.payment, c.x.hash = c.p.entry, c.p.no, [wire.HashSize]byte(hash)
	c.x.name = wire.Name{Terminal: payment.ID(terminal), Epoch: uint64(epoch), Seq: uint64(seq)}
	return c, nil
}

// decidedByOperator takes what is about to be kept of an attempt to the payment that waits for it. When the operator
// was paid, the lane's entry, which is here, completes the attempt, and its payment is posted; when not, the exception
// says so and goes on waiting for a person.
func (t *tx) decidedByOperator(a *authorise.Attempt) error {
	switch a.State {
	case authorise.Asked, authorise.Confirming, authorise.Doubtful:
		return nil
	case authorise.Declined, authorise.Reversing, authorise.Closed, authorise.Manual:
		if err := t.staysCharged(a); err != nil {
			return err
		}
	case authorise.Paid, authorise.Completed:
	}
	list, err := each(t, scanCharged, chargedFrom+` JOIN dimension d ON d.no = p.dimension JOIN attempt a ON `+itsAttempt+`
		WHERE p.ref = ? AND p.state = 'suspense' ORDER BY p.no`, string(a.Ref))
	if err != nil {
		return err
	}
	for i := range list {
		c := &list[i]
		if c.waits == 0 { // for somebody's decision about something else
			continue
		}
		if a.State != authorise.Paid && a.State != authorise.Completed {
			return t.disproved(c.waits, a)
		}
		return t.confirmed(c, a)
	}
	return nil
}

// staysCharged refuses to take a completed attempt back whose payment is posted, with authorise.ErrCompleted: only the
// books do that, in the transaction that reverses the posting.
func (t *tx) staysCharged(a *authorise.Attempt) error {
	var posted bool
	_, err := t.get(`SELECT EXISTS (SELECT 1 FROM payment p JOIN dimension d ON d.no = p.dimension JOIN attempt a ON `+itsAttempt+`
		WHERE p.ref = ? AND p.state = 'posted' AND a.state = 5)`, []any{string(a.Ref)}, &posted)
	if err == nil && posted {
		err = authorise.ErrCompleted
	}
	return err
}

// confirmed posts a payment that waited for its operator's word.
func (t *tx) confirmed(c *charged, a *authorise.Attempt) error {
	if other, _, err := t.postedOf(a.Ref); err != nil || other != nil {
		return err
	}
	next, err := authorise.Step(*a, authorise.Complete{}, nil, millis(t.now))
	if err != nil {
		return err
	}
	*a = next
	why := fmt.Sprintf("the operator confirmed that attempt %s was paid", a.Ref)
	if err := t.release(c.waits, AttemptUnknown, &c.p, Receivable, "tilld", why); err != nil {
		return err
	}
	if c.forkFrom == 0 || c.x.name.Seq < c.forkFrom {
		return nil
	}
	// It was not posted when the fork was found, and waits for that now, like what was.
	c.x.kind, c.x.detail = Fork, "the operator confirmed it behind the fork"
	no, err := t.open(&c.x)
	if err != nil {
		return err
	}
	return t.suspend(&c.p, no)
}

// disproved tells the owner of an exception what became of the attempt.
func (t *tx) disproved(exception int64, a *authorise.Attempt) error {
	said := fmt.Sprintf("Attempt %s is %s now: the operator says %q", a.Ref, a.State, a.Said)
	_, err := t.exec(`UPDATE exception SET detail = substr(?1, 1, ?2) WHERE no = ?3 AND state = 'open'`, said, maxDetail, exception)
	return err
}

// mayHaveTold keeps HQ, whose books were put back, from giving up what its lanes may have been told to be paid.
func (t *tx) mayHaveTold() error {
	_, err := t.exec("UPDATE attempt SET claim = 1, version = version + 1 WHERE state IN (1, 2, 3) AND claim = 0")
	return err
}
