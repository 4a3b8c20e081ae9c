package cashier

import (
	"bytes"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

var update = flag.Bool("update", false, "write the golden files")

// till is a lane whose view the test sets.
type till struct {
	mu      sync.Mutex
	view    View
	rows    []Row
	calls   []string
	err     error
	changes []chan struct{}
	sent    chan Sent // what comes of SendNow
	most    payment.Money
}

func (l *till) View() View { l.mu.Lock(); defer l.mu.Unlock(); return l.view }

func (l *till) set(f func(*View)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.view)
	for _, c := range l.changes {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (l *till) Changes(context.Context) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := make(chan struct{}, 1)
	l.changes = append(l.changes, c)
	return c
}

func (l *till) call(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, name)
	return l.err
}

func (l *till) OpenSale(_ context.Context, m payment.Money, _ string) error {
	if err := l.call("open " + m.String()); err != nil {
		return err
	}
	l.set(func(v *View) { v.State, v.Amount = Waiting, m })
	return nil
}

func (l *till) CancelSale(context.Context) error {
	l.set(func(v *View) { v.State = Idle })
	return l.call("cancel")
}

func (l *till) Next(context.Context) error {
	l.set(func(v *View) { v.State = Idle })
	return l.call("next")
}

func (l *till) Park(context.Context) error {
	if err := l.call("park"); err != nil {
		return err
	}
	l.set(func(v *View) {
		outcome := map[State]payment.Outcome{Pending: payment.Pending, Unknown: payment.Unknown}[v.State]
		v.Parked = append(slices.Clone(v.Parked), Parked{Ref: ref(len(v.Parked)), Amount: v.Amount, Wallet: v.Wallet, Outcome: outcome})
		v.State, v.Amount = Idle, payment.Money{}
	})
	return nil
}

func (l *till) TakeBack(_ context.Context, ref string) error {
	if err := l.call("takeback " + ref); err != nil {
		return err
	}
	l.set(func(v *View) {
		if ref == "" {
			v.State, v.Reason = Refused, payment.TakenBack
			return
		}
		v.Parked = slices.Clone(v.Parked)
		for i := range v.Parked {
			if p := &v.Parked[i]; p.Ref == ref {
				p.Outcome, p.Reason = payment.NotPaid, payment.TakenBack
			}
		}
	})
	return nil
}

func (l *till) Dismiss(_ context.Context, ref string) error {
	if err := l.call("dismiss " + ref); err != nil {
		return err
	}
	l.set(func(v *View) {
		v.Parked = slices.DeleteFunc(slices.Clone(v.Parked), func(p Parked) bool { return p.Ref == ref })
	})
	return nil
}

func (l *till) Another(context.Context) error {
	if err := l.call("another"); err != nil {
		return err
	}
	l.set(func(v *View) { v.State = Waiting })
	return nil
}

func (l *till) Carry(context.Context) error {
	if err := l.call("carry"); err != nil {
		return err
	}
	l.set(func(v *View) { v.State, v.CanCarry = Showing, false })
	return nil
}

// ref names an attempt.
func ref(n int) string { return payment.ID{15: byte(n + 1)}.AttemptRef(0) }

func (l *till) Void(_ context.Context, id payment.ID, who string) error {
	return l.call("void " + id.String() + " " + who)
}
func (l *till) GiveBack(_ context.Context, g GiveBack) error {
	return l.call("give " + g.Payment.String() + " " + g.Amount.String() + " " + g.Supervisor)
}
func (l *till) DismissRefund(_ context.Context, ref string) error {
	if err := l.call("seen " + ref); err != nil {
		return err
	}
	l.set(func(v *View) {
		v.Refunds = slices.DeleteFunc(slices.Clone(v.Refunds), func(r Refund) bool { return r.Ref == ref })
	})
	return nil
}
func (l *till) SendNow(ctx context.Context) (Sent, error) {
	err := l.call("send")
	select {
	case s := <-l.sent:
		return s, err
	case <-ctx.Done():
		return Unheard, ctx.Err()
	}
}
func (l *till) Today(context.Context) ([]Row, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.rows), nil
}
func (l *till) Most() payment.Money        { return l.most }
func (l *till) Currency() payment.Currency { return "JPY" }
func (l *till) list(rows []Row)            { l.mu.Lock(); defer l.mu.Unlock(); l.rows = slices.Clone(rows) }

func (l *till) called() string { l.mu.Lock(); defer l.mu.Unlock(); return strings.Join(l.calls, "; ") }

type memory struct{ b []byte }

func (m *memory) Load() ([]byte, error) { return m.b, nil }
func (m *memory) Save(b []byte) error   { m.b = bytes.Clone(b); return nil }

var noon = time.Date(2026, 11, 22, 12, 34, 0, 0, time.UTC)

func newTill() *till {
	return &till{sent: make(chan Sent), view: View{
		Store: "S0001", Lane: "L01", BusinessDate: 20261122, State: Idle, Scanner: ScannerOK,
		Online: true, HQSince: noon, Works: Full, Risk: Calm,
	}}
}

func serve(t testing.TB, l *till) (*httptest.Server, *web.PIN) {
	t.Helper()
	pin := web.NewPIN(&memory{}, time.Now, rand.Reader)
	if err := pin.Set("482915"); err != nil {
		t.Fatal(err)
	}
	page, err := New(l, pin, "en", func() *time.Location { return time.UTC }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	page.Register(mux)
	mux.Handle("GET /assets/", web.Assets())
	srv := httptest.NewServer(web.Guard(nil, mux))
	t.Cleanup(srv.Close)
	return srv, pin
}

var ids = payment.NewIDs(func() time.Time { return noon }, rand.Reader)

// views are the pictures that a cashier can be shown.
func views() map[string]View {
	base := newTill().view
	with := func(f func(*View)) View { v := base; f(&v); return v }
	fixed := payment.ID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	amount := payment.Of(1280, "JPY")
	return map[string]View{
		"idle":    base,
		"waiting": with(func(v *View) { v.State, v.Amount, v.FromPOS, v.Reference = Waiting, amount, true, "R-1042" }),
		"paid":    with(func(v *View) { v.State, v.Amount, v.Wallet, v.Payment, v.Unsent = Paid, amount, "house", fixed, 1 }),
		"paid-already": with(func(v *View) {
			v.State, v.Amount, v.Wallet, v.Payment, v.Already = Paid, amount, "house", fixed, true
		}),
		"paid-surplus": with(func(v *View) {
			v.State, v.Amount, v.Wallet, v.Payment, v.Surplus = Paid, amount, "house", fixed, true
		}),
		"refused":          with(func(v *View) { v.State, v.Amount, v.Reason = Refused, amount, payment.CodeUsed }),
		"refused-much":     with(func(v *View) { v.State, v.Amount, v.Reason = Refused, amount, payment.OverPaymentCap }),
		"refused-much-pos": with(func(v *View) { v.State, v.Amount, v.Reason, v.FromPOS = Refused, amount, payment.OverPaymentCap, true }),
		"carry": with(func(v *View) {
			v.State, v.Amount, v.Reason, v.CanCarry, v.Online, v.Works = Refused, amount, payment.OfflineTooLong, true, false, None
		}),
		"carry-waiting": with(func(v *View) { v.State, v.Amount, v.CanCarry, v.Online, v.Works = Waiting, amount, true, false, None }),
		"showing":       with(func(v *View) { v.State, v.Amount, v.Online, v.Works = Showing, amount, false, None }),
		"paid-carried": with(func(v *View) {
			v.State, v.Amount, v.Wallet, v.Payment, v.Carried, v.Unsent = Paid, amount, "house", fixed, true, 1
		}),
		"offline": with(func(v *View) {
			v.Online, v.Works, v.Risk, v.Unsent, v.State, v.Amount = false, Small, Raised, 23, Waiting, amount
		}),
		"offline-none": with(func(v *View) {
			v.Online, v.Works, v.Risk, v.Unsent = false, None, Gone, 140
			v.State, v.Amount, v.Reason = Refused, amount, payment.OfflineTooLong
		}),
		"twice":     with(func(v *View) { v.Twice, v.State, v.Amount = true, Waiting, amount }),
		"lost":      with(func(v *View) { v.Lost, v.Online, v.Unsent = true, false, 7 }),
		"idle-none": with(func(v *View) { v.Online, v.Works, v.Risk, v.Unsent = false, None, Gone, 140 }),
		"unplugged": with(func(v *View) { v.Scanner, v.ScannerSince, v.Uncompleted = ScannerLost, noon, 2 }),
		"blind": with(func(v *View) {
			v.State, v.Amount, v.Scanner, v.ScannerSince = Waiting, payment.Of(1234, "JPY"), ScannerLost, noon
		}),
		"starting": with(func(v *View) {
			*v = View{Store: v.Store, Lane: v.Lane, Starting: true, State: Stopped, Reason: payment.StorageFull}
		}),
		"stopped": with(func(v *View) { v.State, v.Reason = Stopped, payment.JournalStopped }),
		"long": with(func(v *View) {
			v.Store, v.Lane, v.Training = "shibuya-scramble-square-annex-01", "fitting-room-till-on-floor-3-b", true
			v.State, v.Amount, v.Wallet, v.Payment, v.Already = Paid, payment.Of(999_999_999, "JPY"), longName, fixed, true
			v.Online, v.Works, v.Risk, v.Unsent, v.Uncompleted, v.Scanner = false, Small, High, 123456, 1234, ScannerLost // a notice is never beside PAID
			v.Twice, v.Lost = true, true
		}),
		"asking":  with(func(v *View) { v.State, v.Amount, v.Wallet, v.Asks = Asking, amount, "paypay", true }),
		"pending": with(func(v *View) { v.State, v.Amount, v.Wallet, v.Asks = Pending, amount, "paypay", true }),
		"unknown": with(func(v *View) { v.State, v.Amount, v.Wallet, v.Asks = Unknown, amount, "paypay", true }),
		"unknown-parked": with(func(v *View) {
			v.State, v.Amount, v.Wallet, v.Asks, v.Parked, v.Down = Unknown, amount, "paypay", true, parked(), []string{"paypay"}
		}),
		"pending-long": with(func(v *View) {
			v.State, v.Amount, v.Wallet, v.Asks, v.Parked = Pending, payment.Of(999_999_999, "JPY"), longName, true, longParked()
			v.Down, v.Notice, v.NoticeNo = []string{"rakutenpay", longName, "wechat"}, "underway", 7
		}),
		"asking-long": with(func(v *View) {
			v.State, v.Amount, v.Wallet, v.Asks, v.Parked = Asking, payment.Of(999_999_999, "JPY"), longName, true, longParked()
		}),
		"same": with(func(v *View) {
			v.State, v.Amount, v.Wallet, v.Asks, v.Parked = Same, payment.Of(2350, "JPY"), "merpay", true, parked()
		}),
		"waiting-member": with(func(v *View) {
			v.State, v.Amount, v.FromPOS, v.Reference, v.Members, v.Notice, v.NoticeNo = Waiting, amount, true, "R-1042", []string{"nanaco"}, "othermember", 3
		}),
		"paid-member": with(func(v *View) {
			v.State, v.Amount, v.Wallet, v.Payment, v.Members = Paid, amount, "house", fixed, []string{"nanaco", "vpoint"}
		}),
		"pending-member": with(func(v *View) {
			v.State, v.Amount, v.Wallet, v.Asks, v.Members = Pending, amount, "paypay", true, []string{"nanaco", longName}
		}),
		"same-paid": with(func(v *View) {
			v.State, v.Amount, v.Wallet, v.Asks, v.Parked = Same, payment.Of(880, "JPY"), "paypay", true, parked()
		}),
		"same-back": with(func(v *View) { v.State, v.Amount, v.Asks = Same, amount, true }),
		"paid-online": with(func(v *View) {
			v.State, v.Amount, v.Wallet, v.Payment, v.Authorised, v.Asks = Paid, amount, "paypay", fixed, true, true
		}),
		"paid-parked": with(func(v *View) {
			v.State, v.Amount, v.Wallet, v.Payment, v.Parked = Paid, amount, "house", fixed, parked()
		}),
		"idle-parked": with(func(v *View) { v.Asks, v.Parked = true, parked() }),
		"idle-asks":   with(func(v *View) { v.Asks, v.Online = true, false }),
		"house-none":  with(func(v *View) { v.Asks, v.Works, v.Risk = true, None, Gone }),
		"waiting-down": with(func(v *View) {
			v.State, v.Amount, v.Asks, v.Works, v.Down = Waiting, amount, true, Small, []string{"paypay", "merpay"}
		}),
		"training": with(func(v *View) {
			v.Training, v.State, v.Amount, v.Notice, v.NoticeNo = true, Waiting, amount, "badread", 3
		}),
		"training-paid": with(func(v *View) {
			v.Training, v.State, v.Amount, v.Wallet, v.Payment = true, Paid, amount, "house", fixed
		}),
	}
}

const longName = "a-wallet-with-a-name-of-32-signs"

// parked is one sale put aside in each state.
func parked() []Parked {
	return []Parked{
		{Ref: ref(0), Amount: payment.Of(2350, "JPY"), Wallet: "merpay", Outcome: payment.Unknown},
		{Ref: ref(1), Amount: payment.Of(880, "JPY"), Wallet: "paypay", Reference: "R-1042", FromPOS: true, Outcome: payment.Paid},
		{Ref: ref(2), Amount: payment.Of(12_300, "JPY"), Wallet: "aupay", Outcome: payment.Pending},
		{Ref: ref(3), Amount: payment.Of(540, "JPY"), Wallet: "linepay", Outcome: payment.NotPaid, Reason: payment.CustomerSaidNo},
	}
}

func longParked() []Parked {
	return []Parked{
		{Ref: ref(0), Amount: payment.Of(999_999_999, "JPY"), Wallet: longName, Reference: "a-reference-of-the-till-4711-0042", FromPOS: true, Outcome: payment.NotPaid, Reason: payment.TakenBack},
		{Ref: ref(1), Amount: payment.Of(999_999_999, "JPY"), Wallet: longName, Outcome: payment.NoOutcome},
	}
}

func TestViewsGolden(t *testing.T) {
	page, err := New(newTill(), nil, "en", func() *time.Location { return time.UTC }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range views() {
		for _, lang := range web.Langs {
			var b bytes.Buffer
			if err := page.pages.Fragment(&b, lang, "view", v); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(b.String(), "[") {
				t.Errorf("%s in %s shows a key that the catalogue lacks:\n%s", name, lang, b.String())
			}
			golden(t, fmt.Sprintf("%s.%s.html", name, lang), b.Bytes())
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run with -update and look at the change\n%s", name, got)
	}
}

func TestOpenRefusesWhatIsNoAmount(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	for _, text := range []string{"", "0", "-5", "12.5", "1e9", "abc", "TL1:ABC", "9000818188955799", strings.Repeat("9", 30), "１２"} {
		resp, err := srv.Client().PostForm(srv.URL+"/sale", url.Values{"amount": {text}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%q: %s", text, resp.Status)
		}
	}
	if l.called() != "" {
		t.Errorf("the lane was called: %s", l.called())
	}
}

// TestTooMuchIsSaidAtOnce: what no wallet could pay is refused before a code is asked for, and said in words.
func TestTooMuchIsSaidAtOnce(t *testing.T) {
	for _, tt := range []struct {
		most payment.Money
		text string
		want int
	}{
		{payment.Of(5000, "JPY"), "5001", http.StatusUnprocessableEntity},
		{payment.Of(5000, "JPY"), "5000", http.StatusNoContent},
		{payment.Of(0, "JPY"), "1", http.StatusUnprocessableEntity}, // a policy under which nothing can be paid
		{payment.Money{}, "999999999", http.StatusNoContent},        // there is no policy: the answer is the lane's
	} {
		l := newTill()
		l.most = tt.most
		srv, _ := serve(t, l)
		for _, lang := range web.Langs {
			form := strings.NewReader(url.Values{"amount": {tt.text}}.Encode())
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/sale", form)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.AddCookie(&http.Cookie{Name: "tilld-lang", Value: lang})
			resp, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != tt.want || (tt.most.Minor > 0 && tt.want != http.StatusNoContent) != strings.Contains(string(said), "5,000") || strings.Contains(string(said), "[") {
				t.Errorf("%s of at most %v in %s: %s, %q", tt.text, tt.most, lang, resp.Status, said)
			}
		}
		if asked := l.called() != ""; asked != (tt.want == http.StatusNoContent) {
			t.Errorf("%s of at most %v: the lane was asked %q", tt.text, tt.most, l.called())
		}
	}
}

func TestVoidNeedsThePINAndTriesAreLimited(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	id, err := ids.Next()
	if err != nil {
		t.Fatal(err)
	}
	post := func(pin string) int {
		resp, err := srv.Client().PostForm(srv.URL+"/void", url.Values{"payment": {id.String()}, "supervisor": {"Abe"}, "pin": {pin}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := post("482915"); got != http.StatusNoContent || l.called() != "void "+id.String()+" Abe" {
		t.Fatalf("the right PIN: %d, %s", got, l.called())
	}
	for range 5 {
		if got := post("111222"); got != http.StatusUnauthorized {
			t.Fatalf("a wrong PIN: %d", got)
		}
	}
	if got := post("482915"); got != http.StatusConflict {
		t.Errorf("the right PIN after five wrong ones: %d, want to wait", got)
	}
}

// TestAPINIsNoName: the PIN typed into the field where all can read it is not taken for a name, costs no try, and does
// not stay there.
func TestAPINIsNoName(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	id, err := ids.Next()
	if err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]int{
		"482915": http.StatusUnprocessableEntity, " 482 915 ": http.StatusUnprocessableEntity, "４８２９１５": http.StatusUnprocessableEntity, "-": http.StatusUnprocessableEntity,
		"": http.StatusUnprocessableEntity, "Abe": http.StatusNoContent, "安倍": http.StatusNoContent, "Abe 2": http.StatusNoContent,
	} {
		resp, err := srv.Client().PostForm(srv.URL+"/void", url.Values{"payment": {id.String()}, "supervisor": {who}, "pin": {"482915"}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%q: %s", who, resp.Status)
		}
	}
	if strings.Contains(l.called(), "482") || strings.Count(l.called(), "void") != 3 {
		t.Errorf("the lane was asked %q", l.called())
	}
	l.list([]Row{{At: noon, Payment: id, Amount: payment.Of(700, "JPY"), Wallet: "house", State: AtLane, Voidable: true}})
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL + "/today")
	b.Await(`document.querySelector("#void-0") !== null`)
	b.Focus("#void-0")
	b.Type(webtest.Enter)
	b.Await(`document.activeElement.name === "supervisor"`)
	b.WantText("Manager's name", "Manager's PIN")
	b.Type("482915" + webtest.Tab + "482915" + webtest.Enter)
	b.Await(`document.querySelector("dialog [role=alert]").textContent.includes("in letters") && document.activeElement.name === "supervisor" && document.activeElement.value === ""`)
	b.Fits(false)
	b.Picture("cashier-void-pin-1024")
}

func TestSaleByKeyboardAlone(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL)
	b.Await(`document.body.dataset.state === "idle" && document.activeElement.id === "amount"`)
	b.Type("1280" + webtest.Enter)
	b.Await(`document.body.dataset.state === "waiting"`)
	b.WantText("¥1,280", "Scan the customer's code", "Nothing is paid yet")
	l.set(func(v *View) { v.State, v.Reason = Refused, payment.CodeExpired })
	b.Await(`document.body.dataset.state === "refused" && document.body.dataset.lastSound === "refused"`)
	b.WantText("NOT PAID", "too old")
	l.set(func(v *View) { v.State, v.Wallet, v.Unsent = Paid, "house", 1 })
	b.Await(`document.body.dataset.state === "paid" && document.body.dataset.lastSound === "paid"`)
	b.WantText("PAID", "Hand over the goods", "Payments not yet at head office: 1")
	b.Type(webtest.Enter)
	b.Await(`document.body.dataset.state === "idle" && document.activeElement.id === "amount"`)
	b.Type("50" + webtest.Enter)
	b.Await(`document.body.dataset.state === "waiting"`)
	b.Type(webtest.Escape)
	b.Await(`document.body.dataset.state === "idle"`)
	if got, want := l.called(), "open 1280 JPY; next; open 50 JPY; cancel"; got != want {
		t.Errorf("the lane was asked %q, want %q", got, want)
	}
}

func TestKeyboardWedgeIsToldOff(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL)
	b.Await(`document.activeElement.id === "amount"`)
	b.Type("22J111111111111111" + webtest.Enter)
	b.Await(`document.querySelector("#message").textContent.includes("scanner")`)
	if l.called() != "" {
		t.Errorf("the lane was asked %q", l.called())
	}
}

func TestALostStreamCoversTheAnswer(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	l.view.State, l.view.Amount = Paid, payment.Of(500, "JPY")
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL)
	b.Await(`document.body.dataset.state === "paid"`)
	srv.CloseClientConnections()
	srv.Listener.Close()
	srv.CloseClientConnections()
	b.Await(`!document.querySelector(".lost").hidden`)
	b.WantText("lost its lane")
	b.Legible()
	b.Picture("cashier-lost-1024")
}

// rows are the states that a payment of today can be in.
var rows = []Row{
	{At: noon, Payment: payment.ID{2}, Amount: payment.Of(700, "JPY"), Wallet: "house", State: AtLane, Voidable: true, Uncompleted: true},
	{At: noon, Payment: payment.ID{3}, Amount: payment.Of(820, "JPY"), Wallet: "house", State: AtHQ},
	{At: noon, Payment: payment.ID{4}, Amount: payment.Of(90, "JPY"), Wallet: "house", State: Posted},
	{At: noon, Payment: payment.ID{5}, Amount: payment.Of(91, "JPY"), Wallet: "house", State: Held, Note: "code_spent_twice"},
	{At: noon, Payment: payment.ID{7}, Amount: payment.Of(94, "JPY"), Wallet: "house", State: Borne, Note: "over_share"},
	{At: noon, Payment: payment.ID{6}, Amount: payment.Of(92, "JPY"), Wallet: "house", State: Voided},
	{At: noon, Payment: payment.ID{8}, Amount: payment.Of(95, "JPY"), Wallet: "house", State: Practice, Training: true, Voidable: true},
	{At: noon, Payment: payment.ID{9}, Amount: payment.Of(96, "JPY"), Wallet: "house", State: Voided, Training: true},
	{At: noon, Amount: payment.Of(93, "JPY"), State: NotTaken, Reason: payment.CodeExpired},
}

func TestTodayListAndVoidByKeyboard(t *testing.T) {
	l := newTill()
	id, err := ids.Next()
	if err != nil {
		t.Fatal(err)
	}
	l.list(rows)
	l.rows[0].Payment = id
	srv, _ := serve(t, l)
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL)
	b.Await(`document.body.dataset.state === "idle"`)
	b.Type(webtest.F2)
	b.Await(`document.querySelectorAll("tbody tr").length === 9`)
	b.WantText("head office decided, the store bears it")
	b.Picture("cashier-today-1024")
	b.Focus("#void-0")
	b.Type(webtest.Enter)
	b.Await(`document.querySelector("dialog[open]") && document.activeElement.name === "supervisor"`)
	b.Type("Abe" + webtest.Tab + "482915")
	b.Legible()
	b.Picture("cashier-void-1024")
	b.Type(webtest.Enter)
	b.Await(`!document.querySelector("dialog[open]")`)
	if got := l.called(); got != "void "+id.String()+" Abe" {
		t.Errorf("the lane was asked %q", got)
	}
}

// TestTodayFits looks at the list of today, empty and full, in every language at both sizes.
func TestTodayFits(t *testing.T) {
	l := newTill()
	long := Row{At: noon, Payment: payment.ID{1}, Amount: payment.Of(999_999_999, "JPY"), Wallet: longName,
		State: Held, Note: "code_spent_twice", Voidable: true, Uncompleted: true}
	srv, _ := serve(t, l)
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
		b := webtest.New(t, size[0], size[1])
		b.Open(srv.URL)
		for _, lang := range web.Langs {
			b.Await(fmt.Sprintf(`fetch("/lang", {method: "POST", body: new URLSearchParams({lang: %q})}).then(r => r.ok)`, lang))
			for name, rows := range map[string][]Row{"empty": nil, "earlier": earlier, "both": append(slices.Clone(rows), earlier...), "full": append(slices.Repeat([]Row{long}, 40), rows...)} {
				l.list(rows)
				b.Open(srv.URL + "/today")
				b.Await(`document.querySelector("main .panel") !== null`)
				b.Fits(false)
				b.Legible()
				b.Picture(fmt.Sprintf("cashier-today-%s-%s-%d", name, lang, size[0]))
			}
		}
	}
}

// earlier is what the day before left unfinished.
var earlier = []Row{
	{At: noon.AddDate(0, 0, -1), Date: 20261121, Payment: payment.ID{7}, Amount: payment.Of(1480, "JPY"), Wallet: "house", State: Posted, Uncompleted: true},
	{At: noon.AddDate(0, 0, -2), Date: 20261120, Payment: payment.ID{8}, Amount: payment.Of(64_000, "JPY"), Wallet: "house", State: AtLane, Uncompleted: true},
}

// TestEarlierDatesAreListed: what the banner counts is found behind F2, also when all of it is of another date and
// today is longer than the page. It can't be taken back any more.
func TestEarlierDatesAreListed(t *testing.T) {
	page, err := New(newTill(), nil, "en", func() *time.Location { return time.UTC }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	long := slices.Repeat(rows[:1], maxRowsOut+1)
	for name, today := range map[string][]Row{"nothing today": nil, "a long day": long} {
		for _, lang := range web.Langs {
			var b bytes.Buffer
			if err := page.pages.Fragment(&b, lang, "rows", split(append(slices.Clone(today), earlier...))); err != nil {
				t.Fatal(err)
			}
			_, got, found := strings.Cut(b.String(), `id="earlier"`)
			if !found || !strings.Contains(got, "2026-11-21 12:34") || !strings.Contains(got, "2026-11-20 12:34") || strings.Count(got, "! ") != 2 ||
				strings.Contains(got, "<button") || strings.Contains(got, "[") {
				t.Errorf("%s in %s:\n%s", name, lang, got)
			}
		}
	}
	if got := split(append(long, earlier...)); len(got.Today) != maxRowsOut || len(got.Earlier) != 2 {
		t.Errorf("%d of today and %d of earlier dates", len(got.Today), len(got.Earlier))
	}
}

// TestTheAmountIsSeenWhole: nine digits fit the field.
func TestTheAmountIsSeenWhole(t *testing.T) {
	srv, _ := serve(t, newTill())
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
		b := webtest.New(t, size[0], size[1])
		b.Open(srv.URL)
		b.Await(`document.activeElement.id === "amount"`)
		b.Type("999999999")
		if got := b.Eval(`(() => { const e = document.querySelector("#amount"); return e.scrollWidth <= e.clientWidth; })()`); got != "true" {
			t.Errorf("at %d a part of the amount is out of sight", size[0])
		}
		b.Picture(fmt.Sprintf("cashier-amount-%d", size[0]))
	}
}

// TestPictureOfTheREADME is what the README shows and says of it. With -update it is taken anew.
func TestPictureOfTheREADME(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	l.view.State, l.view.Amount, l.view.Wallet, l.view.Payment = Paid, payment.Of(1280, "JPY"), "house", payment.ID{15: 42}
	l.view.Online, l.view.Unsent = false, 3
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL)
	b.Await(`document.body.dataset.state === "paid"`)
	b.WantText("PAID", "¥1,280", "No line to head office since 12:34", "Payments not yet at head office: 3", "Next customer")
	if *update {
		if err := os.WriteFile("cashier.png", b.Screen(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// offCentre says by how much the picture of the answer is off the middle of its plate, when it is.
const offCentre = `(() => {
  const box = (els) => { const r = els.map((e) => e.getBoundingClientRect()); const l = Math.min(...r.map((x) => x.left)), t = Math.min(...r.map((x) => x.top));
    return [(l + Math.max(...r.map((x) => x.right))) / 2, (t + Math.max(...r.map((x) => x.bottom))) / 2]; };
  const drawn = [...document.querySelectorAll(".answer .shape *:not(.plate):not(g)")], plate = document.querySelector(".answer .shape .plate");
  if (!plate || !drawn.length) return "there is none";
  const [x, y] = box(drawn), [px, py] = box([plate]);
  return Math.hypot(x - px, y - py) > 0.02 * plate.getBoundingClientRect().width ? (x - px).toFixed(1) + ", " + (y - py).toFixed(1) : "";
})()`

// TestEveryViewFits looks at every view in every language at both sizes.
func TestEveryViewFits(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
		b := webtest.New(t, size[0], size[1])
		for _, lang := range web.Langs {
			b.Open(srv.URL)
			b.Await(`document.body.dataset.state`)
			b.Await(fmt.Sprintf(`fetch("/lang", {method: "POST", body: new URLSearchParams({lang: %q})}).then(r => r.ok)`, lang))
			for name, v := range views() {
				l.set(func(now *View) { *now = v; now.Reference = name })
				b.Open(srv.URL)
				b.Await(fmt.Sprintf(`document.documentElement.lang === %q && document.body.dataset.state === %q`, lang, v.State))
				b.Fits(true)
				b.Legible()
				if b.Eval(`document.querySelector(".keys").clientHeight < 6 * parseFloat(getComputedStyle(document.documentElement).fontSize)`) != "true" {
					t.Errorf("%s in %s at %d: the keys need more than a line", name, lang, size[0])
				}
				if off := b.Eval(offCentre); off != "" {
					t.Errorf("%s in %s at %d: the picture is not in the middle of its plate: %s", name, lang, size[0], off)
				}
				b.Picture(fmt.Sprintf("cashier-%s-%s-%d", name, lang, size[0]))
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	l := newTill()
	srv, _ := serve(f, l)
	f.Add("1200")
	f.Add("１,2.3")
	f.Fuzz(func(t *testing.T, text string) {
		resp, err := srv.Client().PostForm(srv.URL+"/sale", url.Values{"amount": {text}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%q: %s", text, resp.Status)
		}
	})
}
