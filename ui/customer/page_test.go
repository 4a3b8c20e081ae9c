package customer

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

var update = flag.Bool("update", false, "write the golden files")

// offerText has the length and the alphabet of a real one.
var offerText = "ZY:S" + strings.Repeat("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", 12)[:530]

type till struct {
	mu      sync.Mutex
	view    View
	changes []chan struct{}
}

func (l *till) CustomerView() View { l.mu.Lock(); defer l.mu.Unlock(); return l.view }

func (l *till) Changes(context.Context) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := make(chan struct{}, 1)
	l.changes = append(l.changes, c)
	return c
}

func (l *till) set(v View) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.view = v
	for _, c := range l.changes {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func views() map[string]View {
	amount := payment.Of(8_400, "JPY")
	all := map[string]View{
		"idle": {State: Idle}, "closed": {State: Closed}, "practice": {State: Waiting, Amount: amount, Training: true},
		"offered": {State: Offered, Amount: amount, Offer: offerText, Until: time.Date(2026, 11, 22, 3, 10, 0, 0, time.UTC)},
		"long":    {State: Offered, Amount: payment.Of(payment.MaxMinor, "JPY"), Offer: offerText, Until: time.Date(2026, 11, 22, 3, 10, 0, 0, time.UTC)},
	}
	for _, s := range []State{Waiting, Asking, Pending, Unknown, Paid, Refused} {
		all[string(s)] = View{State: s, Amount: amount}
	}
	return all
}

func newPage(t testing.TB, l *till) *Page {
	t.Helper()
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(l, "en", func() *time.Location { return tokyo }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func serve(t *testing.T, l *till) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	newPage(t, l).Register(mux)
	mux.Handle("GET /assets/", web.Assets())
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

func TestViewsGolden(t *testing.T) {
	p := newPage(t, &till{})
	for name, v := range views() {
		if v.State == Offered { // its picture is held by what a reader reads, below
			continue
		}
		for _, lang := range web.Langs {
			var b bytes.Buffer
			if err := p.pages.Fragment(&b, lang, "customer-view", struct {
				View
				Code string
			}{View: v}); err != nil {
				t.Fatal(err)
			}
			webtest.Golden(t, *update, fmt.Sprintf("%s.%s.html", name, lang), b.Bytes())
		}
	}
}

// What is shown for a sale is that sale's code and no other's, and goes with it.
func TestOfferIsShown(t *testing.T) {
	l := &till{}
	srv := serve(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read := func(v View) string {
		l.set(v)
		r, err := http.NewRequestWithContext(ctx, "GET", srv.URL+Path+"/live?lang=ja", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var all strings.Builder
		for buf := make([]byte, 1); !strings.Contains(all.String(), "\n\n"); {
			if _, err := io.ReadFull(res.Body, buf); err != nil {
				t.Fatal(err)
			}
			all.Write(buf)
		}
		return all.String()
	}
	all := views()
	first, other := all["offered"], all["offered"]
	other.Offer = "ZY:S" + strings.Repeat("9", 300)
	a, b := read(first), read(other)
	if !strings.Contains(a, "<svg") || !strings.Contains(a, "8,400円") || !strings.Contains(a, "12:10") {
		t.Errorf("%.300s", a)
	}
	if cut := func(s string) string { _, s, _ = strings.Cut(s, "<path"); return s }; cut(a) == cut(b) {
		t.Error("two sales have one code")
	}
	if got := read(all["paid"]); strings.Contains(got, "<svg") || strings.Contains(got, "ZY:S") {
		t.Errorf("%.300s", got)
	}
}

// TestInTheBrowser: on both monitors and in each language all of it is on the screen and can be read, the code largest.
func TestInTheBrowser(t *testing.T) {
	l := &till{}
	srv := serve(t, l)
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}, {800, 480}} {
		b := webtest.New(t, size[0], size[1])
		for _, lang := range web.Langs {
			b.Open(srv.URL + Path + "?lang=" + lang)
			for name, v := range views() {
				l.set(v)
				b.Await(fmt.Sprintf(`document.documentElement.lang === %q && document.querySelector(".second")?.dataset.state === %q && (document.querySelector(".practice") !== null) === %v`, lang, v.State, v.Training))
				if v.State == Offered {
					b.Await(fmt.Sprintf(`document.querySelector(".sum strong").textContent === %q`, web.Money(lang, v.Amount)))
					b.Await(`(() => { const q = document.querySelector(".qr").getBoundingClientRect(); return q.height >= .5 * innerHeight && Math.abs(q.width - q.height) < 2 && q.left >= 0 && q.bottom <= innerHeight; })()`)
				}
				b.Fits(true)
				b.Legible()
				if b.Picture(fmt.Sprintf("customer-%s-%s-%d", name, lang, size[0])); v.State == Offered && lang == "ja" {
					if _, err := png.Decode(bytes.NewReader(b.Screen())); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
}

func TestUnknownLanguage(t *testing.T) {
	p := newPage(t, &till{})
	for query, want := range map[string]string{"": "en", "?lang=ja": "ja", "?lang=zh-Hant": "zh-Hant", "?lang=xx": "en"} {
		if got := p.lang(httptest.NewRequest("GET", Path+query, nil)); got != want {
			t.Errorf("%q: %q", query, got)
		}
	}
}
