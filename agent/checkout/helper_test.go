package checkout

import (
	"bytes"
	"crypto/ed25519"
	"testing"
	"time"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

var (
	noon    = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC) // 12:00 in Tokyo
	tokyo   = mustZone("Asia/Tokyo")
	today   = payment.Date(20261122)
	account = [policy.AccountSize]byte{1}
	phone   = [policy.KeySize]byte{2}
	issuer  = [policy.KeySize]byte{3}
)

func mustZone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

func jpy(n int64) payment.Money { return payment.Of(n, "JPY") }

// id makes the identifier that n stands for.
func id(n byte) payment.ID { return payment.ID{15: n} }

func signer(t testing.TB, n byte) *wire.Signer {
	t.Helper()
	s, err := wire.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// document is the policy of the tests: payment 5000, account and day 10000, unbound 2000, small 2000, restart
// 2000 and a quarter of the share, share 100000 and 200.
func document() *policy.Document {
	d := policy.Starter("kita", "JPY", "Asia/Tokyo", noon)
	d.Wallets = []string{"house", "paypay"}
	return d
}

// believing makes a bundle of a policy; rows are added to the trust bundle.
func believing(t testing.TB, d *policy.Document, rows ...policy.TrustRow) *policy.Bundle {
	t.Helper()
	root, key := signer(t, 1), signer(t, 2)
	seal, err := wire.ParseConfidantKey(bytes.Repeat([]byte{4}, 32))
	if err != nil {
		t.Fatal(err)
	}
	trust := &policy.Trust{Version: 1, Chain: "kita", Issued: policy.StampOf(noon), Rows: append(rows,
		trustRow(policy.UsePolicy, key.Public().Bytes()), trustRow(policy.UseSeal, seal.Public().Bytes()))}
	rawTrust, err := trust.Sign(root)
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	if d != nil {
		if raw, err = d.Sign(key); err != nil {
			t.Fatal(err)
		}
	}
	b, err := policy.Load(root.Public(), "kita", rawTrust, raw)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func trustRow(use policy.Use, key []byte) policy.TrustRow {
	return policy.TrustRow{Use: use, Key: key, NotBefore: policy.StampOf(noon.AddDate(-1, 0, 0)), NotAfter: policy.StampOf(noon.AddDate(1, 0, 0))}
}

// lane is a context in which everything is well: HQ spoke a minute ago.
func lane(t testing.TB, d *policy.Document) Context {
	t.Helper()
	return Context{
		Now:    Now{Time: noon, Trusted: true, Age: time.Minute, EntryAge: 60_001, Boot: time.Hour},
		Place:  Place{Terminal: id(9), Store: "0001", Lane: "1", Zone: tokyo, Roll: 4 * time.Hour},
		Bundle: believing(t, d),
	}
}

func sale(n byte, amount int64) payment.Sale {
	return payment.Sale{ID: id(n), Total: jpy(amount), Eligible: payment.Eligible{Wallet: amount}, Cashier: "Sato"}
}

// opened is a state with a sale that waits for a code.
func opened(amount int64) State { return State{Phase: Open, Day: today, Sale: sale(1, amount)} }

// goodScan is a scan of a fresh code that names this store, which the rules take.
func goodScan() Scan {
	return Scan{
		Payment: id(100), Hash: []byte("0123456789abcdef"), HashKey: 1,
		Read: Read{
			Kind: paycode.Payment, Format: paycode.Signed, Wallets: []string{"house"}, Text: Secret("ZY:1 the code"),
			Code: &Code{
				CodeID: CodeID{Phone: phone, Counter: 7}, Account: account, Time: noon, Store: "0001", Cap: jpy(8_000),
				NotBefore: noon.Add(-time.Hour), Expiry: noon.Add(time.Hour), Issuer: issuer,
			},
		},
		Known: Known{Counter: 6},
	}
}

func mustApply(t testing.TB, s State, e Event, c Context) Decision {
	t.Helper()
	d, err := Apply(s, e, c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func kinds(drafts []Draft) []payment.Kind {
	var ks []payment.Kind
	for _, d := range drafts {
		ks = append(ks, d.Fact.Kind())
	}
	return ks
}
