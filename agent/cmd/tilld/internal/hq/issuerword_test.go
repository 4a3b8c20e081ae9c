package hq

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"tilld/agent/policy"
	"tilld/sync/ledger"
	"tilld/sync/operator/issuer"
)

// TestObeyWord: who is named is refused from the next policy on and let off by the one behind his release; what a person
// put in stays; the same word again signs nothing; a crash between the books and the policy loses nobody.
func TestObeyWord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hq")
	ctx := context.Background()
	if err := Init(ctx, dir, "kita", "JPY", "Asia/Tokyo", time.Now); err != nil {
		t.Fatal(err)
	}
	o, err := OpenOffice(ctx, dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	one, two, byHand, phone := account(1), account(2), account(3), []byte("12345678")
	edit := func(change func(*policy.Document)) {
		t.Helper()
		doc, _, err := o.Policy(ctx)
		if err != nil {
			t.Fatal(err)
		}
		doc.Version++
		change(doc)
		doc.Revoked.Sort()
		if err := o.SignPolicy(ctx, doc); err != nil {
			t.Fatal(err)
		}
	}
	edit(func(d *policy.Document) { d.Revoked.Accounts = []policy.Hex{byHand} })
	obey := func(what string, signs bool, w issuer.Word, accounts, phones int) {
		t.Helper()
		before, _, err := o.Policy(ctx)
		if err != nil {
			t.Fatal(err)
		}
		version, err := o.ObeyWord(ctx, "house", w)
		doc, _, e := o.Policy(ctx)
		if err != nil || e != nil || (version != 0) != signs || (doc.Version > before.Version) != signs || version != 0 && version != doc.Version {
			t.Fatalf("%s: version %d behind %d, %v, %v", what, version, before.Version, err, e)
		}
		if len(doc.Revoked.Accounts) != accounts || len(doc.Revoked.Phones) != phones || !doc.Revoked.Account(byHand) {
			t.Fatalf("%s: %+v", what, doc.Revoked)
		}
	}
	obey("nothing", false, issuer.Word{}, 1, 0)
	full := issuer.Word{Accounts: [][]byte{one, byHand}, Phones: [][]byte{phone}}
	obey("two are named, of which a person named one", true, full, 2, 1)
	obey("the same again", false, full, 2, 1)
	edit(func(d *policy.Document) { d.Revoked.Accounts = []policy.Hex{byHand} })
	obey("a person let one off whom the issuer names", true, full, 2, 1)
	if err := o.Books.SetWord(ctx, "house", 99, []ledger.Named{{Kind: ledger.WordAccount, ID: string(two)}}, nil); err != nil {
		t.Fatal(err)
	}
	full.Accounts = append(full.Accounts, two)
	obey("written down, and died before the policy", true, full, 3, 1)
	obey("released", true, issuer.Word{}, 1, 0)
	obey("released again", false, issuer.Word{}, 1, 0)

	key, err := ParseIssuerKey([]byte(trialKey))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.AddIssuer(ctx, key, "house"); err != nil {
		t.Fatal(err)
	}
	obey("all spending is stopped", true, issuer.Word{Spending: true}, 1, 0)
	kid := key.KID()
	if doc, _, err := o.Policy(ctx); err != nil || !doc.Revoked.Issuer(kid[:]) {
		t.Fatalf("%v", err)
	}
	obey("and open again", true, issuer.Word{}, 1, 0)
	if doc, _, err := o.Policy(ctx); err != nil || doc.Revoked.Issuer(kid[:]) {
		t.Fatalf("%v", err)
	}
}

// trialKey is a P-256 key of RFC 9679's example.
const trialKey = "a40102200121582065eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d2258201e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"

func account(n byte) []byte {
	b := make([]byte, policy.AccountSize)
	b[0] = n
	return b
}
