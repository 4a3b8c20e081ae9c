package cashier

import (
	"testing"

	"tilld/agent/payment"
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
	b.Type(webtest.F4)
	b.Await(`document.querySelector("#said").textContent === "Asking head office now"`)
	if got := l.called(); got != "send" {
		t.Errorf("the lane was asked %q", got)
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
