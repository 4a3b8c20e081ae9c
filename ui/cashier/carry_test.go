package cashier

import (
	"slices"
	"testing"

	"tilld/agent/payment"
	"tilld/ui/web/webtest"
)

// TestCarryByKey: where the customer's own phone can pay, one key shows the sale to it; where it can't, the key does nothing.
func TestCarryByKey(t *testing.T) {
	l := newTill()
	srv, _ := serve(t, l)
	b := webtest.New(t, 1024, 768)
	l.set(func(v *View) {
		v.State, v.Amount, v.Reason = Refused, payment.Of(8400, "JPY"), payment.OfflineTooLong
	})
	b.Open(srv.URL)
	b.Await(`document.body.dataset.state === "refused"`)
	b.Type(webtest.F8)
	l.set(func(v *View) { v.CanCarry, v.Online, v.Works = true, false, None })
	b.Await(`document.querySelector("#carry") !== null`)
	b.Fits(true)
	b.Legible()
	l.mu.Lock()
	early := slices.Contains(l.calls, "carry")
	l.mu.Unlock()
	if early {
		t.Error("shown where it can't be paid")
	}
	b.Type(webtest.F8)
	b.Await(`document.body.dataset.state === "showing"`)
	b.WantText("The customer pays on the phone", "¥8,400", "Hand nothing over")
	b.Fits(true)
	b.Legible()
	b.Type(webtest.Escape)
	b.Await(`document.body.dataset.state === "idle"`)
	l.set(func(v *View) { v.State, v.Amount, v.CanCarry = Waiting, payment.Of(8400, "JPY"), true })
	b.Await(`document.querySelector("#carry") !== null`)
	l.mu.Lock()
	l.err = payment.Errorf(payment.NotAllowed, "lane.Offer", "HQ has not vouched for this till")
	l.mu.Unlock()
	b.Type(webtest.F8)
	b.Await(`document.querySelector("#message").textContent.includes("can't be paid through the customer's phone")`)
}
