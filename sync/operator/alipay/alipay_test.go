package alipay_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/operator/alipay"
	"tilld/sync/operator/emulate"
	"tilld/sync/operator/operatortest"
)

func TestSuite(t *testing.T) {
	shop, private, _ := operatortest.NewKey(t)
	theirs, _, public := operatortest.NewKey(t)
	_, other, _ := operatortest.NewKey(t)
	cred := alipay.Credentials{Key: operator.SecretOf(private)}
	config := func(reach operator.Reach) alipay.Config {
		return alipay.Config{Reach: reach, Client: "T_111222333", AntomKey: public, Category: "5411", Name: "Shop", NotifyURL: "https://shop.example/notify"}
	}
	operatortest.Test(t, operatortest.Setup{
		Wallet: emulate.Alipay, Currency: "CNY", Shop: operator.Shop{Merchant: "M1", Store: "7", Terminal: "3"},
		Party: emulate.Party{ID: "T_111222333", Shop: &shop.PublicKey, Own: theirs},
		Open: func(t testing.TB, reach operator.Reach, good bool) operator.Operator {
			t.Helper()
			cred := cred
			if !good {
				cred.Key = operator.SecretOf(other)
			}
			c, err := alipay.New(config(reach), cred)
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Secrets: []string{strings.Split(private, "\n")[5], shop.D.String()}, Hidden: []any{cred, &cred},
		Why:         map[operator.Why]operator.Why{operator.CodeUsed: operator.NoReason, operator.CodeInvalid: operator.NoReason, operator.CodeExpired: operator.NoReason},
		AnyCurrency: true, NamesCurrency: true, RefundNames: true, CancelsPaid: true,
	})
}

// TestSignature: an answer that Antom did not sign, for just this path and body, says nothing.
func TestSignature(t *testing.T) {
	shop, private, _ := operatortest.NewKey(t)
	theirs, _, public := operatortest.NewKey(t)
	server, err := emulate.New(emulate.Config{Wallets: map[emulate.Wallet]emulate.Party{emulate.Alipay: {ID: "T1", Shop: &shop.PublicKey, Own: theirs}}})
	if err != nil {
		t.Fatal(err)
	}
	var spoil func(http.Header, []byte) []byte
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		server.ServeHTTP(rec, r)
		body := spoil(rec.Header(), rec.Body.Bytes())
		maps.Copy(w.Header(), rec.Header())
		_, _ = w.Write(body)
	}))
	defer h.Close()
	op, err := alipay.New(alipay.Config{Reach: operator.Reach{BaseURL: h.URL}, Client: "T1", AntomKey: public, Category: "5411", Name: "Shop",
		NotifyURL: "https://shop.example/notify"}, alipay.Credentials{Key: operator.SecretOf(private)})
	if err != nil {
		t.Fatal(err)
	}
	find := operator.Find{Ref: "R1", Amount: payment.Of(10, "CNY")}
	for name, row := range map[string]struct {
		spoil func(http.Header, []byte) []byte
		want  error
	}{
		"as it is":     {func(_ http.Header, b []byte) []byte { return b }, nil},
		"unsigned":     {func(h http.Header, b []byte) []byte { h.Del("Signature"); return b }, operator.ErrSignature},
		"another time": {func(h http.Header, b []byte) []byte { h.Set("Response-Time", "1"); return b }, operator.ErrSignature},
		"another body": {func(_ http.Header, b []byte) []byte { return append(b, ' ') }, operator.ErrSignature},
		"not base 64":  {func(h http.Header, b []byte) []byte { h.Set("Signature", "signature=%zz"); return b }, operator.ErrSignature},
	} {
		spoil = row.spoil
		a := op.Query(t.Context(), find)
		if !errors.Is(a.Err, row.want) || (a.Outcome == operator.Absent) != (row.want == nil) {
			t.Errorf("%s: %s, %v", name, a.Outcome, a.Err)
		}
	}
}
