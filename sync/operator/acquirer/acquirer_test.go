package acquirer_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/operator/acquirer"
	"tilld/sync/operator/emulate"
	"tilld/sync/operator/operatortest"
)

const token = "a-token-of-a-test"

func terms() operator.Rules {
	return operator.Rules{Timeout: 30 * time.Second, QueryAfter: 2 * time.Second, QueryEvery: 3 * time.Second, GiveUp: time.Minute,
		CancelUntil: operator.Window{Zone: time.FixedZone("JST", 9*3600), Days: 1}, RefundFor: 90 * 24 * time.Hour, PartialRefund: true,
		AbsentIsFinal: 10 * time.Minute}
}

func TestSuite(t *testing.T) {
	cred := acquirer.Credentials{Token: operator.SecretOf(token)}
	operatortest.Test(t, operatortest.Setup{
		Wallet: emulate.Acquirer, Party: emulate.Party{ID: "acquirer", Secret: operator.SecretOf(token)}, Currency: "JPY",
		Shop: operator.Shop{Merchant: "M1", Store: "7", Terminal: "3"},
		Open: func(t testing.TB, reach operator.Reach, good bool) operator.Operator {
			t.Helper()
			cred := cred
			if !good {
				cred.Token = operator.SecretOf("of-another-shop")
			}
			c, err := acquirer.New(acquirer.Config{Reach: reach, Prefix: "/acquirer/v1", Wallet: "merpay", Terms: terms()}, cred)
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Secrets: []string{token}, Hidden: []any{cred, &cred},
		AnyCurrency: true, NamesCurrency: true, RefundNames: true, CancelsPaid: true,
	})
}

func TestConfig(t *testing.T) {
	good := acquirer.Config{Reach: operator.Reach{BaseURL: "https://gateway.example"}, Wallet: "merpay", Terms: terms(), Why: map[string]string{"51": "no_funds"}}
	for name, edit := range map[string]func(*acquirer.Config, *acquirer.Credentials){
		"plain HTTP":        func(c *acquirer.Config, _ *acquirer.Credentials) { c.BaseURL = "http://gateway.example" },
		"foul prefix":       func(c *acquirer.Config, _ *acquirer.Credentials) { c.Prefix = "/a?b" },
		"no wallet":         func(c *acquirer.Config, _ *acquirer.Credentials) { c.Wallet = "" },
		"unknown reason":    func(c *acquirer.Config, _ *acquirer.Credentials) { c.Why = map[string]string{"51": "poor"} },
		"no time-out":       func(c *acquirer.Config, _ *acquirer.Credentials) { c.Terms.Timeout = 0 },
		"absence too early": func(c *acquirer.Config, _ *acquirer.Credentials) { c.Terms.AbsentIsFinal = time.Second },
		"no token":          func(_ *acquirer.Config, c *acquirer.Credentials) { c.Token = operator.Secret{} },
		"foul token":        func(_ *acquirer.Config, c *acquirer.Credentials) { c.Token = operator.SecretOf("s3cret\r\nX: y") },
	} {
		cfg, cred := good, acquirer.Credentials{Token: operator.SecretOf(token)}
		edit(&cfg, &cred)
		if _, err := acquirer.New(cfg, cred); !errors.Is(err, operator.ErrConfig) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := acquirer.New(good, acquirer.Credentials{Token: operator.SecretOf(token)}); err != nil {
		t.Error(err)
	}
}

// TestGateway: what a gateway might say that the emulator does not.
func TestGateway(t *testing.T) {
	var status int
	var body string
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer h.Close()
	op, err := acquirer.New(acquirer.Config{Reach: operator.Reach{BaseURL: h.URL}, Wallet: "merpay", Terms: terms(), Why: map[string]string{"51": "no_funds"}},
		acquirer.Credentials{Token: operator.SecretOf(token)})
	if err != nil {
		t.Fatal(err)
	}
	find := operator.Find{Ref: "R1", Amount: payment.Of(100, "JPY")}
	charge := func(state, more string) string {
		return `{"reference":"R1","transaction":"7","amount":100,"currency":"JPY","state":"` + state + `"` + more + `}`
	}
	for name, row := range map[string]struct {
		do     func(context.Context, operator.Find) operator.Answer
		status int
		body   string
		want   operator.Outcome
		why    operator.Why
	}{
		"the acquirer's own reason":       {op.Query, 200, charge("declined", `,"reason":"51"`), operator.Declined, operator.NoFunds},
		"a reason nobody knows":           {op.Query, 200, charge("declined", `,"reason":"99"`), operator.Declined, operator.NoReason},
		"a cancel that did nothing":       {op.Cancel, 200, charge("paid", ""), operator.Unknown, 0},
		"a cancel of what was declined":   {op.Cancel, 200, charge("declined", ""), operator.Reversed, 0},
		"a cancel of what was refunded":   {op.Cancel, 200, charge("refunded", ""), operator.TooLate, 0},
		"a state with an error":           {op.Query, 200, charge("paid", `,"error":"conflict"`), operator.Unknown, 0},
		"an error with a good status":     {op.Query, 200, `{"error":"not_found"}`, operator.Unknown, 0},
		"an error with a server's status": {op.Query, 500, `{"error":"not_found"}`, operator.Unknown, 0},
		"a page that isn't there":         {op.Query, 404, `<html>`, operator.Unknown, 0},
	} {
		status, body = row.status, row.body
		if a := row.do(t.Context(), find); a.Outcome != row.want || a.Why != row.why {
			t.Errorf("%s: %s, %q, %v", name, a.Outcome, a.Why, a.Err)
		}
	}
}
