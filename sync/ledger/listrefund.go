package ledger

import (
	"context"
	"database/sql"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/operator"
)

// Troubled lists up to so many refunds that a person has to look at, those that were begun last first.
func (r Refunds) Troubled(ctx context.Context, most int) ([]authorise.Refunding, error) {
	rows, err := r.s.ask(ctx, "SELECT "+refundColumns+" FROM refund WHERE trouble <> 0 ORDER BY no DESC LIMIT ?", most)
	list, err := collect(rows, err, scanRefund)
	if err != nil {
		return nil, fmt.Errorf("listing refunds that somebody has to look at: %w", err)
	}
	return list, nil
}

// Troubles counts the refunds that a person has to look at, by what is wrong.
func (r Refunds) Troubles(ctx context.Context) (map[authorise.Trouble]int, error) {
	rows, err := r.s.ask(ctx, "SELECT trouble, count(*) FROM refund WHERE trouble <> 0 GROUP BY trouble")
	counts := map[authorise.Trouble]int{}
	_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		var t authorise.Trouble
		var n int
		err := rows.Scan(&t, &n)
		counts[t] = n
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("counting refunds that somebody has to look at: %w", err)
	}
	return counts, nil
}

// RefundsOf lists the refunds of a payment, in the order in which they were written down.
func (r Refunds) RefundsOf(ctx context.Context, id payment.ID) ([]authorise.Refunding, error) {
	rows, err := r.s.ask(ctx, "SELECT "+refundColumns+" FROM refund WHERE original = ? ORDER BY no", id[:])
	list, err := collect(rows, err, scanRefund)
	if err != nil {
		return nil, fmt.Errorf("listing the refunds of payment %s: %w", id, err)
	}
	return list, nil
}

// Decided keeps what a person decides about a refund (complete: credited by hand; cleared: left alone), as it is now,
// before that is done. The errors are those of Attempts.Decided.
func (r Refunds) Decided(ctx context.Context, ref operator.Ref, what, who, why string) error {
	const op = "ledger.Decided"
	if who == "" || why == "" || len(who) > 64 || len(why) > maxDetail {
		return payment.Errorf(payment.Invalid, op, "who decides (up to 64 bytes) and why (up to %d) must be said", maxDetail)
	}
	return r.s.write(ctx, func(t *tx) error {
		n, err := t.exec(`INSERT INTO refund_decision (refund, what, state, trouble, decided_at, decided_by, why)
			SELECT no, ?, state, trouble, ?, ?, ? FROM refund WHERE ref = ?`, what, t.now, who, why, string(ref))
		if err == nil && n != 1 {
			err = payment.Errorf(payment.NotFound, op, "no refund %s", ref)
		}
		return err
	})
}

// Decisions lists the last decisions about refunds, the last first.
func (r Refunds) Decisions(ctx context.Context, most int) ([]AttemptDecision, error) {
	rows, err := r.s.ask(ctx, `SELECT r.ref, d.what, d.trouble, d.decided_at, d.decided_by, d.why, r.original, r.store, r.lane, r.wallet, r.amount, r.currency
		FROM refund_decision d JOIN refund r ON r.no = d.refund ORDER BY d.no DESC LIMIT ?`, most)
	list, err := collect(rows, err, func(rows *sql.Rows) (d AttemptDecision, err error) {
		var at int64
		var id []byte
		err = rows.Scan(&d.Ref, &d.What, &d.Trouble, &at, &d.By, &d.Why, &id, &d.Store, &d.Lane, &d.Wallet, &d.Amount.Minor, &d.Amount.Currency)
		d.At = millis(at)
		copy(d.Payment[:], id)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing decisions about refunds: %w", err)
	}
	return list, nil
}
