package signed_test

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/sync/wire"
)

func TestCertifyRefuses(t *testing.T) {
	issuer, phone := signer(t, "issuer"), signer(t, "phone")
	change := func(f func(*signed.Claims)) signed.Claims {
		c := claims(phone)
		f(&c)
		return c
	}
	tests := []struct {
		name string
		in   signed.Claims
	}{
		{"no account", change(func(c *signed.Claims) { c.Account = signed.Account{} })},
		{"no phone key", change(func(c *signed.Claims) { c.Phone = wire.PublicKey{} })},
		{"no cap", change(func(c *signed.Claims) { c.Cap.Minor = 0 })},
		{"a negative cap", change(func(c *signed.Claims) { c.Cap.Minor = -1 })},
		{"too high a cap", change(func(c *signed.Claims) { c.Cap.Minor = signed.MaxCap + 1 })},
		{"no currency", change(func(c *signed.Claims) { c.Cap.Currency = "" })},
		{"a currency in small letters", change(func(c *signed.Claims) { c.Cap.Currency = "jpy" })},
		{"an unknown currency", change(func(c *signed.Claims) { c.Cap.Currency = "XXX" })},
		{"no hours", change(func(c *signed.Claims) { c.Hours = 0 })},
		{"too many hours", change(func(c *signed.Claims) { c.Hours = signed.MaxHours + 1 })},
		{"before 1970", change(func(c *signed.Claims) { c.NotBefore = time.Unix(-1, 0) })},
		{"after 2106", change(func(c *signed.Claims) { c.NotBefore = time.Unix(1<<32, 0) })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if cert, err := signed.Certify(issuer, tt.in); !errors.Is(err, signed.ErrClaim) || cert != nil {
				t.Fatalf("got %v, want ErrClaim", err)
			}
		})
	}
}

func TestSignRefuses(t *testing.T) {
	issuer, phone := signer(t, "issuer"), signer(t, "phone")
	cert := mustCertify(t, issuer, claims(phone))
	ok := signed.CodeClaims{Counter: 1, Time: noon}
	change := func(f func(*signed.CodeClaims)) signed.CodeClaims {
		c := ok
		f(&c)
		return c
	}
	tests := []struct {
		name  string
		phone *wire.Signer
		cert  []byte
		in    signed.CodeClaims
		err   error
	}{
		{"nothing wrong", phone, cert, ok, nil},
		{"another phone", issuer, cert, ok, signed.ErrKey},
		{"half a certificate", phone, cert[:80], ok, signed.ErrForm},
		{"a certificate and more", phone, append(cert[:len(cert):len(cert)], 0), ok, signed.ErrForm},
		{"counter 0", phone, cert, change(func(c *signed.CodeClaims) { c.Counter = 0 }), signed.ErrClaim},
		{"counter too high", phone, cert, change(func(c *signed.CodeClaims) { c.Counter = signed.MaxCounter + 1 }), signed.ErrClaim},
		{"no time", phone, cert, change(func(c *signed.CodeClaims) { c.Time = time.Time{} }), signed.ErrClaim},
		{"a lane alone", phone, cert, change(func(c *signed.CodeClaims) { c.Lane = "3" }), signed.ErrClaim},
		{"a place too long", phone, cert, change(func(c *signed.CodeClaims) { c.Store = strings.Repeat("9", 13) }), signed.ErrClaim},
		{"a slash in the store", phone, cert, change(func(c *signed.CodeClaims) { c.Store = "a/b" }), signed.ErrClaim},
		{"a store in Japanese", phone, cert, change(func(c *signed.CodeClaims) { c.Store = "渋谷" }), signed.ErrClaim},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, err := signed.Sign(tt.phone, tt.cert, tt.in)
			if !errors.Is(err, tt.err) || (text == "") != (err != nil) {
				t.Fatalf("got %q, %v; want %v", text, err, tt.err)
			}
		})
	}
	if _, err := signed.Certify(ed25519Signer(t), claims(phone)); !errors.Is(err, signed.ErrKey) {
		t.Errorf("an Ed25519 issuer: %v", err)
	}
}

func ed25519Signer(tb testing.TB) *wire.Signer {
	tb.Helper()
	s, err := wire.NewSigner(ed25519.NewKeyFromSeed(make([]byte, 32)), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
