package posapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
	"tilld/ui/web"
)

var thisRun = payment.ID{7}

// syncBuffer is a log that a test can read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// bench is the API on a real server on loopback, with the product's own guard.
type bench struct {
	*API
	lane *fakeLane
	log  *syncBuffer
	url  string
	stop func() error // ends the server, once
}

func newAPI(t testing.TB, lane Lane, log io.Writer) *API {
	t.Helper()
	a, err := New(Config{
		Lane: lane, Stream: thisRun, Log: slog.New(slog.NewTextHandler(log, nil)), Version: "test",
		Guard: func(next http.Handler) http.Handler { return web.Guard(nil, next) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{lane: newFakeLane(), log: &syncBuffer{}}
	b.API = newAPI(t, b.lane, b.log)
	b.url, b.stop = serve(t, b.API)
	return b
}

// serve runs the API on a port of its own until the test ends or stop is called.
func serve(t *testing.T, a *API) (url string, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx, ln) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections() // the server would wait for those that were never used
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Serve ended with %v", err)
		}
	})
	return "http://" + ln.Addr().String(), stop
}

// answer is a response that was read.
type answer struct {
	*http.Response
	body []byte
}

// do asks the server. Headers are "Name: value".
func (b *bench) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	return ask(t, b.url, method, path, body, headers...)
}

func ask(t *testing.T, url, method, path, body string, headers ...string) answer {
	t.Helper()
	a, err := try(t.Context(), url, method, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// try asks from any goroutine.
func try(ctx context.Context, url, method, path, body string, headers ...string) (a answer, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url+path, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		switch name {
		case "Host":
			req.Host = value
		case "Content-Type":
			req.Header.Set(name, value)
		default:
			req.Header.Add(name, value)
		}
	}
	if a.Response, err = http.DefaultClient.Do(req); err != nil {
		return a, err
	}
	a.body, err = io.ReadAll(a.Body)
	return a, errors.Join(err, a.Body.Close())
}

// sale reads the answer as a sale.
func (a answer) sale(t *testing.T, status int) SaleView {
	t.Helper()
	return decode[SaleView](t, a, status)
}

func decode[T any](t *testing.T, a answer, status int) T {
	t.Helper()
	var v T
	if a.StatusCode != status {
		t.Fatalf("%s: %s, want %d", a.Status, a.body, status)
	}
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// problem reads the answer as a problem and holds it against what every problem is.
func (a answer) problem(t *testing.T) huma.ErrorModel {
	t.Helper()
	var p huma.ErrorModel
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatalf("%s: %v: %s", a.Status, err, a.body)
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" || p.Status != a.StatusCode || !strings.HasPrefix(p.Type, httpapi.ProblemPrefix) || p.Detail == "" {
		t.Errorf("%s, %s: not a problem as it should be: %s", a.Status, got, a.body)
	}
	return p
}

const yen1000 = `{"total":{"minor":1000,"currency":"JPY"}}`

// open opens a sale of 1000 yen.
func (b *bench) open(t *testing.T) SaleView {
	t.Helper()
	return b.do(t, "POST", "/v1/sales", yen1000).sale(t, http.StatusCreated)
}

// record asks without a network.
func record(t testing.TB, a *API, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	return recordCtx(t.Context(), a, method, path, body)
}

func recordCtx(ctx context.Context, a *API, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, "http://localhost"+path, strings.NewReader(body))
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}
