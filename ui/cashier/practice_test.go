package cashier

import (
	"fmt"
	"testing"

	"tilld/agent/payment"
	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

// TestPracticeIsTakenBackWithoutMoney: whoever takes a practice sale back is not told to give a customer money, nor that
// head office will, in any language. Of a real one it is said as before.
func TestPracticeIsTakenBackWithoutMoney(t *testing.T) {
	l := newTill()
	l.list([]Row{
		{At: noon, Payment: payment.ID{1}, Amount: payment.Of(700, "JPY"), Wallet: "house", State: AtLane, Voidable: true},
		{At: noon, Payment: payment.ID{2}, Amount: payment.Of(800, "JPY"), Wallet: "house", State: Practice, Training: true, Voidable: true},
	})
	l.err = payment.Errorf(payment.NotAllowed, "test", "head office has it")
	srv, _ := serve(t, l)
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
		b := webtest.New(t, size[0], size[1])
		b.Open(srv.URL)
		for _, lang := range web.Langs {
			b.Await(fmt.Sprintf(`fetch("/lang", {method: "POST", body: new URLSearchParams({lang: %q})}).then(r => r.ok)`, lang))
			for row, part := range []string{"", ".practice"} {
				b.Open(srv.URL + "/today")
				b.Await(`document.querySelector("#void-1") !== null`)
				b.Focus(fmt.Sprintf("#void-%d", row))
				b.Type(webtest.Enter)
				b.Await(`document.activeElement.name === "supervisor"`)
				for _, key := range []string{"cashier.void.title", "cashier.void.do", "cashier.void.go"} {
					b.WantText(web.Text(lang, key+part))
				}
				b.Type("Abe" + webtest.Tab + "482915" + webtest.Enter)
				b.Await(`document.querySelector("dialog[open] [role=alert]").textContent !== ""`)
				b.WantText(web.Text(lang, map[string]string{"": "say.void.refund", ".practice": "say.void.practice"}[part]))
				b.Fits(false)
				b.Legible()
				b.Picture(fmt.Sprintf("cashier-void%s-%s-%d", part, lang, size[0]))
			}
		}
	}
}
