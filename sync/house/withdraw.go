package house

import (
	"context"

	"tilld/agent/payment"
	"tilld/sync/house/rule"
)

// Withdraw gives back what was drawn for a payment that was presented: the lane took it back, or HQ will not be paid for
// it after all. It is for good; the same again changes nothing. It works while the account is stopped. What was counted
// as lost for it is lost no more. rule.NotFound: it was never presented.
func (i *Issuer) Withdraw(ctx context.Context, id payment.ID) (again bool, err error) {
	err = i.do(ctx, func(t *tx) error {
		var no, drawn int64
		found, err := t.get("SELECT account, earmark + free FROM offline WHERE payment = ?", []any{id[:]}, &no, &drawn)
		if err != nil {
			return err
		}
		if !found {
			again, err = t.withdrawApproval(id)
			return err
		}
		fresh, err := t.changed("INSERT INTO withdrawn (payment, at) VALUES (?, ?) ON CONFLICT DO NOTHING", id[:], t.ms())
		if again = !fresh; err != nil || again || drawn == 0 {
			return err
		}
		acc, err := t.account("a.no = ?", no)
		if err != nil {
			return err
		}
		return t.move(acc, "refund", withdrawalRef(id), drawn)
	})
	return again, err
}

// withdrawApproval gives back what a customer paid through the own phone: it is a charge. What was completed late is for a
// person to look at. It is for good: should HQ, whose books were put back, say again that a lane took it, nothing is taken.
func (t *tx) withdrawApproval(id payment.ID) (again bool, err error) {
	var state ChargeState
	var late int64
	found, err := t.get("SELECT c.state, p.late_free + p.late_lost FROM approval p JOIN charge c ON c.no = p.charge WHERE p.payment = ?", []any{id[:]}, &state, &late)
	if err != nil || !found || late > 0 {
		return false, orRefuse(err, rule.NotFound)
	}
	if err := t.exec(-1, "UPDATE approval SET completed_at = ? WHERE payment = ? AND completed_at IS NULL", t.ms(), id[:]); err != nil {
		return false, err
	}
	if state == Reversed {
		return true, nil
	}
	return false, t.reverse(id.String())
}

// withdrawalRef names the movement; HQ's references of refunds end otherwise.
func withdrawalRef(id payment.ID) string { return id.String() + "V" }
