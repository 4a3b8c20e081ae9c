package hqapi

import (
	"context"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ledger"
)

// This file is what HQ's console shares with the API: the same tokens, names in decisions, and cursors.

// Tokens finds tokens (*ledger.Store), whether or not they may still be used; payment.NotFound for none.
type Tokens interface {
	Token(ctx context.Context, hash [32]byte) (ledger.Token, error)
	TokenByID(ctx context.Context, id payment.ID) (ledger.Token, error)
}

var _ Tokens = (*ledger.Store)(nil)

// SignIn finds the token of a secret that somebody typed instead of sending it with each request. A secret
// that is no token's, and a token that was revoked or has expired, are payment.Unauthorized.
func SignIn(ctx context.Context, books Tokens, secret string, now time.Time) (ledger.Token, error) {
	hash := hashSecret(strings.TrimSpace(secret)) // it is pasted, often with the line's end
	t, err := books.Token(ctx, hash)
	return usable(t, hash, now, err)
}

// StillIn finds the token of somebody who signed in, by what Who said of it then. Its answers are SignIn's.
func StillIn(ctx context.Context, books Tokens, who string, now time.Time) (ledger.Token, error) {
	id, err := tokenOf(who)
	if err != nil {
		return ledger.Token{}, err
	}
	t, err := books.TokenByID(ctx, id)
	return usable(t, t.Hash, now, err)
}

// Who is how a decision names a token's holder: the start of the token's name, and its identifier whole.
func Who(t *ledger.Token) string { return who(t) }

func usable(t ledger.Token, hash [32]byte, now time.Time, err error) (ledger.Token, error) {
	why := "the token is not known"
	if err == nil {
		why = refuse(&t, hash, now)
	} else if !notFound(err) {
		return ledger.Token{}, err
	}
	if why != "" {
		return ledger.Token{}, payment.Errorf(payment.Unauthorized, "hqapi.usable", "%s", why)
	}
	return t, nil
}

// tokenOf reads the identifier at the end of what Who said.
func tokenOf(who string) (payment.ID, error) {
	const before = " (token "
	text := strings.TrimSuffix(who[strings.LastIndex(who, before)+1:], ")")
	id, err := payment.ParseID(strings.TrimPrefix(text, before[1:]))
	if err != nil {
		return id, payment.Errorf(payment.Unauthorized, "hqapi.tokenOf", "nobody who signed in with a token")
	}
	return id, nil
}

// Place is where a page of a list ended, for lists of the same books elsewhere. List tells one list from
// another; the API's own are lower-case letters.
type Place struct {
	List  byte
	Epoch uint64     // HQ's; positions of another life of the ledger mean nothing
	Pos   uint64     // of the last item that was given
	ID    payment.ID // of that item
}

// Cursor is the place as clients see it.
func (p Place) Cursor() string { return cursor{p.List, p.Epoch, p.Pos, p.ID}.String() }

// ParsePlace reads a cursor of the list; anything else is payment.Invalid. Whether position and ID belong
// together is for the caller to look up.
func ParsePlace(list byte, text string) (Place, error) {
	c, err := parseCursor(list, text)
	if err != nil {
		return Place{}, payment.Errorf(payment.Invalid, "hqapi.ParsePlace", "%w", err)
	}
	return Place{c.list, c.epoch, c.pos, c.id}, nil
}
