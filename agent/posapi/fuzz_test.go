package posapi

import (
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// FuzzOpenSale: whatever a POS sends, it gets a sale that holds together or a problem that says why not, and
// the same request again under the same key opens nothing more.
func FuzzOpenSale(f *testing.F) {
	for _, body := range []string{
		yen1000, "", "{", "null", `{"total":null}`, `{"total":{"minor":1e999,"currency":"JPY"}}`, `{"TOTAL":{"Minor":5,"CURRENCY":"JPY"}}`,
		`{"total":{"minor":1,"currency":"JPY"},"total":{"minor":2,"currency":"JPY"}}`, `{"total":{"minor":-9223372036854775808,"currency":"JPY"}}`,
		`{"total":{"minor":1000,"currency":"JPY"},"tenders":[{"kind":"wallet","amount":{"minor":500,"currency":"JPY"}}],"eligible":{"wallet":500},"tax":[{"rate":800,"amount":1000,"tax":74}],"lines":[{"text":"お茶","amount":1000}],"reference":"r","cashier":"c"}`,
		`{"total":{"minor":9,"currency":"JPY"},"tenders":[{"kind":"wallet","amount":{"minor":1,"currency":"JPY"}}],"tenders":[{"kind":"wallet"}]}`,
		`{"total":{"minor":9,"currency":"JPY"},"tax":null,"lines":[null],"eligible":{"wallet":null}}`, strings.Repeat("[", 10000),
	} {
		f.Add(body, "key")
		f.Add(body, "")
	}
	lane := newFakeLane()
	a := newAPI(f, lane, io.Discard)
	f.Fuzz(func(t *testing.T, body, key string) {
		lane.sales, lane.asked, lane.events = nil, nil, nil
		first := post(a, body, key)
		if first.Code != 201 {
			checkProblem(t, first)
			if len(lane.sales) != 0 {
				t.Errorf("%d, and a sale is open", first.Code)
			}
			return
		}
		asked := lane.asked[0].Sale
		if err := asked.Validate(); err != nil || asked.Due().Minor > asked.Eligible.Wallet {
			t.Errorf("the lane was asked for %+v: %v", asked, err)
		}
		want := 409 // it is open
		if key != "" {
			want = 200
		}
		if again := post(a, body, key); again.Code != want || len(lane.sales) != 1 {
			t.Errorf("again: %d, want %d; %d sales", again.Code, want, len(lane.sales))
		}
	})
}

func post(a *API, body, key string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://localhost/v1/sales", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

func checkProblem(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var p huma.ErrorModel
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%d: %v: %s", w.Code, err, w.Body)
	}
	if w.Code < 400 || w.Code > 422 || p.Status != w.Code || p.Type == "" {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	for _, e := range p.Errors {
		if e.Value != nil {
			t.Errorf("what was sent is sent back: %s", w.Body)
		}
	}
}
