package cashier

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"tilld/agent/payment"
	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

// givingTill is a lane that gives money back through HQ, with one payment.
func givingTill(t testing.TB) (*till, payment.ID) {
	t.Helper()
	id, err := ids.Next()
	if err != nil {
		t.Fatal(err)
	}
	l := newTill()
	l.view.Refund = true
	l.list(rows)
	l.rows[1].Payment, l.rows[1].Left, l.rows[1].Given = id, payment.Of(620, "JPY"), payment.Of(200, "JPY")
	return l, id
}

// TestGiveBackByKeyboard: from the list, a part, with name and PIN; and by the number on a receipt. The list then says what
// becomes of it, in every language.
func TestGiveBackByKeyboard(t *testing.T) {
	l, id := givingTill(t)
	srv, _ := serve(t, l)
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
		l.mu.Lock()
		l.calls = nil
		l.mu.Unlock()
		b := webtest.New(t, size[0], size[1])
		b.Open(srv.URL + "/today")
		b.Await(`document.querySelector("#give-1") !== null`)
		b.WantText("given back: ¥200")
		b.Focus("#give-1")
		b.Type(webtest.Enter)
		b.Await(`document.activeElement.name === "sum" && document.activeElement.value === "620"`)
		b.Type(webtest.Escape)
		b.Await(`!document.querySelector("dialog[open]") && document.activeElement.id === "give-1"`)
		b.Type(webtest.Enter)
		b.Await(`document.activeElement.name === "sum"`)
		b.Eval(`document.activeElement.select()`)
		b.Type("300" + webtest.Tab + "Abe" + webtest.Tab + "482915")
		b.Legible()
		b.Picture(fmt.Sprintf("cashier-give-%d", size[0]))
		b.Type(webtest.Enter)
		b.Await(`!document.querySelector("dialog[open]")`)
		b.Focus("#other")
		b.Type(webtest.Enter)
		b.Await(`document.activeElement.name === "payment"`)
		b.Type(id.String() + webtest.Tab + "50" + webtest.Tab + "Abe" + webtest.Tab + "482915")
		b.Picture(fmt.Sprintf("cashier-give-other-%d", size[0]))
		b.Type(webtest.Enter)
		b.Await(`!document.querySelector("dialog[open]")`)
		if got, want := l.called(), fmt.Sprintf("give %s 300 JPY Abe; give %s 50 JPY Abe", id, id); got != want {
			t.Errorf("the lane was asked %q, want %q", got, want)
		}
		l.set(func(v *View) {
			v.Refunds = []Refund{
				{Ref: "A", Payment: id, Amount: payment.Of(300, "JPY"), Wallet: "paypay", Outcome: payment.Paid},
				{Ref: "B", Payment: id, Amount: payment.Of(50, "JPY"), Outcome: payment.NotPaid, Reason: payment.RefundOver},
				{Ref: "C", Payment: id, Amount: payment.Of(70, "JPY"), Wallet: "house", Outcome: payment.Unknown},
				{Ref: "D", Payment: id, Amount: payment.Of(80, "JPY"), Wallet: "house"},
			}
		})
		for _, lang := range web.Langs {
			b.Await(fmt.Sprintf(`fetch("/lang", {method: "POST", body: new URLSearchParams({lang: %q})}).then(r => r.ok)`, lang))
			b.Open(srv.URL + "/today")
			b.Await(fmt.Sprintf(`document.documentElement.lang === %q && document.querySelectorAll("#refunds tbody tr").length === 4`, lang))
			b.WantText(web.Text(lang, "cashier.refund.unknown.do"))
			b.WantText(web.Text(lang, "reason.refund_over"))
			b.Legible()
			b.Picture(fmt.Sprintf("cashier-refunds-%s-%d", lang, size[0]))
			b.Open(srv.URL)
			b.Await(`document.querySelector(".banner.red") !== null`)
			b.WantText(web.Text(lang, "cashier.refund.banner", 1))
			b.Picture(fmt.Sprintf("cashier-refund-banner-%s-%d", lang, size[0]))
		}
		b.Await(`fetch("/lang", {method: "POST", body: new URLSearchParams({lang: "en"})}).then(r => r.ok)`)
		b.Open(srv.URL + "/today")
		b.Await(`document.querySelector("#refund-A") !== null && document.querySelector("#refund-D") === null`)
		b.Focus("#refund-A")
		b.Type(webtest.Enter)
		b.Await(`document.querySelector("#refund-A") === null`)
		l.set(func(v *View) { v.Refunds = nil })
	}
}

// TestGiveBackNeedsTheManager: unless the policy lets a cashier, and the lane then says how much.
func TestGiveBackNeedsTheManager(t *testing.T) {
	l, id := givingTill(t)
	srv, _ := serve(t, l)
	post := func(form url.Values) int {
		t.Helper()
		r, err := http.PostForm(srv.URL+"/giveback", form)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		return r.StatusCode
	}
	with := func(sum, who, pin string) url.Values {
		return url.Values{"payment": {id.String()}, "sum": {sum}, "supervisor": {who}, "pin": {pin}}
	}
	for name, tt := range map[string]struct {
		form  url.Values
		alone bool
		want  int
	}{
		"nobody":              {with("5", "", ""), false, 403},
		"a PIN for a name":    {with("5", "482915", "482915"), false, 403},
		"a wrong PIN":         {with("5", "Abe", "111111"), false, 401},
		"no amount":           {with("", "Abe", "482915"), false, 422},
		"a name and no PIN":   {with("5", "Abe", ""), true, 401},
		"nobody, as allowed":  {with("5", "", ""), true, 204},
		"the manager all the": {with("5", "Abe", "482915"), true, 204},
		"no payment":          {url.Values{"payment": {"X"}, "sum": {"5"}}, true, 404},
	} {
		l.set(func(v *View) { v.Alone = tt.alone })
		l.mu.Lock()
		l.calls = nil
		l.mu.Unlock()
		if got := post(tt.form); got != tt.want || (l.called() != "") != (tt.want == 204) {
			t.Errorf("%s: %d, and the lane was asked %q", name, got, l.called())
		}
	}
}
