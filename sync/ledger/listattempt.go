package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/operator"
)

// Terminal is the terminal that asks, with its keys, the newest first; a payment.NotFound for one that is not enrolled.
func (a Attempts) Terminal(ctx context.Context, id payment.ID) (Terminal, []Key, error) {
	rows, err := a.s.ask(ctx, "SELECT "+terminalColumns+" FROM terminal t WHERE t.id = ?", id[:])
	list, err := collect(rows, err, func(rows *sql.Rows) (Terminal, error) { return scanTerminal(rows) })
	if err != nil {
		return Terminal{}, nil, fmt.Errorf("reading terminal %s: %w", id, err)
	}
	if len(list) == 0 {
		return Terminal{}, nil, payment.Errorf(payment.NotFound, "ledger.Terminal", "no terminal %s", id)
	}
	keys, err := a.s.Keys(ctx, id)
	return list[0], keys, err
}

// Something is yet to come of what has a time at which HQ goes on with it, and of what a person has to look at: each has
// an index of its own.
const openAttempts = `SELECT wallet, state, count(*) FROM attempt WHERE due IS NOT NULL AND state NOT IN (5, 6, 8) GROUP BY wallet, state
	UNION ALL SELECT wallet, state, count(*) FROM attempt WHERE trouble <> 0 AND due IS NULL AND state NOT IN (5, 6, 8) GROUP BY wallet, state`

// Open counts the attempts of which something is yet to come, by wallet and state.
func (a Attempts) Open(ctx context.Context) (map[authorise.Count]int, error) {
	rows, err := a.s.ask(ctx, openAttempts)
	counts := map[authorise.Count]int{}
	_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		var c authorise.Count
		var n int
		err := rows.Scan(&c.Wallet, &c.State, &n)
		counts[c] += n
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("counting open attempts: %w", err)
	}
	return counts, nil
}

// Troubles counts the attempts that a person has to look at, by what is wrong.
func (a Attempts) Troubles(ctx context.Context) (map[authorise.Trouble]int, error) {
	rows, err := a.s.ask(ctx, "SELECT trouble, count(*) FROM attempt WHERE trouble <> 0 GROUP BY trouble")
	counts := map[authorise.Trouble]int{}
	_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		var t authorise.Trouble
		var n int
		err := rows.Scan(&t, &n)
		counts[t] = n
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("counting attempts that somebody has to look at: %w", err)
	}
	return counts, nil
}

// Troubled lists up to so many attempts that a person has to look at, those that were begun last first; trouble 0 is any.
func (a Attempts) Troubled(ctx context.Context, trouble authorise.Trouble, most int) ([]authorise.Attempt, error) {
	rows, err := a.s.ask(ctx, "SELECT "+attemptColumns+` FROM attempt WHERE trouble <> 0 AND (? IN (0, trouble)) ORDER BY no DESC LIMIT ?`,
		int64(trouble), most)
	list, err := collect(rows, err, scanAttempt)
	if err != nil {
		return nil, fmt.Errorf("listing attempts that somebody has to look at: %w", err)
	}
	return list, nil
}

// AttemptDecision is what a person decided about an attempt.
type AttemptDecision struct {
	Ref     operator.Ref
	What    string            // reverse, complete or cleared
	State   authorise.State   // of the attempt then
	Trouble authorise.Trouble // that it was about
	At      time.Time
	By, Why string

	// Of the attempt.
	Payment     payment.ID
	Store, Lane string
	Wallet      string
	Amount      payment.Money
}

// Decided keeps what a person decides about an attempt, as it is now, before that is done; the time is the books'. A
// payment.NotFound for an unknown reference, payment.Invalid when who or why is missing or too long.
func (a Attempts) Decided(ctx context.Context, ref operator.Ref, what, who, why string) error {
	const op = "ledger.Decided"
	if who == "" || why == "" || len(who) > 64 || len(why) > maxDetail {
		return payment.Errorf(payment.Invalid, op, "who decides (up to 64 bytes) and why (up to %d) must be said", maxDetail)
	}
	return a.s.write(ctx, func(t *tx) error {
		n, err := t.exec(`INSERT INTO attempt_decision (attempt, what, state, trouble, decided_at, decided_by, why)
			SELECT no, ?, state, trouble, ?, ?, ? FROM attempt WHERE ref = ?`, what, t.now, who, why, string(ref))
		if err == nil && n != 1 {
			err = payment.Errorf(payment.NotFound, op, "no attempt %s", ref)
		}
		return err
	})
}

// Decisions lists the last decisions about attempts, the last first.
func (a Attempts) Decisions(ctx context.Context, most int) ([]AttemptDecision, error) {
	rows, err := a.s.ask(ctx, `SELECT a.ref, d.what, d.state, d.trouble, d.decided_at, d.decided_by, d.why, a.payment, a.store, a.lane, a.wallet, a.amount, a.currency
		FROM attempt_decision d JOIN attempt a ON a.no = d.attempt ORDER BY d.no DESC LIMIT ?`, most)
	list, err := collect(rows, err, func(rows *sql.Rows) (d AttemptDecision, err error) {
		var at int64
		var id []byte
		err = rows.Scan(&d.Ref, &d.What, &d.State, &d.Trouble, &at, &d.By, &d.Why, &id, &d.Store, &d.Lane, &d.Wallet, &d.Amount.Minor, &d.Amount.Currency)
		d.At = millis(at)
		copy(d.Payment[:], id)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing decisions about attempts: %w", err)
	}
	return list, nil
}
