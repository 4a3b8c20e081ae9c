package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/operator"
)

// Attempts are the attempts at online payments in the books: an authorise.Store.
type Attempts struct{ s *Store }

// Attempts returns them.
func (s *Store) Attempts() Attempts { return Attempts{s} }

const attemptColumns = `ref, payment, sale, terminal, store, lane, wallet, merchant, shop_store, shop_terminal, amount, currency, reference, made,
	state, call, due, tries, trouble, no_undo, checked, why, txn, at, said, version`

const (
	insertAttempt = `INSERT INTO attempt (` + attemptColumns + `)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`
	updateAttempt = `UPDATE attempt SET state = ?, call = ?, due = ?, tries = ?, trouble = ?, no_undo = ?, checked = ?, why = ?, txn = ?, at = ?,
		said = ?, version = version + 1 WHERE ref = ? AND version = ?`
	// Declined and closed ones are over, and nothing of them is the shop's.
	openAttempt = `SELECT count(*) FROM attempt WHERE payment = ? AND state NOT IN (6, 8)`
	getAttempt  = `SELECT ` + attemptColumns + ` FROM attempt WHERE ref = ?`
	dueAttempts = `SELECT ` + attemptColumns + ` FROM attempt WHERE due <= ? AND wallet NOT IN (SELECT value FROM json_each(?))
		ORDER BY due, no LIMIT ?`
)

// Begin keeps a new attempt: see authorise.Store.
func (a Attempts) Begin(ctx context.Context, at *authorise.Attempt) error {
	err := a.s.write(ctx, func(t *tx) error {
		var n int
		if _, err := t.get("SELECT count(*) FROM attempt WHERE ref = ?", []any{string(at.Ref)}, &n); err != nil || n > 0 {
			return orElse(err, authorise.ErrExists)
		}
		if !at.State.Unpaid() {
			if _, err := t.get(openAttempt, []any{at.Payment[:]}, &n); err != nil || n > 0 {
				return orElse(err, authorise.ErrOpen)
			}
		}
		_, err := t.insert(insertAttempt, append([]any{string(at.Ref), at.Payment[:], at.Sale[:], at.Terminal[:], at.Store, at.Lane, at.Wallet,
			at.Shop.Merchant, at.Shop.Store, at.Shop.Terminal, at.Amount.Minor, string(at.Amount.Currency), at.Reference, at.Made.UnixMilli()},
			became(at)...)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("keeping attempt %s: %w", at.Ref, err)
	}
	at.Version = 1
	return nil
}

// Save keeps what became of an attempt: see authorise.Store.
func (a Attempts) Save(ctx context.Context, at *authorise.Attempt) error {
	err := a.s.write(ctx, func(t *tx) error {
		n, err := t.exec(updateAttempt, append(became(at), string(at.Ref), at.Version)...)
		if err != nil || n == 1 {
			return err
		}
		var there int
		if _, err := t.get("SELECT count(*) FROM attempt WHERE ref = ?", []any{string(at.Ref)}, &there); err != nil {
			return err
		}
		if there == 0 {
			return authorise.ErrNone
		}
		return authorise.ErrMoved
	})
	if err != nil {
		return fmt.Errorf("keeping attempt %s: %w", at.Ref, err)
	}
	at.Version++
	return nil
}

// became is what changes of an attempt, in the order of its columns from state to said.
func became(a *authorise.Attempt) []any {
	return []any{int64(a.State), int64(a.Call), orNullTime(a.Due), a.Tries, int64(a.Trouble), a.NoUndo, a.Checked, int64(a.Why), a.Transaction,
		orNullTime(a.At), a.Said}
}

func orNullTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// Get returns an attempt: see authorise.Store.
func (a Attempts) Get(ctx context.Context, ref operator.Ref) (authorise.Attempt, error) {
	rows, err := a.s.ask(ctx, getAttempt, string(ref))
	list, err := collect(rows, err, scanAttempt)
	if err != nil {
		return authorise.Attempt{}, fmt.Errorf("reading attempt %s: %w", ref, err)
	}
	if len(list) == 0 {
		return authorise.Attempt{}, fmt.Errorf("reading attempt %s: %w", ref, authorise.ErrNone)
	}
	return list[0], nil
}

// Due returns the attempts of which something is to be done: see authorise.Store.
func (a Attempts) Due(ctx context.Context, until time.Time, most int, but []string) ([]authorise.Attempt, error) {
	if but == nil {
		but = []string{}
	}
	skip, err := json.Marshal(but)
	if err != nil {
		return nil, fmt.Errorf("reading what is due of attempts: %w", err)
	}
	rows, err := a.s.ask(ctx, dueAttempts, until.UnixMilli(), string(skip), most)
	list, err := collect(rows, err, scanAttempt)
	if err != nil {
		return nil, fmt.Errorf("reading what is due of attempts: %w", err)
	}
	return list, nil
}

func scanAttempt(rows *sql.Rows) (a authorise.Attempt, err error) {
	var id, sale, terminal []byte
	var made int64
	var due, at sql.NullInt64
	err = rows.Scan(&a.Ref, &id, &sale, &terminal, &a.Store, &a.Lane, &a.Wallet, &a.Shop.Merchant, &a.Shop.Store, &a.Shop.Terminal,
		&a.Amount.Minor, &a.Amount.Currency, &a.Reference, &made, &a.State, &a.Call, &due, &a.Tries, &a.Trouble, &a.NoUndo, &a.Checked,
		&a.Why, &a.Transaction, &at, &a.Said, &a.Version)
	if err != nil {
		return a, err
	}
	a.Payment, a.Sale, a.Terminal = payment.ID(id), payment.ID(sale), payment.ID(terminal)
	a.Made = millis(made)
	if due.Valid {
		a.Due = millis(due.Int64)
	}
	if at.Valid {
		a.At = millis(at.Int64)
	}
	return a, nil
}
