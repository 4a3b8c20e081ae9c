package cashier

import (
	"fmt"
	"testing"

	"tilld/agent/payment"
	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

// TestEscapeTakesBackWhatIsTyped: and leaves the cursor where the next digit belongs.
func TestEscapeTakesBackWhatIsTyped(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL)
	b.Await(`document.activeElement.id === "amount"`)
	b.Type("12800" + webtest.Escape + webtest.Escape + "1280" + webtest.Enter)
	b.Await(`document.body.dataset.state === "waiting"`)
	b.WantText("¥1,280")
}

// TestEnterIsForWhatHasTheFocus: after a payment Enter means the next customer, but not on another key.
func TestEnterIsForWhatHasTheFocus(t *testing.T) {
	l := newTill()
	l.view.State, l.view.Amount = Paid, payment.Of(500, "JPY")
	srv, _ := serve(t, l)
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL)
	b.Await(`document.body.dataset.state === "paid"`)
	b.Focus(`[data-key=F2]`)
	b.Type(webtest.Enter)
	b.Await(`location.pathname === "/today"`)
	if got := l.called(); got != "" {
		t.Errorf("the lane was asked %q", got)
	}
}

func TestAnErrorEndsWithWhatItWasAbout(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL)
	b.Await(`document.activeElement.id === "amount"`)
	b.Type("abc" + webtest.Enter)
	b.Await(`document.querySelector("#message").textContent !== ""`)
	l.set(func(v *View) { v.State, v.FromPOS, v.Amount = Waiting, true, payment.Of(700, "JPY") })
	b.Await(`document.body.dataset.state === "waiting" && document.querySelector("#message").textContent === ""`)
}

func TestSendNowIsSeen(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL)
	b.Await(`document.body.dataset.state === "idle"`)
	for sent, want := range map[Sent]string{SentAll: "has everything", SentSome: "on its way", Unheard: "did not answer"} {
		b.Type(webtest.F4)
		b.Await(`document.querySelector("#said").textContent === "Asking head office now"`)
		l.sent <- sent
		b.Await(fmt.Sprintf(`document.querySelector("#said").textContent.includes(%q)`, want))
	}
	if got := l.called(); got != "send; send; send" {
		t.Errorf("the lane was asked %q", got)
	}
	l.mu.Lock()
	l.err = payment.Errorf(payment.Retry, "lane", "busy")
	l.mu.Unlock()
	b.Type(webtest.F4)
	l.sent <- ""
	b.Await(`document.querySelector("#message").textContent.includes("Try again") && document.querySelector("#said").textContent === ""`)
}

// placed is where the header and the keys are.
const placed = `[".strip", ".says", ".keys"].map((q) => { const r = document.querySelector(q).getBoundingClientRect(); return q + " " + r.top + "+" + r.height; }).join(", ")`

// TestNothingMoves: whatever the page has to say, every key stays under the finger that is on its way to it, and the
// message is there whole.
func TestNothingMoves(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	b := webtest.New(t, 1024, 768)
	for _, lang := range web.Langs {
		l.set(func(v *View) { *v = newTill().view })
		b.Open(srv.URL)
		b.Await(fmt.Sprintf(`fetch("/lang", {method: "POST", body: new URLSearchParams({lang: %q})}).then(r => r.ok)`, lang))
		b.Open(srv.URL)
		b.Await(`document.body.dataset.state === "idle"`)
		want := b.Eval(placed)
		b.Await(`(document.querySelector("#amount").value = "999999999")`)
		for _, key := range []string{
			"cashier.amount.bad", "cashier.amount.over", "cashier.asked", "cashier.sent.all", "cashier.sent.some", "cashier.sent.none", "say.open", "say.gone", "say.clock",
			"say.cancel", "say.settled", "say.unsettled", "cashier.esc.asked", "say.again", "say.broken",
		} {
			text := web.Text(lang, key, web.Money(lang, payment.Of(999_999_999, "JPY")))
			b.Await(fmt.Sprintf(`(document.querySelector("#message").textContent = %q) !== ""`, text))
			if got := b.Eval(placed); got != want {
				t.Errorf("%s in %s moves the page: %s, and before %s", key, lang, got, want)
			}
			if b.Eval(`(() => { const e = document.querySelector(".says"); return e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight; })()`) != "true" {
				t.Errorf("%s in %s is not to be read whole", key, lang)
			}
		}
		b.Picture("cashier-message-" + lang)
		for _, state := range []State{Waiting, Asking, Pending, Unknown, Same, Paid, Refused, Idle} {
			l.set(func(v *View) {
				v.State, v.Training, v.Reason, v.Amount = state, state != Idle, payment.CodeUsed, payment.Of(5, "JPY")
			})
			b.Await(fmt.Sprintf(`document.body.dataset.state === %q`, state))
			b.Await(`document.fonts.status === "loaded"`)
			if got := b.Eval(placed); got != want {
				t.Errorf("a practice sale that is %s in %s moves the page: %s, and before %s", state, lang, got, want)
			}
		}
	}
}

// TestTheVoidDialogKeepsNothing: neither the PIN of the one before nor what was wrong with it; and the focus goes
// back to the row, which the live view has replaced meanwhile.
func TestTheVoidDialogKeepsNothing(t *testing.T) {
	l := newTill()
	id, err := ids.Next()
	if err != nil {
		t.Fatal(err)
	}
	l.rows = []Row{{At: noon, Payment: id, Amount: payment.Of(700, "JPY"), Wallet: "house", State: AtLane, Voidable: true}}
	srv, _ := serve(t, l)
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL + "/today")
	b.Await(`document.querySelector("#void-0") !== null`)
	b.Focus("#void-0")
	b.Type(webtest.Enter)
	b.Await(`document.activeElement.name === "supervisor"`)
	b.Type("Abe" + webtest.Tab + "111222" + webtest.Enter)
	b.Await(`document.querySelector("dialog [role=alert]").textContent.includes("wrong")`)
	l.mu.Lock()
	l.rows[0].Uncompleted = true
	l.mu.Unlock()
	l.set(func(*View) {})
	b.Await(`document.querySelector("main").textContent.includes("not finished")`)
	b.Type(webtest.Escape)
	b.Await(`!document.querySelector("dialog[open]") && document.activeElement.id === "void-0"`)
	if got := b.Eval(`document.querySelector("[name=pin]").value`); got != "" {
		t.Errorf("the dialog that was closed still holds a PIN")
	}
	b.Type(webtest.Enter)
	b.Await(`document.querySelector("dialog[open]") && document.activeElement.name === "supervisor"`)
	if got := b.Eval(`document.querySelector("[name=supervisor]").value + document.querySelector("dialog [role=alert]").textContent`); got != "" {
		t.Errorf("the dialog begins with %q", got)
	}
}
