package checkout

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	"tilld/agent/paycode"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

func p256(t testing.TB) *wire.Signer {
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

// realCode makes a text as a phone shows it.
func realCode(t testing.TB, issuer, phone *wire.Signer, claims signed.CodeClaims) string {
	t.Helper()
	cert, err := signed.Certify(issuer, signed.Claims{
		Account: signed.Account(account), Phone: phone.Public(), Cap: jpy(8000), NotBefore: noon.Add(-time.Hour), Hours: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.Sign(phone, cert, claims)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestExamine goes from real texts to decisions.
func TestExamine(t *testing.T) {
	house, stranger, phoneKey := p256(t), p256(t), p256(t)
	claims := signed.CodeClaims{Counter: 7, Time: noon, Store: "0001", Lane: "1"}
	text := realCode(t, house, phoneKey, claims)
	row := trustRow(policy.UseIssuer, house.Public().Bytes())
	row.Wallet = "house"
	paypay := "900081818812345678901234"

	c := lane(t, document())
	c.Bundle = believing(t, document(), row)
	cut := text[:len(text)-3]
	tests := []struct {
		name, text string
		at         time.Time
		reason     payment.Reason // of the decision; none is approved
		kind       Kind
	}{
		{"house code", text, noon, payment.ReasonNone, Approved},
		{"house code, the time not known", text, time.Time{}, payment.ReasonNone, Approved},
		{"issuer's key past its window", text, noon.AddDate(2, 0, 0), payment.UnknownIssuer, NotTaken},
		{"another issuer", realCode(t, stranger, phoneKey, claims), noon, payment.UnknownIssuer, NotTaken},
		{"half a code", cut, noon, payment.MalformedCode, NotTaken},
		{"a later version", "ZY:2" + text[4:], noon, payment.UnknownCode, NotTaken},
		{"another store", realCode(t, house, phoneKey, signed.CodeClaims{Counter: 7, Time: noon, Store: "0002"}), noon, payment.OtherPlace, NotTaken},
		{"an opaque code", paypay, noon, payment.OnlineOnly, NotTaken},
		{"goods", "4901234567894", noon, payment.NotPaymentCode, ForPOS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := c.Bundle.Policy()
			r := Examine(paycode.Classify(tt.text, paycode.Options{Table: &doc.Codes, On: today, Market: "JP", Wallets: doc.Wallets}), c.Bundle.Trust(), tt.at)
			d := mustApply(t, opened(1000), Scan{Payment: id(100), Read: r, Hash: []byte("h")}, c)
			if d.Answer.Kind != tt.kind || d.Answer.Reason != tt.reason {
				t.Fatalf("%+v of %v: got %+v", r.Wallets, r.Format, d.Answer)
			}
			if (r.Code != nil) != (tt.kind == Approved || tt.reason == payment.OtherPlace) {
				t.Errorf("code %+v", r.Code)
			}
			if tt.kind == Approved && (r.Code.Account != account || r.Code.Counter != 7 || r.Code.Phone != phoneKey.Public().KID() || r.Code.Issuer != house.Public().KID() || string(d.Drafts[0].Evidence) != tt.text) {
				t.Errorf("code %+v", r.Code)
			}
		})
	}
	if r := Examine(paycode.Classify(text, paycode.Options{Table: &c.Bundle.Policy().Codes}), nil, noon); r.Reason != payment.UnknownIssuer || r.Code != nil {
		t.Errorf("without any trust bundle: %+v", r.Reason)
	}
}

// TestForPOS: what nobody can be charged by is the POS's, and so is what nobody knows; a code, a broken one too, is
// never given away.
func TestForPOS(t *testing.T) {
	for kind, want := range map[paycode.Kind]bool{
		paycode.NotPayment: true, paycode.Loyalty: true, paycode.Unknown: true, paycode.Payment: false, paycode.Invalid: false,
	} {
		if got := (&Read{Kind: kind}).ForPOS(); got != want {
			t.Errorf("%s: %v", kind, got)
		}
	}
}
