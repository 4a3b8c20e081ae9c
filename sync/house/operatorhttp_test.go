package house_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/operator"
	"tilld/sync/operator/acquirer"
)

const token = "a-token-of-a-test"

// connector is HQ's, to a bench's issuer over HTTP.
func connector(b *housetest.Bench, token string) operator.Operator {
	b.T.Helper()
	h := httptest.NewServer(b.Issuer.OperatorHandler(house.Secret("a-token-of-a-test")))
	b.T.Cleanup(h.Close)
	op, err := acquirer.New(acquirer.Config{Reach: operator.Reach{BaseURL: h.URL}, Prefix: house.OperatorPrefix, Wallet: "house",
		Terms: operator.Rules{Timeout: 10 * time.Second, QueryAfter: time.Second, QueryEvery: time.Second, GiveUp: time.Minute,
			RefundFor: 90 * 24 * time.Hour, PartialRefund: true, AbsentIsFinal: 2 * time.Minute}},
		acquirer.Credentials{Token: operator.SecretOf(token)})
	b.Must(err)
	return op
}

// TestHQ charges, queries, cancels and refunds by the connector that HQ has, over HTTP. What the connector makes of bad
// answers is held by its own suite.
func TestHQ(t *testing.T) {
	b := housetest.New(t, nil)
	op := connector(b, token)
	c := b.Funded("hanako", 20_000)
	b.Must(c.Certify())
	shop := operator.Shop{Merchant: "m", Store: "s1", Terminal: "1"}
	charge := func(ref, code string, yen int64) operator.Charge {
		return operator.Charge{Ref: operator.Ref(ref), Code: operator.Code(code), Amount: housetest.Yen(yen), Shop: shop, Sale: "R-1", Made: b.Clock.Now()}
	}
	find := func(q operator.Charge) operator.Find {
		return operator.Find{Ref: q.Ref, Amount: q.Amount, Shop: shop, Made: q.Made}
	}
	want := func(what string, a operator.Answer, o operator.Outcome, why operator.Why) operator.Answer {
		t.Helper()
		if a.Outcome != o || a.Why != why {
			t.Errorf("%s: %s because of %q (%q, %v), want %s because of %q", what, a.Outcome, a.Why, a.Said, a.Err, o, why)
		}
		return a
	}
	q := charge("A", c.Code("s1", "1"), 1_000)
	first := want("paying", op.Pay(b.Ctx, q), operator.Paid, 0)
	again := want("paying again", op.Pay(b.Ctx, q), operator.Paid, 0)
	if first.Transaction == "" || again.Transaction != first.Transaction || !first.At.Equal(b.Clock.Now()) {
		t.Errorf("%+v, then %+v", first, again)
	}
	other := q
	other.Amount = housetest.Yen(999)
	want("another amount under it", op.Pay(b.Ctx, other), operator.Unknown, 0)
	want("a query", op.Query(b.Ctx, find(q)), operator.Paid, 0)
	want("of another amount", op.Query(b.Ctx, find(other)), operator.Unknown, 0)

	part := operator.Refund{Ref: "F1", Of: find(q), Amount: housetest.Yen(400)}
	for range 2 {
		want("a refund", op.Refund(b.Ctx, part), operator.Refunded, 0)
	}
	want("a cancel after it", op.Cancel(b.Ctx, find(q)), operator.TooLate, 0)
	want("too much", op.Refund(b.Ctx, operator.Refund{Ref: "F2", Of: find(q), Amount: housetest.Yen(601)}), operator.Declined, operator.OverLimit)
	want("the rest", op.Refund(b.Ctx, operator.Refund{Ref: "F2", Of: find(q), Amount: housetest.Yen(600)}), operator.Refunded, 0)
	want("then", op.Query(b.Ctx, find(q)), operator.Refunded, 0)

	next := charge("B", c.Code("s1", "1"), 500)
	want("paying", op.Pay(b.Ctx, next), operator.Paid, 0)
	for range 2 {
		want("a cancel", op.Cancel(b.Ctx, find(next)), operator.Reversed, 0)
	}
	want("a refund of it", op.Refund(b.Ctx, operator.Refund{Ref: "F3", Of: find(next), Amount: housetest.Yen(1)}), operator.Declined, 0)

	late := charge("C", c.Code("s1", "1"), 500)
	want("a query of nothing", op.Query(b.Ctx, find(late)), operator.Absent, 0)
	want("a cancel that overtakes", op.Cancel(b.Ctx, find(late)), operator.Absent, 0)
	want("the charge after it", op.Pay(b.Ctx, late), operator.Reversed, 0)
	want("a refund of nothing", op.Refund(b.Ctx, operator.Refund{Ref: "F4", Of: find(late), Amount: housetest.Yen(1)}), operator.Declined, 0)
	wantMoney(c, 20_000, 5_000)

	for name, row := range map[string]struct {
		code string
		yen  int64
		why  operator.Why
	}{
		"no code of ours":   {"4912345678901234", 10, operator.CodeInvalid},
		"a used code":       {string(q.Code), 10, operator.CodeUsed},
		"too dear":          {c.Code("s1", "1"), 18_000, operator.NoFunds},
		"above one payment": {c.Code("s1", "1"), 40_000, operator.OverLimit},
	} {
		want(name, op.Pay(b.Ctx, charge("X"+strings.ReplaceAll(name, " ", ""), row.code, row.yen)), operator.Declined, row.why)
	}
	old := c.Code("s1", "1")
	b.Clock.Pass(2 * time.Minute)
	want("an old code", op.Pay(b.Ctx, charge("D1", old, 10)), operator.Declined, operator.CodeExpired)
	b.Must(b.Issuer.StopAccount(b.Ctx, c.Login, "sato", "lost phone"))
	want("a stopped account", op.Pay(b.Ctx, charge("D2", c.Code("s1", "1"), 10)), operator.Declined, operator.AccountStopped)
	want("in dollars", op.Pay(b.Ctx, operator.Charge{Ref: "D3", Code: "x", Amount: payment.Of(1, "USD"), Shop: shop, Made: b.Clock.Now()}), operator.Unknown, 0)
	want("with another's token", connector(b, "another").Query(b.Ctx, find(q)), operator.Unknown, 0)
	if _, err := b.Issuer.Audit(b.Ctx); err != nil {
		t.Error(err)
	}
}

// FuzzOperatorHTTP sends anything to the four calls. None panics, none fails inside, and no money moves without a code.
func FuzzOperatorHTTP(f *testing.F) {
	b := housetest.New(f, nil)
	h := b.Issuer.OperatorHandler(token)
	for _, path := range []string{"", "/A", "/A/cancel", "/A/refunds", "/%00/cancel"} {
		f.Add("POST", path, `{"reference":"A","code":"ZY:1","amount":5,"currency":"JPY","store":"s","terminal":"1"}`)
		f.Add("GET", path, ``)
	}
	f.Add("POST", "", `{"reference":"A","amount":9223372036854775807,"currency":"JPY"}`)
	f.Add("POST", "/../offline", `{"payment":"01ARZ3NDEKTSV4RRFFQ69G5FAV","code":"ZY:1","amount":5,"currency":"JPY"}`)
	f.Add("POST", "/../settled", `{"until":"2026-11-23T01:02:03Z"}`)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://x"+strings.Replace(house.OperatorPrefix+"/charges"+path, "/charges/..", "", 1), strings.NewReader(body))
		if err != nil {
			return
		}
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 || strings.Contains(w.Body.String(), `"state":"paid"`) {
			t.Errorf("%s %s: %d", method, path, w.Code)
		}
		r.Header.Set("Authorization", "Bearer "+token[1:])
		w = httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
			t.Errorf("without the token: %d", w.Code)
		}
	})
}
