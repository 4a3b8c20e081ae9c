package main

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
	wallets "tilld/sync/operator"
	"tilld/sync/operator/emulate"
)

// onlineStage is a stage whose HQ asks PayPay's emulated operator, over HTTP, and whose lanes have HQ's own address for a
// second road.
type onlineStage struct {
	*stage
	op    *emulate.Server
	codes []string
}

func newOnlineStage(t *testing.T) *onlineStage {
	t.Helper()
	return onlineStageOf(t, 1, func(*policy.Document) {})
}

func onlineStageOf(t *testing.T, lanes int, edit func(*policy.Document)) *onlineStage {
	t.Helper()
	o := &onlineStage{}
	var err error
	o.op, err = emulate.New(emulate.Config{Wallets: map[emulate.Wallet]emulate.Party{emulate.PayPay: {ID: "key", Secret: wallets.SecretOf("sesame")}}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(o.op)
	t.Cleanup(web.Close)
	t.Cleanup(o.op.Close)
	o.stage = &stage{TB: t, profile: "generic", dir: t.TempDir(), ids: payment.NewIDs(time.Now, rand.Reader)}
	o.more = fmt.Sprintf("[[operator]]\nkind = \"paypay\"\nwallet = \"paypay\"\nurl = %q\ncredentials_file = %q\n",
		web.URL, o.file("paypay.credentials", "key:sesame\n"))
	o.first = fmt.Sprintf("shops = %q\n", o.file("shops.csv", "wallet,store,lane,merchant,shop_store,shop_terminal\npaypay,S001,,M1,1001,\n"))
	o.secondRoad = true
	o.setUp(lanes, func(d *policy.Document) {
		d.Features, d.Wallets, d.Market = []string{policy.Online}, []string{"house", "paypay"}, "JP"
		edit(d)
	})
	if err := o.op.SetCustomer(emulate.PayPay, emulate.Customer{Name: "Aoki", Balance: payment.Of(10_000, "JPY")}); err != nil {
		t.Fatal(err)
	}
	return o
}

// reached waits until the lane knows that HQ answers what it asks.
func (o *onlineStage) reached(l *laneProcess) {
	o.Helper()
	o.until(l.name+" reaches HQ", func() bool { return o.metric(l, "tilld_lane_hq_answers") == 1 })
}

// show has the customer's phone show a new code, and holds it to the scanner until it is asked about.
func (o *onlineStage) show(l *laneProcess, sale string) {
	o.Helper()
	code, err := o.op.Show(emulate.PayPay, "Aoki")
	o.must(err)
	o.codes = append(o.codes, string(code))
	again := time.Now()
	o.until(l.name+": HQ is asked", func() bool {
		if !time.Now().Before(again) {
			o.must(l.scanner.Send(string(code)))
			again = time.Now().Add(500 * time.Millisecond)
		}
		var now askedSale
		return o.call(l, "GET", "/v1/sales/"+sale, nil, &now) == http.StatusOK && (now.Asked != nil || now.Outcome == "paid")
	})
}

// askedSale is a sale with what its wallet is asked.
type askedSale struct {
	saleView
	Outcome string `json:"outcome"`
	Asked   *struct {
		State  string `json:"state"`
		Parked bool   `json:"parked"`
	} `json:"asked"`
}

// becomes waits until a sale has an outcome.
func (o *onlineStage) becomes(l *laneProcess, id, outcome string) (sale askedSale) {
	o.Helper()
	o.until(l.name+": the sale is "+outcome, func() bool {
		return o.call(l, "GET", "/v1/sales/"+id, nil, &sale) == http.StatusOK && sale.Outcome == outcome
	})
	return sale
}

// charged is what the operator's book has of the customers' money.
func (o *onlineStage) charged() (sum int64) {
	for _, c := range o.op.Charges(emulate.PayPay, 1000) {
		sum += c.Net
	}
	return sum
}

// TestOnlineStory: a customer's PayPay code, from the scanner's bytes by way of HQ to the operator and back, posted at HQ;
// with a broker that is cut off (the second road), with an operator that falls silent over a payment, a payment that is
// taken back, and a lane that is killed over an open one. In the end the operator's book and HQ's agree, and the codes
// were written down nowhere.
func TestOnlineStory(t *testing.T) {
	o := newOnlineStage(t)
	l := o.lanes[0]
	o.reached(l)

	sale := o.open(l, 700)
	o.show(l, sale.ID)
	paid := o.becomes(l, sale.ID, "paid")
	if len(paid.Payments) != 1 || paid.Payments[0].Amount.Minor != 700 {
		t.Fatalf("%+v", paid)
	}
	o.call(l, "POST", "/v1/sales/"+sale.ID+"/complete", nil, nil)

	o.line.Cut()
	second := o.open(l, 310)
	o.show(l, second.ID)
	o.becomes(l, second.ID, "paid") // by the second road
	o.call(l, "POST", "/v1/sales/"+second.ID+"/complete", nil, nil)
	if o.metric(l, "tilld_lane_second_road_calls_total") == 0 {
		t.Error("it was not the second road")
	}
	o.line.Restore()
	o.online(l)

	o.must(o.op.Behave(emulate.PayPay, emulate.Behaviour{Fault: emulate.CutAfter, On: []emulate.Op{emulate.Pay, emulate.Query}}))
	third := o.open(l, 450)
	o.show(l, third.ID)
	o.becomes(l, third.ID, "unknown")
	if code := o.call(l, "POST", "/v1/sales/"+third.ID+"/cancel", nil, nil); code != http.StatusConflict {
		t.Errorf("cancelled over an open attempt: %d", code)
	}
	if code := o.call(l, "POST", "/v1/sales/"+third.ID+"/park", nil, nil); code != http.StatusOK {
		t.Errorf("parked: %d", code)
	}
	l.kill()
	l.begin()
	o.ready(l)
	var again askedSale
	o.until("the lane knows of the parked sale", func() bool {
		return o.call(l, "GET", "/v1/sales/"+third.ID, nil, &again) == http.StatusOK && (again.Asked != nil && again.Asked.Parked || again.Outcome == "paid")
	})
	o.must(o.op.Behave(emulate.PayPay, emulate.Behaviour{}))
	o.becomes(l, third.ID, "paid") // HQ has asked until it knew

	o.reached(l)
	o.must(o.op.Behave(emulate.PayPay, emulate.Behaviour{Fault: emulate.CutAfter, On: []emulate.Op{emulate.Pay, emulate.Query}}))
	fourth := o.open(l, 90)
	o.show(l, fourth.ID)
	o.becomes(l, fourth.ID, "unknown")
	if code := o.call(l, "POST", "/v1/sales/"+fourth.ID+"/take-back", nil, nil); code != http.StatusOK {
		t.Errorf("taken back: %d", code)
	}
	o.must(o.op.Behave(emulate.PayPay, emulate.Behaviour{}))
	o.call(l, "POST", "/v1/sales/"+fourth.ID+"/cancel", nil, nil)

	o.drained()
	o.until("the operator's book says 1,460", func() bool { return o.charged() == 700+310+450 })
	o.settledOnce(3, 700+310+450)
	o.writtenNowhere()
}

// writtenNowhere wants no file of HQ, the lane or their logs to hold a code.
func (o *onlineStage) writtenNowhere() {
	o.Helper()
	texts := []string{o.hq.log.String(), o.laneLogs()}
	o.must(filepath.WalkDir(o.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // a file that is gone by now holds nothing
		}
		b, err := os.ReadFile(path)
		texts = append(texts, string(b))
		return err
	}))
	for _, code := range o.codes {
		for _, text := range texts {
			if strings.Contains(text, code) {
				o.Errorf("a customer's code is written down")
			}
		}
	}
	if len(o.codes) == 0 || len(texts) < 5 {
		o.Errorf("%d codes, %d texts: nothing to look at", len(o.codes), len(texts))
	}
}
