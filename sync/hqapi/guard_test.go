package hqapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/settle"
)

func TestHeaders(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"/v1/terminals", "/nowhere", "/openapi.json", "/healthz"} {
		h := b.get(t, path, "Origin", "https://elsewhere.example").Header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Access-Control-Allow-Origin": "",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestNotHere(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"/", "/v1", "/v1/payments/", "/docs", "/schemas/CutRequest.json", "/openapi.yaml", "/debug/pprof/"} {
		wantProblem(t, b.get(t, path), 404, "not_found", "openapi.json")
	}
	got := b.do(t, "DELETE", "/v1/settlements", b.finance, "")
	wantProblem(t, got, 405, "method", "")
	if allow := got.Header.Get("Allow"); !strings.Contains(allow, "GET") || !strings.Contains(allow, "POST") {
		t.Errorf("Allow %q", allow)
	}
	wantProblem(t, b.do(t, "OPTIONS", "/v1/settlements", "", "", "Origin", "https://elsewhere.example"), 405, "method", "")
}

func TestHosts(t *testing.T) {
	b := newBench(t)
	for host, ok := range map[string]bool{
		"localhost": true, "LOCALHOST:99": true, "127.0.0.1": true, "[::1]:8080": true,
		"elsewhere.example": false, "127.0.0.1.elsewhere.example": false, "192.0.2.1": false, "": true, // Go then sends the address
	} {
		got := b.get(t, "/healthz", "Host", host)
		if ok && got.StatusCode != 200 {
			t.Errorf("%q: %s", host, got.Status)
		}
		if !ok {
			wantProblem(t, got, 421, "host", "")
		}
	}
	b.hosts = []string{"hq.example"}
	if got := b.get(t, "/healthz", "Host", "HQ.example:8443"); got.StatusCode != 200 {
		t.Errorf("a configured name: %s", got.Status)
	}
	for hosts, want := range map[string]int{"": 200, "hq.example": 421} {
		b.hosts = strings.Fields(hosts)
		w := httptest.NewRecorder() // has no local address, like a server that is not on loopback
		b.ServeHTTP(w, httptest.NewRequest("GET", "http://other.example/healthz", nil))
		if w.Code != want {
			t.Errorf("off loopback, with names %q: %d, want %d", hosts, w.Code, want)
		}
	}
}

func TestBodies(t *testing.T) {
	b := newBench(t)
	for name, tt := range map[string]struct {
		body   string
		status int
		kind   string
		says   string
	}{
		"nothing":          {"", 400, "malformed", "body"},
		"no JSON":          {"{", 400, "malformed", "ends too early"},
		"unknown field":    {`{"tip":1}`, 422, "invalid", `"detail":"tip: unexpected property"`},
		"wrong type":       {`{"wallet":7}`, 422, "invalid", "expected string"},
		"too long":         {`{"wallet":"` + strings.Repeat("x", 33) + `"}`, 422, "invalid", "length"},
		"too large":        {`{"wallet":"` + strings.Repeat("x", maxBody) + `"}`, 413, "too_large", ""},
		"two wallets":      {`{"wallet":"house","wallet":"other","currency":"JPY"}`, 400, "malformed", `"body.wallet"`},
		"in two spellings": {`{"wallet":"house","Wallet":"other","currency":"JPY"}`, 400, "malformed", `"body.wallet"`},
		"another spelling": {`{"Wallet":"house","currency":"JPY"}`, 422, "invalid", "Wallet"},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, b.do(t, "POST", "/v1/settlements", b.finance, tt.body), tt.status, tt.kind, tt.says)
		})
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", b.url+"/v1/settlements", strings.NewReader("wallet=house"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.finance)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 415 {
		t.Errorf("a form: %s", res.Status)
	}
}

func TestPanicIsAnAnswer(t *testing.T) {
	b := newBench(t)
	b.cut = func(context.Context, ...settle.Account) ([]settle.Ref, error) { panic("a fault of ours") }
	wantProblem(t, b.do(t, "POST", "/v1/settlements", b.finance, "{}"), 500, "internal", "")
	if !strings.Contains(b.log.String(), "a fault of ours") {
		t.Error("the panic is not in the log")
	}
	if got := b.get(t, "/healthz"); got.StatusCode != 200 {
		t.Errorf("afterwards: %s", got.Status)
	}
}

func TestInternalErrorsStayInside(t *testing.T) {
	b := newBench(t)
	b.books.fail = errDisk
	for _, path := range []string{"/v1/settlements", "/v1/terminals", "/v1/exceptions", "/v1/payments/" + payment.ID{1}.String(),
		"/v1/settlements/" + payment.ID{1}.String(), "/v1/settlements/" + payment.ID{1}.String() + "/proof/" + payment.ID{1}.String()} {
		got := b.get(t, path)
		wantProblem(t, got, 500, "internal", "")
		if strings.Contains(string(got.body), "disk") {
			t.Errorf("%s says too much: %s", path, got.body)
		}
	}
	wantProblem(t, b.get(t, "/healthz"), 503, "retry", "")
	if n := strings.Count(b.log.String(), "disk on fire"); n != 7 {
		t.Errorf("the cause is in the log %d times", n)
	}
}

// TestHealthSaysWhy: an HQ whose books answer and that does not do its work is not healthy.
func TestHealthSaysWhy(t *testing.T) {
	b := newBench(t)
	why := "the disk is full"
	b.health = func() string { return why }
	wantProblem(t, b.get(t, "/healthz"), 503, "retry", why)
	why = ""
	if got := b.get(t, "/healthz"); got.StatusCode != 200 {
		t.Errorf("with room: %s %s", got.Status, got.body)
	}
}

func TestHealthAndMetrics(t *testing.T) {
	b := newBench(t)
	if got := b.do(t, "GET", "/healthz", "", ""); got.StatusCode != 200 || string(got.body) != "{\"status\":\"ok\"}\n" {
		t.Errorf("%s %s", got.Status, got.body)
	}
	b.get(t, "/v1/payments/"+payment.ID{1}.String())
	got := b.do(t, "GET", "/metrics", "", "") // on loopback it takes no token
	for _, want := range []string{`tilld_hq_api_requests_total{route="GET /v1/payments/{id}",status="4xx"} 1`,
		`tilld_hq_api_request_duration_seconds_count{route="GET /healthz"} 1`} {
		if !strings.Contains(string(got.body), want) {
			t.Errorf("no %s in\n%s", want, got.body)
		}
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil)) // off loopback
	if w.Code != 401 {
		t.Errorf("metrics off loopback without a token: %d", w.Code)
	}
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Authorization", "Bearer "+b.read)
	w = httptest.NewRecorder()
	if b.ServeHTTP(w, r); w.Code != 200 {
		t.Errorf("metrics off loopback with a token: %d", w.Code)
	}
	if _, err := New(Config{Registry: b.reg}); err == nil {
		t.Error("two APIs in one registry")
	}
}

func TestListen(t *testing.T) {
	secure := &tls.Config{}
	for addr, want := range map[string]error{"127.0.0.1:0": nil, "localhost:0": nil, ":0": ErrPlain, "0.0.0.0:0": ErrPlain, "[::]:0": ErrPlain} {
		ln, err := Listen(addr, nil)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", addr, err, want)
		}
		if err == nil {
			ln.Close()
		}
	}
	ln, err := Listen("0.0.0.0:0", secure)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	if err := b.Serve(t.Context(), ln, nil); !errors.Is(err, ErrPlain) {
		t.Errorf("serving in the clear off loopback: %v", err)
	}
	for _, addr := range []string{"nonsense", "127.0.0.1:99999", strings.TrimPrefix(b.url, "http://")} {
		if ln, err := Listen(addr, nil); err == nil {
			ln.Close()
			t.Errorf("%s: listens", addr)
		}
	}
	closed, err := Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if err := b.Serve(t.Context(), closed, nil); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a closed listener: %v", err)
	}
}

// TestTLS serves on every interface with a certificate, and refuses what is older than TLS 1.2.
func TestTLS(t *testing.T) {
	b := newBench(t)
	cert, pool := selfSigned(t)
	ln, err := Listen("0.0.0.0:0", &tls.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- b.Serve(ctx, ln, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10})
	}()
	url := "https://127.0.0.1:" + strings.TrimPrefix(ln.Addr().String(), "[::]:") + "/healthz"
	url = strings.Replace(url, "0.0.0.0:", "", 1)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("over TLS: %s", res.Status)
	}
	old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}}}
	if res, err := old.Get(url); err == nil {
		res.Body.Close()
		t.Error("TLS 1.1 was taken")
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Serve: %v", err)
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}
