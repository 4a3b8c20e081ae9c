package policy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

var (
	today  = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	always = [2]Stamp{StampOf(today.AddDate(-1, 0, 0)), StampOf(today.AddDate(1, 0, 0))}
)

// edKey makes the key that n stands for.
func edKey(t testing.TB, n byte) *wire.Signer {
	t.Helper()
	s, err := wire.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func p256Key(t testing.TB) *wire.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := wire.NewSigner(key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sealKey(t testing.TB, n byte) *wire.Confidant {
	t.Helper()
	k, err := wire.ParseConfidantKey(bytes.Repeat([]byte{n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}

func row(use Use, key []byte) TrustRow {
	return TrustRow{Use: use, Key: key, NotBefore: always[0], NotAfter: always[1]}
}

func starter() *Document { return Starter("kita", "JPY", "Asia/Tokyo", today) }

// trustOf is a bundle that believes the policy keys.
func trustOf(version uint64, policyKeys ...*wire.Signer) *Trust {
	t := &Trust{Version: version, Chain: "kita", Issued: StampOf(today)}
	for _, k := range policyKeys {
		t.Rows = append(t.Rows, row(UsePolicy, k.Public().Bytes()))
	}
	return t
}

func signed(t testing.TB, doc interface {
	Sign(*wire.Signer) ([]byte, error)
}, s *wire.Signer) []byte {
	t.Helper()
	raw, err := doc.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func jpy(n int64) payment.Money { return payment.Of(n, "JPY") }
