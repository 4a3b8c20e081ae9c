package hqapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/ledger/ledgertest"
	"tilld/sync/settle"
)

// testNow is a day after what the lanes sell, when its settlement date has ended.
var testNow = ingesttest.Noon.Add(24 * time.Hour)

// account is what the tests settle; its settlement dates end at 04:00 of the next day.
var account = settle.Account{Wallet: ingesttest.Wallet, Currency: "JPY"}

// faulty is the real ledger until it is told to fail.
type faulty struct {
	*ledger.Store
	fail      error // every look but at tokens
	failToken error
	otherRoot bool // of every batch
}

func (f *faulty) HQEpoch(ctx context.Context) (uint64, error) {
	if f.fail != nil {
		return 0, f.fail
	}
	return f.Store.HQEpoch(ctx)
}

func (f *faulty) Token(ctx context.Context, hash [32]byte) (ledger.Token, error) {
	if f.failToken != nil {
		return ledger.Token{}, f.failToken
	}
	return f.Store.Token(ctx, hash)
}

func (f *faulty) Batch(ctx context.Context, id payment.ID) (ledger.BatchRef, error) {
	if f.fail != nil {
		return ledger.BatchRef{}, f.fail
	}
	b, err := f.Store.Batch(ctx, id)
	if f.otherRoot {
		b.Root[0] ^= 1
	}
	return b, err
}

func (f *faulty) Payment(ctx context.Context, id payment.ID) ([]ledger.Payment, error) {
	if f.fail != nil {
		return nil, f.fail
	}
	return f.Store.Payment(ctx, id)
}

// cutter is the real settler until a test puts another in its place.
type cutter func(context.Context, ...settle.Account) ([]settle.Ref, error)

// CutNow makes a cutter a Cutter.
func (c cutter) CutNow(ctx context.Context, accounts ...settle.Account) ([]settle.Ref, error) {
	return c(ctx, accounts...)
}

// bench is the API on a real server on loopback, over a real ledger, archive and settler, with a chain of
// lanes around it and a token of each scope.
type bench struct {
	*API
	hq       *ledgertest.Bench
	chain    *ingesttest.Chain
	books    *faulty
	cut      cutter
	now      clock
	log      *syncBuffer
	reg      *prometheus.Registry
	url      string
	read     string
	finance  string
	operates string
	lanes    int
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{chain: ingesttest.NewChain(t), log: &syncBuffer{}, reg: prometheus.NewRegistry()}
	dir := t.TempDir()
	store, err := ledger.Open(t.Context(), filepath.Join(dir, "hq.db"), b.now.read)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	b.books, b.hq = &faulty{Store: store}, &ledgertest.Bench{T: t, Ledger: store, Chain: b.chain, Ctx: context.Background()}
	archive, err := settle.OpenArchive(filepath.Join(dir, "archive"))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(b.log, nil))
	settler := &settle.Settler{Store: store, Archive: archive, Now: b.now.read, Log: log, Schedules: func(context.Context) ([]settle.Schedule, error) {
		return []settle.Schedule{{Account: account, Zone: time.FixedZone("JST", 9*60*60), After: 28 * time.Hour}}, nil
	}}
	b.cut = settler.CutNow
	b.API, err = New(Config{
		Books: b.books, Archive: archive, Cutter: cutter(func(ctx context.Context, a ...settle.Account) ([]settle.Ref, error) { return b.cut(ctx, a...) }),
		Now: b.now.read, Log: log, Registry: b.reg, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	b.read, b.finance, b.operates = b.addToken(t, ScopeRead), b.addToken(t, ScopeFinance), b.addToken(t, ScopeOperations)
	b.url = serve(t, b.API)
	return b
}

// serve runs the API's own server until the test ends.
func serve(t *testing.T, a *API) (url string) {
	t.Helper()
	ln, err := Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	stopServer(t, a, ln)
	return "http://" + ln.Addr().String()
}

func stopServer(t *testing.T, a *API, ln net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx, ln, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != context.Canceled {
			t.Errorf("Serve: %v", err)
		}
	})
}

func (b *bench) addToken(t *testing.T, scopes ...Scope) string {
	t.Helper()
	secret, hash, err := NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, s := range scopes {
		words = append(words, string(s))
	}
	if words, err = ParseScopes(words...); err != nil {
		t.Fatal(err)
	}
	tok := ledger.Token{ID: b.chain.ID(), Name: "of " + strings.Join(words, " and "), Hash: hash, Scopes: words, Expires: testNow.AddDate(1, 0, 0)}
	b.hq.Must(b.books.AddToken(b.hq.Ctx, tok))
	return secret
}

// take sends everything that the lane has written behind a sequence, and posts it.
func (b *bench) take(t *testing.T, l *ingesttest.Lane, after uint64) {
	t.Helper()
	b.hq.SendAll(l, after)
	b.hq.JudgeAll()
}

// sellAndCut sells at a lane of its own and closes that into one batch.
func (b *bench) sellAndCut(t *testing.T, amounts ...int64) (*settle.Batch, []ingesttest.Sold) {
	t.Helper()
	b.lanes++
	l := b.hq.Lane("s1", fmt.Sprintf("lane-%d", b.lanes))
	var sold []ingesttest.Sold
	for _, a := range amounts {
		sold = append(sold, l.Sell(b.chain.Phone(), a))
	}
	b.take(t, l, 0)
	refs, err := b.cut(b.hq.Ctx)
	if err != nil || len(refs) != 1 {
		t.Fatalf("cut %d batches: %v", len(refs), err)
	}
	batch, err := b.archive.Load(refs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return batch, sold
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body []byte
}

// do sends a request; header pairs follow the body.
func (b *bench) do(t *testing.T, method, path, token, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		} else {
			req.Header.Set(header[i], header[i+1])
		}
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res, raw}
}

func (b *bench) get(t *testing.T, path string, header ...string) answer {
	t.Helper()
	return b.do(t, "GET", path, b.read, "", header...)
}

// into decodes a good answer.
func into[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if a.StatusCode/100 != 2 || a.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s %s: %s", a.Status, a.Header.Get("Content-Type"), a.body)
	}
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// wantProblem wants an answer that is a problem of the kind, in its own words.
func wantProblem(t *testing.T, a answer, status int, kind, says string) {
	t.Helper()
	var p huma.ErrorModel
	if err := json.Unmarshal(a.body, &p); err != nil || a.StatusCode != status || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%s %s, want %d as a problem: %s", a.Status, a.Header.Get("Content-Type"), status, a.body)
	}
	if kind != "" && p.Type != httpapi.ProblemPrefix+kind || !strings.Contains(string(a.body), says) {
		t.Errorf("%s: want a problem %q that says %q", a.body, kind, says)
	}
	if p.Status != status || !strings.HasPrefix(p.Type, httpapi.ProblemPrefix) || p.Detail == "" {
		t.Errorf("not a problem as it should be: %s", a.body)
	}
	for _, e := range p.Errors {
		if e.Value != nil {
			t.Errorf("what was sent is sent back: %s", a.body)
		}
	}
}

// metric is the sum of a counter's values.
func (b *bench) metric(t *testing.T, name string) float64 {
	t.Helper()
	families, err := b.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// clock is one that a test sets while the server reads.
type clock struct{ past atomic.Int64 }

func (c *clock) read() time.Time      { return testNow.Add(time.Duration(c.past.Load())) }
func (c *clock) pass(d time.Duration) { c.past.Add(int64(d)) }

// syncBuffer is a log that the server writes while a test reads.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}
