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
)

// asHQ asks one of HQ's own calls and decodes the answer.
func asHQ(b *housetest.Bench, method, path string, in any) (int, fields) {
	b.T.Helper()
	body, err := json.Marshal(in)
	b.Must(err)
	r := httptest.NewRequestWithContext(b.Ctx, method, house.OperatorPrefix+path, strings.NewReader(string(body)))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	b.Issuer.OperatorHandler(token).ServeHTTP(w, r)
	out := fields{}
	b.Must(json.Unmarshal(w.Body.Bytes(), &out))
	return w.Code, out
}

// TestHQOffline brings what a lane took, says up to when everything is here, and asks whom lanes must refuse.
func TestHQOffline(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 12_000)
	b.Must(c.Certify())
	id := payment.ID{0: 1, 15: 7}.String()
	sale := fields{"payment": id, "code": c.Code("s1", "1"), "amount": 3000, "currency": "JPY", "store": "s1", "lane": "1"}
	with := func(name string, v any) fields {
		out := fields{}
		for k, old := range sale {
			out[k] = old
		}
		out[name] = v
		return out
	}
	for name, tt := range map[string]struct {
		in     fields
		status int
		word   string
	}{
		"no code of ours": {with("code", "1234"), http.StatusUnprocessableEntity, "code_invalid"},
		"nothing":         {with("amount", 0), http.StatusBadRequest, "invalid"},
		"dollars":         {with("currency", "USD"), http.StatusBadRequest, "invalid"},
		"no identifier":   {with("payment", ""), http.StatusBadRequest, "invalid"},
		"a foul one":      {with("payment", "x"), http.StatusBadRequest, "invalid"},
	} {
		if status, out := asHQ(b, "POST", "/offline", tt.in); status != tt.status || out["error"] != tt.word {
			t.Errorf("%s: %d %v", name, status, out)
		}
	}
	for n := range 2 {
		status, out := asHQ(b, "POST", "/offline", sale)
		if status != 200 || out["earmark"] != 3000.0 || out["lost"] != 0.0 || out["again"] != (n == 1) || out["payment"] != id {
			t.Errorf("%d %v", status, out)
		}
	}
	if status, out := asHQ(b, "POST", "/offline", with("amount", 3001)); status != http.StatusConflict || out["error"] != "conflict" {
		t.Errorf("another amount under it: %d %v", status, out)
	}
	if status, _ := asHQ(b, "POST", "/settled", fields{"until": b.Clock.Now().Add(time.Second)}); status != http.StatusBadRequest {
		t.Errorf("of the future: %d", status)
	}
	wantMoney(c, 9_000, 2_000)
	b.Must(b.Issuer.StopAccount(b.Ctx, c.Login, "sato", "lost phone"))
	pseudonym := stoppedPseudonym(b)
	if status, out := asHQ(b, "GET", "/word", nil); status != 200 || out["spending_stopped"] != false || len(pseudonym) != 32 {
		t.Errorf("%d %v", status, out)
	}
	b.Clock.Pass(5 * time.Hour)
	if status, _ := asHQ(b, "POST", "/settled", fields{"until": b.Clock.Now()}); status != 200 {
		t.Errorf("settled: %d", status)
	}
	a, err := b.Issuer.Audit(b.Ctx)
	if b.Must(err); a.Held != 2_000 { // released when the account is looked at next
		t.Errorf("%+v", a)
	}
	if pseudonym = stoppedPseudonym(b); pseudonym != "" {
		t.Errorf("the word still names %s", pseudonym)
	}
}

// stoppedPseudonym is the one account of HQ's word; "": none.
func stoppedPseudonym(b *housetest.Bench) string {
	b.T.Helper()
	_, out := asHQ(b, "GET", "/word", nil)
	all, ok := out["accounts"].([]any)
	if !ok {
		b.T.Fatalf("no list in %v", out)
	}
	if len(all) == 0 {
		return ""
	}
	s, _ := all[0].(string)
	return s
}
