package hq

import (
	"fmt"
	"strings"
	"testing"

	"tilld/agent/payment"
	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

// signIn opens the console as a person with the roles.
func signIn(b *webtest.Browser, at *bench, roles string) {
	b.Open(at.srv.URL)
	b.Await(`document.activeElement.name === "secret"`)
	b.Type("secret-" + roles + webtest.Enter)
	arrive(b, "/hq")
}

func TestConsoleByKeyboardAlone(t *testing.T) {
	d := busy()
	d.cuts = 1
	at := newBench(t, d)
	b := webtest.New(t, 1024, 768)
	b.Open(at.srv.URL + "/hq/terminals")
	b.Await(`document.activeElement.name === "secret"`)
	b.Legible()
	b.Picture("hq-signin-1024")
	b.Type("wrong" + webtest.Enter)
	b.Await(`document.querySelector("[role=alert].error").textContent.includes("not known here")`)
	b.Type("secret-finance" + webtest.Enter) // the wrong one is selected
	arrive(b, "/hq/terminals")

	b.Type("1")
	arrive(b, "/hq")
	b.Await(`document.querySelector("canvas") !== null`)
	b.WantText("¥184,300", "connected", "1 / 4", "¥1,842,370")
	b.Type("2")
	arrive(b, "/hq/terminals")
	b.Type("/")
	b.Await(`document.activeElement.name === "store"`)
	b.Type("S0001" + webtest.Enter) // a digit in a field leads nowhere
	b.Await(`location.search.includes("store=S0001") && document.readyState === "complete"`)
	b.Type("3")
	arrive(b, "/hq/payments")
	b.Type("/")
	b.Await(`document.activeElement.name === "id"`)
	b.Type(id('P', 1).String() + webtest.Enter)
	arrive(b, "/hq/payments/"+id('P', 1).String())
	b.WantText("deadbeef")
	b.Type(webtest.Escape)
	arrive(b, "/hq/payments")
	b.Type("n")
	b.Await(`location.search.includes("after=p4") && document.readyState === "complete"`)
	b.Type("b")
	arrive(b, "/hq/payments")
}

func TestTheChartFollowsTheWindow(t *testing.T) {
	at := newBench(t, busy())
	b := webtest.New(t, 1920, 1080)
	signIn(b, at, "read")
	for _, key := range []string{"1", "4"} { // the overview and the batches
		b.Type(key)
		for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
			b.Resize(size[0], size[1])
			b.Await(`(() => { const c = document.querySelectorAll(".uplot"), d = document.querySelector("[data-chart]"); return c.length === 1 && c[0].clientWidth === d.clientWidth; })()`)
			b.Fits(false)
		}
	}
}

// TestEscapeLeavesAnyField: the page's own keys work again, whatever was typed and wherever the cursor stood.
func TestEscapeLeavesAnyField(t *testing.T) {
	at := newBench(t, busy())
	b := webtest.New(t, 1024, 768)
	signIn(b, at, "read")
	b.Type("3")
	arrive(b, "/hq/payments")
	b.Type("s" + "S0001" + webtest.Escape)
	b.Await(`document.activeElement.name === "store" && document.activeElement.value === ""`)
	b.Type(webtest.Tab)
	b.Await(`document.activeElement.name === "date"`)
	b.Type("2026" + webtest.Escape)
	b.Await(`document.activeElement.name === "date" && document.activeElement.value === ""`)
	b.Type(webtest.Escape + "5")
	arrive(b, "/hq/exceptions")
	b.Type("/")
	b.Await(`document.activeElement.name === "state"`)
	b.Type(webtest.Escape + "1")
	arrive(b, "/hq")
}

// arrive waits until a page is there with its script.
func arrive(b *webtest.Browser, path string) {
	b.Await(fmt.Sprintf(`location.pathname === %q && location.search.length < 2 && document.querySelector(".tabs") && document.readyState === "complete"`, path))
}

// focus moves the focus to what a live view may be replacing at this moment.
func focus(b *webtest.Browser, selector string) {
	b.Await(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e?.focus(); return e && document.activeElement === e; })()`, selector))
}

func TestDecideByKeyboardAlone(t *testing.T) {
	d := busy()
	at := newBench(t, d)
	b := webtest.New(t, 1024, 768)
	signIn(b, at, "finance")
	b.Type("5")
	arrive(b, "/hq/exceptions")
	focus(b, `button[data-dialog=decide]`)
	b.Type(webtest.Enter)
	b.Await(`document.querySelector("dialog[open]") && document.activeElement.value === "receivable"`)
	b.Type(webtest.Enter) // a decision that was not made is not sent
	b.Type(" " + webtest.Tab + "the issuer agreed")
	b.Await(`document.querySelector("dialog[open] :checked").value === "receivable"`)
	b.WantText("A code was spent twice · ¥900")
	b.Legible()
	b.Picture("hq-decide-1024")
	d.called()
	b.Eval(`window.before = true`)
	b.Type(webtest.Enter)
	b.Await(`!window.before`) // the page is loaded anew
	if got, want := d.called(), "resolve Aoki finance "+id('X', 1).String()+" receivable the issuer agreed"; !strings.Contains(got, want) {
		t.Errorf("the office was asked %q, want %q", got, want)
	}
	arrive(b, "/hq/exceptions")
	focus(b, `button[data-dialog=note]`)
	b.Type(webtest.Enter)
	b.Await(`document.querySelector("#note[open]") && document.activeElement.name === "why"`)
	b.Type(webtest.Escape)
	b.Await(`!document.querySelector("dialog[open]")`)
}

func TestCutByKeyboardAlone(t *testing.T) {
	d := busy()
	at := newBench(t, d)
	b := webtest.New(t, 1024, 768)
	signIn(b, at, "finance")
	b.Type("4")
	arrive(b, "/hq/batches")
	b.Type("c")
	b.Await(`document.querySelector("dialog[open]") && document.activeElement.textContent.includes("Cut")`)
	b.Legible()
	b.Picture("hq-cut-1024")
	b.Type(webtest.Enter)
	b.Await(`document.querySelector("dialog[open] [role=alert]").textContent.includes("nothing to settle")`)
	d.set(func() { d.cuts = 1 })
	b.Type(webtest.Enter)
	b.Await(`!document.querySelector("dialog[open]") && document.querySelector("canvas") !== null`)
}

// TestEveryPageFits looks at every page in every language at both sizes.
func TestEveryPageFits(t *testing.T) {
	at := newBench(t, busy())
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
		b := webtest.New(t, size[0], size[1])
		signIn(b, at, "finance")
		for _, lang := range web.Langs {
			b.Await(fmt.Sprintf(`fetch("/lang", {method: "POST", body: new URLSearchParams({lang: %q})}).then(r => r.ok)`, lang))
			for name, path := range map[string]string{
				"overview": "/hq", "terminals": "/hq/terminals", "payments": "/hq/payments", "payment": "/hq/payments/" + id('P', 1).String(),
				"found": "/hq/payments?end=000001", "batches": "/hq/batches", "batch": "/hq/batches/" + id('B', 1).String(), "exceptions": "/hq/exceptions", "online": "/hq/online", "problem": "/hq/payments/x", "nowhere": "/hq/nowhere",
			} {
				b.Open(at.srv.URL + path)
				b.Await(fmt.Sprintf(`document.documentElement.lang === %q && document.querySelectorAll("[data-chart]").length <= document.querySelectorAll("canvas").length`, lang))
				b.Fits(false)
				b.Legible()
				if got := b.Eval(`[...document.querySelectorAll("td[title]")].filter(e => e.clientHeight > 2 * parseFloat(getComputedStyle(e).lineHeight)).length + ""`); name == "payments" && got != "0" {
					t.Errorf("in %s at %d %s times break over lines", lang, size[0], got)
				}
				b.Picture(fmt.Sprintf("hq-%s-%s-%d", name, lang, size[0]))
			}
		}
	}
}

// TestAnOrdinaryDayFits: where nothing is wrong, the whole overview is on one small screen.
func TestAnOrdinaryDayFits(t *testing.T) {
	d := busy()
	o := &d.overview
	o.Heard, o.Behind, o.Forked, o.Worst, o.Unjudged, o.Open, o.OpenMoney = o.Terminals, 0, 0, nil, 0, 1, []payment.Money{yen(900)}
	at := newBench(t, d)
	b := webtest.New(t, 1024, 768)
	signIn(b, at, "finance")
	for _, lang := range web.Langs {
		b.Await(fmt.Sprintf(`fetch("/lang", {method: "POST", body: new URLSearchParams({lang: %q})}).then(r => r.ok)`, lang))
		b.Open(at.srv.URL + "/hq")
		b.Await(fmt.Sprintf(`document.documentElement.lang === %q && document.querySelector("canvas") !== null`, lang))
		b.Picture("hq-ordinary-" + lang + "-1024")
		if got := b.Eval(`Math.max(0, document.documentElement.scrollHeight - innerHeight)`); got != "0" {
			t.Errorf("%s: the overview is %s px too high", lang, got)
		}
	}
}

// TestEmptyAndLong looks at lists without a row, and at rows with names and sums as long as they get.
func TestEmptyAndLong(t *testing.T) {
	for name, d := range map[string]*desk{"calm": calm(), "long": long(), "alarmed": alarmed()} {
		at := newBench(t, d)
		for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
			b := webtest.New(t, size[0], size[1])
			signIn(b, at, "finance")
			for i := range sheets {
				s := &sheets[i]
				path := strings.NewReplacer("{id}", id(map[string]byte{"payment": 'P', "batch": 'B'}[s.name], 1).String()).Replace(s.path)
				if name == "calm" && path != s.path {
					continue
				}
				b.Open(at.srv.URL + path)
				b.Await(`document.querySelectorAll("[data-chart]").length === document.querySelectorAll("canvas").length`)
				b.Fits(false)
				b.Legible()
				if got := b.Eval(`[...document.querySelectorAll(".panel, .card")].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText.slice(0, 30)).join("; ")`); got != "" {
					t.Errorf("%s %s at %d must be moved sideways to be read: %s", name, s.name, size[0], got)
				}
				b.Picture(fmt.Sprintf("hq-%s-%s-%d", s.name, name, size[0]))
			}
		}
	}
}

// TestASessionThatEndsShowsTheSignIn: a page left open shows no figures for ever.
func TestASessionThatEndsShowsTheSignIn(t *testing.T) {
	at := newBench(t, busy())
	b := webtest.New(t, 1024, 768)
	signIn(b, at, "read")
	at.auth.revoke("Aoki read")
	at.pass(pace)
	b.Await(`document.activeElement.name === "secret" && !document.body.innerText.includes("¥")`)
}
