package hq

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

func TestPieces(t *testing.T) {
	a, b := id('P', 1).String(), id('P', 2).String()
	text, link := func(s string) Piece { return Piece{Text: s} }, func(s string) Piece { return Piece{Text: s, Payment: true} }
	for detail, want := range map[string][]Piece{
		"":                                    nil,
		"the new key is another terminal's":   {text("the new key is another terminal's")},
		a:                                     {link(a)},
		"the code paid for " + a + " first":   {text("the code paid for "), link(a), text(" first")},
		a + b:                                 {text(a + b)}, // 52 characters are none
		a + " " + b:                           {link(a), text(" "), link(b)},
		"an end too early " + a[:25]:          {text("an end too early " + a[:25])},
		"beyond an ID's range " + "Z" + a[1:]: {text("beyond an ID's range "), text("Z" + a[1:])},
	} {
		x := Exception{Detail: detail}
		if got := x.Pieces(); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", detail, got, want)
		}
	}
}

// TestPiecesAreTheDetail: nothing is lost for support, and what is linked is an identifier.
func TestPiecesAreTheDetail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.OneOf(rapid.String(), rapid.Just(id('P', 7).String()), rapid.Just(" "))).Draw(t, "parts")
		x := Exception{Detail: strings.Join(parts, "")}
		var all strings.Builder
		for _, p := range x.Pieces() {
			all.WriteString(p.Text)
			if _, err := payment.ParseID(p.Text); p.Payment && err != nil {
				t.Fatalf("%q is linked: %v", p.Text, err)
			}
		}
		if all.String() != x.Detail {
			t.Fatalf("%q became %q", x.Detail, all.String())
		}
	})
}

// TestEveryKindHasWords: what the ledger can open, the console can explain.
func TestEveryKindHasWords(t *testing.T) {
	known := map[string]bool{}
	for _, k := range kinds {
		known[k] = true
	}
	for _, k := range ledger.Kinds() {
		if !known[string(k)] {
			t.Errorf("the console has no words for exceptions of the kind %s", k)
		}
	}
}

// TestWhatIsDecidedDoesNotWait: the words of an exception that was decided ask nobody for anything.
func TestWhatIsDecidedDoesNotWait(t *testing.T) {
	waits := map[string]*regexp.Regexp{"en": regexp.MustCompile(`\bwaits?\b|\bAsk\b|\bStop\b|\bCall\b|\brun tilld\b`), "ja": regexp.MustCompile(`保留|ください`), "zh-Hant": regexp.MustCompile(`暫不|請`)}
	page := newBench(t, busy()).page
	about := func(lang string, x Exception) string {
		t.Helper()
		var b strings.Builder
		if err := page.pages.Fragment(&b, lang, "about", &x); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for _, lang := range web.Langs {
		asks := 0
		for _, kind := range kinds {
			open, decided := Exception{Kind: kind}, Exception{Kind: kind, Outcome: "noted"}
			if waits[lang].MatchString(about(lang, open)) {
				asks++
			}
			if text := about(lang, decided); text == "" || waits[lang].MatchString(text) {
				t.Errorf("%s: a decided %s still says %q", lang, kind, text)
			}
		}
		if asks < 6 {
			t.Errorf("%s: of the open ones only %d ask for something: the patterns are out of date", lang, asks)
		}
	}
}

// TestThePaymentLeadsToItsExceptions, which say what they are and where they are decided.
func TestThePaymentLeadsToItsExceptions(t *testing.T) {
	d := busy()
	c := newBench(t, d).client(t)
	c.signIn("read")
	_, _, body := c.do("GET", "/hq/payments/"+id('P', 1).String(), nil)
	if want := `<a href="/hq/exceptions?state=&amp;payment=` + id('P', 2).String() + `" id="px-` + id('X', 1).String() + `">A code was spent twice</a>`; !strings.Contains(body, want) {
		t.Errorf("no way to the exception: %s", body)
	}
	_, _, body = c.do("GET", "/hq/terminals", nil)
	if want := `href="/hq/exceptions?terminal=` + id('T', 2).String() + `"`; !strings.Contains(body, want) || !strings.Contains(body, "open exceptions: 2") {
		t.Errorf("no way to the lane's exceptions: %s", body)
	}
}

func TestWalletOf(t *testing.T) {
	for name, want := range map[string]string{"house": "house", "House wallet": "house", "house WALLET": "house", "自社ウォレット": "house",
		"本店錢包": "house", "PayPay": "paypay", "メルペイ": "merpay", "wechat pay": "wechat", "guest": "guest", "": ""} {
		if got := walletOf(name); got != want {
			t.Errorf("%q is the wallet %q, want %q", name, got, want)
		}
	}
}

// TestTheNameAsksForTheWallet: what a list shows can be typed into its filter.
func TestTheNameAsksForTheWallet(t *testing.T) {
	d := busy()
	c := newBench(t, d).client(t)
	c.signIn("read")
	for _, list := range []string{"payments", "batches"} {
		if status, _, body := c.do("GET", "/hq/"+list+"?wallet=House+wallet", nil); status != 200 || !strings.Contains(body, `<span title="house">House wallet</span>`) {
			t.Errorf("%s: %d %s", list, status, body)
		}
		if got := d.called(); !strings.Contains(got, "Wallet:house ") {
			t.Errorf("%s: the office was asked %q", list, got)
		}
	}
}

// TestTheDetailLeadsToThePayment by the keyboard alone.
func TestTheDetailLeadsToThePayment(t *testing.T) {
	at := newBench(t, busy())
	b := webtest.New(t, 1024, 768)
	signIn(b, at, "read")
	b.Type("5")
	arrive(b, "/hq/exceptions")
	b.WantText("One code paid for two payments.", "For support, in English: the code paid for "+id('P', 1).String()+" first", "a kind that this release has no words for")
	focus(b, `.raw a`)
	b.Type(webtest.Enter)
	arrive(b, "/hq/payments/"+id('P', 1).String())
	b.WantText("deadbeef")
}
