package issuer_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/house/housetest"
	"tilld/sync/operator"
	"tilld/sync/operator/issuer"
)

const token = "a-token-of-some-length"

func client(t *testing.T, h http.Handler, secret string) *issuer.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := issuer.New(operator.Reach{BaseURL: srv.URL, Timeout: 5 * time.Second}, "/operator/v1", operator.SecretOf(secret))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAgainstTheIssuer: every call, against the real one.
func TestAgainstTheIssuer(t *testing.T) {
	b := housetest.New(t, nil)
	who := b.Funded("hanako", 10_000)
	b.Clock.Pass(25 * time.Hour)
	b.Must(who.SignIn())
	b.Must(who.Certify())
	c := client(t, b.Issuer.OperatorHandler(token), token)
	o := issuer.Offline{Payment: payment.ID{15: 1}, Code: operator.Code(who.Code("s1", "1")), Amount: 700, Currency: "JPY", Store: "s1", Lane: "1"}
	for n := range 2 {
		if got, err := c.Present(t.Context(), o); err != nil || got.Earmark != 700 || got.Again != (n == 1) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	other := o
	other.Amount = 800
	if _, err := c.Present(t.Context(), other); !errors.Is(err, issuer.ErrRefused) || strings.Contains(err.Error(), string(o.Code)) {
		t.Errorf("another payment under the name: %v", err)
	}
	other.Payment, other.Code = payment.ID{15: 2}, "ZY:nothing"
	if _, err := c.Present(t.Context(), other); !errors.Is(err, issuer.ErrRefused) {
		t.Errorf("a code of nobody: %v", err)
	}
	for range 2 {
		if err := c.Withdraw(t.Context(), o.Payment); err != nil {
			t.Error(err)
		}
	}
	if err := c.Withdraw(t.Context(), payment.ID{15: 9}); !errors.Is(err, issuer.ErrRefused) {
		t.Errorf("never presented: %v", err)
	}
	if err := c.Settled(t.Context(), b.Clock.Now()); err != nil {
		t.Error(err)
	}
	if err := c.Settled(t.Context(), b.Clock.Now().Add(time.Hour)); !errors.Is(err, issuer.ErrRefused) {
		t.Errorf("of the future: %v", err)
	}
	if w, err := c.Word(t.Context()); err != nil || w.Spending || len(w.Accounts)+len(w.Phones) != 0 {
		t.Errorf("%+v, %v", w, err)
	}
	if err := c.Papers(t.Context(), []byte("trust"), []byte("policy")); !errors.Is(err, issuer.ErrRefused) {
		t.Errorf("papers to an issuer that takes no offers: %v", err)
	}
	b.Must(b.Issuer.StopAccount(b.Ctx, "hanako", "kato", "lost"))
	if w, err := c.Word(t.Context()); err != nil || len(w.Accounts) != 1 || bytes.Equal(w.Accounts[0], make([]byte, 16)) {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := client(t, b.Issuer.OperatorHandler(token), "another-token").Word(t.Context()); !errors.Is(err, operator.ErrCredentials) {
		t.Errorf("with another token: %v", err)
	}
}

// TestNoAnswer: what says nothing is no last word, and lets nobody off.
func TestNoAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
	}{
		"trouble":                      {500, `{"error":"internal"}`},
		"a proxy":                      {502, "<html>"},
		"another server":               {200, `{}`},
		"words of another length":      {200, `{"spending_stopped":false,"accounts":["00"],"phones":[]}`},
		"an error with a good status":  {200, `{"error":"not_found","spending_stopped":false}`},
		"a refusal that we don't know": {400, `{"error":"busy"}`},
		"nothing":                      {200, ""},
	} {
		c := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(tt.body))
		}), token)
		if w, err := c.Word(t.Context()); err == nil || errors.Is(err, issuer.ErrRefused) {
			t.Errorf("%s: %+v, %v", name, w, err)
		}
		o := issuer.Offline{Payment: payment.ID{15: 1}, Code: "x", Amount: 700, Currency: "JPY"}
		if _, err := c.Present(t.Context(), o); err == nil || errors.Is(err, issuer.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := issuer.New(operator.Reach{BaseURL: "https://h.example"}, "", operator.SecretOf("")); !errors.Is(err, operator.ErrConfig) {
		t.Errorf("no token: %v", err)
	}
}
