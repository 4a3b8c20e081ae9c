package house

import (
	"context"

	"tilld/agent/payment"
	"tilld/sync/house/rule"
)

// Cancel takes a charge back, or makes sure that it never comes to one: an unknown reference gets a tombstone, so that
// a charge which arrives after its cancel is dead. A charge of which a part was refunded is not cancelled: refund the
// rest.
func (i *Issuer) Cancel(ctx context.Context, ref string) (res Result, err error) {
	if !isRef(ref) {
		return Result{}, rule.NotFound
	}
	err = i.do(ctx, func(t *tx) error {
		found, err := t.number("SELECT count(*) FROM charge WHERE ref = ?", ref)
		if err != nil {
			return err
		}
		if found == 0 {
			if err := t.exec(1, "INSERT INTO charge (ref, print, amount, store, lane, state, why, given, at) VALUES (?, x'', 0, '', '', 'reversed', 0, 0, ?)",
				ref, t.ms()); err != nil {
				return err
			}
		} else if err := t.reverse(ref); err != nil {
			return err
		}
		res, err = t.result(ref)
		return err
	})
	return res, err
}

func (t *tx) reverse(ref string) error {
	was, err := t.result(ref)
	switch {
	case err != nil:
		return err
	case was.State != Paid:
		return nil // declined or reversed: no money is the shop's, and none will be
	case was.Given.Minor > 0:
		return rule.TooLate
	}
	if err := t.exec(1, "UPDATE charge SET state = 'reversed', given = amount WHERE ref = ? AND state = 'paid' AND given = 0", ref); err != nil {
		return err
	}
	acc, err := t.account("a.no = (SELECT account FROM charge WHERE ref = ?)", ref)
	if err != nil {
		return err
	}
	return t.move(acc, "reversal", ref, was.Amount.Minor)
}

// Refund pays back a part of a charge or all of it, once for each reference. It works while the account is stopped and
// while everything is: what is owed is paid.
func (i *Issuer) Refund(ctx context.Context, ref, of string, amount payment.Money) (res Result, err error) {
	if !isRef(ref) || amount.Validate() != nil || amount.Currency != i.c.Limits.Currency {
		return Result{}, rule.BadAmount
	}
	err = i.do(ctx, func(t *tx) error {
		if res, err = t.result(of); err != nil {
			return err
		}
		var charged string
		var was int64
		found, err := t.get("SELECT c.ref, r.amount FROM refund r JOIN charge c ON c.no = r.charge WHERE r.ref = ?", []any{ref}, &charged, &was)
		switch {
		case err != nil:
			return err
		case found && (charged != of || was != amount.Minor):
			return rule.RefUsed
		case found:
			return nil
		case res.State != Paid:
			return rule.NotPaid
		}
		if r := rule.Refund(res.Amount.Minor, res.Given.Minor, amount.Minor); r != rule.None {
			return r
		}
		return t.refund(ref, of, amount.Minor, &res)
	})
	return res, err
}

func (t *tx) refund(ref, of string, amount int64, res *Result) error {
	if err := t.exec(1, "INSERT INTO refund (ref, charge, amount, at) SELECT ?, no, ?, ? FROM charge WHERE ref = ?", ref, amount, t.ms(), of); err != nil {
		return err
	}
	if err := t.exec(1, "UPDATE charge SET given = given + ? WHERE ref = ?", amount, of); err != nil {
		return err
	}
	acc, err := t.account("a.no = (SELECT account FROM charge WHERE ref = ?)", of)
	if err != nil {
		return err
	}
	if err := t.move(acc, "refund", ref, amount); err != nil {
		return err
	}
	*res, err = t.result(of)
	return err
}
