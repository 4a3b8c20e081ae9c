package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"tilld/agent/cmd/tilld/internal/lane"
	"tilld/agent/policy"
	"tilld/sync/operator/emulate"
	"tilld/ui/web"
)

const refundPIN = "482915"

// refundView is what the lane says of a refund.
type refundView struct {
	Ref    string `json:"ref"`
	State  string `json:"state"`
	Reason string `json:"reason"`
	Wallet string `json:"wallet"`
}

// giveBack asks a lane, with the manager's PIN; an amount of 0 is all that is left.
func (o *onlineStage) giveBack(l *laneProcess, key, id string, amount int64) (r refundView, code int) {
	o.Helper()
	body := map[string]any{"supervisor": "Abe", "pin": refundPIN}
	if amount > 0 {
		body["amount"] = map[string]any{"minor": amount, "currency": "JPY"}
	}
	raw, err := json.Marshal(body)
	o.must(err)
	req, err := http.NewRequest("POST", "http://"+l.pos+"/v1/payments/"+id+"/refunds", bytes.NewReader(raw))
	o.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	code = o.send(req, &r)
	return r, code
}

// becomesRefund waits until the last refund of a payment that a lane was asked for is in a state.
func (o *onlineStage) becomesRefund(l *laneProcess, id, state string) (r refundView) {
	o.Helper()
	o.until(l.name+": the refund is "+state, func() bool {
		var list struct{ Items []refundView }
		if o.call(l, "GET", "/v1/payments/"+id+"/refunds", nil, &list) != http.StatusOK || len(list.Items) == 0 {
			return false
		}
		r = list.Items[len(list.Items)-1]
		return r.State == state
	})
	return r
}

// posted waits until HQ has posted a sale's payment, and the lane knows.
func (o *onlineStage) posted(l *laneProcess, sale string) (payment string) {
	o.Helper()
	o.until(l.name+": the payment is posted", func() bool {
		var now saleView
		if o.call(l, "GET", "/v1/sales/"+sale, nil, &now) != http.StatusOK || len(now.Payments) != 1 || now.Payments[0].Progress != "posted" {
			return false
		}
		payment = now.Payments[0].ID
		return true
	})
	return payment
}

// TestRefundStory: money is given back in parts, at the lane that sold and at another one, with an operator that falls
// silent over a refund that it has made, and a lane that is killed over it; all of a payment in the operator's cancel
// window; of a house payment, behind which no operator stands; and what HQ has not got is voided. In the end the
// operator's book is what HQ has settled, and nothing went back twice.
func TestRefundStory(t *testing.T) {
	o := onlineStageOf(t, 2, func(d *policy.Document) { d.Features = append(d.Features, policy.Refund) })
	one, two := o.lanes[0], o.lanes[1]
	for _, l := range o.lanes {
		o.must(web.NewPIN(lane.PINStore(l.dir), time.Now, rand.Reader).Set(refundPIN))
		o.reached(l)
	}
	buy := func(amount int64) string {
		sale := o.open(one, amount)
		o.show(one, sale.ID)
		o.becomes(one, sale.ID, "paid")
		o.call(one, "POST", "/v1/sales/"+sale.ID+"/complete", nil, nil)
		return o.posted(one, sale.ID)
	}
	parts, whole := buy(700), buy(310)
	house := o.posted(one, o.sell(one, o.phone(), 200).ID)

	for range 2 { // what is asked twice is given back once
		if r, code := o.giveBack(one, "k1", parts, 200); code != http.StatusOK || r.Ref == "" {
			t.Fatalf("%d %+v", code, r)
		}
	}
	o.becomesRefund(one, parts, "refunded")
	o.until("200 is back", func() bool { return o.charged() == 500+310 })

	o.must(o.op.Behave(emulate.PayPay, emulate.Behaviour{Fault: emulate.CutAfter, On: []emulate.Op{emulate.Refund, emulate.Query}}))
	if r, code := o.giveBack(two, "k1", parts, 500); code != http.StatusOK || r.State != "asked" {
		t.Fatalf("%d %+v", code, r)
	}
	o.until("the operator has made the refund", func() bool { return o.charged() == 310 })
	two.kill()
	two.begin()
	o.ready(two)
	if r := o.becomesRefund(two, parts, "asked"); r.Wallet != "" {
		t.Errorf("the lane knows the wallet: %+v", r)
	}
	o.must(o.op.Behave(emulate.PayPay, emulate.Behaviour{}))
	if r := o.becomesRefund(two, parts, "refunded"); r.Wallet != "paypay" {
		t.Errorf("%+v", r)
	}

	if r, code := o.giveBack(one, "k2", parts, 1); code != http.StatusOK || r.State != "asked" {
		t.Errorf("%d %+v", code, r)
	}
	if r := o.becomesRefund(one, parts, "declined"); r.Reason != "refund_over" {
		t.Errorf("%+v", r)
	}
	if _, code := o.giveBack(one, "k3", parts, 501); code != http.StatusConflict {
		t.Errorf("more than this lane knows to be left: %d", code)
	}

	if _, code := o.giveBack(one, "k4", whole, 0); code != http.StatusOK {
		t.Errorf("all of it: %d", code)
	}
	o.becomesRefund(one, whole, "refunded")
	if n := o.charged(); n != 0 {
		t.Errorf("the operator's book says %d", n)
	}
	if _, code := o.giveBack(one, "k5", house, 50); code != http.StatusOK {
		t.Errorf("a house payment: %d", code)
	}
	o.becomesRefund(one, house, "refunded")

	o.line.Cut()
	void := o.sell(one, o.phone(), 40)
	var sold saleView
	o.call(one, "GET", "/v1/sales/"+void.ID, nil, &sold)
	if r, code := o.giveBack(one, "k6", sold.Payments[0].ID, 0); code != http.StatusOK || r.State != "voided" {
		t.Errorf("what HQ has not got: %d %+v", code, r)
	}
	o.line.Restore()

	o.drained()
	o.settledOnce(9, 150) // four payments, a void, four refunds
	o.writtenNowhere()
	o.closeStage()
	if out := o.cli("hq", "check", "--data", o.dir+"/hq"); !strings.Contains(out, "All is well") {
		t.Errorf("hq check:\n%s", out)
	}
}
