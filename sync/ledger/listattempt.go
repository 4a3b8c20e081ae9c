package ledger

import (
	"context"
	"database/sql"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/authorise"
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
