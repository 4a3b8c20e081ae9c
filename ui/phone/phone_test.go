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
	"sync"
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
		"held":  shot(func(p *purse, s *screen) { must(s.hold(ctx, "L01", 0)) }),
		"old": shot(func(p *purse, s *screen) {
			must(s.hold(ctx, "L01", 0))
			p.pass(40 * time.Second)
			look(t, s)
			must(s.show(ctx, Old))
		}),
		"goods":    shot(func(p *purse, s *screen) { must(s.show(ctx, Goods)) }),
		"approval": shot(func(p *purse, s *screen) { must(s.pay(ctx, "L02")) }),
		"wallet": shot(func(p *purse, s *screen) {
			must(s.choose(ctx, "paypay", "S0001"))
			must(s.hold(ctx, "L01", 0))
		}),
		"asks": shot(func(p *purse, s *screen) {
			must(s.choose(ctx, "paypay", "S0001"))
			p.ask("wechat", 1280)
		}),
		"lost": shot(func(p *purse, s *screen) {
			must(s.choose(ctx, "ben", "S0001"))
			must(p.Report(ctx, "ben"))
			must(p.Right(ctx, true))
			p.state.Lanes = []Lane{{Name: "L01", Place: "S0001/L01", Screen: "http://127.0.0.1:7801/", Customer: "http://127.0.0.1:7801/customer", Plugged: true, Behind: true}}
		}),
		"outage": shot(func(p *purse, s *screen) {
			must(s.hold(ctx, "L02", 0))
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
	if err := s.show(t.Context(), Goods); err != nil {
		t.Fatal(err)
	}
	p.pass(time.Hour)
	if v := look(t, s); v.Kind != Goods || v.Until() != 0 {
		t.Error("goods go away by themselves")
	}
	if got, want := p.called(), "fresh aiko S0001; fresh aiko S0001; goods"; got != want {
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
	if err := s.hold(t.Context(), "L01", 0); err != nil {
		t.Fatal(err)
	}
	if err := s.show(t.Context(), Goods); err != nil {
		t.Fatal(err)
	}
	if err := s.hold(t.Context(), "L02", 0); err != nil { // goods are no old code
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
	if err := s.hold(t.Context(), "L02", 0); err == nil || look(t, s).HeldTo != "L01" {
		t.Errorf("what was not held is said to be: %v", err)
	}
}

// TestAHeldCodeGivesWay: what was held can't pay again, so the next code is on the screen at once, which goes on saying
// where the last one was held. An old code that is shown on purpose stays, however often it is held.
func TestAHeldCodeGivesWay(t *testing.T) {
	p := newPurse()
	s := newScreen(p, p.clock)
	hold := func(lane string, seen uint64) {
		t.Helper()
		if err := s.hold(t.Context(), lane, seen); err != nil {
			t.Fatal(err)
		}
	}
	first := look(t, s)
	hold("L01", first.Number)
	p.pass(time.Second)
	v := look(t, s)
	if v.Counter != 18 || v.Number == first.Number || v.HeldTo != "" || v.Last.Counter != 17 || v.Last.HeldTo != "L01" || !v.Last.HeldAt.Equal(noon) {
		t.Errorf("after a hold: %+v, the last %+v", v.shown, v.Last)
	}
	hold("L02", v.Number)
	p.pass(time.Minute)
	if v = look(t, s); v.Counter != 20 || v.Last.Counter != 18 || v.Last.HeldTo != "L02" {
		t.Errorf("after a hold and a while: %+v, the last %+v", v.shown, v.Last)
	}
	if err := s.show(t.Context(), Old); err != nil {
		t.Fatal(err)
	}
	p.called()
	for range 2 {
		v = look(t, s)
		hold("L01", v.Number)
	}
	one := "hold L01 ZY:1" + text(18)[4:6] + " 186"
	if got := p.called(); got != one+"; "+one || look(t, s).Number != v.Number || look(t, s).HeldTo != "L01" {
		t.Errorf("the old code, held twice: the wallet was asked %q, the screen shows %+v", got, look(t, s).shown)
	}
}

// TestAnUnheldCodeStays: a scanner that took nothing leaves the code where it is.
func TestAnUnheldCodeStays(t *testing.T) {
	p := newPurse()
	s := newScreen(p, p.clock)
	before := look(t, s)
	if err := p.Plug(t.Context(), "L01", false); err != nil {
		t.Fatal(err)
	}
	if err := s.hold(t.Context(), "L01", before.Number); payment.CodeOf(err) != payment.NotAllowed {
		t.Errorf("held to no scanner: %v", err)
	}
	if v := look(t, s); v.Number != before.Number || v.Last != nil {
		t.Errorf("%+v", v.shown)
	}
}

// TestOtherWallets: a wallet's app shows its own codes, which name no place, and gives way to the next one as the house
// wallet does; what was held can be shown again; and W comes round to the first phone.
func TestOtherWallets(t *testing.T) {
	p := newPurse()
	s := newScreen(p, p.clock)
	for range 2 {
		if err := s.next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first := look(t, s)
	if first.Kind != App || first.Of != "paypay" || first.App != "paypay" || !strings.HasPrefix(first.Text, "9000818188") || first.Until() == 0 {
		t.Fatalf("%+v", first.shown)
	}
	if err := s.hold(t.Context(), "L01", first.Number); err != nil {
		t.Fatal(err)
	}
	if v := look(t, s); v.Kind != App || v.Text == first.Text || v.Last.Text != first.Text || v.Last.HeldTo != "L01" {
		t.Errorf("after a hold: %+v, the last %+v", v.shown, v.Last)
	}
	p.pass(30 * time.Second)
	if v := look(t, s); v.Text == first.Text || v.Kind != App {
		t.Errorf("after its time: %+v", v.shown)
	}
	if err := s.show(t.Context(), Old); err != nil || look(t, s).Text != first.Text || look(t, s).Of != "paypay" {
		t.Errorf("the old code: %+v, %v", look(t, s).shown, err)
	}
	if err := s.next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := look(t, s); v.Phone != "aiko" || v.Kind != House || v.Place != "S0001" {
		t.Errorf("all around: %s, %+v", v.Phone, v.shown)
	}
	if got, want := p.called(), "fresh aiko S0001; fresh aiko S0001; fresh ben S0001; fresh paypay ; hold L01 900081 18; fresh paypay ; fresh paypay ; fresh aiko S0001"; got != strings.Replace(want, "fresh aiko S0001; fresh aiko S0001", "fresh aiko S0001", 1) {
		t.Errorf("the wallet was asked %q, want %q", got, want)
	}
}

// TestTheChosenWalletAsksFirst: of several questions the chosen wallet's is on the phone.
func TestTheChosenWalletAsksFirst(t *testing.T) {
	p := newPurse()
	s := newScreen(p, p.clock)
	if look(t, s).Question() != nil {
		t.Error("somebody asks")
	}
	p.ask("wechat", 700)
	if q := look(t, s).Question(); q == nil || q.Wallet != "wechat" {
		t.Errorf("%+v", q)
	}
	p.ask("paypay", 300)
	for phone, want := range map[string]string{"aiko": "paypay", "paypay": "paypay"} {
		if err := s.choose(t.Context(), phone, ""); err != nil {
			t.Fatal(err)
		}
		if q := look(t, s).Question(); q == nil || q.Wallet != want {
			t.Errorf("%s: %+v", phone, q)
		}
	}
}

// TestGuide: each thing to try is told in each language, with what this demo has.
func TestGuide(t *testing.T) {
	p := newPurse()
	srv, _ := serve(t, p)
	for lang, want := range map[string][]string{"en": {"PayPay, Merpay", "¥500", "¥3,000"}, "ja": {"PayPay", "500円", "3,000円"}, "zh-Hant": {"PayPay", "¥500", "¥3,000"}} {
		req, err := http.NewRequest("GET", srv.URL+"/try", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Language", lang)
		req.AddCookie(&http.Cookie{Name: "tilld-lang", Value: lang})
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %s %v", lang, resp.Status, err)
		}
		for _, try := range Tries() {
			if !strings.Contains(string(body), `id="try-`+try.Key+`"`) {
				t.Errorf("%s: %s is missing", lang, try.Key)
			}
		}
		for _, w := range append(want, `lang="`+lang+`"`) {
			if !strings.Contains(string(body), w) {
				t.Errorf("%s: no %q", lang, w)
			}
		}
		if strings.Contains(string(body), "phone.") && strings.Contains(string(body), "[phone.") || strings.Contains(string(body), "{0}") {
			t.Errorf("%s shows a key that the catalogue lacks", lang)
		}
	}
}

// TestAHoldsEcho: two clicks on the same sight of a code hold it once. To another lane, or by one who saw nothing, it is
// a hold of its own.
func TestAHoldsEcho(t *testing.T) {
	p := newPurse()
	srv, page := serve(t, p)
	seen := fmt.Sprint(look(t, page.screen).Number)
	for _, tt := range []struct {
		lane, seen string
		want       string // counter of the code that is held
	}{
		{"L01", seen, text(17)},
		{"L01", seen, ""},
		{"L02", seen, text(18)},
		{"L02", seen, text(19)}, // seen is not what was held last: the hand has moved on
		{"L02", "", text(20)},
		{"L02", "", text(21)},
	} {
		p.called()
		resp, body := do(t, srv, "POST", "/phone/hold", url.Values{"lane": {tt.lane}, "seen": {tt.seen}})
		want := ""
		if tt.want != "" {
			want = "hold " + tt.lane + " ZY:1" + tt.want[4:6] + " 186; fresh aiko S0001"
		}
		if got := p.called(); resp.StatusCode != 204 || got != want {
			t.Errorf("%s, seen %q: %s %s, the wallet was asked %q, want %q", tt.lane, tt.seen, resp.Status, body, got, want)
		}
	}
	if resp, body := do(t, srv, "POST", "/phone/hold", url.Values{"lane": {"L01"}, "seen": {"x"}}); resp.StatusCode != 422 {
		t.Errorf("seen is no number: %s %s", resp.Status, body)
	}
}

// TestClicksAtOnce: however many clicks on one sight of a code arrive together, one code is held, once.
func TestClicksAtOnce(t *testing.T) {
	p := newPurse()
	s := newScreen(p, p.clock)
	seen := look(t, s).Number
	p.called()
	var clicks sync.WaitGroup
	for range 8 {
		clicks.Go(func() {
			if err := s.hold(t.Context(), "L01", seen); err != nil {
				t.Error(err)
			}
		})
	}
	clicks.Wait()
	if got, want := p.called(), "hold L01 ZY:1"+text(17)[4:6]+" 186; fresh aiko S0001"; got != want {
		t.Errorf("the wallet was asked %q, want %q", got, want)
	}
}

// TestHoldWithoutAPage: the phone shows its code, and goes on to the next, whether or not a window looks at it. So
// it is after a restart, when a program holds the phone to a lane before anybody has opened the page.
func TestHoldWithoutAPage(t *testing.T) {
	p := newPurse()
	srv, _ := serve(t, p)
	for _, want := range []uint64{17, 19} {
		resp, body := do(t, srv, "POST", "/phone/hold", url.Values{"lane": {"L01"}})
		if want := "fresh aiko S0001; hold L01 ZY:1" + text(want)[4:6] + " 186; fresh aiko S0001"; resp.StatusCode != 204 || p.called() != want {
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
		{"choose", url.Values{"phone": {"paypay"}, "place": {"S0001"}}, 204, "fresh paypay "},
		{"next", nil, 204, "fresh ben S0001"},
		{"operator", url.Values{"wallet": {"paypay"}, "mode": {"slow"}}, 204, "behave paypay slow"},
		{"operator", url.Values{"wallet": {"paypay"}, "mode": {"mean"}}, 422, ""},
		{"operator", url.Values{"wallet": {"cash"}, "mode": {"slow"}}, 404, "behave cash slow"},
		{"confirm", url.Values{"wallet": {"paypay"}, "ref": {"R1"}, "yes": {"yes"}}, 204, "confirm paypay R1 true"},
		{"confirm", url.Values{"wallet": {"paypay"}, "ref": {"R1"}, "yes": {"no"}}, 204, "confirm paypay R1 false"},
		{"confirm", url.Values{"wallet": {"paypay"}, "ref": {"R1"}}, 422, ""},
		{"key", url.Values{"phone": {"ben"}, "to": {"lost"}}, 204, "lost ben"},
		{"key", url.Values{"phone": {"ben"}, "to": {"new"}}, 204, "new ben; fresh aiko S0001"},
		{"key", url.Values{"phone": {"ben"}, "to": {"found"}}, 422, ""},
		{"right", url.Values{"to": {"short"}}, 204, "right true"},
		{"right", url.Values{"to": {"usual"}}, 204, "right false"},
		{"right", url.Values{"to": {"long"}}, 422, ""},
	} {
		p := newPurse()
		srv, _ := serve(t, p)
		do(t, srv, "GET", "/phone", nil)
		p.called()
		resp, body := do(t, srv, "POST", "/phone/"+tt.path, tt.form)
		call := p.called()
		if tt.path == "hold" {
			tt.call = "hold L02 ZY:1" + text(17)[4:6] + " 186; fresh aiko S0001"
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
