package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Terminal is one key's life in one position of one store.
type Terminal struct {
	ID         payment.ID
	Entity     string // the legal entity that is paid
	Store      string
	Lane       string
	AddedAt    time.Time
	RevokedAt  time.Time // zero: not revoked
	RevokedBy  string
	RevokedWhy string
}

// Key is a terminal's key in its history.
type Key struct {
	N       int // 0 is the key that was enrolled
	Key     wire.PublicKey
	Retired bool // replaced by a key change: it may open no new epoch
}

// Validate says which name could not stand in a posting.
func (t *Terminal) Validate() error {
	if t.ID.IsZero() {
		return fmt.Errorf("terminal: no identifier")
	}
	for _, f := range []struct{ what, name string }{{"entity", t.Entity}, {"store", t.Store}, {"lane", t.Lane}} {
		if err := wire.CheckName(f.what, f.name); err != nil {
			return err
		}
	}
	return nil
}

// AddTerminal enrols a terminal with its first key. The same again changes nothing; another place or key
// under the same identifier, or a key that is another terminal's, is a payment.Conflict.
func (s *Store) AddTerminal(ctx context.Context, term Terminal, key wire.PublicKey) error {
	const op = "ledger.AddTerminal"
	if err := term.Validate(); err != nil {
		return payment.Errorf(payment.Invalid, op, "%w", err)
	}
	if key.IsZero() {
		return payment.Errorf(payment.Invalid, op, "terminal %s: no key", term.ID)
	}
	return s.write(ctx, func(t *tx) error {
		old, err := t.terminal(term.ID)
		if err != nil {
			return err
		}
		if old.no != 0 {
			return t.sameTerminal(old.no, old.Terminal, term, key)
		}
		if owner, _, err := t.keyOwner(key); err != nil || owner != 0 {
			return orConflict(err, op, "the key %s is another terminal's", key.KID())
		}
		no, err := t.insert("INSERT INTO terminal (id, entity, store, lane, added_at) VALUES (?, ?, ?, ?, ?)",
			term.ID[:], term.Entity, term.Store, term.Lane, t.now)
		if err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO terminal_key (terminal, n, key) VALUES (?, 0, ?)", no, key.Bytes())
		return err
	})
}

func orConflict(err error, op, format string, args ...any) error {
	if err != nil {
		return err
	}
	return payment.Errorf(payment.Conflict, op, format, args...)
}

func (t *tx) sameTerminal(no int64, old, term Terminal, key wire.PublicKey) error {
	const op = "ledger.AddTerminal"
	if old.Entity != term.Entity || old.Store != term.Store || old.Lane != term.Lane {
		return payment.Errorf(payment.Conflict, op, "terminal %s is at %s/%s of %s already", term.ID, old.Store, old.Lane, old.Entity)
	}
	var first []byte
	if _, err := t.get("SELECT key FROM terminal_key WHERE terminal = ? AND n = 0", []any{no}, &first); err != nil {
		return err
	}
	if !bytes.Equal(first, key.Bytes()) {
		return payment.Errorf(payment.Conflict, op, "terminal %s was enrolled with another key", term.ID)
	}
	return nil
}

// RevokeTerminal stops a terminal. What it signs from now on is stored, so that money which was taken does
// not vanish, and waits in suspense. Revoking again changes nothing.
func (s *Store) RevokeTerminal(ctx context.Context, id payment.ID, who, why string) error {
	const op = "ledger.RevokeTerminal"
	if who == "" || why == "" {
		return payment.Errorf(payment.Invalid, op, "who revokes, and why, must be said")
	}
	return s.write(ctx, func(t *tx) error {
		term, err := t.terminal(id)
		if err != nil {
			return err
		}
		no := term.no
		if no == 0 {
			return payment.Errorf(payment.NotFound, op, "no terminal %s", id)
		}
		n, err := t.exec("UPDATE terminal SET revoked_at = ?, revoked_by = ?, revoked_why = ? WHERE no = ? AND revoked_at IS NULL",
			t.now, who, why, no)
		if err != nil || n == 0 {
			return err
		}
		_, err = t.exec(`UPDATE epoch SET held_from =
			1 + (SELECT coalesce(max(b.head), 0) FROM branch b WHERE b.epoch = epoch.no) WHERE terminal = ?`, no)
		return err
	})
}

const terminalColumns = "t.id, t.entity, t.store, t.lane, t.added_at, t.revoked_at, coalesce(t.revoked_by, ''), coalesce(t.revoked_why, '')"

// scanner is a row of either kind.
type scanner interface{ Scan(...any) error }

func scanTerminal(row scanner, more ...any) (Terminal, error) {
	var term Terminal
	var id []byte
	var added int64
	var revoked sql.NullInt64
	err := row.Scan(append([]any{&id, &term.Entity, &term.Store, &term.Lane, &added, &revoked, &term.RevokedBy, &term.RevokedWhy}, more...)...)
	if err != nil {
		return Terminal{}, err
	}
	term.ID, term.AddedAt = payment.ID(id), millis(added)
	if revoked.Valid {
		term.RevokedAt = millis(revoked.Int64)
	}
	return term, nil
}

// terminalRow is a terminal with what recording needs to know of it.
type terminalRow struct {
	Terminal
	no      int64
	leads   int64 // the epoch that it writes, by its last beat; 0: not known
	alarmed bool  // that its journal exists twice is an open exception
}

// isAlarmed says of a terminal t what terminalRow.alarmed does. The index exception_alarm has this condition.
const isAlarmed = `EXISTS (SELECT 1 FROM exception x WHERE x.terminal = t.no AND x.state = 'open'
	AND x.kind IN ('epoch_forked', 'epoch_sibling', 'terminal_twice'))`

// terminal finds a terminal's row; its number is 0 when there is none.
func (t *tx) terminal(id payment.ID) (row terminalRow, err error) {
	st, err := t.stmt("SELECT " + terminalColumns + ", t.no, coalesce(t.leads, 0), " + isAlarmed + " FROM terminal t WHERE t.id = ?")
	if err != nil {
		return row, err
	}
	row.Terminal, err = scanTerminal(st.QueryRowContext(t.ctx, id[:]), &row.no, &row.leads, &row.alarmed)
	if err == sql.ErrNoRows {
		return terminalRow{}, nil
	}
	return row, err
}

// keyOwner says whose key it is; 0: nobody's.
func (t *tx) keyOwner(key wire.PublicKey) (terminal int64, n int, err error) {
	_, err = t.get("SELECT terminal, n FROM terminal_key WHERE key = ?", []any{key.Bytes()}, &terminal, &n)
	return terminal, n, err
}

// Keys is a terminal's key history, the newest first; none for an unknown terminal.
func (s *Store) Keys(ctx context.Context, id payment.ID) ([]Key, error) {
	rows, err := s.ask(ctx, `SELECT k.n, k.key, k.retired FROM terminal_key k
		JOIN terminal t ON t.no = k.terminal WHERE t.id = ? ORDER BY k.n DESC`, id[:])
	keys, err := collect(rows, err, func(rows *sql.Rows) (Key, error) {
		var k Key
		var raw []byte
		if err := rows.Scan(&k.N, &raw, &k.Retired); err != nil {
			return Key{}, err
		}
		var err error
		k.Key, err = wire.ParsePublicKey(raw)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the keys of terminal %s: %w", id, err)
	}
	return keys, nil
}
