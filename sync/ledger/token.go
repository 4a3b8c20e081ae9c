package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"tilld/agent/payment"
)

// Token is an API token as HQ keeps it. Its secret is shown once, when it is made, and is nowhere here: what
// is kept is the secret's hash. Which scopes there are is the API's business.
type Token struct {
	ID      payment.ID
	Name    string // whose it is, and what is written beside what he decides
	Hash    [32]byte
	Scopes  []string // words without spaces
	Made    time.Time
	Expires time.Time
	Revoked time.Time // zero: not revoked
}

func (t *Token) validate() error {
	switch {
	case t.ID.IsZero() || t.Hash == [32]byte{}:
		return fmt.Errorf("identifier and hash must be set")
	case t.Name == "" || len(t.Name) > 64:
		return fmt.Errorf("name: 1 to 64 bytes are needed")
	case len(t.Scopes) == 0:
		return fmt.Errorf("scopes: none")
	}
	for _, sc := range t.Scopes {
		if len(strings.Fields(sc)) != 1 {
			return fmt.Errorf("scopes: %q is no word", sc)
		}
	}
	return nil
}

// AddToken keeps a new token. Made is filled in.
func (s *Store) AddToken(ctx context.Context, tok Token) error {
	const op = "ledger.AddToken"
	if err := tok.validate(); err != nil {
		return payment.Errorf(payment.Invalid, op, "%w", err)
	}
	return s.write(ctx, func(t *tx) error {
		if tok.Expires.UnixMilli() <= t.now {
			return payment.Errorf(payment.Invalid, op, "it expires before it is made")
		}
		_, err := t.exec("INSERT INTO token (id, name, hash, scopes, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
			tok.ID[:], tok.Name, tok.Hash[:], strings.Join(tok.Scopes, " "), t.now, tok.Expires.UnixMilli())
		return err
	})
}

const tokenColumns = "SELECT id, name, hash, scopes, made_at, expires_at, revoked_at FROM token"

func scanToken(rows *sql.Rows) (Token, error) {
	var tok Token
	var id, hash []byte
	var scopes string
	var made, expires int64
	var revoked sql.NullInt64
	if err := rows.Scan(&id, &tok.Name, &hash, &scopes, &made, &expires, &revoked); err != nil {
		return tok, err
	}
	tok.ID, tok.Hash, tok.Scopes = payment.ID(id), [32]byte(hash), strings.Fields(scopes)
	tok.Made, tok.Expires = millis(made), millis(expires)
	if revoked.Valid {
		tok.Revoked = millis(revoked.Int64)
	}
	return tok, nil
}

// Token finds a token by the hash of its secret, expired and revoked ones too; payment.NotFound when there is
// none. How long the look-up takes tells something about hashes only, and nobody can choose those.
func (s *Store) Token(ctx context.Context, hash [32]byte) (Token, error) {
	rows, err := s.readers.QueryContext(ctx, tokenColumns+" WHERE hash = ?", hash[:])
	list, err := collect(rows, err, scanToken)
	return one(list, err, "ledger.Token", "token", "with that secret")
}

// one takes the only row of a list, or says that there is none.
func one[T any](list []T, err error, op, what string, key any) (T, error) {
	if err == nil && len(list) == 0 {
		err = payment.Errorf(payment.NotFound, op, "no %s %s", what, key)
	}
	if err != nil {
		var none T
		return none, err
	}
	return list[0], nil
}

// Tokens lists every token.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := s.readers.QueryContext(ctx, tokenColumns+" ORDER BY id")
	return collect(rows, err, scanToken)
}

// RevokeToken ends a token at once. Revoking again changes nothing; payment.NotFound when there is none.
func (s *Store) RevokeToken(ctx context.Context, id payment.ID) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE token SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", t.now, id[:])
		if err == nil && n == 0 {
			err = payment.Errorf(payment.NotFound, "ledger.RevokeToken", "no token %s", id)
		}
		return err
	})
}
