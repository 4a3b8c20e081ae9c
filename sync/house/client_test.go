package house_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"tilld/sync/house/housetest"
)

// caller is somebody who asks an issuer over HTTP.
type caller struct{ base, token string }

// serveBoth serves an issuer to phones and to HQ.
func serveBoth(t *testing.T, b *housetest.Bench) (phones, office caller) {
	t.Helper()
	p, o := httptest.NewServer(b.Issuer.PhoneHandler()), httptest.NewServer(b.Issuer.OperatorHandler("the office's token"))
	t.Cleanup(p.Close)
	t.Cleanup(o.Close)
	return caller{p.URL, ""}, caller{o.URL, "the office's token"}
}

func (c caller) post(t *testing.T, path, session string, body, into any) int {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return c.ask(t, http.MethodPost, path, session, bytes.NewReader(raw), into)
}

func (c caller) get(t *testing.T, path string, into any) int {
	t.Helper()
	return c.ask(t, http.MethodGet, path, "", nil, into)
}

func (c caller) ask(t *testing.T, method, path, session string, body io.Reader, into any) int {
	t.Helper()
	r, err := http.NewRequest(method, c.base+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if session == "" {
		session = c.token
	}
	r.Header.Set("Authorization", "Bearer "+session)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return res.StatusCode
}
