package wechat_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"

	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
	"tilld/sync/operator/operatortest"
	"tilld/sync/operator/wechat"
)

func TestSuite(t *testing.T) {
	shop, private, _ := operatortest.NewKey(t)
	theirs, _, public := operatortest.NewKey(t)
	_, other, _ := operatortest.NewKey(t)
	cred := wechat.Credentials{Key: operator.SecretOf(private)}
	config := func(reach operator.Reach) wechat.Config {
		return wechat.Config{Reach: reach, Merchant: "1900000109", App: "wx8888888888888888", Serial: "5157F09EFDC096DE", Category: "5411",
			PlatformKeys: map[string]string{"PUB_KEY_ID_1": public}}
	}
	operatortest.Test(t, operatortest.Setup{
		Wallet: emulate.WeChat, Currency: "CNY", Shop: operator.Shop{Merchant: "1900000109", Store: "7", Terminal: "3"},
		Party: emulate.Party{ID: "1900000109", Serial: "5157F09EFDC096DE", Shop: &shop.PublicKey, Own: theirs, OwnSerial: "PUB_KEY_ID_1"},
		Open: func(t testing.TB, reach operator.Reach, good bool) operator.Operator {
			t.Helper()
			cred := cred
			if !good {
				cred.Key = operator.SecretOf(other)
			}
			c, err := wechat.New(config(reach), cred)
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Secrets: []string{strings.Split(private, "\n")[5], shop.D.String()}, Hidden: []any{cred, &cred},
		Why:         map[operator.Why]operator.Why{operator.CodeUsed: operator.CodeInvalid},
		AnyCurrency: true, NamesCurrency: true, RefundNames: true, CancelsPaid: true, RefundHides: true,
	})
}

// TestSignature: an answer that WeChat Pay did not sign, for just this body and just now, says nothing.
func TestSignature(t *testing.T) {
	shop, private, _ := operatortest.NewKey(t)
	theirs, _, public := operatortest.NewKey(t)
	now := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	server, err := emulate.New(emulate.Config{Now: func() time.Time { return now }, Wallets: map[emulate.Wallet]emulate.Party{
		emulate.WeChat: {ID: "19", Serial: "51", Shop: &shop.PublicKey, Own: theirs, OwnSerial: "P1"}}})
	if err != nil {
		t.Fatal(err)
	}
	var spoil func(http.Header, []byte) []byte
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		server.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		if spoil != nil {
			body = spoil(rec.Header(), body)
		}
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
	}))
	defer h.Close()
	skew := time.Duration(0)
	op, err := wechat.New(wechat.Config{Merchant: "19", App: "wx", Serial: "51", Category: "5411", PlatformKeys: map[string]string{"P1": public},
		Reach: operator.Reach{BaseURL: h.URL, Now: func() time.Time { return now.Add(skew) }}}, wechat.Credentials{Key: operator.SecretOf(private)})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.SetCustomer(emulate.WeChat, emulate.Customer{Name: "a", Balance: payment.Of(100, "CNY")}); err != nil {
		t.Fatal(err)
	}
	code, err := server.Show(emulate.WeChat, "a")
	if err != nil {
		t.Fatal(err)
	}
	c := operator.Charge{Ref: "R1", Code: code, Amount: payment.Of(10, "CNY"), Made: now}
	if a := op.Pay(context.Background(), c); a.Outcome != operator.Paid {
		t.Fatalf("%s, %v", a.Outcome, a.Err)
	}
	drop := func(name string) func(http.Header, []byte) []byte {
		return func(h http.Header, b []byte) []byte { h.Del(name); return b }
	}
	for name, row := range map[string]struct {
		spoil func(http.Header, []byte) []byte
		skew  time.Duration
		ref   operator.Ref
	}{
		"unsigned":            {drop("Wechatpay-Signature"), 0, "R1"},
		"no time":             {drop("Wechatpay-Timestamp"), 0, "R1"},
		"another nonce":       {drop("Wechatpay-Nonce"), 0, "R1"},
		"unknown key":         {func(h http.Header, b []byte) []byte { h.Set("Wechatpay-Serial", "P2"); return b }, 0, "R1"},
		"another body":        {func(_ http.Header, b []byte) []byte { return append(b, ' ') }, 0, "R1"},
		"old":                 {nil, 301 * time.Second, "R1"},
		"of the future":       {nil, -301 * time.Second, "R1"},
		"a refusal, tampered": {func(_ http.Header, b []byte) []byte { return append(b, ' ') }, 0, "R2"},
	} {
		spoil, skew = row.spoil, row.skew
		a := op.Query(context.Background(), operator.Find{Ref: row.ref, Amount: c.Amount})
		if a.Outcome != operator.Unknown || !errors.Is(a.Err, operator.ErrSignature) {
			t.Errorf("%s: %s, %v", name, a.Outcome, a.Err)
		}
	}
	spoil, skew = nil, 299*time.Second
	if a := op.Query(context.Background(), operator.Find{Ref: "R1", Amount: c.Amount}); a.Outcome != operator.Paid {
		t.Errorf("then %s, %v", a.Outcome, a.Err)
	}
}
