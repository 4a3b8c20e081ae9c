package posapi

import (
	"net/http"
	"strings"
	"testing"

	"tilld/agent/payment"
)

// TestGiveBack: what a POS may ask for, and what the lane is asked in turn.
func TestGiveBack(t *testing.T) {
	b := newBench(t)
	id := payment.ID{1, 2, 3}
	path := "/v1/payments/" + id.String() + "/refunds"
	key := "Idempotency-Key: till-7-1"
	b.lane.back = Refund{Ref: id.RefundRef(), Payment: id, Amount: payment.Of(300, "JPY"), Wallet: "paypay", State: "asked"}
	got := b.do(t, "POST", path, `{"amount":{"minor":300,"currency":"JPY"},"supervisor":"Abe","pin":"482915"}`, key)
	if got.StatusCode != http.StatusOK || !strings.Contains(string(got.body), `"state":"asked"`) {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	if want := (GiveBack{Key: "till-7-1", Payment: id, Amount: payment.Of(300, "JPY"), Supervisor: "Abe", PIN: "482915"}); len(b.lane.gave) != 1 || b.lane.gave[0] != want {
		t.Errorf("the lane was asked %+v", b.lane.gave)
	}
	for name, tt := range map[string]struct {
		path, body, key string
		want            int
	}{
		"no key":         {path, `{}`, "X-None: 1", 422},
		"an odd key":     {path, `{}`, "Idempotency-Key: \u00e9", 422},
		"no payment":     {"/v1/payments/UUUUUUUUUUUUUUUUUUUUUUUUUU/refunds", `{}`, key, 422},
		"a PIN alone":    {path, `{"pin":"482915"}`, key, 422},
		"a name alone":   {path, `{"supervisor":"Abe"}`, key, 422},
		"a PIN for name": {path, `{"supervisor":"482915","pin":"482915"}`, key, 422},
		"nothing":        {path, `{"amount":{"minor":0,"currency":"JPY"}}`, key, 422},
		"more than that": {path, `{"cash":true}`, key, 422},
	} {
		if got := b.do(t, "POST", tt.path, tt.body, tt.key); got.StatusCode != tt.want {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	if len(b.lane.gave) != 1 {
		t.Errorf("the lane was asked %+v", b.lane.gave)
	}
	for code, want := range map[payment.Code]int{payment.Forbidden: 403, payment.Conflict: 409, payment.Retry: 503} {
		b.lane.backErr = payment.Errorf(code, "lane", "no")
		if got := b.do(t, "POST", path, `{}`, key); got.StatusCode != want {
			t.Errorf("%s: %d %s", code, got.StatusCode, got.body)
		}
	}
	b.lane.backErr = nil
	b.lane.back.State, b.lane.back.Reason = "declined", payment.RefundOver
	if got := b.do(t, "GET", path, ""); got.StatusCode != 200 || !strings.Contains(string(got.body), `"reason":"refund_over"`) {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}
