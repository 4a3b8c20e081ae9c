package house

import (
	"context"
	"errors"
	"strconv"
	"time"

	"tilld/agent/payment"
	"tilld/sync/house/rule"
)

// CashState says what became of cash that a lane counted. The names are stored.
type CashState string

// The states.
const (
	Credited     CashState = "credited" // it is in the account; it can go back while it is there
	CashDeclined CashState = "declined" // not one yen was credited, and none will be under this reference: the lane gives the cash back
	CashReversed CashState = "reversed" // it went out of the account again, or never will be in it
)

// Cash is cash that was counted at a lane, to be put into the account of whoever just showed a code.
type Cash struct {
	Ref    string // HQ's, 1 to 32 of [A-Za-z0-9]: the same again is the same cash
	Code   string // as it was scanned
	Amount payment.Money
	Store  string
	Lane   string
}

// CashResult is what HQ is told of it.
type CashResult struct {
	Ref         string
	State       CashState
	Why         rule.Refusal  // of CashDeclined
	Transaction string        // ours; "": of cash that we were never asked to credit
	Amount      payment.Money // zero of the same
	At          time.Time
}

// CreditCash puts cash into an account, once for each reference. It asks what a top-up by phone is asked: the caps of one,
// of a day and of the balance, the velocity rules, the cooling-off, the stops and the switch; and what an online payment
// is asked of its code, which is used up. Declined is no error but the result, for ever. What is refused is not written
// down, as in Charge.
func (i *Issuer) CreditCash(ctx context.Context, c Cash) (res CashResult, err error) {
	if !isRef(c.Ref) || len(c.Store) > 64 || len(c.Lane) > 64 {
		return CashResult{}, rule.NotFound
	}
	if c.Amount.Validate() != nil || c.Amount.Currency != i.c.Limits.Currency {
		return CashResult{}, rule.BadAmount
	}
	asked := fingerprint("cash", c.Code, strconv.FormatInt(c.Amount.Minor, 10), string(c.Amount.Currency), c.Store, c.Lane)
	err = i.do(ctx, func(t *tx) error {
		var was []byte
		found, err := t.get("SELECT print FROM cash WHERE ref = ?", []any{c.Ref}, &was)
		if err != nil {
			return err
		}
		if found && len(was) > 0 && string(was) != string(asked) { // a tombstone kills whatever comes
			return rule.RefUsed
		}
		if !found {
			if err := t.cash(c, asked); err != nil {
				return err
			}
		}
		res, err = t.cashResult(c.Ref)
		return err
	})
	return res, err
}

// cash decides and writes down, credited or declined.
func (t *tx) cash(c Cash, asked []byte) error {
	v, acc, err := t.payer(c.Code)
	if err == nil {
		if err = t.freshCode(acc, v, c.Store, c.Lane); err == nil {
			err = t.mayTopUp(acc, c.Amount.Minor)
		}
	}
	why, refused := errors.AsType[rule.Refusal](err)
	if err != nil && !refused {
		return err
	}
	state := Credited
	if refused {
		state = CashDeclined
	}
	var no any
	if acc != nil {
		no = acc.no
	}
	if err := t.exec(1, "INSERT INTO cash (ref, account, print, amount, store, lane, state, why, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		c.Ref, no, asked, c.Amount.Minor, c.Store, c.Lane, state, why, t.ms()); err != nil || refused {
		return err
	}
	if err := t.spend(v, c.Ref); err != nil {
		return err
	}
	return t.move(acc, "cash", c.Ref, c.Amount.Minor)
}

// QueryCash says what became of it; rule.NotFound when we know of none.
func (i *Issuer) QueryCash(ctx context.Context, ref string) (res CashResult, err error) {
	err = i.do(ctx, func(t *tx) error { res, err = t.cashResult(ref); return err })
	return res, err
}

// CancelCash takes a credit out of the account again, for the lane has given the cash back, or makes sure that there
// never is one: an unknown reference gets a tombstone. rule.TooLate: the customer has spent of it, or a certificate
// holds it; then the cash is not to be given back.
func (i *Issuer) CancelCash(ctx context.Context, ref string) (res CashResult, err error) {
	if !isRef(ref) {
		return CashResult{}, rule.NotFound
	}
	err = i.do(ctx, func(t *tx) error {
		was, err := t.cashResult(ref)
		switch {
		case errors.Is(err, rule.NotFound):
			err = t.exec(1, "INSERT INTO cash (ref, print, amount, store, lane, state, why, at) VALUES (?, x'', 0, '', '', 'reversed', 0, ?)", ref, t.ms())
		case err == nil && was.State == Credited:
			err = t.cashBack(ref, was.Amount.Minor)
		}
		if err != nil {
			return err
		}
		res, err = t.cashResult(ref)
		return err
	})
	return res, err
}

func (t *tx) cashBack(ref string, amount int64) error {
	acc, err := t.account("a.no = (SELECT account FROM cash WHERE ref = ?)", ref)
	if err != nil {
		return err
	}
	purse, err := t.purse(acc)
	if err != nil {
		return err
	}
	if purse.Free() < amount {
		return rule.TooLate
	}
	if err := t.exec(1, "UPDATE cash SET state = 'reversed' WHERE ref = ? AND state = 'credited'", ref); err != nil {
		return err
	}
	return t.move(acc, "cash_back", ref, -amount)
}

// cashResult reads what became of cash; rule.NotFound when there is none.
func (t *tx) cashResult(ref string) (CashResult, error) {
	r := CashResult{Ref: ref}
	var no, amount, at int64
	var print []byte
	found, err := t.get("SELECT no, print, amount, state, why, at FROM cash WHERE ref = ?", []any{ref}, &no, &print, &amount, &r.State, &r.Why, &at)
	if err != nil || !found {
		return CashResult{}, orRefuse(err, rule.NotFound)
	}
	if len(print) > 0 {
		r.Transaction = "K" + strconv.FormatInt(no, 10)
	}
	r.Amount, r.At = t.money(amount), fromMS(at)
	return r, nil
}
