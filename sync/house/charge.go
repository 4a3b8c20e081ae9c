package house

import (
	"context"
	"errors"
	"strconv"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/house/rule"
	"tilld/sync/wire"
)

// ChargeState says what became of a charge; every state is final but paid, which can be taken back. The names are
// stored.
type ChargeState string

// The states.
const (
	Paid     ChargeState = "paid"
	Declined ChargeState = "declined" // no money moved
	Reversed ChargeState = "reversed" // all of it went back, or none will ever be taken under this reference
)

// Charge is one request of HQ to be paid by a code that a customer just showed.
type Charge struct {
	Ref    string // HQ's, 1 to 32 of [A-Za-z0-9]: the same again is the same charge
	Code   string // as it was scanned
	Amount payment.Money
	Store  string
	Lane   string
}

// Result is what HQ is told of a charge.
type Result struct {
	Ref         string
	State       ChargeState
	Why         rule.Refusal  // of Declined
	Transaction string        // ours; "": of a charge that never was
	Amount      payment.Money // zero of a charge that never was
	Given       payment.Money // back, of what was paid
	At          time.Time
}

// Charge takes a payment online. A declined charge is no error: it is the charge's result, for ever. What is refused is
// not written down: a reference or a place that can't be, no amount in the wallet's currency, rule.RefUsed.
func (i *Issuer) Charge(ctx context.Context, c Charge) (res Result, err error) {
	if !isRef(c.Ref) || len(c.Store) > 64 || len(c.Lane) > 64 {
		return Result{}, rule.NotFound
	}
	if c.Amount.Validate() != nil || c.Amount.Currency != i.c.Limits.Currency {
		return Result{}, rule.BadAmount
	}
	asked := fingerprint(c.Code, strconv.FormatInt(c.Amount.Minor, 10), string(c.Amount.Currency), c.Store, c.Lane)
	err = i.do(ctx, func(t *tx) error {
		var was []byte
		found, err := t.get("SELECT print FROM charge WHERE ref = ?", []any{c.Ref}, &was)
		if err != nil {
			return err
		}
		// A tombstone has no print: whatever comes under its reference is dead.
		if found && len(was) > 0 && string(was) != string(asked) {
			return rule.RefUsed
		}
		if !found {
			if err := t.charge(c, asked); err != nil {
				return err
			}
		}
		res, err = t.result(c.Ref)
		return err
	})
	return res, err
}

// charge decides and writes the charge down, paid or declined.
func (t *tx) charge(c Charge, asked []byte) error {
	v, acc, err := t.payer(c.Code)
	why, refused := errors.AsType[rule.Refusal](err)
	if err != nil && !refused {
		return err
	}
	if !refused {
		err = t.mayPay(acc, v, c)
		if why, refused = errors.AsType[rule.Refusal](err); err != nil && !refused {
			return err
		}
	}
	state := Paid
	if refused {
		state = Declined
	}
	var no any
	if acc != nil {
		no = acc.no
	}
	if err := t.exec(1, "INSERT INTO charge (ref, account, print, amount, store, lane, state, why, given, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
		c.Ref, no, asked, c.Amount.Minor, c.Store, c.Lane, state, why, t.ms()); err != nil {
		return err
	}
	if refused {
		return nil
	}
	if err := t.spend(v, c.Ref); err != nil {
		return err
	}
	return t.move(acc, "charge", c.Ref, -c.Amount.Minor)
}

// payer verifies a code against our own key and finds who pays by it.
func (t *tx) payer(code string) (*signed.Verified, *account, error) {
	v, err := signed.Verify(code, t.i.ownKey)
	if err != nil || v.Cap.Currency != t.l.Currency {
		return nil, nil, rule.BadCode
	}
	acc, err := t.account("a.pseudonym = ?", v.Account[:])
	if err == nil && acc == nil {
		err = rule.BadCode
	}
	return v, acc, err
}

// ownKey finds the issuer's own key, and no other.
func (i *Issuer) ownKey(id wire.KID) []wire.PublicKey {
	if own := i.c.Signer.Public(); own.KID() == id {
		return []wire.PublicKey{own}
	}
	return nil
}

// mayPay asks everything that an online payment is asked; velocity is counted when the code was good.
func (t *tx) mayPay(acc *account, v *signed.Verified, c Charge) error {
	if err := t.open(true, false); err != nil {
		return err
	}
	if err := t.freshCode(acc, v, c.Store, c.Lane); err != nil {
		return err
	}
	if err := t.lane(acc, c.Store, c.Lane, t.now); err != nil {
		return err
	}
	if err := t.may(acc, rule.Money); err != nil {
		return err
	}
	purse, err := t.purse(acc)
	if err != nil {
		return err
	}
	return purse.Spend(t.l, v.Store != "", c.Amount.Minor).Err()
}

// freshCode asks whether a code is the account's own phone's, was made just now and for this place, and is not used up.
func (t *tx) freshCode(acc *account, v *signed.Verified, store, lane string) error {
	if acc.phone == 0 || acc.key.KID() != v.PhoneKey || !t.now.Before(v.CertExpiry) {
		return rule.BadCode // of a phone that was replaced, or under an old certificate
	}
	if r := t.l.CodeTime(v.Time, t.now); r != rule.None {
		return r
	}
	if (v.Store != "" && v.Store != store) || (v.Lane != "" && v.Lane != lane) {
		return rule.BadCode // meant for another place: lifted by a camera
	}
	n, err := t.number("SELECT count(*) FROM spent WHERE phone = ? AND counter = ?", v.PhoneKey[:], v.Counter)
	if err != nil || n > 0 {
		return orRefuse(err, rule.CodeUsed)
	}
	return nil
}

// spend uses a code's counter up.
func (t *tx) spend(v *signed.Verified, ref string) error {
	return t.exec(1, "INSERT INTO spent (phone, counter, ref) VALUES (?, ?, ?)", v.PhoneKey[:], v.Counter, ref)
}

// result reads a charge; rule.NotFound when there is none.
func (t *tx) result(ref string) (Result, error) {
	r := Result{Ref: ref}
	var no, amount, given, at int64
	var print []byte
	found, err := t.get("SELECT no, print, amount, state, why, given, at FROM charge WHERE ref = ?", []any{ref}, &no, &print, &amount, &r.State, &r.Why, &given, &at)
	if err != nil || !found {
		return Result{}, orRefuse(err, rule.NotFound)
	}
	if len(print) > 0 {
		r.Transaction = "H" + strconv.FormatInt(no, 10)
	}
	r.Amount, r.Given, r.At = t.money(amount), t.money(given), fromMS(at)
	return r, nil
}

// Query says what became of a charge; rule.NotFound when we know of none.
func (i *Issuer) Query(ctx context.Context, ref string) (res Result, err error) {
	err = i.do(ctx, func(t *tx) error { res, err = t.result(ref); return err })
	return res, err
}
