package house

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/house/rule"
)

// TopUp is what a signed-in phone sends to put money into the wallet.
type TopUp struct {
	Session Secret
	Ref     string // made by the phone, 1 to 32 of [A-Za-z0-9]: the same again is the same top-up
	Amount  payment.Money
	Source  string // what the funder takes it from, up to 64 characters
	Proof   Proof  // ForTopUp, over reference, minor units and source
}

// TopUpState says where a top-up stands. The names are stored.
type TopUpState string

// The states; DESIGN.md draws them.
const (
	TopUpAsked    TopUpState = "asked" // the funder may have taken the money: asked again until it says
	TopUpCredited TopUpState = "credited"
	TopUpRefused  TopUpState = "refused" // by the funder: no money moved
)

// TopUp asks the funder for money and credits it. What is asked is written down first; when the funder does not answer
// the top-up stays asked, counts against all limits, and Resume asks again.
func (i *Issuer) TopUp(ctx context.Context, from netip.Addr, u TopUp) (TopUpState, error) {
	state, err := i.askTopUp(ctx, from, u)
	if err != nil || state != TopUpAsked {
		return state, err
	}
	return i.collect(ctx, u.Ref, u.Source, u.Amount)
}

func (i *Issuer) askTopUp(ctx context.Context, from netip.Addr, u TopUp) (state TopUpState, err error) {
	err = i.do(ctx, func(t *tx) error {
		acc, err := t.signedBy(u.Session, from, u.Proof, ForTopUp, u.Ref, strconv.FormatInt(u.Amount.Minor, 10), u.Source)
		if err != nil {
			return err
		}
		if !isRef(u.Ref) || len(u.Source) < 1 || len(u.Source) > 64 {
			return rule.RefUsed
		}
		var owner, amount int64
		var source string
		found, err := t.get("SELECT account, amount, source, state FROM topup WHERE ref = ?", []any{u.Ref}, &owner, &amount, &source, &state)
		switch {
		case err != nil:
			return err
		case found && (owner != acc.no || amount != u.Amount.Minor || source != u.Source || u.Amount.Currency != t.l.Currency):
			return rule.RefUsed
		case found:
			return nil
		}
		state = TopUpAsked
		return t.newTopUp(acc, u)
	})
	if err != nil {
		return "", err
	}
	return state, nil
}

// newTopUp asks the rules and writes the top-up down. Velocity is counted whether the limits allow it or not.
func (t *tx) newTopUp(acc *account, u TopUp) error {
	if s, ok := t.i.c.Funder.(Sources); ok && !s.Takes(u.Source) {
		return rule.NoSource
	}
	if u.Amount.Currency != t.l.Currency {
		return rule.BadAmount
	}
	if err := t.mayTopUp(acc, u.Amount.Minor); err != nil {
		return err
	}
	return t.exec(1, "INSERT INTO topup (ref, account, amount, source, state, asked_at) VALUES (?, ?, ?, ?, 'asked', ?)",
		u.Ref, acc.no, u.Amount.Minor, u.Source, t.ms())
}

// mayTopUp asks everything that a top-up is asked, from wherever its money comes.
func (t *tx) mayTopUp(acc *account, amount int64) error {
	if err := t.open(false, true); err != nil {
		return err
	}
	if !acc.confirmed {
		return rule.Unconfirmed
	}
	if err := t.may(acc, rule.Money); err != nil {
		return err
	}
	purse, err := t.purse(acc)
	if err != nil {
		return err
	}
	r := purse.TopUp(t.l, amount)
	if err := t.over(acc, toppedUp, t.l.Watch.TopUps, rule.TopUpRate, rule.None); err != nil {
		return err
	}
	if r == rule.CoolingOff || (r == rule.OverTopUp && purse.Cooling) {
		return t.over(acc, newPhone, t.l.Watch.NewPhone, rule.NewPhoneTopUp, r)
	}
	if r != rule.None {
		return r
	}
	return t.may(acc, rule.Money) // this one may have been the one too many
}

// collect asks the funder and writes down what it said.
func (i *Issuer) collect(ctx context.Context, ref, source string, amount payment.Money) (TopUpState, error) {
	got, err := i.c.Funder.Collect(ctx, ref, source, amount)
	if err != nil {
		i.warn(err, "a top-up has no answer", "ref", ref)
		return TopUpAsked, nil
	}
	state := TopUpRefused
	if got == Taken {
		state = TopUpCredited
	}
	// The money is in our hands or it isn't: whatever happened to the account or the caller meanwhile, that is written.
	err = i.do(context.WithoutCancel(ctx), func(t *tx) error { return t.endTopUp(ref, state) })
	return state, err
}

func (t *tx) endTopUp(ref string, state TopUpState) error {
	ended, err := t.changed("UPDATE topup SET state = ?, ended_at = ? WHERE ref = ? AND state = 'asked'", state, t.ms(), ref)
	if err != nil || !ended || state != TopUpCredited {
		return err // ended by another who asked at the same time: the funder said the same
	}
	acc, err := t.account("a.no = (SELECT account FROM topup WHERE ref = ?)", ref)
	if err != nil {
		return err
	}
	amount, err := t.number("SELECT amount FROM topup WHERE ref = ?", ref)
	if err != nil {
		return err
	}
	return t.move(acc, "topup", ref, amount)
}

// Resume asks the funder again about top-ups that have had no answer for a while. Whoever runs the issuer calls it at
// the start and now and then.
func (i *Issuer) Resume(ctx context.Context, age time.Duration) error {
	type asked struct {
		ref, source string
		amount      int64
	}
	var all []asked
	err := i.do(ctx, func(t *tx) error {
		rows, err := t.QueryContext(t.ctx, "SELECT ref, source, amount FROM topup WHERE state = 'asked' AND asked_at <= ? ORDER BY asked_at LIMIT 100", t.now.Add(-age).UnixMilli())
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var a asked
			if err := rows.Scan(&a.ref, &a.source, &a.amount); err != nil {
				return err
			}
			all = append(all, a)
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("looking for top-ups without an answer: %w", err)
	}
	for _, a := range all {
		if _, err := i.collect(ctx, a.ref, a.source, payment.Of(a.amount, i.c.Limits.Currency)); err != nil {
			return fmt.Errorf("top-up %s: %w", a.ref, err)
		}
	}
	return ctx.Err()
}

// isRef is the form of every reference that comes from outside.
func isRef(s string) bool {
	return len(s) >= 1 && len(s) <= 32 && strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}
