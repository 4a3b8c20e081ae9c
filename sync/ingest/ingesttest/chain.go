package ingesttest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// Noon is when everything happens unless a test says otherwise: on the business date Today.
var Noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// Today is the business date of Noon in the chain's zone, and Wallet the house wallet.
const (
	Today  = payment.Date(20261122)
	Zone   = "Asia/Tokyo"
	Wallet = paycode.HouseWallet
)

// Chain is a retail chain: its keys, its policy and trust bundle, and the clock of everybody in it.
type Chain struct {
	TB     testing.TB
	Root   *wire.Signer
	Ack    *wire.Signer
	Policy *wire.Signer
	Issuer *wire.Signer
	Seal   *wire.ConfidantKey
	Doc    *policy.Document
	Trust  *policy.Trust
	IDs    *payment.IDs
	Now    time.Time // moved by the test

	made atomic.Uint64 // of whatever needs a number
}

// NewChain makes a chain with the starter policy, all caps far above what tests spend.
func NewChain(tb testing.TB) *Chain {
	tb.Helper()
	c := &Chain{TB: tb, Now: Noon, Root: Ed25519(tb), Ack: Ed25519(tb), Policy: Ed25519(tb), Issuer: P256(tb)}
	var err error
	c.Seal, err = wire.NewConfidantKey(rand.Reader)
	c.must(err)
	c.IDs = payment.NewIDs(func() time.Time { return c.Now }, rand.Reader)
	c.Doc = policy.Starter("kita", "JPY", Zone, Noon.AddDate(0, -1, 0))
	c.Doc.Caps = policy.Caps{Payment: 30_000, AccountDay: 100_000, Unbound: 10_000, Small: 2_000, AccountCount: 1_000}
	c.Doc.Default = policy.StoreDefault{Cap: 4_000_000, Lanes: 4, Sum: 1_000_000, Count: 10_000}
	c.Trust = c.NewTrust(1)
	return c
}

// NewTrust is a trust bundle with the chain's keys, issued a month before Noon.
func (c *Chain) NewTrust(version uint64) *policy.Trust {
	row := func(use policy.Use, key []byte) policy.TrustRow {
		return policy.TrustRow{Use: use, Key: key, NotBefore: policy.StampOf(Noon.AddDate(-1, 0, 0)), NotAfter: policy.StampOf(Noon.AddDate(1, 0, 0))}
	}
	issuer := row(policy.UseIssuer, c.Issuer.Public().Bytes())
	issuer.Wallet = Wallet
	return &policy.Trust{Version: version, Chain: "kita", Issued: policy.StampOf(Noon.AddDate(0, -1, 0)), Rows: []policy.TrustRow{
		row(policy.UseAck, c.Ack.Public().Bytes()), row(policy.UsePolicy, c.Policy.Public().Bytes()), issuer,
		row(policy.UseSeal, c.Seal.Public().Bytes()),
	}}
}

// SignedPolicy is the policy as HQ signs it.
func (c *Chain) SignedPolicy() []byte {
	raw, err := c.Doc.Sign(c.Policy)
	c.must(err)
	return raw
}

// SignedTrust is the trust bundle as the root signs it.
func (c *Chain) SignedTrust() []byte {
	raw, err := c.Trust.Sign(c.Root)
	c.must(err)
	return raw
}

// Unseal gives HQ's sealing key.
func (c *Chain) Unseal(kid wire.KID) *wire.ConfidantKey {
	if kid != c.Seal.Public().KID() {
		return nil
	}
	return c.Seal
}

// ID makes an identifier.
func (c *Chain) ID() payment.ID {
	id, err := c.IDs.Next()
	c.must(err)
	return id
}

// number rises with each call.
func (c *Chain) number() uint64 { return c.made.Add(1) }

// bytes are n bytes that nothing else in the chain has.
func (c *Chain) bytes(n int) []byte {
	b := make([]byte, n)
	binary.BigEndian.PutUint64(b, c.number())
	return b
}

func (c *Chain) must(err error) {
	if err != nil {
		c.TB.Helper()
		c.TB.Fatal(err)
	}
}

// Ed25519 makes a key as a terminal has it.
func Ed25519(tb testing.TB) *wire.Signer {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return signer(tb, key)
}

// P256 makes a key as a phone has it.
func P256(tb testing.TB) *wire.Signer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return signer(tb, key)
}

func signer[K ed25519.PrivateKey | *ecdsa.PrivateKey](tb testing.TB, key K) *wire.Signer {
	tb.Helper()
	var s *wire.Signer
	var err error
	switch key := any(key).(type) {
	case ed25519.PrivateKey:
		s, err = wire.NewSigner(key, rand.Reader)
	case *ecdsa.PrivateKey:
		s, err = wire.NewSigner(key, rand.Reader)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
