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
	state, call, due, tries, trouble, no_undo, checked, why, txn, at, said, claim, version`

const (
	insertAttempt = `INSERT INTO attempt (` + attemptColumns + `)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`
	updateAttempt = `UPDATE attempt SET state = ?, call = ?, due = ?, tries = ?, trouble = ?, no_undo = ?, checked = ?, why = ?, txn = ?, at = ?,
		said = ?, claim = ?, version = version + 1 WHERE ref = ? AND version = ?`
	// Declined and closed ones are over, and nothing of them is the shop's.
	openAttempt = `SELECT count(*) FROM attempt WHERE payment = ? AND state NOT IN (6, 8)`
	getAttempt  = `SELECT ` + attemptColumns + ` FROM attempt WHERE ref = ?`
	dueAttempts = `SELECT ` + attemptColumns + ` FROM attempt WHERE due <= ? AND wallet NOT IN (SELECT value FROM json_each(?))
		ORDER BY due, no LIMIT ?`
)

// Begin keeps a new attempt: see authorise.Store. In the first hour of books that were put back it keeps one that HQ
// declines as too late as Doubtful.
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
		if err := t.perhapsAsked(at); err != nil {
			return err
		}
		return t.beginAttempt(at)
	})
	if err != nil {
		return fmt.Errorf("keeping attempt %s: %w", at.Ref, err)
	}
	at.Version = 1
	return nil
}

// perhapsAsked asks the operator about a request that came too late, when the books were put back within the hour: it may
// be the repeat of one that was in time, and charged. Nobody says that it was not paid before the operator does.
func (t *tx) perhapsAsked(at *authorise.Attempt) error {
	if at.State != authorise.Declined || at.Why != operator.Late {
		return nil
	}
	var young bool
	_, err := t.get("SELECT count(*) > 1 AND max(epoch) > ? FROM hq_epoch", []any{t.now - time.Hour.Milliseconds()}, &young)
	if young {
		at.Why = operator.NoReason
		*at = authorise.Adopt(*at, authorise.Perhaps, millis(t.now))
	}
	return err
}

// Save keeps what became of an attempt: see authorise.Store. A payment that waits for HQ to know about it is posted with
// it when the operator has said that it was paid; then a lane's entry is here, and the attempt is Completed, not Paid.
// authorise.ErrCompleted: it was to be taken back while its payment is posted.
func (a Attempts) Save(ctx context.Context, at *authorise.Attempt) error {
	next := *at
	err := a.s.write(ctx, func(t *tx) error {
		next = *at
		if err := t.decidedByOperator(&next); err != nil {
			return err
		}
		return t.saveAttempt(&next)
	})
	if err != nil {
		return fmt.Errorf("keeping attempt %s: %w", at.Ref, err)
	}
	*at = next
	at.Version++
	return nil
}

// beginAttempt keeps a new attempt, of a reference that is free.
func (t *tx) beginAttempt(at *authorise.Attempt) error {
	_, err := t.insert(insertAttempt, append([]any{string(at.Ref), at.Payment[:], at.Sale[:], at.Terminal[:], at.Store, at.Lane, at.Wallet,
		at.Shop.Merchant, at.Shop.Store, at.Shop.Terminal, at.Amount.Minor, string(at.Amount.Currency), at.Reference, at.Made.UnixMilli()},
		became(at)...)...)
	return err
}

// saveAttempt keeps what became of an attempt, unless somebody else was there before.
func (t *tx) saveAttempt(at *authorise.Attempt) error {
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
}

// attempt finds an attempt by its reference.
func (t *tx) attempt(ref operator.Ref) (a authorise.Attempt, found bool, err error) {
	list, err := each(t, scanAttempt, getAttempt, string(ref))
	if err != nil || len(list) == 0 {
		return a, false, err
	}
	return list[0], true, nil
}

// step makes a step of an attempt as it is in this transaction, and keeps it.
func (t *tx) step(a authorise.Attempt, e authorise.Event) (authorise.Attempt, error) {
	next, err := authorise.Step(a, e, nil, millis(t.now))
	if err != nil || next == a {
		return a, err
	}
	if err := t.saveAttempt(&next); err != nil {
		return a, err
	}
	next.Version++
	return next, nil
}

// became is what changes of an attempt, in the order of its columns from state to claim.
func became(a *authorise.Attempt) []any {
	return []any{int64(a.State), int64(a.Call), orNullTime(a.Due), a.Tries, int64(a.Trouble), a.NoUndo, a.Checked, int64(a.Why), a.Transaction,
		orNullTime(a.At), a.Said, int64(a.Claim)}
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
		&a.Why, &a.Transaction, &at, &a.Said, &a.Claim, &a.Version)
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
