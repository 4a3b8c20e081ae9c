package policy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tilld/sync/wire"
)

func TestTrustValidate(t *testing.T) {
	ed, p256 := edKey(t, 1).Public(), p256Key(t).Public()
	issuer := row(UseIssuer, p256.Bytes())
	issuer.Wallet = "house"
	tests := []struct {
		name   string
		change func(*Trust)
		want   string // part of the error; "" is none
	}{
		{"empty", func(t *Trust) {}, ""},
		{"all uses", func(tr *Trust) {
			tr.Rows = []TrustRow{row(UseAck, ed.Bytes()), row(UsePolicy, ed.Bytes()), row(UseRelease, ed.Bytes()), row(UseSeal, sealKey(t, 1).Bytes()), issuer}
		}, ""},
		{"a use of the future", func(tr *Trust) { tr.Rows = []TrustRow{{Use: "carrier", Key: Hex{1}}} }, ""},
		{"no version", func(tr *Trust) { tr.Version = 0 }, "version"},
		{"no chain", func(tr *Trust) { tr.Chain = "" }, "chain"},
		{"no time", func(tr *Trust) { tr.Issued = 0 }, "issued"},
		{"half a key", func(tr *Trust) { tr.Rows = []TrustRow{row(UseAck, ed.Bytes()[:20])} }, "rows[0]: ack: not a usable public key"},
		{"a sealing key that signs", func(tr *Trust) { tr.Rows = []TrustRow{row(UseSeal, ed.Bytes())} }, "rows[0]: seal"},
		{"an issuer without wallet", func(tr *Trust) { tr.Rows = []TrustRow{row(UseIssuer, p256.Bytes())} }, "names a wallet"},
		{"a wallet without issuer", func(tr *Trust) { r := issuer; r.Use = UseAck; tr.Rows = []TrustRow{r} }, "names a wallet"},
		{"an Ed25519 issuer", func(tr *Trust) { r := issuer; r.Key = ed.Bytes(); tr.Rows = []TrustRow{r} }, "must be P-256"},
		{"a window that never opens", func(tr *Trust) { r := issuer; r.NotAfter = r.NotBefore; tr.Rows = []TrustRow{r} }, "valid until before"},
		{"a key twice", func(tr *Trust) { tr.Rows = []TrustRow{issuer, issuer} }, "rows[1]: issuer: the key is given twice"},
		{"too many", func(tr *Trust) { tr.Rows = make([]TrustRow, maxRows+1) }, "rows: 501, at most 500"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := trustOf(1)
			tt.change(tr)
			err := tr.Validate()
			if (err == nil) != (tt.want == "") || err != nil && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	future := trustOf(1)
	future.Rows = []TrustRow{{Use: "carrier", Key: Hex{1}}}
	if _, err := future.Sign(edKey(t, 1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("a use that this release does not know is signed: %v", err)
	}
}

func TestTrustKeys(t *testing.T) {
	root, ack, rel := edKey(t, 1), edKey(t, 2).Public(), edKey(t, 3).Public()
	house, paypay := p256Key(t).Public(), p256Key(t).Public()
	tr := trustOf(1)
	tr.Rows = []TrustRow{row(UseAck, ack.Bytes()), row(UseRelease, rel.Bytes()), row(UseIssuer, house.Bytes()), row(UseIssuer, paypay.Bytes())}
	tr.Rows[2].Wallet, tr.Rows[3].Wallet = "house", "paypay"
	tr.Rows[0].NotAfter = StampOf(today.Add(time.Hour))
	tr, err := OpenTrust(signed(t, tr, root), root.Public())
	if err != nil {
		t.Fatal(err)
	}
	found := func(use Use, at time.Time, k wire.PublicKey) bool { return len(tr.Keys(use, at)(k.KID())) == 1 }
	for _, use := range []Use{UseAck, UsePolicy, UseIssuer, UseRelease, UseSeal, "carrier"} {
		if found(use, today, ack) != (use == UseAck) || found(use, today, rel) != (use == UseRelease) || found(use, today, house) != (use == UseIssuer) {
			t.Errorf("use %s: a key of another use is believed, or its own is not", use)
		}
	}
	if found(UseAck, today.Add(time.Hour), ack) || found(UseAck, today.AddDate(-2, 0, 0), ack) || !found(UseAck, time.Time{}, ack) {
		t.Error("the window is not kept")
	}
	if tr.Wallet(house.KID()) != "house" || tr.Wallet(paypay.KID()) != "paypay" || tr.Wallet(ack.KID()) != "" {
		t.Error("an issuer's wallet is wrong")
	}
	var none *Trust
	if none.Wallet(ack.KID()) != "" || none.Seal(today) != nil || none.Keys(UseAck, today)(ack.KID()) != nil {
		t.Error("no bundle believes something")
	}
}

func TestTrustSeal(t *testing.T) {
	old, next := sealKey(t, 1), sealKey(t, 2)
	tr := trustOf(1)
	tr.Rows = []TrustRow{row(UseSeal, old.Bytes()), row(UseSeal, next.Bytes())}
	tr.Rows[1].NotBefore = StampOf(today)
	if err := tr.Validate(); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Time]*wire.Confidant{
		today.Add(-time.Second): old, today: next, {}: next,
	} {
		if got := tr.Seal(at); got == nil || got.KID() != want.KID() {
			t.Errorf("at %v the wrong key", at)
		}
	}
	if got := tr.Seal(today.AddDate(2, 0, 0)); got != nil {
		t.Error("a key that is past its window is used")
	}
}
