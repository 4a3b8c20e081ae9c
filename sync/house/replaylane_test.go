package house_test

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/wire"
)

// till is a lane: the real rules of agent/checkout under a real signed policy, with the memory that its journal would
// be. A dark one has lost its line and decides by itself; any other asks the issuer.
type till struct {
	b       *housetest.Bench
	place   checkout.Place
	bundle  *policy.Bundle
	dark    bool
	since   time.Time // when HQ spoke last
	taken   map[[policy.KeySize]byte]uint64
	spent   map[[policy.AccountSize]byte]policy.Used
	share   policy.Used
	unsent  []house.Presentation
	refused map[payment.Reason]int
}

// tills opens stores of three lanes each, of which a share is dark.
func tills(b *housetest.Bench, lanes int, dark func(n int) bool, change func(*policy.Document)) (all []*till) {
	b.T.Helper()
	bundle := policyFor(b, change)
	for n := range lanes {
		all = append(all, &till{
			b: b, bundle: bundle, dark: dark(n), since: b.Clock.Now(),
			place: checkout.Place{Terminal: payment.ID{14: 1, 15: byte(n)}, Store: "s" + string(rune('A'+n/3)), Lane: string(rune('1' + n%3)),
				Zone: time.UTC, Roll: 4 * time.Hour},
			taken: map[[policy.KeySize]byte]uint64{}, spent: map[[policy.AccountSize]byte]policy.Used{}, refused: map[payment.Reason]int{},
		})
	}
	return all
}

// policyFor signs the starter policy, which trusts the issuer.
func policyFor(b *housetest.Bench, change func(*policy.Document)) *policy.Bundle {
	b.T.Helper()
	now := b.Clock.Now()
	root, key := hqKey(b.T, 1), hqKey(b.T, 2)
	seal, err := wire.ParseConfidantKey(bytes.Repeat([]byte{4}, 32))
	b.Must(err)
	row := func(use policy.Use, wallet string, key []byte) policy.TrustRow {
		return policy.TrustRow{Use: use, Wallet: wallet, Key: key, NotBefore: policy.StampOf(now.AddDate(-1, 0, 0)), NotAfter: policy.StampOf(now.AddDate(1, 0, 0))}
	}
	trust := &policy.Trust{Version: 1, Chain: "kita", Issued: policy.StampOf(now), Rows: []policy.TrustRow{
		row(policy.UsePolicy, "", key.Public().Bytes()), row(policy.UseSeal, "", seal.Public().Bytes()),
		row(policy.UseIssuer, paycode.HouseWallet, b.Config.Signer.Public().Bytes()),
	}}
	rawTrust, err := trust.Sign(root)
	b.Must(err)
	d := policy.Starter("kita", "JPY", "UTC", now)
	if change != nil {
		change(d)
	}
	raw, err := d.Sign(key)
	b.Must(err)
	bundle, err := policy.Load(root.Public(), "kita", rawTrust, raw)
	b.Must(err)
	return bundle
}

func hqKey(t testing.TB, n byte) *wire.Signer {
	t.Helper()
	s, err := wire.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sell takes yen by a code and says whether the goods were handed over.
func (l *till) sell(ref string, code string, yen int64) bool {
	l.b.T.Helper()
	if !l.dark {
		r, err := l.b.Issuer.Charge(l.b.Ctx, house.Charge{Ref: ref, Code: code, Amount: housetest.Yen(yen), Store: l.place.Store, Lane: l.place.Lane})
		l.b.Must(err)
		return r.State == house.Paid
	}
	now := l.b.Clock.Now()
	trust := l.bundle.Trust()
	read := checkout.Examine(paycode.Classify(code, paycode.Options{Table: paycode.DefaultTable(), Market: "JP"}), trust, now)
	sale := payment.Sale{ID: payment.ID{0: 1, 15: 1}, Total: housetest.Yen(yen), Eligible: payment.Eligible{Wallet: yen}, Cashier: "Sato"}
	scan := checkout.Scan{Payment: newID(ref), Read: read, Hash: bytes.Repeat([]byte{1}, 16), HashKey: 1}
	if c := read.Code; c != nil {
		used := l.spent[c.Account]
		scan.Known = checkout.Known{Counter: l.taken[c.Phone], Spent: policy.Used{
			Account: used.Account, AccountCount: used.AccountCount, Sum: l.share.Sum, Count: l.share.Count}}
	}
	age := now.Sub(l.since)
	d, err := checkout.Apply(checkout.State{Phase: checkout.Open, Day: payment.Date(20261125), Sale: sale}, scan, checkout.Context{
		Now:   checkout.Now{Time: now, Trusted: true, Age: age, EntryAge: age.Milliseconds() + 1, Boot: time.Hour},
		Place: l.place, Bundle: l.bundle,
	})
	l.b.Must(err)
	if d.Answer.Kind != checkout.Approved {
		l.refused[d.Answer.Reason]++
		return false
	}
	c := read.Code
	used := l.spent[c.Account]
	used.Account += yen
	used.AccountCount++
	l.spent[c.Account], l.taken[c.Phone] = used, c.Counter
	l.share.Sum += yen
	l.share.Count++
	l.unsent = append(l.unsent, house.Presentation{Payment: scan.Payment, Code: code, Amount: housetest.Yen(yen), Store: l.place.Store, Lane: l.place.Lane})
	return true
}

// newID spells a reference as an identifier: the last 16 of its characters.
func newID(ref string) (id payment.ID) {
	copy(id[:], ref[max(0, len(ref)-len(id)):])
	return id
}

// heal gives the lane its line back, and HQ brings what it took.
func (l *till) heal() (lost int64) {
	l.b.T.Helper()
	l.dark = false
	for _, p := range l.unsent {
		got, err := l.b.Issuer.Present(l.b.Ctx, p)
		l.b.Must(err)
		lost += got.Drawn.Lost
	}
	l.unsent = slices.Delete(l.unsent, 0, len(l.unsent))
	return lost
}
