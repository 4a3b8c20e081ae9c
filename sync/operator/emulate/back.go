package emulate

import (
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// back gives money back.
func (l *ledger) back(e *entry, what string, minor int64, now time.Time) {
	l.customers[e.Customer].Balance.Minor += minor
	e.note(now, what, -minor)
}

func (l *ledger) cancel(a ask, now time.Time) told {
	e := l.find(a)
	if e == nil {
		return told{Outcome: operator.Absent, ask: a}
	}
	ends := l.customs.cancel.Ends(e.Made)
	switch {
	case e.Outcome == operator.Confirming:
		l.end(e, operator.Reversed, operator.NoReason, now)
	case e.Outcome == operator.Paid && (e.Refunded > 0 || l.customs.neverCancels || !ends.IsZero() && !now.Before(ends)):
		t := l.tell(e, a)
		t.Outcome = operator.TooLate
		return t
	case e.Outcome == operator.Paid:
		l.back(e, "reversed", e.Amount.Minor, now)
		e.Outcome, e.Ended = operator.Reversed, now
	default:
		t := l.tell(e, a)
		t.again = true
		return t
	}
	return l.tell(e, a)
}

func (l *ledger) refund(a ask, now time.Time) told {
	e := l.find(a)
	if e == nil {
		return told{Outcome: operator.Absent, ask: a}
	}
	t, want := l.tell(e, a), a.amount.Minor
	if a.whole {
		want = e.Amount.Minor - e.Refunded
	}
	t.amount = payment.Of(want, e.Amount.Currency)
	before, known := e.refunds[a.refund]
	switch {
	case known && a.refund != "":
		t.again, t.Outcome = true, operator.Refunded
		if before != want {
			t.Outcome, t.Why = operator.Declined, operator.RefUsed
		}
	case e.Outcome == operator.Refunded:
		t.again, t.Outcome, t.Why = true, operator.Declined, operator.OverLimit
	case e.Outcome != operator.Paid:
		t.Outcome, t.Why = operator.Declined, operator.NoReason
	case want > e.Amount.Minor-e.Refunded || a.amount.Currency != e.Amount.Currency && !a.whole:
		t.Outcome, t.Why = operator.Declined, operator.OverLimit
	default:
		e.refunds[a.refund] = want
		e.Refunded += want
		l.back(e, "refunded", want, now)
		if e.Refunded == e.Amount.Minor {
			e.Outcome, e.Ended = operator.Refunded, now
		}
		t.Outcome, t.at, t.refunded = operator.Refunded, now, e.Refunded
	}
	return t
}

// refunded looks a refund up by its reference.
func (l *ledger) refunded(a ask) told {
	for _, e := range l.charges {
		if minor, ok := e.refunds[a.refund]; ok && a.refund != "" {
			t := l.tell(e, a)
			t.Outcome, t.amount.Minor = operator.Refunded, minor
			return t
		}
	}
	return told{Outcome: operator.Absent, ask: a}
}
