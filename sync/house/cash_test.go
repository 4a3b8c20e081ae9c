package house_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/house/rule"
)

// cashBench is an issuer to which lanes bring cash, with a customer who has none of it yet and is not cooling off.
func cashBench(t *testing.T) (*housetest.Bench, *housetest.Customer) {
	t.Helper()
	b := housetest.New(t, func(c *house.Config) { c.Cash = true })
	c := b.Customer("hanako")
	b.Clock.Pass(25 * time.Hour)
	b.Must(c.SignIn())
	b.Must(c.Certify())
	return b, c
}

func (h *cashier) bring(ref string, yen int64) house.CashResult {
	h.T.Helper()
	r, err := h.Issuer.CreditCash(h.Ctx, house.Cash{Ref: ref, Code: h.Code("s1", "1"), Amount: housetest.Yen(yen), Store: "s1", Lane: "1"})
	h.Must(err)
	h.Clock.Pass(time.Minute)
	return r
}

// cashier is a customer at a till with cash.
type cashier struct{ *housetest.Customer }

// TestCash: an empty account is topped up by a code that pays nothing offline; the same again is the same; each cap
// refuses, for ever under its reference, and nothing moves then.
func TestCash(t *testing.T) {
	b, who := cashBench(t)
	c := &cashier{who}
	if v := c.View(); v.Held.Minor != 0 {
		t.Errorf("%d held of nothing", v.Held.Minor)
	}
	q := house.Cash{Ref: "C1", Code: c.Code("s1", "1"), Amount: housetest.Yen(5_000), Store: "s1", Lane: "1"}
	for range 2 {
		r, err := b.Issuer.CreditCash(b.Ctx, q)
		if b.Must(err); r.State != house.Credited || r.Transaction == "" || r.Amount != housetest.Yen(5_000) {
			t.Fatalf("%+v", r)
		}
	}
	if v := c.View(); v.Balance.Minor != 5_000 {
		t.Fatalf("balance %d", v.Balance.Minor)
	}
	other := q
	other.Amount = housetest.Yen(6_000)
	_, err := b.Issuer.CreditCash(b.Ctx, other)
	b.Want("another amount under the reference", err, rule.RefUsed)
	q.Ref = "C2"
	if r, err := b.Issuer.CreditCash(b.Ctx, q); err != nil || r.Why != rule.CodeUsed {
		t.Errorf("the same code again: %+v, %v", r, err)
	}
	for name, tt := range map[string]struct {
		ref string
		yen int64
		why rule.Refusal
	}{
		"more than one may be": {"C3", 20_001, rule.OverTopUp},
	} {
		if r := c.bring(tt.ref, tt.yen); r.State != house.CashDeclined || r.Why != tt.why {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for n, ref := range []string{"D1", "D2"} {
		if r := c.bring(ref, 20_000); r.State != house.Credited {
			t.Errorf("%d: %+v", n, r)
		}
	}
	if r := c.bring("D3", 5_001); r.Why != rule.OverTopUpDay {
		t.Errorf("%+v", r)
	}
	b.Must(b.Issuer.StopAccount(b.Ctx, "hanako", "kato", "lost"))
	if r := c.bring("E1", 100); r.Why != rule.Stopped {
		t.Errorf("a stopped account: %+v", r)
	}
	if r, err := b.Issuer.QueryCash(b.Ctx, "E1"); err != nil || r.State != house.CashDeclined {
		t.Errorf("%+v, %v", r, err)
	}
	a, err := b.Issuer.Audit(b.Ctx)
	if b.Must(err); a.ToppedUp != 45_000 || a.Balances != 45_000 || a.Spent != 0 {
		t.Errorf("%+v", a)
	}
}

// TestCashIsWatched: the third within a minute stops the account, and is not credited; the cooling-off and the switch hold.
func TestCashIsWatched(t *testing.T) {
	b, c := cashBench(t)
	var last house.CashResult
	for _, ref := range []string{"A1", "A2", "A3"} {
		r, err := b.Issuer.CreditCash(b.Ctx, house.Cash{Ref: ref, Code: c.Code("s1", "1"), Amount: housetest.Yen(100), Store: "s1", Lane: "1"})
		b.Must(err)
		last = r
	}
	stops, err := b.Issuer.Stops(b.Ctx, "hanako")
	if b.Must(err); last.Why != rule.Stopped || len(stops) != 1 || stops[0].Reason != rule.TopUpRate {
		t.Errorf("%+v, %+v", last, stops)
	}

	b = housetest.New(t, func(c *house.Config) { c.Cash = true })
	fresh := &cashier{b.Customer("taro")}
	b.Must(fresh.Certify())
	b.Must(b.Issuer.Throw(b.Ctx, house.Switch{TopUps: true, By: "kato", Why: "drill"}))
	if r := fresh.bring("B0", 100); r.Why != rule.TopUpsOff {
		t.Errorf("while top-ups are stopped: %+v", r)
	}
	b.Must(b.Issuer.Throw(b.Ctx, house.Switch{By: "kato", Why: "over"}))
	other := fresh.Code("s2", "1")
	if r, err := b.Issuer.CreditCash(b.Ctx, house.Cash{Ref: "B1", Code: other, Amount: housetest.Yen(100), Store: "s1", Lane: "1"}); err != nil || r.Why != rule.BadCode {
		t.Errorf("a code for another store: %+v, %v", r, err)
	}
	stale := fresh.Code("s1", "1")
	b.Clock.Pass(2 * time.Minute)
	if r, err := b.Issuer.CreditCash(b.Ctx, house.Cash{Ref: "B2", Code: stale, Amount: housetest.Yen(100), Store: "s1", Lane: "1"}); err != nil || r.Why != rule.CodeExpired {
		t.Errorf("a picture of a code: %+v, %v", r, err)
	}
}

// TestCashBack: a credit goes back while it is there, once; a cancel that comes first kills the credit; what was spent
// does not go back.
func TestCashBack(t *testing.T) {
	b, who := cashBench(t)
	c := &cashier{who}
	c.bring("A1", 3_000)
	for range 2 {
		if r, err := b.Issuer.CancelCash(b.Ctx, "A1"); err != nil || r.State != house.CashReversed {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if r, err := b.Issuer.CancelCash(b.Ctx, "A2"); err != nil || r.Transaction != "" {
		t.Fatalf("%+v, %v", r, err)
	}
	if r := c.bring("A2", 3_000); r.State != house.CashReversed {
		t.Errorf("behind its cancel: %+v", r)
	}
	if v := c.View(); v.Balance.Minor != 0 {
		t.Errorf("balance %d", v.Balance.Minor)
	}
	c.bring("A3", 3_000)
	b.Must(c.Certify())
	if r := c.Pay("s1", "1", 1_000); r.State != house.Paid {
		t.Fatalf("%+v", r)
	}
	_, err := b.Issuer.CancelCash(b.Ctx, "A3")
	b.Want("what was spent of", err, rule.TooLate)
	if a, err := b.Issuer.Audit(b.Ctx); err != nil || a.ToppedUp != 3_000 || a.Spent != 1_000 || a.Balances != 2_000 {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestWithdraw: what was drawn for a payment that its lane took back goes back once, and its loss is none any more.
func TestWithdraw(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 4_000)
	b.Clock.Pass(25 * time.Hour)
	b.Must(c.SignIn())
	b.Must(c.Certify())
	_, err := b.Issuer.Withdraw(b.Ctx, payment.ID{15: 1})
	b.Want("never presented", err, rule.NotFound)
	got, err := b.Present(1, c.Code("", ""), "s1", "1", 5_000) // more than there is
	if b.Must(err); got.Drawn.Lost != 1_000 {
		t.Fatalf("%+v", got)
	}
	for n := range 2 {
		if again, err := b.Issuer.Withdraw(b.Ctx, payment.ID{15: 1}); err != nil || again != (n == 1) {
			t.Errorf("%v, %v", again, err)
		}
	}
	if a, err := b.Issuer.Audit(b.Ctx); err != nil || a.Balances != 4_000 || a.Lost != 0 || a.Spent != 0 {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestCashHTTP is the interface as HQ has it.
func TestCashHTTP(t *testing.T) {
	b, c := cashBench(t)
	srv := httptest.NewServer(b.Issuer.OperatorHandler("a token of HQ's"))
	t.Cleanup(srv.Close)
	call := func(method, path string, in any) (int, map[string]any) {
		t.Helper()
		raw, err := json.Marshal(in)
		b.Must(err)
		req, err := http.NewRequest(method, srv.URL+house.OperatorPrefix+path, strings.NewReader(string(raw)))
		b.Must(err)
		req.Header.Set("Authorization", "Bearer a token of HQ's")
		res, err := srv.Client().Do(req)
		b.Must(err)
		defer func() { _ = res.Body.Close() }()
		out := map[string]any{}
		b.Must(json.NewDecoder(res.Body).Decode(&out))
		return res.StatusCode, out
	}
	body := map[string]any{"reference": "R1", "code": c.Code("s1", "1"), "amount": 700, "currency": "JPY", "store": "s1", "terminal": "1"}
	if code, out := call("POST", "/topups", body); code != 200 || out["state"] != "credited" || out["transaction"] == "" {
		t.Errorf("%d %v", code, out)
	}
	body["reference"] = "R2"
	if code, out := call("POST", "/topups", body); code != 200 || out["state"] != "declined" || out["reason"] != "code_used" {
		t.Errorf("%d %v", code, out)
	}
	if code, out := call("GET", "/topups/R1", nil); code != 200 || out["state"] != "credited" {
		t.Errorf("%d %v", code, out)
	}
	if code, out := call("GET", "/topups/R9", nil); code != 404 || out["error"] != "not_found" {
		t.Errorf("%d %v", code, out)
	}
	if code, out := call("POST", "/topups/R1/cancel", struct{}{}); code != 200 || out["state"] != "reversed" {
		t.Errorf("%d %v", code, out)
	}
	if code, out := call("POST", "/offline/"+payment.ID{15: 3}.String()+"/withdraw", struct{}{}); code != 404 {
		t.Errorf("%d %v", code, out)
	}
}
