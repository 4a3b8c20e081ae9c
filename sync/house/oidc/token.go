package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// ErrToken reports an ID token that proves nothing. It holds nothing of the token.
var ErrToken = errors.New("an ID token that proves nothing")

// token is an ID token as it was read: in form, and proven by nothing.
type token struct {
	alg, kid  string
	signed    []byte
	signature []byte
	claims    claims
}

// claims are those of an ID token that are looked at.
type claims struct {
	issuer, subject, nonce, party string
	audience                      []string
	issued, expires               time.Time
}

// parseToken reads a JWS in its compact form (RFC 7515, 7.1).
func parseToken(s string) (*token, error) {
	const longest = 16 << 10
	parts := strings.Split(s, ".")
	if len(parts) != 3 || len(s) > longest {
		return nil, fmt.Errorf("%w: not three parts", ErrToken)
	}
	var raw [3][]byte
	for n, p := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(p)
		if err != nil || strings.ContainsAny(p, "\r\n") {
			return nil, fmt.Errorf("%w: part %d is not base 64", ErrToken, n+1)
		}
		raw[n] = b
	}
	t := &token{signed: []byte(parts[0] + "." + parts[1]), signature: raw[2]}
	head, err := object(raw[0])
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrToken, err)
	}
	if _, crit := head["crit"]; crit {
		return nil, fmt.Errorf("%w: an extension that must be understood", ErrToken)
	}
	var errs [2]error
	t.alg, errs[0] = text(head, "alg")
	t.kid, errs[1] = text(head, "kid")
	if err := errors.Join(errs[:]...); err != nil || (t.alg != rs256 && t.alg != es256) {
		return nil, fmt.Errorf("%w: algorithm or key name", ErrToken)
	}
	if err := t.claims.read(raw[1]); err != nil {
		return nil, fmt.Errorf("%w: claims: %w", ErrToken, err)
	}
	return t, nil
}

func (c *claims) read(b []byte) error {
	m, err := object(b)
	if err != nil {
		return err
	}
	for name, into := range map[string]*string{"iss": &c.issuer, "sub": &c.subject, "nonce": &c.nonce, "azp": &c.party} {
		if *into, err = text(m, name); err != nil {
			return err
		}
	}
	if c.audience, err = texts(m, "aud"); err != nil {
		return err
	}
	if c.issued, err = seconds(m, "iat"); err != nil {
		return err
	}
	c.expires, err = seconds(m, "exp")
	return err
}

// skew is how far the provider's clock may be off, and fresh how old a token may be: it was made for this log-in.
const (
	skew  = time.Minute
	fresh = 10 * time.Minute
)

// check holds the claims to what we asked for (OpenID Connect Core, 3.1.3.7).
func (c *claims) check(issuer, client, nonce string, now time.Time) error {
	switch {
	case c.issuer != issuer:
		return fmt.Errorf("%w: of another issuer", ErrToken)
	case c.subject == "" || len(c.subject) > 255:
		return fmt.Errorf("%w: about nobody", ErrToken)
	case !slices.Contains(c.audience, client):
		return fmt.Errorf("%w: for another client", ErrToken)
	case (len(c.audience) > 1 || c.party != "") && c.party != client:
		return fmt.Errorf("%w: for several clients, and another one asked", ErrToken)
	case nonce == "" || subtle.ConstantTimeCompare([]byte(c.nonce), []byte(nonce)) != 1:
		return fmt.Errorf("%w: for another log-in", ErrToken)
	case !now.Before(c.expires.Add(skew)):
		return fmt.Errorf("%w: expired", ErrToken)
	case c.issued.After(now.Add(skew)) || now.Sub(c.issued) > fresh+skew:
		return fmt.Errorf("%w: not of now", ErrToken)
	}
	return nil
}

// key is one verifying key of a provider.
type key struct {
	id  string
	alg string
	rsa *rsa.PublicKey
	ec  *ecdsa.PublicKey
}

const (
	rs256 = "RS256"
	es256 = "ES256"
)

// pick finds the token's key: by name, or the only one of the algorithm when the token names none.
func (t *token) pick(keys []key) (k key, found bool) {
	for _, c := range keys {
		if c.alg != t.alg || (t.kid != "" && c.id != t.kid) {
			continue
		}
		if found {
			return key{}, false
		}
		k, found = c, true
	}
	return k, found
}

// verify checks a signature by the key's own algorithm (RFC 7518, 3.3 and 3.4).
func (k key) verify(signed, signature []byte) bool {
	sum := sha256.Sum256(signed)
	switch k.alg {
	case rs256:
		return rsa.VerifyPKCS1v15(k.rsa, crypto.SHA256, sum[:], signature) == nil
	case es256:
		if len(signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(k.ec, sum[:], r, s)
	}
	return false
}
