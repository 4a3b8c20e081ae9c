package manager

import (
	"bytes"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 11, 22, 12, 34, 0, 0, time.UTC)

type till struct {
	mu    sync.Mutex
	board Board
}

func (l *till) set(b Board) { l.mu.Lock(); defer l.mu.Unlock(); l.board = b }

func (l *till) Board(context.Context) (Board, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.board, nil
}
func (l *till) Changes(ctx context.Context) <-chan struct{} { return make(chan struct{}) }

func yen(n int64) payment.Money { return payment.Of(n, "JPY") }

func busy() Board {
	b := Board{
		Store: "S0001", Lane: "L01", BusinessDate: 20261122, NextRoll: noon.Add(14 * time.Hour),
		Wallets: []Wallet{{"house", 118, 2, yen(184300), yen(1900), yen(182400)}, {"guest", 3, 0, yen(4100), yen(0), yen(4100)}},
		AtRisk:  yen(31200), Share: yen(50000), RiskCount: 23, ShareCount: 200,
		FullLeft: 3*time.Hour + 12*time.Minute, SmallLeft: 23*time.Hour + 12*time.Minute,
		Unsent: 23, UnsentSum: yen(31200), Entries: 41,
		Held:    []Held{{noon, payment.ID{1, 2, 3}, yen(900), "code_spent_twice", false}, {noon.Add(-26 * time.Hour), payment.ID{1, 2, 4}, yen(4200), "over_share", true}},
		Open:    []Open{{noon, "R-1042", yen(640)}},
		HQSince: noon, LastContact: noon, Policy: 7, Scanner: "lost", ScannerAt: noon, Second: "ok",
	}
	for h := range 13 {
		b.Hours = append(b.Hours, Hour{Label: fmt.Sprintf("%02d", h), Sum: int64(h * h * 137)})
	}
	return b
}

// ordinary is a day on which the machines are well and somebody has a little to do.
func ordinary() Board {
	b := busy()
	b.Wallets = append(b.Wallets, Wallet{"other", 12, 0, yen(9900), yen(0), yen(9900)})
	b.Held = b.Held[:1] // nothing was decided against the store lately
	b.Online, b.Scanner, b.AtRisk, b.RiskCount, b.Unsent, b.UnsentSum, b.Entries = true, "ok", yen(640), 1, 1, yen(640), 2
	return b
}

func calm() Board {
	return Board{
		Store: "S0001", Lane: "L01", BusinessDate: 20261122, NextRoll: noon, AtRisk: yen(0), Share: yen(50000), ShareCount: 200, UnsentSum: yen(0), Entries: 3,
		FullLeft: 4 * time.Hour, SmallLeft: 24 * time.Hour, Online: true, HQSince: noon, LastContact: noon, Policy: 7, Scanner: "ok", Second: "off",
	}
}

// over is a lane whose right has ended: a day without a line, with names and sums as long as they get.
func over() Board {
	b := busy()
	b.Store, b.Lane = "shibuya-scramble-square-annex-01", "fitting-room-till-on-floor-3-b"
	b.Wallets = append(b.Wallets, Wallet{"a-wallet-with-a-name-of-32-signs", 999_999, 99_999, yen(999_999_999), yen(99_999_999), yen(900_000_000)})
	b.AtRisk, b.Share, b.UnsentSum = yen(999_999_999), yen(999_999_999), yen(999_999_999)
	b.RiskCount, b.ShareCount, b.Unsent, b.Entries, b.FullLeft, b.SmallLeft = 199, 200, 199, 123456, 0, 0
	b.HQSince, b.ScannerAt, b.Second = noon.Add(-26*time.Hour), noon.Add(-26*time.Hour), "failed"
	b.Held[0].Amount, b.Held[0].Note = yen(999_999_999), "of_the_future"
	b.Open[0].Reference = "an-order-number-of-the-shops-own-program-that-is-as-long-as-they-get"
	return b
}

func stopped() Board {
	b := calm()
	b.Stopped, b.Second = payment.JournalStopped, "failed"
	return b
}

// alarmed is a lane of which a copy lives, before an HQ that lost what it had acknowledged.
func alarmed() Board {
	b := calm()
	b.Twice, b.Lost = true, true
	return b
}

// revoked is a lane that head office has closed, on a good line: its lists stay.
func revoked() Board {
	b := ordinary()
	b.Blocked, b.FullLeft, b.SmallLeft = payment.TerminalRevoked, 0, 0
	return b
}

// restarted is a lane that was switched on again without a line: small amounts only.
func restarted() Board {
	b := calm()
	b.Online, b.FullLeft, b.SmallLeft = false, 0, 11*time.Hour+50*time.Minute
	return b
}

func boards() map[string]Board {
	return map[string]Board{"busy": busy(), "ordinary": ordinary(), "calm": calm(), "over": over(), "stopped": stopped(), "alarmed": alarmed(), "revoked": revoked(), "restarted": restarted()}
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
	page, err := New(l, p, web.NewSessions("tilld-manager", false, time.Now, rand.Reader), "en", func() *time.Location { return time.UTC }, slog.New(slog.DiscardHandler))
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
	for name, board := range boards() {
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
	ask := func(method, path, pin string) (int, string) {
		req, err := http.NewRequest(method, srv.URL+path, strings.NewReader(url.Values{"pin": {pin}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	status := func(method, path, pin string) int { got, _ := ask(method, path, pin); return got }
	const over = "event: over\ndata:\n\n"
	if _, body := ask("GET", "/manager/live", ""); body != over {
		t.Errorf("the figures without signing in: %q", body)
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
	if _, body := ask("GET", "/manager/live", ""); body != over {
		t.Errorf("the figures after signing out: %q", body)
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
		b.WantText("¥31,200", "62 % of ¥50,000", "getting less", "3 h 12 min", "A code was spent twice", "Decided: the store bears it", "R-1042")
		b.Type(webtest.Escape)
		b.Await(`location.pathname === "/"`)
	}
}

// TestEveryBoardFits looks at every board in every language at both sizes.
func TestEveryBoardFits(t *testing.T) {
	l := &till{board: busy()}
	srv, _ := serve(t, l, "482915")
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
		b := webtest.New(t, size[0], size[1])
		b.Open(srv.URL + "/manager")
		b.Await(`document.activeElement.name === "pin"`)
		b.Type("482915" + webtest.Enter)
		for _, lang := range web.Langs {
			b.Await(fmt.Sprintf(`document.querySelector("main .cards") && fetch("/lang", {method: "POST", body: new URLSearchParams({lang: %q})}).then(r => r.ok)`, lang))
			for name, board := range boards() {
				l.set(board)
				b.Open(srv.URL + "/manager")
				b.Await(fmt.Sprintf(`document.documentElement.lang === %q && document.querySelector("main .cards") && document.querySelectorAll("[data-chart]").length === document.querySelectorAll("canvas").length`, lang))
				b.Fits(name == "ordinary" || name == "calm")
				atOnce(t, b, fmt.Sprintf("%s in %s at %d", name, lang, size[0]))
				b.Legible()
				b.Picture(fmt.Sprintf("manager-%s-%s-%d", name, lang, size[0]))
			}
		}
	}
}

// atOnce fails the test unless what needs action, or that nothing does, is seen whole without moving the page.
func atOnce(t *testing.T, b *webtest.Browser, which string) {
	t.Helper()
	const first = `[...document.querySelectorAll("main .todo, main [role=alert]")].map(e => e.getBoundingClientRect())`
	if b.Eval(first+`.length > 0`) != "true" || b.Eval(`scrollY === 0 && `+first+`.every(r => r.height > 0 && r.top >= 0 && r.bottom <= innerHeight)`) != "true" {
		t.Errorf("%s: what needs action is not in the first view: %s", which, b.Eval(`innerHeight + " " + JSON.stringify(`+first+`)`))
	}
	const wide = `[...document.querySelectorAll(".panel, .card, .task, .call")].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText.slice(0, 30)).join("; ")`
	if got := b.Eval(wide); got != "" {
		t.Errorf("%s must be moved sideways to be read: %s", which, got)
	}
}

// TestAKeyLeadsToTheList: from what needs action to what it is about, by one key and with the focus.
func TestAKeyLeadsToTheList(t *testing.T) {
	l := &till{board: busy()}
	for i := range 40 {
		l.board.Open = append(l.board.Open, Open{noon, fmt.Sprint("R-", i), yen(10)})
	}
	srv, _ := serve(t, l, "482915")
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL + "/manager")
	b.Await(`document.activeElement.name === "pin"`)
	b.Type("482915" + webtest.Enter)
	b.Await(`document.querySelector("canvas") !== null`)
	b.WantText("! 41 · ¥1,040", "Head office is clarifying · 1 · ¥900", "To know")
	b.Type("2")
	b.Await(`(() => { const r = document.activeElement.getBoundingClientRect(); return document.activeElement.id === "held" && r.top < innerHeight && r.bottom > 0; })()`)
	b.Type("1")
	b.Await(`document.activeElement.id === "open"`)
}

// TestTheSignInSpeaksAllLanguages: whoever stands at it may read another one than the lane was set up in.
func TestTheSignInSpeaksAllLanguages(t *testing.T) {
	srv, _ := serve(t, &till{board: busy()}, "482915")
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL + "/manager")
	b.Await(`document.activeElement.name === "pin"`)
	b.Type(webtest.Tab + webtest.Tab + webtest.Tab)
	b.Await(`document.activeElement.name === "lang"`)
	b.Type(webtest.Down)
	b.Await(`document.documentElement.lang === "ja" && document.activeElement.name === "pin"`)
	b.WantText("店長のPIN")
	b.Legible()
	b.Picture("manager-signin-ja-1024")
}

// TestAnEndedSessionShowsNothing: a page that was left open goes dark by itself.
func TestAnEndedSessionShowsNothing(t *testing.T) {
	srv, _ := serve(t, &till{board: busy()}, "482915")
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL + "/manager")
	b.Await(`document.activeElement.name === "pin"`)
	b.Type("482915" + webtest.Enter)
	b.Await(`document.body.innerText.includes("¥31,200")`)
	b.Await(`fetch("/manager/out", {method: "POST"}).then(r => r.ok)`)
	b.Await(`document.activeElement.name === "pin" && !document.body.innerText.includes("¥")`)
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
		count             uint64
		tone              string
	}{{0, 100, 0, 0, "good"}, {49, 100, 49, 4, "good"}, {50, 100, 50, 0, "mid"}, {80, 100, 80, 0, "bad"}, {300, 100, 100, 0, "bad"}, {0, 0, 100, 0, "bad"},
		{1, 100, 1, 5, "mid"}, {1, 100, 1, 9, "bad"}} { // by number, when that is nearer its end
		b := Board{AtRisk: yen(tt.risk), Share: yen(tt.share), RiskCount: tt.count, ShareCount: 10}
		if b.Used() != tt.want || b.Tone() != tt.tone {
			t.Errorf("%d of %d: %d %s", tt.risk, tt.share, b.Used(), b.Tone())
		}
	}
}
