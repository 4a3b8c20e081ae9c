package hqapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tilld/agent/payment"
	"tilld/sync/ledger"
)

// Scope is something that a token allows.
type Scope string

// The scopes. Finance and operations include read. Sales and points stand by themselves: who may see the money
// need not see what customers buy or who they are, and the other way round.
const (
	ScopeRead       Scope = "read"       // see everything, change nothing
	ScopeFinance    Scope = "finance"    // also cut batches, and decide exceptions
	ScopeOperations Scope = "operations" // also decide what operations owns and in which no money waits
	ScopeSales      Scope = "sales"      // sales figures, and nothing else
	ScopePoints     Scope = "points"     // points of loyalty programmes with their members' numbers, and nothing else
)

// ParseScopes reads words such as "read" and "finance", and gives them in order and once each, as
// ledger.Token keeps them.
func ParseScopes(words ...string) ([]string, error) {
	for _, w := range words {
		if s := Scope(w); s != ScopeRead && s != ScopeFinance && s != ScopeOperations && s != ScopeSales && s != ScopePoints {
			return nil, fmt.Errorf("scope %q: want read, finance, operations, sales or points", w)
		}
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("no scope: want read, finance, operations, sales or points")
	}
	return slices.Compact(slices.Sorted(slices.Values(words))), nil
}

// The form of a secret: a prefix by which leak scanners know it, and 256 random bits.
const (
	secretPrefix = "tilld_"
	secretBytes  = 32
)

// NewSecret makes a token's secret, which is shown once, and the hash that the ledger keeps of it. A plain
// hash does: nobody searches 256 random bits.
func NewSecret(random io.Reader) (secret string, hash [32]byte, err error) {
	var raw [secretBytes]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", hash, fmt.Errorf("making a token: %w", err)
	}
	secret = secretPrefix + base64.RawURLEncoding.EncodeToString(raw[:])
	return secret, hashSecret(secret), nil
}

func hashSecret(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// readSecret takes the secret from an Authorization header; ok is false for anything that is none.
func readSecret(header string) (secret string, ok bool) {
	scheme, secret, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	text, found := strings.CutPrefix(secret, secretPrefix)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return secret, found && err == nil && len(raw) == secretBytes && !strings.ContainsAny(text, "\r\n")
}

// refuse says why a token that was found under the hash can't be used; "" when it can.
func refuse(t *ledger.Token, hash [32]byte, now time.Time) string {
	switch {
	case subtle.ConstantTimeCompare(t.Hash[:], hash[:]) != 1:
		return "the token is not known"
	case !t.Revoked.IsZero():
		return "the token was revoked"
	case !now.Before(t.Expires):
		return "the token expired on " + t.Expires.UTC().Format(time.DateOnly)
	}
	return ""
}

// may says whether the token allows one of the scopes. Whoever may change something may see it.
func may(t *ledger.Token, scopes ...Scope) bool {
	return slices.ContainsFunc(scopes, func(s Scope) bool {
		return slices.Contains(t.Scopes, string(s)) ||
			s == ScopeRead && (slices.Contains(t.Scopes, string(ScopeFinance)) || slices.Contains(t.Scopes, string(ScopeOperations)))
	})
}

// maxWho is the most that the ledger keeps of who decided something, in bytes.
const maxWho = 64

// who is how a decision names the token's holder: the start of the token's name, and its identifier whole.
func who(t *ledger.Token) string {
	tail := " (token " + t.ID.String() + ")"
	name := t.Name
	for len(name)+len(tail) > maxWho {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name + tail
}

// notFound says that an error is the answer "no such thing".
func notFound(err error) bool { return payment.CodeOf(err) == payment.NotFound }
