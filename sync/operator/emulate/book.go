package emulate

import (
	"fmt"
	"slices"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// MaxCharges bounds the charges of one wallet that are kept; then the oldest are forgotten.
const MaxCharges = 100_000

// maxHistory bounds what is kept of one charge.
const maxHistory = 64

// Charge is what the book says of one reference: the truth, whatever was answered.
type Charge struct {
	Wallet      Wallet           `json:"wallet"`
	Ref         operator.Ref     `json:"ref"`
	Transaction string           `json:"transaction"`
	Customer    string           `json:"customer,omitempty"` // "": the code is nobody's
	Amount      payment.Money    `json:"amount"`
	Outcome     operator.Outcome `json:"outcome"`
	Why         operator.Why     `json:"why,omitempty"`
	Refunded    int64            `json:"refunded"` // minor units
	Net         int64            `json:"net"`      // what the customer is out of for this reference, in minor units
	Charges     int              `json:"charges"`  // how often money was taken: never more than once
	Made        time.Time        `json:"made"`
	Ended       time.Time        `json:"ended,omitzero"`
	History     []Event          `json:"history"` // the first of it
}

// Event is one thing that happened to a charge.
type Event struct {
	At    time.Time `json:"at"`
	What  string    `json:"what"`
	Minor int64     `json:"minor,omitempty"` // moved from the customer; back: negative
}

// entry is a charge with what nobody else sees.
type entry struct {
	Charge
	refunds map[string]int64 // by the refund's reference
	code    string           // that it was asked with
}

func (e *entry) note(at time.Time, what string, minor int64) {
	e.Net += minor
	if len(e.History) < maxHistory {
		e.History = append(e.History, Event{at, what, minor})
	}
}

// ledger is one wallet's customers, codes and charges. The server's mutex guards it.
type ledger struct {
	wallet    Wallet
	customs   customs
	customers map[string]*customer
	codes     map[string]*shown
	charges   map[operator.Ref]*entry
	order     []operator.Ref // oldest first
	made      int            // transactions ever
}

// ask is a request as the book understands it, whatever its dialect.
type ask struct {
	ref         operator.Ref
	transaction string
	code        string
	amount      payment.Money
	refund      string // reference of the refund; "" where the dialect has none
	whole       bool   // a refund of all that is left
}

// told is the book's answer.
type told struct {
	operator.Outcome
	operator.Why
	ask
	charged  payment.Money // of the charge, where amount is a refund's
	again    bool          // it was so before
	refunded int64
	at       time.Time
}

func (l *ledger) find(a ask) *entry {
	if e := l.charges[a.ref]; e != nil {
		return e
	}
	for _, e := range l.charges {
		if a.transaction != "" && e.Transaction == a.transaction {
			return e
		}
	}
	return nil
}

func (l *ledger) tell(e *entry, a ask) told {
	a.ref, a.transaction, a.amount = e.Ref, e.Transaction, e.Amount
	at := e.Ended
	if at.IsZero() {
		at = e.Made
	}
	return told{Outcome: e.Outcome, Why: e.Why, ask: a, charged: e.Amount, refunded: e.Refunded, at: at}
}

func (l *ledger) do(op Op, a ask, now time.Time) told {
	switch op {
	case Pay:
		return l.pay(a, now)
	case Cancel:
		return l.cancel(a, now)
	case Refund:
		return l.refund(a, now)
	case QueryRefund:
		return l.refunded(a)
	case Query:
	}
	if e := l.find(a); e != nil {
		return l.tell(e, a)
	}
	return told{Outcome: operator.Absent, ask: a}
}

func (l *ledger) pay(a ask, now time.Time) told {
	if e := l.charges[a.ref]; e != nil {
		t := l.tell(e, a)
		t.again = true
		if !l.customs.payAgain || e.Amount != a.amount || e.code != a.code {
			t.Outcome, t.Why = operator.Declined, operator.RefUsed
		}
		return t
	}
	l.made++
	e := &entry{code: a.code, refunds: map[string]int64{}, Charge: Charge{Wallet: l.wallet, Ref: a.ref, Amount: a.amount,
		Transaction: fmt.Sprintf("%d%09d", 7_000_000_000+int64(len(l.wallet)), l.made), Made: now}}
	if len(l.order) >= MaxCharges {
		delete(l.charges, l.order[0])
		l.order = slices.Delete(l.order, 0, 1)
	}
	l.charges[a.ref], l.order = e, append(l.order, a.ref)
	who, why := l.show(a.code, now)
	if who != nil {
		e.Customer = who.Name
	}
	switch {
	case why != operator.NoReason:
		l.end(e, operator.Declined, why, now)
	case l.customs.guard > 0 && l.similar(e, now):
		l.end(e, operator.Declined, operator.Duplicate, now)
	case who.Prompted:
		e.Outcome = operator.Confirming
		e.note(now, "asked", 0)
	default:
		l.charge(e, now)
	}
	return l.tell(e, a)
}

// similar says whether the customer paid the same amount just now, which some operators take for a mistake.
func (l *ledger) similar(e *entry, now time.Time) bool {
	for _, o := range l.charges {
		if o != e && o.Customer == e.Customer && o.Amount == e.Amount && o.Outcome == operator.Paid && now.Sub(o.Made) < l.customs.guard {
			return true
		}
	}
	return false
}

// charge takes the money, if there is enough of it.
func (l *ledger) charge(e *entry, now time.Time) {
	who := l.customers[e.Customer]
	switch {
	case who == nil || who.Stopped:
		l.end(e, operator.Declined, operator.AccountStopped, now)
	case who.Balance.Currency != e.Amount.Currency:
		l.end(e, operator.Declined, operator.ShopNotAllowed, now)
	case who.Balance.Minor < e.Amount.Minor:
		l.end(e, operator.Declined, operator.NoFunds, now)
	default:
		who.Balance.Minor -= e.Amount.Minor
		e.Outcome, e.Ended = operator.Paid, now
		e.Charges++
		e.note(now, "charged", e.Amount.Minor)
	}
}

func (l *ledger) end(e *entry, o operator.Outcome, why operator.Why, now time.Time) {
	e.Outcome, e.Why, e.Ended = o, why, now
	e.note(now, o.String(), 0)
}
