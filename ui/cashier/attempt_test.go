package cashier

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

// asked is a till whose sale waits for a wallet's operator.
func asked(state State) *till {
	l := newTill()
	l.view.State, l.view.Sale, l.view.Amount, l.view.Wallet, l.view.Asks = state, payment.ID{7}, payment.Of(1280, "JPY"), "paypay", true
	return l
}

func open(t *testing.T, l *till) *webtest.Browser {
	t.Helper()
	srv, _ := serve(t, l)
	b := webtest.New(t, 1024, 768)
	b.Open(srv.URL)
	b.Await(fmt.Sprintf(`document.body.dataset.state === %q`, l.View().State))
	return b
}

// TestPutAsideAndServeTheNext is the whole road by keys alone: put aside, the next sale, the answer to the first one, seen.
func TestPutAsideAndServeTheNext(t *testing.T) {
	l := asked(Pending)
	b := open(t, l)
	b.WantText("Customer must confirm on the phone", "Not paid yet", "PayPay")
	b.Type(webtest.F6)
	b.Await(`document.body.dataset.state === "idle" && document.activeElement.id === "amount" && document.querySelectorAll(".parked li").length === 1`)
	b.WantText("Put aside: 1", "WAITING FOR PHONE")
	b.Type("50" + webtest.Enter)
	b.Await(`document.body.dataset.state === "waiting"`)
	if got := b.Eval(`document.body.dataset.lastSound`); got != "" {
		t.Errorf("heard %q before there was an answer", got)
	}
	l.set(func(v *View) {
		v.Parked = []Parked{{Ref: ref(0), Amount: payment.Of(1280, "JPY"), Wallet: "paypay", Outcome: payment.Paid}}
	})
	b.Await(`document.querySelector(".parked .paid") && document.body.dataset.lastSound === "told"`)
	b.WantText("Customer here: hand over the goods", "Scan the customer's code")
	b.Type(webtest.F3 + webtest.Enter)
	b.Await(`!document.querySelector(".parked")`)
	if got, want := l.called(), "park; open 50 JPY; dismiss "+ref(0); got != want {
		t.Errorf("the lane was asked %q, want %q", got, want)
	}
	b.Type(webtest.Escape) // the keys are the page's again
	b.Await(`document.body.dataset.state === "idle"`)
}

// TestTakeBackNeedsTwoSteps: the key alone does nothing, nor does the key with Enter, twice, or with Esc.
func TestTakeBackNeedsTwoSteps(t *testing.T) {
	for _, state := range []State{Asking, Pending, Unknown} {
		t.Run(string(state), func(t *testing.T) {
			l := asked(state)
			b := open(t, l)
			for _, slip := range []string{webtest.Enter, webtest.Escape, webtest.F7 + webtest.F7 + webtest.Escape, webtest.F7 + webtest.Enter} {
				b.Type(webtest.F7)
				b.Await(`document.querySelector("dialog[open]") !== null && document.activeElement.matches("[data-close]")`)
				b.WantText("Take back this payment?", "¥1,280", "PayPay")
				b.Type(slip)
				b.Await(`document.querySelector("dialog[open]") === null`)
			}
			if got := l.called(); got != "" {
				t.Fatalf("the lane was asked %q by a slip", got)
			}
			b.Type(webtest.F7)
			b.Await(`document.querySelector("dialog[open]") !== null`)
			b.Legible()
			b.Fits(true)
			b.Picture("cashier-back-" + string(state))
			b.Type(webtest.Tab + webtest.Enter)
			b.Await(`document.body.dataset.state === "refused" && document.querySelector("dialog[open]") === null`)
			b.WantText("NOT PAID", "Taken back")
			if got := l.called(); got != "takeback " {
				t.Errorf("the lane was asked %q", got)
			}
		})
	}
}

// TestTheAnswerEndsTheQuestion: whoever is still being asked whether to take it back sees that it is paid, and the Enter
// that was on its way does not sweep it off the screen.
func TestTheAnswerEndsTheQuestion(t *testing.T) {
	l := asked(Unknown)
	b := open(t, l)
	b.Type(webtest.F7 + webtest.Tab)
	b.Await(`document.querySelector("dialog[open]") !== null && document.activeElement.matches("[data-once]")`)
	l.set(func(v *View) { v.State = Pending }) // still open
	b.Await(`document.body.dataset.state === "pending" && document.querySelector("dialog[open]") !== null`)
	b.Eval(`Date.now = () => 1000`)
	l.set(func(v *View) { v.State, v.Authorised = Paid, true })
	b.Await(`document.body.dataset.state === "paid" && document.querySelector("dialog[open]") === null`)
	b.WantText("PAID", "Confirmed by the wallet's operator")
	b.Type(webtest.Enter)
	l.set(func(v *View) { v.Unsent = 1 })
	b.Await(`document.body.innerText.includes("head office: 1")`)
	if got := l.called() + b.Eval(`document.body.dataset.state`); got != "paid" {
		t.Errorf("the Enter meant for the question did %q", got)
	}
	b.Eval(`Date.now = () => 3000`)
	b.Type(webtest.Enter)
	b.Await(`document.body.dataset.state === "idle"`)
	if got := l.called(); got != "next" {
		t.Errorf("the lane was asked %q", got)
	}
}

// TestTakeBackIsOfTheSaleThatWasShown: an answer to a question about another sale takes nothing back.
func TestTakeBackIsOfTheSaleThatWasShown(t *testing.T) {
	l := asked(Unknown)
	srv, _ := serve(t, l)
	for _, tt := range []struct {
		form url.Values
		want int
	}{
		{url.Values{"ref": {""}, "sale": {payment.ID{8}.String()}}, http.StatusConflict},
		{url.Values{"ref": {""}}, http.StatusConflict},
		{url.Values{"ref": {""}, "sale": {payment.ID{7}.String()}}, http.StatusNoContent},
		{url.Values{"ref": {ref(3)}, "sale": {""}}, http.StatusNoContent},
	} {
		resp, err := srv.Client().PostForm(srv.URL+"/takeback", tt.form)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%v: %s", tt.form, resp.Status)
		}
	}
	if got, want := l.called(), "takeback ; takeback "+ref(3); got != want {
		t.Errorf("the lane was asked %q, want %q", got, want)
	}
}

// TestEscapeIsHarmlessWhileAWalletIsAsked: it asks the lane nothing, and says why.
func TestEscapeIsHarmlessWhileAWalletIsAsked(t *testing.T) {
	for _, state := range []State{Asking, Pending, Unknown} {
		l := asked(state)
		b := open(t, l)
		b.Type(webtest.Escape + webtest.Enter + webtest.F8)
		b.Await(`document.querySelector("#message").textContent.includes("F6") && document.querySelector("#message").textContent.includes("F7")`)
		if got := l.called(); got != "" {
			t.Errorf("%s: the lane was asked %q", state, got)
		}
		l.set(func(v *View) { v.State = Paid })
		b.Await(`document.body.dataset.state === "paid" && document.querySelector("#message").textContent === ""`)
	}
}

// TestAnotherPurchase: one key says so; and Esc, for the same one, ends the sale that was begun twice.
func TestAnotherPurchase(t *testing.T) {
	for key, want := range map[string]string{webtest.F8: "another", webtest.Escape: "cancel"} {
		l := asked(Same)
		l.view.Parked = []Parked{{Ref: ref(0), Amount: l.view.Amount, Wallet: "paypay", Outcome: payment.Pending}}
		b := open(t, l)
		b.WantText("Same purchase?", "still open", "Yes, same customer", "No, another purchase")
		b.Type(webtest.F6 + webtest.F7 + key)
		b.Await(`document.body.dataset.state !== "same"`)
		if got := l.called(); got != want {
			t.Errorf("the lane was asked %q, want %q", got, want)
		}
	}
}

// TestTheListByKeys: F3 and Tab reach every row, Esc leaves the list and does no more, and one of the list is taken back
// in two steps like the one on the screen.
func TestTheListByKeys(t *testing.T) {
	l := newTill()
	l.view.State, l.view.Amount, l.view.Parked = Waiting, payment.Of(70, "JPY"), parked()
	b := open(t, l)
	b.Type(webtest.F3)
	b.Await(fmt.Sprintf(`document.activeElement.id === "back-%s"`, ref(0)))
	b.Legible()
	b.Picture("cashier-list-focus")
	b.Type(webtest.Tab + webtest.Tab)
	b.Await(fmt.Sprintf(`document.activeElement.id === "back-%s"`, ref(2)))
	l.set(func(v *View) { v.Unsent = 3 }) // the live view draws the list anew
	b.Await(fmt.Sprintf(`document.body.innerText.includes("head office: 3") && document.activeElement.id === "back-%s"`, ref(2)))
	b.Type(webtest.Escape)
	b.Await(`document.activeElement === document.body && document.body.dataset.state === "waiting"`)
	b.Type(webtest.F3 + webtest.Enter)
	b.Await(`document.querySelector("dialog[open]") !== null`)
	b.WantText("¥2,350", "Merpay")
	b.Type(webtest.Tab + webtest.Enter)
	b.Await(fmt.Sprintf(`document.querySelector("dialog[open]") === null && document.querySelector("#seen-%s") !== null`, ref(0)))
	b.WantText("NOT PAID", "Taken back: this sale is not paid")
	if got, want := l.called(), "takeback "+ref(0); got != want {
		t.Errorf("the lane was asked %q, want %q", got, want)
	}
}

// TestAListedOneThatIsSettledEndsItsQuestion as the one on the screen does.
func TestAListedOneThatIsSettledEndsItsQuestion(t *testing.T) {
	l := newTill()
	l.view.Parked = parked()[:1]
	b := open(t, l)
	b.Type(webtest.F3 + webtest.Enter)
	b.Await(`document.querySelector("dialog[open]") !== null`)
	l.set(func(v *View) { v.Parked = parked()[:1]; v.Parked[0].Outcome = payment.Paid })
	b.Await(`document.querySelector("dialog[open]") === null && document.querySelector(".parked .paid") && document.activeElement.id === "amount"`)
}

// TestASecondClickIsForTheSameRow: the row below has taken the place of the one that was seen.
func TestASecondClickIsForTheSameRow(t *testing.T) {
	l := newTill()
	l.view.Parked = []Parked{
		{Ref: ref(0), Amount: payment.Of(10, "JPY"), Wallet: "paypay", Outcome: payment.Paid},
		{Ref: ref(1), Amount: payment.Of(20, "JPY"), Wallet: "paypay", Outcome: payment.Paid},
	}
	b := open(t, l)
	b.Click("#seen-"+ref(0), 1)
	b.Await(`document.querySelectorAll(".parked li").length === 1`)
	b.Click("#seen-"+ref(1), 2)
	l.set(func(v *View) { v.Unsent = 1 })
	b.Await(`document.body.innerText.includes("head office: 1")`)
	if got, want := l.called(), "dismiss "+ref(0); got != want {
		t.Errorf("the lane was asked %q, want %q", got, want)
	}
}

// TestTooLate: what was settled while the key was on its way is said in words that fit.
func TestTooLate(t *testing.T) {
	l := asked(Unknown)
	l.view.Parked = parked()[1:2]
	l.err = payment.Errorf(payment.Conflict, "lane", "in English")
	srv, _ := serve(t, l)
	for path, words := range map[string]string{
		"/park": "say.settled", "/takeback": "say.settled", "/another": "say.settled", "/dismiss": "say.unsettled", "/cancel": "say.cancel",
	} {
		resp, err := srv.Client().PostForm(srv.URL+path, url.Values{"ref": {ref(1)}})
		if err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 1024)
		n, _ := resp.Body.Read(said) // its end comes with the words
		resp.Body.Close()
		if got, want := string(said[:n]), web.Text("en", words)+"\n"; resp.StatusCode != http.StatusConflict || got != want {
			t.Errorf("%s: %s, %q, want %q", path, resp.Status, got, want)
		}
	}
}

// TestLimits: with operators' wallets on, the words about what works are right with the line up and down.
func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		asks, online bool
		works        Works
		want         string
		none         bool
	}{
		{false, true, Full, "", false}, {true, true, Full, "", false},
		{false, false, Full, "cashier.offline.full", false}, {true, false, Full, "cashier.offline.asks", false},
		{false, true, Small, "cashier.offline.small", false}, {true, true, Small, "cashier.house.small", false},
		{false, false, Small, "cashier.offline.small", false}, {true, false, Small, "cashier.offline.small", false},
		{false, true, None, "cashier.offline.none", true}, {true, true, None, "cashier.house.none", false},
		{false, false, None, "cashier.offline.none", true}, {true, false, None, "cashier.offline.none", true},
	} {
		v := View{Asks: tt.asks, Online: tt.online, Works: tt.works}
		if got := v.Limits(); got != tt.want || v.NoWallet() != tt.none {
			t.Errorf("asks %v, online %v, works %s: %q, no wallet %v", tt.asks, tt.online, tt.works, got, v.NoWallet())
		}
		// While the issuer is asked, what the lane may do without HQ is no limit; with HQ away it is what it was.
		v.AsksHouse = true
		want, none := tt.want, tt.none
		if tt.online {
			want, none = "", false
		}
		if got := v.Limits(); got != want || v.NoWallet() != none {
			t.Errorf("and the issuer: asks %v, online %v, works %s: %q, no wallet %v", tt.asks, tt.online, tt.works, got, v.NoWallet())
		}
	}
}

func TestTwin(t *testing.T) {
	at := func(minor int64, o payment.Outcome) Parked {
		return Parked{Amount: payment.Of(minor, "JPY"), Outcome: o}
	}
	for _, tt := range []struct {
		name string
		list []Parked
		want string
	}{
		{"none", nil, ".back"},
		{"open", []Parked{at(5, payment.Pending)}, ""},
		{"nothing heard", []Parked{at(5, payment.NoOutcome)}, ""},
		{"paid", []Parked{at(5, payment.Paid)}, ".paid"},
		{"the newest one", []Parked{at(5, payment.Unknown), at(5, payment.Paid), at(6, payment.Pending)}, ".paid"},
		{"one that is not paid", []Parked{at(5, payment.NotPaid)}, ".back"},
		{"other amounts", []Parked{at(6, payment.Paid)}, ".back"},
	} {
		if got := (View{Amount: payment.Of(5, "JPY"), Parked: tt.list}).Twin(); got != tt.want {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

// TestEveryWalletHasItsName: a cashier looks for what is on the customer's phone, not for our word for it.
func TestEveryWalletHasItsName(t *testing.T) {
	for _, row := range paycode.DefaultTable().Rows {
		for _, lang := range web.Langs {
			if web.Word(lang, "wallet."+row.Wallet, "") == "" {
				t.Errorf("%s has no name for %s", lang, row.Wallet)
			}
		}
	}
}
