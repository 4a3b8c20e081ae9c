package ledger

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
)

// WordKind is what an issuer names in its word.
type WordKind string

// The kinds. The names are stored.
const (
	WordAccount WordKind = "account"
	WordPhone   WordKind = "phone"
	WordIssuer  WordKind = "issuer"
)

// Named is one that lanes must refuse by an issuer's word.
type Named struct {
	Kind WordKind
	ID   string // the identifier's bytes
}

// String is the kind and the identifier in hexadecimal.
func (n Named) String() string { return string(n.Kind) + " " + hex.EncodeToString([]byte(n.ID)) }

// Word lists whom HQ's policy refuses by the word of a wallet's issuer alone.
func (s *Store) Word(ctx context.Context, wallet string) ([]Named, error) {
	rows, err := s.readers.QueryContext(ctx, "SELECT kind, id FROM issuer_word WHERE wallet = ? AND ended IS NULL ORDER BY kind, id", wallet)
	list, err := collect(rows, err, func(rows *sql.Rows) (n Named, err error) {
		var id []byte
		err = rows.Scan(&n.Kind, &id)
		n.ID = string(id)
		return n, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the word of the issuer of %s: %w", wallet, err)
	}
	return list, nil
}

// SetWord writes down whom the next policy begins and ceases to refuse by an issuer's word. It comes before that policy
// is signed: a name that is in the policy and not in here would be taken for a person's, and stay for ever.
func (s *Store) SetWord(ctx context.Context, wallet string, version uint64, begin, end []Named) error {
	err := s.write(ctx, func(t *tx) error {
		for _, n := range begin {
			_, err := t.exec("INSERT INTO issuer_word (wallet, kind, id, since, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
				wallet, string(n.Kind), []byte(n.ID), int64(version), t.now)
			if err != nil {
				return err
			}
		}
		for _, n := range end {
			_, err := t.exec(`UPDATE issuer_word SET ended = max(since + 1, ?) WHERE wallet = ? AND kind = ? AND id = ? AND ended IS NULL`,
				int64(version), wallet, string(n.Kind), []byte(n.ID))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing down the word of the issuer of %s: %w", wallet, err)
	}
	return nil
}
