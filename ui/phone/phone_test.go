package phone

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

var update = flag.Bool("update", false, "write the golden files")

func serve(t testing.TB, p *purse) (*httptest.Server, *Page) {
	t.Helper()
	page, err := New(p, p.clock, "en", time.UTC, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	page.Register(mux)
	mux.Handle("GET /assets/", web.Assets())
	srv := httptest.NewServer(web.Guard(nil, mux))
	t.Cleanup(srv.Close)
	return srv, page
}

// views are pages that people get to see.
func views(t *testing.T) map[string]View {
	shot := func(do func(*purse, *screen)) View {
		p := newPurse()
		s := newScreen(p, p.clock)
		look(t, s)
		do(p, s)
		return look(t, s)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	return map[string]View{
		"house": shot(func(*purse, *screen) {}),
		"old": shot(func(p *purse, s *screen) {
			must(s.hold(ctx, "L01"))
			p.pass(40 * time.Second)
			look(t, s)
			must(s.show(ctx, Old))
		}),
		"goods":  shot(func(p *purse, s *screen) { must(s.show(ctx, Goods)) }),
		"wallet": shot(func(p *purse, s *screen) { must(s.show(ctx, Opaque)) }),
		"outage": shot(func(p *purse, s *screen) {
			must(s.hold(ctx, "L02"))
			must(p.CutHQ(ctx))
			must(p.Plug(ctx, "L02", false))
		}),
		"fault": shot(func(p *purse, s *screen) {
			p.err = payment.Errorf(payment.NotAllowed, "purse", "this phone must go online first")
			p.pass(time.Minute)
		}),
	}
}

func look(t *testing.T, s *screen) View {
	t.Helper()
	v, err := s.look(t.Context())
	if err == nil {
		err = v.draw()
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestGolden(t *testing.T) {
	_, page := serve(t, newPurse())
	for name, v := range views(t) {
		for _, lang := range web.Langs {
			var b bytes.Buffer
			if err := page.pages.Fragment(&b, lang, "phone", v); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(b.String(), "[phone.") {
				t.Errorf("%s in %s shows a key that the catalogue lacks", name, lang)
			}
			if strings.Contains(b.String(), "ZY:1") {
				t.Errorf("%s: a code's text stands in the page", name)
			}
			webtest.Golden(t, *update, fmt.Sprintf("%s.%s.html", name, lang), b.Bytes())
		}
	}
}

func do(t testing.TB, srv *httptest.Server, method, path string, form url.Values) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, srv.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func TestCodesFollowEachOther(t *testing.T) {
	p := newPurse()
	s := newScreen(p, p.clock)
	first := look(t, s)
	if first.Counter != 17 || first.Place != "S0001" || first.Life() != 30 || first.Until() != noon.Add(30*time.Second).UnixMilli() {
		t.Errorf("at first: %+v", first)
	}
	p.pass(30*time.Second - 1)
	if v := look(t, s); v.Counter != 17 || v.Number != first.Number {
		t.Error("the code changed too early")
	}
	p.pass(1)
	if v := look(t, s); v.Counter != 18 || v.Number == first.Number || v.HeldTo != "" {
		t.Errorf("after its time: %+v", v.shown)
	}
	for _, kind := range []Kind{Goods, Opaque} {
		if err := s.show(t.Context(), kind); err != nil {
			t.Fatal(err)
		}
		p.pass(time.Hour)
		if v := look(t, s); v.Kind != kind || v.Until() != 0 {
			t.Errorf("%s goes away by itself", kind)
		}
	}
	if got, want := p.called(), "fresh aiko S0001; fresh aiko S0001; other goods; other wallet"; got != want {
		t.Errorf("the wallet was asked %q, want %q", got, want)
	}
}

func TestTheOldCodeIsTheSameText(t *testing.T) {
	p := newPurse()
	s := newScreen(p, p.clock)
	if err := s.show(t.Context(), Old); payment.CodeOf(err) != payment.NotAllowed {
		t.Errorf("before any: %v", err)
	}
	text := look(t, s).Text
	if err := s.hold(t.Context(), "L01"); err != nil {
		t.Fatal(err)
	}
	p.pass(time.Minute)
	if look(t, s).Text == text {
		t.Fatal("no fresh code")
	}
	if err := s.show(t.Context(), Goods); err != nil {
		t.Fatal(err)
	}
	if err := s.hold(t.Context(), "L02"); err != nil { // goods are no old code
		t.Fatal(err)
	}
	if err := s.show(t.Context(), Old); err != nil {
		t.Fatal(err)
	}
	p.pass(time.Hour)
	if v := look(t, s); v.Text != text || v.Kind != Old || v.Counter != 17 || v.HeldTo != "L01" {
		t.Errorf("the old code is %+v", v.shown)
	}
	p.err = payment.Errorf(payment.NotAllowed, "purse", "unplugged")
	if err := s.hold(t.Context(), "L02"); err == nil || look(t, s).HeldTo != "L01" {
		t.Errorf("what was not held is said to be: %v", err)
	}
}

// TestHoldWithoutAPage: the phone shows its code, and goes on to the next, whether or not a window looks at it. So
// it is after a restart, when a program holds the phone to a lane before anybody has opened the page.
func TestHoldWithoutAPage(t *testing.T) {
	p := newPurse()
	srv, _ := serve(t, p)
	for _, want := range []uint64{17, 18} {
		resp, body := do(t, srv, "POST", "/phone/hold", url.Values{"lane": {"L01"}})
		if want := "fresh aiko S0001; hold L01 ZY:1" + text(want)[4:6] + " 186"; resp.StatusCode != 204 || p.called() != want {
			t.Errorf("%s %s, want %q", resp.Status, body, want)
		}
		p.pass(time.Minute)
	}
	p.err = payment.Errorf(payment.NotAllowed, "purse", "this phone must go online first")
	if resp, body := do(t, srv, "POST", "/phone/hold", url.Values{"lane": {"L01"}}); resp.StatusCode != 409 {
		t.Errorf("a phone that has no code: %s %s", resp.Status, body)
	}
}

// TestNamesInTheReadersLanguage: a phone is called as people of the language call its owner, with money as they
// write it.
func TestNamesInTheReadersLanguage(t *testing.T) {
	_, page := serve(t, newPurse())
	v := views(t)["house"]
	for lang, want := range map[string]string{"en": "Aiko, up to ¥10,000", "ja": "愛子（10,000円まで）", "zh-Hant": "愛子（上限 ¥10,000）"} {
		var b bytes.Buffer
		if err := page.pages.Fragment(&b, lang, "phone", v); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), ">"+want+"</option>") {
			t.Errorf("%s: no %q on the page", lang, want)
		}
	}
}

// TestAFaultIsShownAndGoes: a phone that can't make a code says why, asks on, and shows the next it gets.
func TestAFaultIsShownAndGoes(t *testing.T) {
	p := newPurse()
	p.err = payment.Errorf(payment.NotAllowed, "purse", "this phone must go online first")
	s := newScreen(p, p.clock)
	before := look(t, s)
	if before.Fault != "this phone must go online first" || before.Drawn() {
		t.Errorf("%+v", before.shown)
	}
	if again := look(t, s); again.Number != before.Number {
		t.Error("the same fault is shown anew each time")
	}
	p.err = nil
	if v := look(t, s); v.Fault != "" || v.Counter != 17 {
		t.Errorf("%+v", v.shown)
	}
}

func TestRequests(t *testing.T) {
	for _, tt := range []struct {
		path string
		form url.Values
		want int
		call string // after a first look
	}{
		{"hold", url.Values{"lane": {"L02"}}, 204, "the text"},
		{"show", url.Values{"what": {"house"}}, 204, "fresh aiko S0001"},
		{"show", url.Values{"what": {"old"}}, 409, ""},
		{"show", url.Values{"what": {"cash"}}, 422, ""},
		{"choose", url.Values{"phone": {"ben"}, "place": {"S0001/L02"}}, 204, "fresh ben S0001/L02"},
		{"choose", url.Values{"phone": {"ben"}, "place": {""}}, 204, "fresh ben "},
		{"choose", url.Values{"phone": {"eve"}, "place": {""}}, 404, ""},
		{"choose", url.Values{"phone": {"ben"}, "place": {"S0009"}}, 404, ""},
		{"network", url.Values{"to": {"cut"}}, 204, "cut true"},
		{"network", url.Values{"to": {"restore"}}, 204, "cut false"},
		{"network", url.Values{"to": {""}}, 422, ""},
		{"scanner", url.Values{"lane": {"L01"}, "to": {"out"}}, 204, "plug L01 false"},
		{"scanner", url.Values{"lane": {"L01"}, "to": {"in"}}, 204, "plug L01 true"},
		{"scanner", url.Values{"lane": {"L01"}, "to": {"up"}}, 422, ""},
	} {
		p := newPurse()
		srv, _ := serve(t, p)
		do(t, srv, "GET", "/phone", nil)
		p.called()
		resp, body := do(t, srv, "POST", "/phone/"+tt.path, tt.form)
		call := p.called()
		if tt.path == "hold" {
			tt.call = "hold L02 ZY:1" + text(17)[4:6] + " 186"
		}
		if resp.StatusCode != tt.want || call != tt.call {
			t.Errorf("%s %v: %s %s, the wallet was asked %q, want %d and %q", tt.path, tt.form, resp.Status, body, call, tt.want, tt.call)
		}
	}
	srv, _ := serve(t, newPurse())
	for path, want := range map[string]int{"?scale=5": 404, "?scale=0": 422, "?scale=41": 422, "?scale=x": 422, "": 422} {
		if resp, _ := do(t, srv, "GET", "/phone/code.png"+path, nil); resp.StatusCode != want {
			t.Errorf("code.png%s before there is a code: %s, want %d", path, resp.Status, want)
		}
	}
}
