package phone

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	qrcode "github.com/skip2/go-qrcode"

	"tilld/agent/payment"
	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 11, 22, 12, 34, 0, 0, time.UTC)

// text is as long and of the same characters as a code at every limit; see paycode/signed/FORMAT.md.
func text(counter uint64) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
	var b strings.Builder
	for i := range 386 {
		b.WriteByte(alphabet[(uint64(i)*7+counter*31+uint64(i)*uint64(i)/3)%45])
	}
	return "ZY:1" + b.String()
}

// purse is a Wallet whose codes are only counted, and which keeps what it was asked.
type purse struct {
	mu      sync.Mutex
	now     time.Time
	counter uint64
	state   State
	calls   []string
	err     error // of Fresh and Hold
}

func newPurse() *purse {
	return &purse{now: noon, counter: 16, state: State{
		Store: "S0001", Console: "http://127.0.0.1:7900/hq", API: "http://127.0.0.1:7900/v1",
		Lanes: []Lane{{"L01", "S0001/L01", "http://127.0.0.1:7801/", true}, {"L02", "S0001/L02", "http://127.0.0.1:7802/", true}},
	}}
}

func (p *purse) clock() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return p.now }

func (p *purse) pass(d time.Duration) { p.mu.Lock(); defer p.mu.Unlock(); p.now = p.now.Add(d) }

func (p *purse) call(format string, args ...any) {
	p.calls = append(p.calls, fmt.Sprintf(format, args...))
}

// called gives what was asked since the last time.
func (p *purse) called() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := strings.Join(p.calls, "; ")
	p.calls = nil
	return all
}

func (p *purse) Phones(context.Context) ([]Phone, error) {
	return []Phone{{"aiko", "Aiko, up to ¥10,000 offline"}, {"ben", "Ben, blocked"}}, nil
}

func (p *purse) Fresh(_ context.Context, phone, place string) (Code, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("fresh %s %s", phone, place)
	if p.err != nil {
		return Code{}, p.err
	}
	p.counter++
	return Code{Text: text(p.counter), Counter: p.counter, Expires: p.now.Add(30 * time.Second)}, nil
}

func (p *purse) Other(_ context.Context, kind Kind) (Code, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("other %s", kind)
	if kind == Goods {
		return Code{Text: "4901234567894", Title: "Green tea"}, nil
	}
	return Code{Text: "281234567890123456", Title: "Another wallet"}, nil
}

func (p *purse) Hold(_ context.Context, text, lane string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	p.call("hold %s %.6s %x", lane, text, len(text))
	for _, l := range p.state.Lanes {
		if l.Name == lane && !l.Plugged {
			return payment.Errorf(payment.NotAllowed, "purse", "the scanner of %s is unplugged", lane)
		}
	}
	return nil
}

func (p *purse) CutHQ(context.Context) error     { return p.switchTo(true) }
func (p *purse) RestoreHQ(context.Context) error { return p.switchTo(false) }

func (p *purse) switchTo(cut bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("cut %v", cut)
	p.state.Cut, p.state.CutSince = cut, p.now
	return nil
}

func (p *purse) Plug(_ context.Context, lane string, in bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("plug %s %v", lane, in)
	lanes := append([]Lane{}, p.state.Lanes...)
	for i := range lanes {
		if lanes[i].Name == lane {
			lanes[i].Plugged = in
		}
	}
	p.state.Lanes = lanes
	return nil
}

func (p *purse) State(context.Context) (State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state, nil
}

// set makes the wallet answer as it did for a view.
func (p *purse) set(v View) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state, p.err = v.State, nil
	if v.Fault != "" {
		p.err = payment.Errorf(payment.NotAllowed, "purse", "%s", v.Fault)
	}
}

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

// TestThePictureIsTheCode reads the modules back from the picture and compares them with the encoder's own.
func TestThePictureIsTheCode(t *testing.T) {
	for scale := 1; scale <= maxScale; scale += 3 {
		p := newPurse()
		srv, _ := serve(t, p)
		do(t, srv, "GET", "/phone", nil)
		resp, body := do(t, srv, "GET", fmt.Sprintf("/phone/code.png?n=1&scale=%d", scale), nil)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "image/png" {
			t.Fatalf("%s %s", resp.Status, resp.Header.Get("Content-Type"))
		}
		img, err := png.Decode(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		q, err := qrcode.New(text(17), qrcode.Medium)
		if err != nil {
			t.Fatal(err)
		}
		if q.VersionNumber != widestM {
			t.Fatalf("a code at every limit is of version %d", q.VersionNumber)
		}
		wantModules(t, img, scale, q.Bitmap())
	}
}

// wantModules fails unless each module is one square of a single colour, the right one.
func wantModules(t *testing.T, img image.Image, scale int, want [][]bool) {
	t.Helper()
	if got := img.Bounds(); got.Dx() != len(want[0])*scale || got.Dy() != len(want)*scale {
		t.Fatalf("the picture is %v for %d modules", got, len(want))
	}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, a := img.At(x, y).RGBA()
			if dark := r == 0 && g == 0 && b == 0; a != 0xffff || dark != want[y/scale][x/scale] || !dark && r+g+b != 3*0xffff {
				t.Fatalf("at scale %d the pixel %d,%d is %v", scale, x, y, img.At(x, y))
			}
		}
	}
}

func TestLongCodesAreDrawnAtLevelL(t *testing.T) {
	long := strings.Repeat("A", 700)
	q, err := qrcode.New(long, qrcode.Low)
	if err != nil {
		t.Fatal(err)
	}
	m, err := draw(House, long)
	if err != nil || len(m) != len(q.Bitmap()) {
		t.Errorf("%d modules, %v", len(m), err)
	}
	if m, err := draw(Opaque, strings.Repeat("é", 3000)); err == nil {
		t.Errorf("a text that fits no QR code has %d modules", len(m))
	}
}

// TestEAN13 holds the bars against the digits' widths as the standard's table has them.
func TestEAN13(t *testing.T) {
	// 5901234123457, the example of many descriptions, as widths of bars and spaces.
	const want = "111" + "3112" + "1123" + "1222" + "2122" + "1411" + "2311" + "11111" + "2221" + "2122" + "1411" + "1132" + "1231" + "1312" + "111"
	m, ok := ean13("5901234123457")
	if !ok || len(m) != eanHeight+2*eanQuietAbove || len(m[0]) != 95+eanQuietLeft+eanQuietRight {
		t.Fatalf("%d rows, %v", len(m), ok)
	}
	var widths strings.Builder
	row, run := m[eanQuietAbove][eanQuietLeft:len(m[0])-eanQuietRight], 0
	for i, dark := range row {
		run++
		if i+1 == len(row) || row[i+1] != dark {
			fmt.Fprint(&widths, run)
			run = 0
		}
	}
	if got := widths.String(); got != want {
		t.Errorf("widths\n%s, want\n%s", got, want)
	}
	for _, bad := range []string{"", "5901234123456", "590123412345", "59012341234570", "590123412345x", "５９０１２３４１２３４５７"} {
		if _, ok := ean13(bad); ok {
			t.Errorf("%q is drawn as a product's number", bad)
		}
	}
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
	if err := s.hold(t.Context(), "L01"); payment.CodeOf(err) != payment.NotAllowed {
		t.Errorf("nothing on the screen: %v", err)
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
