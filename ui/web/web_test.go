package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tilld/agent/payment"
)

func TestCataloguesHoldTheSameKeys(t *testing.T) {
	want := slices.Sorted(maps.Keys(catalogues["en"]))
	for _, lang := range Langs {
		if got := slices.Sorted(maps.Keys(catalogues[lang])); !slices.Equal(got, want) {
			for _, k := range got {
				if catalogues["en"][k] == "" {
					t.Errorf("%s has %q, en has not", lang, k)
				}
			}
			for _, k := range want {
				if catalogues[lang][k] == "" {
					t.Errorf("%s lacks %q", lang, k)
				}
			}
		}
	}
	for lang, texts := range catalogues {
		for key, text := range texts {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: %q is empty", lang, key)
			}
			if n := strings.Count(catalogues["en"][key], "{"); strings.Count(text, "{") != n {
				t.Errorf("%s: %q does not fill the same places as in English", lang, key)
			}
		}
	}
}

func TestNoKeyIsWrittenTwice(t *testing.T) {
	for _, lang := range Langs {
		seen := map[string]string{}
		names, err := fs.Glob(catalogueFiles, "catalogue/*."+lang+".json")
		if err != nil || len(names) == 0 {
			t.Fatalf("no catalogue for %s: %v", lang, err)
		}
		for _, name := range names {
			b, err := catalogueFiles.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			d := json.NewDecoder(bytes.NewReader(b))
			if _, err := d.Token(); err != nil { // {
				t.Fatal(err)
			}
			for d.More() {
				key, err := d.Token()
				if err == nil {
					_, err = d.Token() // its text
				}
				if err != nil {
					t.Fatal(err)
				}
				if prev := seen[key.(string)]; prev != "" {
					t.Errorf("%s: %q stands in %s already", name, key, prev)
				}
				seen[key.(string)] = name
			}
		}
	}
}

func TestEveryReasonHasItsWords(t *testing.T) {
	for _, lang := range Langs {
		for _, r := range payment.Reasons() {
			for _, key := range []string{"reason." + r.String(), "reason." + r.String() + ".do"} {
				if catalogues[lang][key] == "" {
					t.Errorf("%s lacks %q", lang, key)
				}
			}
		}
	}
}

// TestTemplatesUseKnownKeys walks every page package's templates: a key that no catalogue has, or that no
// template and no Go file names, is a fault.
func TestTemplatesUseKnownKeys(t *testing.T) {
	used := regexp.MustCompile(`\bt "([^"]+)"`)
	dynamic := regexp.MustCompile(`\bprint "([^"]+)"`)
	named := regexp.MustCompile(`"([a-z]+(?:\.[A-Za-z_-]+)+)"`)
	seen, prefixes := map[string]bool{}, []string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch filepath.Ext(path) {
		case ".html":
			if strings.Contains(path, "testdata") {
				return nil
			}
			for _, m := range used.FindAllStringSubmatch(string(b), -1) {
				seen[m[1]] = true
				if catalogues["en"][m[1]] == "" {
					t.Errorf("%s uses %q, which no catalogue has", path, m[1])
				}
			}
			for _, m := range dynamic.FindAllStringSubmatch(string(b), -1) {
				prefixes = append(prefixes, m[1])
			}
		case ".go":
			for _, m := range named.FindAllStringSubmatch(string(b), -1) {
				seen[m[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range catalogues["en"] {
		covered := seen[key] || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
		if !covered {
			t.Errorf("no page uses %q", key)
		}
	}
}

func TestMoney(t *testing.T) {
	tests := []struct {
		lang string
		m    payment.Money
		want string
	}{
		{"en", payment.Of(0, "JPY"), "¥0"},
		{"en", payment.Of(999, "JPY"), "¥999"},
		{"en", payment.Of(1234567, "JPY"), "¥1,234,567"},
		{"ja", payment.Of(1200, "JPY"), "1,200円"},
		{"zh-Hant", payment.Of(12000, "TWD"), "NT$120"},
		{"zh-Hant", payment.Of(12050, "TWD"), "NT$120.50"},
		{"en", payment.Of(-123456, "USD"), "-$1,234.56"},
		{"ja", payment.Of(-1200, "JPY"), "-1,200円"},
		{"en", payment.Of(1500, "THB"), "15.00 THB"},
	}
	for _, tt := range tests {
		if got := Money(tt.lang, tt.m); got != tt.want {
			t.Errorf("Money(%s, %v) = %q, want %q", tt.lang, tt.m, got, tt.want)
		}
	}
}

func TestGuard(t *testing.T) {
	ok := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		}
	})
	tests := []struct {
		name, method, host string
		header             map[string]string
		body               string
		want               int
	}{
		{"plain", "GET", "127.0.0.1:7801", nil, "", 200},
		{"IPv6 loopback", "GET", "[::1]:7801", nil, "", 200},
		{"a rebound name", "GET", "evil.example", nil, "", 421},
		{"a rebound name with port", "GET", "evil.example:7801", nil, "", 421},
		{"own origin", "POST", "localhost:1", map[string]string{"Origin": "http://localhost:1"}, "", 200},
		{"foreign origin", "POST", "localhost:1", map[string]string{"Origin": "http://evil.example"}, "", 403},
		{"no origin at all", "POST", "localhost:1", map[string]string{"Origin": "null"}, "", 403},
		{"another port", "POST", "localhost:1", map[string]string{"Origin": "http://localhost:2"}, "", 403},
		{"cross-site fetch", "GET", "localhost:1", map[string]string{"Sec-Fetch-Site": "cross-site"}, "", 403},
		{"same site is not same origin", "POST", "localhost:1", map[string]string{"Sec-Fetch-Site": "same-site"}, "", 403},
		{"cross-site navigation to a page", "GET", "localhost:1", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, "", 200},
		{"cross-site form", "POST", "localhost:1", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, "", 403},
		{"too large", "POST", "localhost:1", nil, strings.Repeat("x", maxBody+1), 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/", strings.NewReader(tt.body))
			r.Host = tt.host
			for k, v := range tt.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			Guard(nil, ok).ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("status %d, want %d", w.Code, tt.want)
			}
			if w.Code == 200 && !strings.Contains(w.Header().Get("Content-Security-Policy"), "script-src 'self'") {
				t.Error("no content security policy")
			}
		})
	}
}

// cell keeps bytes; fail makes the next Save fail.
type cell struct {
	b    []byte
	fail error
}

func (c *cell) Load() ([]byte, error) { return c.b, nil }
func (c *cell) Save(b []byte) error {
	if c.fail != nil {
		return c.fail
	}
	c.b = bytes.Clone(b)
	return nil
}

func TestPIN(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	kept := &cell{}
	begun := now
	open := func() *PIN {
		p := NewPIN(kept, func() time.Time { return now }, rand.Reader)
		p.steady = func() time.Duration { return now.Sub(begun) }
		return p
	}
	p := open()
	if err := p.Check("482915"); payment.CodeOf(err) != payment.NotAllowed {
		t.Errorf("before one is set: %v", err)
	}
	for _, weak := range []string{"", "12345", "1234567890123", "123456", "654321", "111111", "12a456", "１２３４５６"} {
		if err := p.Set(weak); payment.CodeOf(err) != payment.Invalid {
			t.Errorf("Set(%q): %v", weak, err)
		}
	}
	if err := p.Set("482915"); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(kept.b, []byte("482915")) {
		t.Error("the PIN is kept in the clear")
	}
	for range 5 {
		if err := p.Check("482916"); payment.CodeOf(err) != payment.Unauthorized {
			t.Fatalf("a wrong PIN: %v", err)
		}
	}
	p = open() // a restart buys no tries
	if err := p.Check("482915"); payment.CodeOf(err) != payment.NotAllowed {
		t.Fatalf("after five wrong ones: %v", err)
	}
	now = now.Add(time.Minute)
	if err := p.Check("482916"); payment.CodeOf(err) != payment.Unauthorized {
		t.Fatalf("after the wait: %v", err)
	}
	now = now.Add(time.Minute)
	if err := p.Check("482915"); payment.CodeOf(err) != payment.NotAllowed {
		t.Fatalf("the second wait is not longer: %v", err)
	}
	now = now.Add(time.Minute)
	if err := p.Check("482915"); err != nil {
		t.Fatalf("the right one: %v", err)
	}
	kept.fail = io.ErrShortWrite
	if err := p.Check("482915"); err == nil {
		t.Error("a try whose count could not be kept was answered")
	}
	kept.fail, kept.b = nil, []byte("{")
	if err := p.Check("482915"); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged record: %v", err)
	}
}

func TestSessions(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	s := NewSessions("who", true, func() time.Time { return now }, rand.Reader)
	begin := func() *http.Cookie {
		w := httptest.NewRecorder()
		if err := s.Begin(w, "manager"); err != nil {
			t.Fatal(err)
		}
		return w.Result().Cookies()[0]
	}
	who := func(c *http.Cookie) string {
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(c)
		return s.Who(r)
	}
	c := begin()
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || len(c.Value) != 32 {
		t.Errorf("cookie %+v", c)
	}
	if who(c) != "manager" || who(&http.Cookie{Name: "who", Value: "guess"}) != "" {
		t.Error("the reference is not what is looked up")
	}
	now = now.Add(sessionIdle + time.Second)
	if who(c) != "" {
		t.Error("an idle session lives on")
	}
	c = begin()
	for range 60 {
		now = now.Add(sessionIdle - time.Second)
		who(c)
	}
	if who(c) != "" {
		t.Error("a session outlives its absolute limit")
	}
	c = begin()
	r := httptest.NewRequest("POST", "/", nil)
	r.AddCookie(c)
	s.End(httptest.NewRecorder(), r)
	if who(c) != "" {
		t.Error("signed out, and still in")
	}
	first := begin()
	for range maxSessions {
		now = now.Add(time.Millisecond)
		begin()
	}
	if who(first) != "" || len(s.open) > maxSessions {
		t.Errorf("%d sessions are kept", len(s.open))
	}
}

// screen is a response that the test reads while it is written.
type screen struct {
	mu sync.Mutex
	*httptest.ResponseRecorder
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ResponseRecorder.Write(b)
}

func (s *screen) Flush() {}

// take is what was written since the last time.
func (s *screen) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.Body.Reset()
	return s.Body.String()
}

func TestLiveSendsChangesAndBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		changes := make(chan struct{}, 1)
		var text atomic.Value
		text.Store("<p>one</p>\n<p>two</p>")
		w := &screen{ResponseRecorder: httptest.NewRecorder()}
		done := make(chan error, 1)
		go func() {
			done <- Live(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil), changes, func(b *bytes.Buffer) error {
				b.WriteString(text.Load().(string))
				return nil
			})
		}()
		synctest.Wait()
		if got := w.take(); got != "event: view\ndata: <p>one</p>\ndata: <p>two</p>\n\n" {
			t.Errorf("at once: %q", got)
		}
		time.Sleep(Beat)
		synctest.Wait()
		if got := w.take(); got != "event: beat\ndata:\n\n" {
			t.Errorf("while nothing changes: %q", got)
		}
		text.Store("three")
		changes <- struct{}{}
		synctest.Wait()
		if got := w.take(); got != "event: view\ndata: three\n\n" {
			t.Errorf("after a change: %q", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestSetLang(t *testing.T) {
	for lang, want := range map[string]int{"ja": 204, "fr": 422, "": 422} {
		r := httptest.NewRequest("POST", "/lang", strings.NewReader(url.Values{"lang": {lang}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		SetLang(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", lang, w.Code, want)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: langCookie, Value: "xx"})
	if got := Lang(r, "ja"); got != "ja" {
		t.Errorf("an unknown choice: %q, want the preset", got)
	}
}

func TestStatusNamesEveryCode(t *testing.T) {
	if got := Status(payment.Errorf(payment.NotFound, "x", "y")); got != 404 {
		t.Errorf("not found: %d", got)
	}
	if got := Status(io.EOF); got != 500 {
		t.Errorf("unclassified: %d", got)
	}
}

func TestLiveIsOver(t *testing.T) {
	w := httptest.NewRecorder()
	err := Live(w, httptest.NewRequest("GET", "/", nil), nil, func(b *bytes.Buffer) error {
		b.WriteString("half a view")
		return fmt.Errorf("signed out: %w", ErrOver)
	})
	if got := w.Body.String(); err != nil || got != "event: over\ndata:\n\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestStillIsNoSignOfLife(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	s := NewSessions("who", false, func() time.Time { return now }, rand.Reader)
	w := httptest.NewRecorder()
	if err := s.Begin(w, "clerk"); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(w.Result().Cookies()[0])
	for _, step := range []time.Duration{0, sessionIdle - time.Second, time.Second} {
		now = now.Add(step)
		if s.Still(r) != "clerk" {
			t.Fatalf("signed out after %v", step)
		}
	}
	now = now.Add(time.Second)
	if s.Still(r) != "" || s.Who(r) != "" {
		t.Error("an open page keeps a session alive")
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 59900 * time.Millisecond: "59 s", time.Minute: "1 min", 59*time.Minute + 59*time.Second: "59 min",
		time.Hour: "1 h", 47*time.Hour + 59*time.Minute: "47 h", 48 * time.Hour: "2 d", 1000 * time.Hour: "41 d",
	} {
		if got := Span("en", d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := Span("ja", 90*time.Second); got != "1分" {
		t.Errorf("in Japanese: %q", got)
	}
}

func TestWord(t *testing.T) {
	if got := Word("ja", "common.back", "x"); got != "戻る" {
		t.Errorf("a known one: %q", got)
	}
	if got := Word("en", "hq.kind.of_the_future", "of_the_future"); got != "of_the_future" {
		t.Errorf("an unknown one: %q", got)
	}
}

// TestPINLockByTheWallClock: setting the machine's clock, either way, neither ends nor lengthens a lock.
func TestPINLockByTheWallClock(t *testing.T) {
	wall, run := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), time.Duration(0)
	kept := &cell{}
	p := NewPIN(kept, func() time.Time { return wall }, rand.Reader)
	p.steady = func() time.Duration { return run }
	if err := p.Set("482915"); err != nil {
		t.Fatal(err)
	}
	for range freeTries {
		if err := p.Check("482916"); payment.CodeOf(err) != payment.Unauthorized {
			t.Fatal(err)
		}
	}
	for _, set := range []time.Duration{24 * time.Hour, -48 * time.Hour} {
		wall = wall.Add(set)
		run += firstLock / 4
		var locked *Locked
		if err := p.Check("482915"); !errors.As(err, &locked) || locked.Left > firstLock {
			t.Errorf("the clock set by %s: %v", set, err)
		}
	}
	again := NewPIN(kept, func() time.Time { return wall }, rand.Reader) // with a clock a day behind
	var locked *Locked
	if err := again.Check("482915"); !errors.As(err, &locked) || locked.Left > maxLock {
		t.Errorf("started again: %v", err)
	}
	run += firstLock / 2
	if err := p.Check("482915"); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}
