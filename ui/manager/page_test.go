package manager

import (
	"bytes"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 11, 22, 12, 34, 0, 0, time.UTC)

type till struct{ board Board }

func (l *till) Board(context.Context) (Board, error)        { return l.board, nil }
func (l *till) Changes(ctx context.Context) <-chan struct{} { return make(chan struct{}) }

func yen(n int64) payment.Money { return payment.Of(n, "JPY") }

func busy() Board {
	b := Board{
		Store: "S0001", Lane: "L01", BusinessDate: 20261122, NextRoll: noon.Add(14 * time.Hour),
		Wallets: []Wallet{{"house", 118, 2, yen(184300), yen(1900), yen(182400)}, {"guest", 3, 0, yen(4100), yen(0), yen(4100)}},
		AtRisk:  yen(31200), Share: yen(50000), RiskCount: 23, ShareCount: 200,
		FullLeft: 3*time.Hour + 12*time.Minute, SmallLeft: 23*time.Hour + 12*time.Minute,
		Unsent: 41, UnsentSum: yen(31200),
		Held:    []Held{{noon, payment.ID{1, 2, 3}, yen(900), "code_spent_twice"}},
		Open:    []Open{{noon, "R-1042", yen(640)}},
		HQSince: noon, LastContact: noon, Policy: 7, Scanner: "lost", ScannerAt: noon, Second: "ok",
	}
	for h := range 13 {
		b.Hours = append(b.Hours, Hour{Label: fmt.Sprintf("%02d", h), Sum: int64(h * h * 137)})
	}
	return b
}

func calm() Board {
	return Board{
		Store: "S0001", Lane: "L01", BusinessDate: 20261122, NextRoll: noon, AtRisk: yen(0), Share: yen(50000), UnsentSum: yen(0),
		FullLeft: 4 * time.Hour, SmallLeft: 24 * time.Hour, Online: true, HQSince: noon, LastContact: noon, Policy: 7, Scanner: "ok", Second: "off",
	}
}

type memory struct{ b []byte }

func (m *memory) Load() ([]byte, error) { return m.b, nil }
func (m *memory) Save(b []byte) error   { m.b = bytes.Clone(b); return nil }

func serve(t testing.TB, l *till, pin string) (*httptest.Server, *Page) {
	t.Helper()
	p := web.NewPIN(&memory{}, time.Now, rand.Reader)
	if pin != "" {
		if err := p.Set(pin); err != nil {
			t.Fatal(err)
		}
	}
	page, err := New(l, p, web.NewSessions("tilld-manager", false, time.Now, rand.Reader), "en", time.UTC, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	page.Register(mux)
	mux.Handle("GET /assets/", web.Assets())
	mux.HandleFunc("POST /lang", web.SetLang)
	srv := httptest.NewServer(web.Guard(nil, mux))
	t.Cleanup(srv.Close)
	return srv, page
}

func TestFiguresGolden(t *testing.T) {
	_, page := serve(t, &till{}, "482915")
	for name, board := range map[string]Board{"busy": busy(), "calm": calm()} {
		for _, lang := range web.Langs {
			var got bytes.Buffer
			if err := page.pages.Fragment(&got, lang, "figures", board); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+"."+lang+".html")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s differs; run with -update and look at the change", file)
			}
		}
	}
}

func TestNothingWithoutThePIN(t *testing.T) {
	srv, _ := serve(t, &till{board: busy()}, "482915")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	status := func(method, path, pin string) int {
		req, err := http.NewRequest(method, srv.URL+path, strings.NewReader(url.Values{"pin": {pin}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := status("GET", "/manager/live", ""); got != http.StatusUnauthorized {
		t.Errorf("the figures without signing in: %d", got)
	}
	if got := status("POST", "/manager/in", "000000"); got != http.StatusUnauthorized {
		t.Errorf("a wrong PIN: %d", got)
	}
	if got := status("POST", "/manager/in", "482915"); got != http.StatusNoContent {
		t.Errorf("the right PIN: %d", got)
	}
	if got := status("POST", "/manager/out", ""); got != http.StatusNoContent {
		t.Errorf("signing out: %d", got)
	}
	if got := status("GET", "/manager/live", ""); got != http.StatusUnauthorized {
		t.Errorf("the figures after signing out: %d", got)
	}
}

func TestBoardByKeyboard(t *testing.T) {
	l := &till{board: busy()}
	srv, _ := serve(t, l, "482915")
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
		b := webtest.New(t, size[0], size[1])
		b.Open(srv.URL + "/manager")
		b.Await(`document.activeElement.name === "pin"`)
		b.Picture(fmt.Sprintf("manager-signin-%d", size[0]))
		b.Type("482916" + webtest.Enter)
		b.Await(`document.querySelector("[role=alert].error").textContent.includes("wrong")`)
		b.Type("482915" + webtest.Enter)
		b.Await(`document.querySelector("canvas") !== null`)
		b.WantText("¥31,200", "of ¥50,000 · 62 %", "3:12", "code_spent_twice", "R-1042")
		b.Fits(false)
		for _, lang := range web.Langs {
			b.Await(fmt.Sprintf(`fetch("/lang", {method: "POST", body: new URLSearchParams({lang: %q})}).then(r => r.ok)`, lang))
			b.Open(srv.URL + "/manager")
			b.Await(fmt.Sprintf(`document.documentElement.lang === %q && document.querySelector("canvas") !== null`, lang))
			b.Fits(false)
			b.Picture(fmt.Sprintf("manager-%s-%d", lang, size[0]))
		}
	}
}

// TestTheChartFollowsTheWindow: and a chart that was replaced leaves nothing behind.
func TestTheChartFollowsTheWindow(t *testing.T) {
	srv, _ := serve(t, &till{board: busy()}, "482915")
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL + "/manager")
	b.Await(`document.activeElement.name === "pin"`)
	b.Type("482915" + webtest.Enter)
	b.Await(`document.querySelector("canvas") !== null`)
	for _, size := range [][2]int{{1920, 1080}, {1024, 768}} {
		b.Resize(size[0], size[1])
		b.Await(`(() => { const c = document.querySelectorAll(".uplot"), d = document.querySelector("[data-chart]"); return c.length === 1 && c[0].clientWidth === d.clientWidth; })()`)
		b.Fits(false)
	}
	b.Await(`(() => { show(document.querySelector("main"), document.querySelector("main").innerHTML); return plots.size === 1; })()`)
}

func TestWithoutAPIN(t *testing.T) {
	srv, _ := serve(t, &till{}, "")
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL + "/manager")
	b.WantText("tilld lane pin")
}

func TestUsed(t *testing.T) {
	for _, tt := range []struct {
		risk, share, want int64
		tone              string
	}{{0, 100, 0, "good"}, {49, 100, 49, "good"}, {50, 100, 50, "mid"}, {80, 100, 80, "bad"}, {300, 100, 100, "bad"}, {0, 0, 100, "bad"}} {
		b := Board{AtRisk: yen(tt.risk), Share: yen(tt.share)}
		if b.Used() != tt.want || b.Tone() != tt.tone {
			t.Errorf("%d of %d: %d %s", tt.risk, tt.share, b.Used(), b.Tone())
		}
	}
}
