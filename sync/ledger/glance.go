package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"tilld/agent/payment"
)

// Glance is the state of the chain in a few numbers, as of one moment.
type Glance struct {
	Terminals int // not revoked; those that follow are among them
	Heard     int // heard from since the given time
	Behind    int // HQ lacks entries that it knows of
	Forked    int // see TerminalStatus.Forked
	Twice     int // see TerminalStatus.Twice
	Lost      int // HQ lacks entries that it had acknowledged, and nobody has declared it restored
	Awaited   int // HQ lacks entries that it had acknowledged; it was declared restored, and waits for them
	Unjudged  uint64
	Open      int             // exceptions
	Waiting   []payment.Money // payments in suspense, by currency
}

// Glance counts. A terminal was heard when its newest beat is not before since.
func (s *Store) Glance(ctx context.Context, since time.Time) (g Glance, err error) {
	err = s.look(ctx, func(q querier) error {
		err := q.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(`+isHeard+`), 0), coalesce(sum(`+isBehind+`), 0), coalesce(sum(`+isForked+`), 0),
			coalesce(sum(`+isTwice+`), 0), coalesce(sum(`+isLost+` AND NOT `+isAwaited+`), 0), coalesce(sum(`+isAwaited+`), 0)
			FROM terminal t LEFT JOIN beat s ON s.terminal = t.no WHERE t.revoked_at IS NULL`,
			since.UnixMilli()).Scan(&g.Terminals, &g.Heard, &g.Behind, &g.Forked, &g.Twice, &g.Lost, &g.Awaited)
		if err != nil {
			return err
		}
		err = q.QueryRowContext(ctx, `SELECT (SELECT coalesce(sum(head - judged), 0) FROM branch WHERE judged < head),
			(SELECT count(*) FROM exception WHERE state = 'open')`).Scan(&g.Unjudged, &g.Open)
		if err != nil {
			return err
		}
		rows, err := q.QueryContext(ctx, `SELECT sum(p.amount), d.currency FROM payment p JOIN dimension d ON d.no = p.dimension
			WHERE p.state = 'suspense' AND p.state <> 'posted' GROUP BY d.currency ORDER BY d.currency`)
		g.Waiting, err = collect(rows, err, func(rows *sql.Rows) (m payment.Money, err error) {
			return m, rows.Scan(&m.Minor, &m.Currency)
		})
		return err
	})
	if err != nil {
		return Glance{}, fmt.Errorf("reading the state of the chain: %w", err)
	}
	return g, nil
}

// Slot is a quarter of an hour: no time zone is further divided.
const Slot = 15 * time.Minute

// DaySum is what became, within a slot, of a wallet's payments of a business date.
type DaySum struct {
	Wallet   string
	Currency payment.Currency
	State    State
	From     time.Time // the slot's beginning, by the lanes' clocks: a note
	Count    int
	Sum      int64 // minor units
}

// DaySums adds up the payments of a business date by wallet, currency, state and slot, in this order.
func (s *Store) DaySums(ctx context.Context, date payment.Date) ([]DaySum, error) {
	rows, err := s.readers.QueryContext(ctx, `SELECT d.wallet, d.currency, p.state, p.taken_at / ?1 * ?1 AS slot, count(*), sum(p.amount)
		FROM dimension d CROSS JOIN payment p ON p.dimension = d.no WHERE d.business_date = ?2
		GROUP BY d.wallet, d.currency, p.state, slot ORDER BY d.wallet, d.currency, p.state, slot`, Slot.Milliseconds(), int64(date))
	list, err := collect(rows, err, func(rows *sql.Rows) (DaySum, error) {
		var d DaySum
		var slot int64
		err := rows.Scan(&d.Wallet, &d.Currency, &d.State, &slot, &d.Count, &d.Sum)
		d.From = millis(slot)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("adding up %s: %w", date, err)
	}
	return list, nil
}

// TokenByID finds a token by its identifier, expired and revoked ones too; payment.NotFound when there is none.
func (s *Store) TokenByID(ctx context.Context, id payment.ID) (Token, error) {
	rows, err := s.readers.QueryContext(ctx, tokenColumns+" WHERE id = ?", id[:])
	list, err := collect(rows, err, scanToken)
	return one(list, err, "ledger.TokenByID", "token", id)
}
