package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"tilld/agent/payment"
)

// DocumentKind is a kind of signed document that HQ issues.
type DocumentKind string

// The kinds of document.
const (
	PolicyDocument DocumentKind = "policy"
	TrustDocument  DocumentKind = "trust"
)

// Document is a policy or trust bundle as it was signed.
type Document struct {
	Kind    DocumentKind
	Version uint64
	Sealed  []byte
	FiledAt time.Time // when it was added, by HQ's clock; AddDocument does not read it
}

// restoreGap is how far versions jump when HQ was restored since the newest was signed, besides one for each second
// that had passed by then. Lanes may hold versions that the backup knows nothing of: another content under one of these
// would never reach them. The seconds tell apart what was signed after each of several restores of the same backup.
const restoreGap = 1000

// AddDocument keeps a signed document for ever: entries name the policy that they were decided by. Versions
// only rise. The same again changes nothing; other bytes under a version, and a version below NextVersion, are
// a payment.Conflict. Whether the signature holds is the caller's question.
func (s *Store) AddDocument(ctx context.Context, d Document) error {
	const op = "ledger.AddDocument"
	if d.Kind != PolicyDocument && d.Kind != TrustDocument || d.Version == 0 || d.Version > math.MaxInt64 || len(d.Sealed) == 0 {
		return payment.Errorf(payment.Invalid, op, "%s %d of %d bytes", d.Kind, d.Version, len(d.Sealed))
	}
	return s.write(ctx, func(t *tx) error {
		var next int64
		if _, err := t.get(nextVersion, []any{string(d.Kind)}, &next); err != nil {
			return err
		}
		var old []byte
		held, err := t.get("SELECT sealed FROM document WHERE kind = ? AND version = ?", []any{string(d.Kind), int64(d.Version)}, &old)
		switch {
		case err != nil:
			return err
		case held && bytes.Equal(old, d.Sealed):
			return nil
		case held:
			return payment.Errorf(payment.Conflict, op, "%s %d is here with another content", d.Kind, d.Version)
		case d.Version < uint64(next):
			return payment.Errorf(payment.Conflict, op, "%s %d is below %d, the next version (it jumps when HQ was restored)", d.Kind, d.Version, next)
		}
		_, err = t.exec("INSERT INTO document (kind, version, sealed, issued_at) VALUES (?, ?, ?, ?)",
			string(d.Kind), int64(d.Version), d.Sealed, t.now)
		return err
	})
}

// nextVersion is 1 for the first document of a kind.
var nextVersion = fmt.Sprintf(`SELECT 1 + coalesce(max(version), 0) + coalesce((SELECT %d + (life.began - newest.issued_at) / 1000
	FROM (SELECT max(epoch) AS began FROM hq_epoch WHERE cause = 'restore') life,
	(SELECT issued_at FROM document WHERE kind = ?1 ORDER BY version DESC LIMIT 1) newest WHERE life.began > newest.issued_at), 0)
	FROM document WHERE kind = ?1`, restoreGap)

// NextVersion is the least version that another document of a kind may have.
func (s *Store) NextVersion(ctx context.Context, kind DocumentKind) (uint64, error) {
	var v int64
	if err := s.readers.QueryRowContext(ctx, nextVersion, string(kind)).Scan(&v); err != nil {
		return 0, fmt.Errorf("reading the next version of %s: %w", kind, err)
	}
	return uint64(v), nil
}

// Document reads a version; 0 means the newest. payment.NotFound when there is none.
func (s *Store) Document(ctx context.Context, kind DocumentKind, version uint64) (Document, error) {
	d := Document{Kind: kind}
	var v, at int64
	err := s.readers.QueryRowContext(ctx, `SELECT version, sealed, issued_at FROM document WHERE kind = ?1 AND (version = ?2 OR ?2 = 0)
		ORDER BY version DESC LIMIT 1`, string(kind), int64(min(version, math.MaxInt64))).Scan(&v, &d.Sealed, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return Document{}, payment.Errorf(payment.NotFound, "ledger.Document", "no %s %d", kind, version)
	}
	if err != nil {
		return Document{}, fmt.Errorf("reading %s %d: %w", kind, version, err)
	}
	d.Version, d.FiledAt = uint64(v), millis(at)
	return d, nil
}

// Newest is the version of the newest document of a kind; 0: there is none.
func (s *Store) Newest(ctx context.Context, kind DocumentKind) (uint64, error) {
	var v int64
	err := s.readers.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM document WHERE kind = ?", string(kind)).Scan(&v)
	return uint64(v), err
}

// NewestBefore is the version of the newest document of a kind that was added before a moment, by HQ's clock; 0: there
// was none.
func (s *Store) NewestBefore(ctx context.Context, kind DocumentKind, at time.Time) (uint64, error) {
	rows, err := s.ask(ctx, "SELECT coalesce(max(version), 0) FROM document WHERE kind = ? AND issued_at < ?", string(kind), at.UnixMilli())
	list, err := collect(rows, err, func(rows *sql.Rows) (v int64, err error) { return v, rows.Scan(&v) })
	if err != nil {
		return 0, fmt.Errorf("reading which %s was the newest: %w", kind, err)
	}
	return uint64(list[0]), nil
}

// Documents lists all versions of a kind, the newest first.
func (s *Store) Documents(ctx context.Context, kind DocumentKind) ([]Document, error) {
	rows, err := s.readers.QueryContext(ctx, "SELECT version, sealed, issued_at FROM document WHERE kind = ? ORDER BY version DESC", string(kind))
	return collect(rows, err, func(rows *sql.Rows) (Document, error) {
		d := Document{Kind: kind}
		var v, at int64
		err := rows.Scan(&v, &d.Sealed, &at)
		d.Version, d.FiledAt = uint64(v), millis(at)
		return d, err
	})
}
