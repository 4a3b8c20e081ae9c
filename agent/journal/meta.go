package journal

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"

	"tilld/agent/payment"
)

// The names in the meta table. They are never used for anything else again.
const (
	metaTerminal = "terminal"
	metaAnchor   = "clock-anchor"
	metaBeat     = "beat-count"
	metaStanding = "standing"
	metaSecond   = "second-medium"
	metaCleared  = "cleared-sale"
	metaTill     = "till-paper"

	// Business dates, as numbers: retention has taken away what is older.
	metaBodiesFrom   = "bodies-from"
	metaCountersFrom = "counters-from"

	// Not zero: the second medium may still hold what was pruned or erased here.
	metaSecondStale = "second-medium-stale"
)

// meta reads a value; nil when there is none.
func (s *store) meta(ctx context.Context, key string) ([]byte, error) {
	var v []byte
	err := s.row(ctx, `SELECT value FROM meta WHERE key = ?`, []any{key}, &v)
	if err != nil && !isNoRows(err) {
		return nil, fmt.Errorf("reading %s: %w", key, err)
	}
	return v, nil
}

func (s *store) setMeta(ctx context.Context, key string, value []byte) error {
	_, err := s.exec(ctx, `INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`, key, value)
	if err != nil {
		return fmt.Errorf("writing %s: %w", key, err)
	}
	return nil
}

// number reads a number from the meta table; 0 when there is none.
func (s *store) number(ctx context.Context, key string) (uint64, error) {
	v, err := s.meta(ctx, key)
	if err != nil || v == nil {
		return 0, err
	}
	return numberOf(key, v)
}

func numberOf(key string, v []byte) (uint64, error) {
	if len(v) != 8 {
		return 0, corrupt("%s has %d bytes", key, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}

func (s *store) setNumber(ctx context.Context, key string, n uint64) error {
	return s.setMeta(ctx, key, counterBytes(n))
}

// locked runs fn in a transaction of its own.
func (j *Journal) locked(ctx context.Context, fn func(context.Context, *store) error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.write(ctx, fn)
}

// ClockAnchor gives what SetClockAnchor kept last, nil when nothing. What it means is agent/clock's.
func (j *Journal) ClockAnchor(ctx context.Context) ([]byte, error) {
	return j.readMeta(ctx, metaAnchor)
}

func (j *Journal) readMeta(ctx context.Context, key string) ([]byte, error) {
	var v []byte
	err := j.read(ctx, func(ctx context.Context, db *sql.DB) error {
		err := db.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = ?`, key).Scan(&v)
		if isNoRows(err) {
			return nil
		}
		return err
	})
	return v, err
}

// SetClockAnchor keeps the last HQ-signed time over a restart.
func (j *Journal) SetClockAnchor(ctx context.Context, raw []byte) error {
	return j.locked(ctx, func(ctx context.Context, s *store) error { return s.setMeta(ctx, metaAnchor, orEmpty(raw)) })
}

// Standing gives what SetStanding kept last, nil when nothing. What it means is the lane's.
func (j *Journal) Standing(ctx context.Context) ([]byte, error) { return j.readMeta(ctx, metaStanding) }

// SetStanding keeps what HQ has said of this terminal itself over a restart.
func (j *Journal) SetStanding(ctx context.Context, raw []byte) error {
	return j.locked(ctx, func(ctx context.Context, s *store) error { return s.setMeta(ctx, metaStanding, orEmpty(raw)) })
}

// TillPaper gives what SetTillPaper kept last, nil when nothing. Whether it still holds is the lane's to ask.
func (j *Journal) TillPaper(ctx context.Context) ([]byte, error) { return j.readMeta(ctx, metaTill) }

// SetTillPaper keeps HQ's paper about this till over a restart.
func (j *Journal) SetTillPaper(ctx context.Context, raw []byte) error {
	return j.locked(ctx, func(ctx context.Context, s *store) error { return s.setMeta(ctx, metaTill, orEmpty(raw)) })
}

// ClearedSale gives what SetClearedSale kept last; the zero ID when nothing.
func (j *Journal) ClearedSale(ctx context.Context) (payment.ID, error) {
	raw, err := j.readMeta(ctx, metaCleared)
	if err != nil || raw == nil {
		return payment.ID{}, err
	}
	if len(raw) != len(payment.ID{}) {
		return payment.ID{}, corrupt("%s has %d bytes", metaCleared, len(raw))
	}
	return payment.ID(raw), nil
}

// SetClearedSale keeps over a restart which paid sale the cashier has cleared from the screen. It says nothing of the
// sale itself: that is in the entries, and its POS is still to have the outcome.
func (j *Journal) SetClearedSale(ctx context.Context, sale payment.ID) error {
	return j.locked(ctx, func(ctx context.Context, s *store) error { return s.setMeta(ctx, metaCleared, sale[:]) })
}

// NextBeat numbers a beat: the larger of the wall clock in milliseconds and the last number plus one, so
// that numbers rise over restarts and clock changes.
func (j *Journal) NextBeat(ctx context.Context, wallMilli int64) (uint64, error) {
	var n uint64
	err := j.locked(ctx, func(ctx context.Context, s *store) error {
		last, err := s.number(ctx, metaBeat)
		if err != nil {
			return err
		}
		n = max(last+1, uint64(max(wallMilli, 0)))
		return s.setNumber(ctx, metaBeat, n)
	})
	return n, err
}

// Document names what HQ signs and a lane keeps.
type Document string

// The documents.
const (
	PolicyDocument Document = "policy"
	TrustDocument  Document = "trust"
)

// Document gives the signed bytes kept last and their version; version 0 when there are none.
func (j *Journal) Document(ctx context.Context, kind Document) (version uint64, raw []byte, err error) {
	err = j.read(ctx, func(ctx context.Context, db *sql.DB) (err error) {
		version, raw, err = readDocument(ctx, db, kind)
		return err
	})
	return version, raw, err
}

// Document gives the signed bytes that the copy holds, which nobody has checked, and the version that stands
// beside them.
func (c *Copy) Document(ctx context.Context, kind Document) (version uint64, raw []byte, err error) {
	return readDocument(ctx, c.tx, kind)
}

func readDocument(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}, kind Document) (version uint64, raw []byte, err error) {
	var v int64
	err = db.QueryRowContext(ctx, `SELECT version, raw FROM document WHERE kind = ?`, string(kind)).Scan(&v, &raw)
	if isNoRows(err) {
		return 0, nil, nil
	}
	return uint64(v), raw, err
}

// SetDocument keeps a signed document whose signature the caller has checked. A lower version than the one
// held, or other bytes under the same version, is ErrVersion; the same again changes nothing.
func (j *Journal) SetDocument(ctx context.Context, kind Document, version uint64, raw []byte) error {
	if version == 0 || int64(version) < 0 || len(raw) == 0 {
		return payment.Errorf(payment.Invalid, "journal.SetDocument", "%s version %d of %d bytes", kind, version, len(raw))
	}
	return j.locked(ctx, func(ctx context.Context, s *store) error {
		n, err := s.exec(ctx, `INSERT INTO document (kind, version, raw) VALUES (?, ?, ?) ON CONFLICT DO UPDATE
			SET version = excluded.version, raw = excluded.raw
			WHERE excluded.version > version OR (excluded.version = version AND excluded.raw = raw)`,
			string(kind), int64(version), raw)
		if err != nil {
			return fmt.Errorf("keeping the %s: %w", kind, err)
		}
		if n == 0 {
			return payment.Errorf(payment.Conflict, "journal.SetDocument", "%w: %s version %d", ErrVersion, kind, version)
		}
		return nil
	})
}
