package demo

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tilld/sync/house"
	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
	"tilld/ui/phone"
	"tilld/ui/web/webtest"
)

// tour is somebody who tries everything in the demo: one browser shows the phone, one the cashier's screen, which is used
// by its keyboard alone.
type tour struct {
	*begun
	phone, cashier *webtest.Browser
	lane           int
	held           time.Time
	charged        map[emulate.Wallet]int64 // by operator, what they should have in the end
	house          int64                    // by the house wallet
	houseSays      string                   // how a lane took it: its issuer was asked, or the line was cut
	count          int64                    // of payments that are to be settled
}

// What the cashier's page says of a payment by the house wallet.
const (
	issuerSays = "Confirmed by the wallet's operator"
	laneSays   = "Checked here by its signature"
)

func newTour(t *testing.T, market string) *tour {
	r := &tour{begun: start(t, Options{Dir: t.TempDir(), Port: freePorts(t), Market: market}), charged: map[emulate.Wallet]int64{}, houseSays: issuerSays}
	r.phone, r.cashier = webtest.New(t, 1024, 768), webtest.New(t, 1024, 768)
	r.phone.Open("http://" + r.demo.page.Addr().String())
	r.phone.Await(`document.querySelector("img") !== null`)
	r.at(0)
	r.reach()
	return r
}

// at goes to a lane.
func (r *tour) at(lane int) {
	r.Helper()
	r.lane = lane
	r.cashier.Open("http://" + r.demo.nodes[lane].PagesAddr())
	r.cashier.Await(`document.body.dataset.state === "idle" && document.body.innerText.includes("Scanner ready")`)
}

func (r *tour) state(want string) {
	r.Helper()
	r.cashier.Await(fmt.Sprintf(`document.body.dataset.state === %q`, want))
}

func (r *tour) says(text string) {
	r.Helper()
	r.cashier.Await(fmt.Sprintf(`document.body.innerText.includes(%q)`, text))
}

// key types at the lane and waits for what it leads to.
func (r *tour) key(key, state string) {
	r.Helper()
	r.cashier.Type(key)
	r.state(state)
}

// choose changes one of the phone's lists, as somebody does who clicks on it.
func (r *tour) choose(id, value string) {
	r.Helper()
	r.phone.Eval(fmt.Sprintf(`(() => { const s = document.querySelector(%q); s.value = %q; s.dispatchEvent(new Event("change", {bubbles: true})); return s.value; })()`, id, value))
	r.phone.Await(fmt.Sprintf(`[...document.querySelector(%q).options].some(o => o.defaultSelected && o.value === %q)`, id, value)) // as the server has it
}

// pick presses W until a phone is there.
func (r *tour) pick(id string) {
	r.Helper()
	for range 12 {
		now := r.phone.Eval(`document.querySelector("#phone").value`)
		if now == id {
			return
		}
		r.phone.Type("w")
		r.phone.Await(fmt.Sprintf(`document.querySelector("#phone").value !== %q`, now))
	}
	r.Fatalf("W never came to %s", id)
}

func (r *tour) mode(w string, m phone.Mode) {
	r.Helper()
	r.choose("#mode-"+w, string(m))
}

// press presses a button of the phone's by its place, as Tab and Enter do.
func (r *tour) press(id, then string) {
	r.Helper()
	r.phone.Focus(id)
	r.phone.Type(webtest.Enter)
	r.phone.Await(then)
}

// sell opens a sale and holds the phone to the lane.
func (r *tour) sell(id string, amount int64) {
	r.Helper()
	r.pick(id)
	r.key(fmt.Sprint(amount)+webtest.Enter, "waiting")
	r.hold()
}

// hold holds the phone to the lane, as long after the last time as a hand needs: within the scanner's blanking time a second
// code is not taken.
func (r *tour) hold() {
	r.Helper()
	r.phone.Await(fmt.Sprintf(`Date.now() > %d`, r.held.Add(500*time.Millisecond).UnixMilli()))
	r.phone.Type(fmt.Sprint(r.lane + 1))
	r.held = time.Now()
}

// paid is the end of a sale that was.
func (r *tour) paid(id string, amount int64) {
	r.Helper()
	r.state("paid")
	r.count++
	if w := emulate.Wallet(id); r.demo.played.modes[w] != "" {
		r.charged[w] += amount
		r.says("Confirmed by the wallet's operator")
	} else {
		r.house += amount
		r.says(r.houseSays)
	}
	r.key(webtest.Enter, "idle")
}

// refused is the end of a sale that was not paid.
func (r *tour) refused(why string) {
	r.Helper()
	r.state("refused")
	r.says(why)
	r.key(webtest.Escape, "idle")
}

// newest is the newest charge in an operator's book.
func (r *tour) newest(w string) emulate.Charge {
	r.Helper()
	list := r.demo.played.server.Charges(emulate.Wallet(w), 1)
	if len(list) == 0 {
		r.Fatalf("%s has no charge", w)
	}
	return list[0]
}

// once wants the newest charge of a wallet to be of an amount, taken once.
func (r *tour) once(w string, amount int64) {
	r.Helper()
	want := amount * r.unit()
	if c := r.newest(w); c.Outcome != operator.Paid || c.Net != want || c.Charges != 1 {
		r.Errorf("%s: the book says %s, net %d in %d charges, want %d once", w, c.Outcome, c.Net, c.Charges, want)
	}
}

// unit is what one unit of what is typed at the till has in minor units.
func (r *tour) unit() int64 {
	if r.demo.market.currency == "JPY" {
		return 1
	}
	return 100
}

// settles wants all that was paid at HQ, settled once, and each operator's book to say the same.
func (r *tour) settles() {
	r.Helper()
	unit := r.unit()
	sum := r.house
	for _, c := range r.charged {
		sum += c
	}
	r.until("all is settled", func() bool { n, s := r.settled(); return n >= r.count && s >= sum*unit })
	if n, s := r.settled(); n != r.count || s != sum*unit {
		r.Errorf("settled %d payments of %d in all, want %d of %d", n, s, r.count, sum*unit)
	}
	for _, w := range r.demo.market.wallets {
		var net int64
		for _, c := range r.demo.played.server.Charges(w.name, 1000) {
			if net += c.Net; c.Charges > 1 {
				r.Errorf("%s: %s was charged %d times", w.name, c.Ref, c.Charges)
			}
		}
		if net != r.charged[w.name]*unit {
			r.Errorf("%s: the operator has %d, the lanes sold for %d", w.name, net, r.charged[w.name]*unit)
		}
	}
}

// TestTryEach walks through everything that the demo's guide tells to try, by the pages alone, in the guide's order.
func TestTryEach(t *testing.T) {
	r := newTour(t, "JP")
	stories := map[string]func(*tour){
		"wallets": tryWallets, "unknown": tryUnknown, "midway": tryMidway, "confirm": tryConfirm, "declined": tryDeclined, "late": tryLate,
		"offline": tryOffline, "overcap": tryOverCap, "carried": tryCarried, "expired": tryExpired, "revoked": tryRevoked,
	}
	for _, try := range phone.Tries() {
		story := stories[try.Key]
		if story == nil {
			t.Errorf("nobody tries %q", try.Key)
			continue
		}
		began := time.Now()
		t.Logf("%s ...", try.Key)
		story(r)
		t.Logf("%s took %s", try.Key, time.Since(began).Round(100*time.Millisecond))
	}
	r.settles()
	if c := r.newest("unionpay"); c.Charges != 1 || c.Net != 0 || c.Outcome != operator.Reversed {
		t.Errorf("the late charge: %+v", c)
	}
}

func tryWallets(r *tour) {
	for i, w := range r.demo.market.wallets {
		amount := int64(700 + 10*i)
		r.sell(string(w.name), amount)
		r.paid(string(w.name), amount)
		r.once(string(w.name), amount)
	}
}

func tryUnknown(r *tour) {
	r.mode("alipay", phone.Silent)
	r.sell("alipay", 450)
	r.state("asking")
	r.state("unknown")
	r.says("Keep the goods. Do not charge again.")
	r.key(webtest.F6, "idle")
	r.sell("aiko", 310)
	r.paid("aiko", 310)
	r.mode("alipay", phone.Answers)
	r.cashier.Await(`document.querySelector(".parked li.paid") !== null`)
	r.cashier.Type(webtest.F3 + webtest.Enter)
	r.cashier.Await(`document.querySelector(".parked") === null`)
	r.charged["alipay"], r.count = r.charged["alipay"]+450, r.count+1
	r.once("alipay", 450)
}

func tryMidway(r *tour) {
	r.mode("wechat", phone.Slow)
	r.sell("wechat", 380)
	r.state("asking")
	r.phone.Type("c")
	r.state("unknown")
	r.phone.Type("c")
	r.paid("wechat", 380)
	r.mode("wechat", phone.Answers)
	r.once("wechat", 380)
}

func tryConfirm(r *tour) {
	r.mode("merpay", phone.Asks)
	for key, amount := range map[string]int64{"y": 520, "x": 530} {
		r.sell("merpay", amount)
		r.state("pending")
		r.phone.Await(`document.querySelector("#ask-yes") !== null`)
		r.phone.Type(key)
		if key == "y" {
			r.paid("merpay", amount)
			continue
		}
		r.refused("The customer cancelled on the phone")
		if c := r.newest("merpay"); c.Outcome != operator.Declined || c.Net != 0 {
			r.Errorf("refused on the phone: %+v", c)
		}
	}
	r.mode("merpay", phone.Answers)
}

func tryDeclined(r *tour) {
	r.mode("merpay", phone.Poor)
	r.sell("merpay", 610)
	r.refused("Not enough money in the customer's wallet")
	r.mode("merpay", phone.Answers)
	r.sell("merpay", 620)
	r.paid("merpay", 620)
	r.at(1)
	r.phone.Type("o")
	r.phone.Await(`document.querySelector(".handset.old") !== null`)
	r.key("640"+webtest.Enter, "waiting")
	r.hold()
	r.refused("This code has been used already")
	r.phone.Type("n")
	r.at(0)
}

func tryLate(r *tour) {
	r.mode("unionpay", phone.Late)
	r.sell("unionpay", 560)
	r.state("unknown")
	r.cashier.Type(webtest.F7)
	r.cashier.Await(`document.querySelector("#back").open`)
	r.cashier.Type(webtest.Tab + webtest.Enter)
	r.refused("Taken back: this sale is not paid")
	r.mode("unionpay", phone.Answers)
	if c := r.newest("unionpay"); c.Charges != 1 {
		r.Errorf("the operator has not charged after the cancel: %+v", c)
	}
	r.until("HQ takes the late charge back", func() bool { return r.newest("unionpay").Net == 0 })
}

func tryOffline(r *tour) {
	r.pick("aiko")
	r.phone.Type("c")
	r.key("500"+webtest.Enter, "waiting")
	r.says("No line to head office since")
	r.hold()
	r.houseSays = laneSays
	r.paid("aiko", 500)
	r.houseSays = issuerSays
	r.says("not yet at head office: 1")
	r.sell("paypay", 240)
	r.refused("This wallet needs the line to head office")
}

func tryOverCap(r *tour) {
	r.sell("ben", 4000)
	r.refused("Too much for one payment with this wallet")
	r.phone.Type("c")
	r.says("All payments at head office")
}

// tryCarried: what is over Ben's cap, Aiko's phone pays at the issuer. The line is cut all the while.
func tryCarried(r *tour) {
	r.phone.Type("c")
	r.key("5500"+webtest.Enter, "waiting")
	r.says("No line to head office since")
	r.pick("ben")
	r.hold()
	r.state("refused")
	r.says("Too much for one payment with this wallet")
	r.cashier.Type(webtest.F8)
	r.says("The customer pays on the phone")
	r.until("the second screen shows the sale", func() bool { return r.demo.nodes[0].Lane().View().Offer != "" })
	r.pick("aiko")
	r.phone.Type("p")
	r.phone.Await(`document.querySelector(".handset h2").textContent.includes("Paid ¥5,500: approval")`)
	r.hold()
	r.state("paid")
	r.says("PAID")
	r.says("paid at the wallet by the customer's phone")
	r.house, r.count = r.house+5500, r.count+1
	r.key(webtest.Enter, "idle")
	before, _ := r.settled()
	r.phone.Type("c")
	r.says("All payments at head office")
	r.until("it is settled", func() bool { n, _ := r.settled(); return n > before })
	r.until("the issuer is told", func() bool {
		list, err := r.demo.issuer.Books.Approvals(r.Context(), 0, 10)
		return err == nil && len(list) == 1 && list[0].State == house.ApprovalCompleted && list[0].Amount.Minor == 5500
	})
	r.phone.Type("n")
}

// policies waits until both lanes obey HQ's newest policy.
func (r *tour) policies() {
	r.Helper()
	r.phone.Await(`!document.body.innerText.includes("Waits for head office's newest policy")`)
}

func tryExpired(r *tour) {
	r.press("#right", `document.querySelector("#right").textContent === "As long as usual"`)
	r.policies()
	r.cashier.Type(webtest.F4)
	r.phone.Type("c")
	r.pick("aiko")
	r.key("330"+webtest.Enter, "waiting")
	r.says("No wallet works now. Take cash or card.")
	r.hold()
	r.refused("Too long without head office")
	r.phone.Type("c")
	r.until("the lanes are back", func() bool {
		return r.demo.nodes[0].Lane().View().Online.Up && r.demo.nodes[1].Lane().View().Online.Up
	})
	r.press("#right", `document.querySelector("#right").textContent === "Make it seconds"`)
	r.policies()
}

func tryRevoked(r *tour) {
	r.pick("aiko")
	r.press("#key", `document.querySelector("#key").textContent === "Get a new phone"`)
	r.policies()
	r.sell("aiko", 270)
	r.refused("This phone is blocked")
	r.press("#key", `document.querySelector("#key").textContent === "Report this phone lost"`)
	r.sell("aiko", 280)
	r.paid("aiko", 280)
}

// TestTaiwan: in the other market LINE Pay pays, in whole Taiwan dollars.
func TestTaiwan(t *testing.T) {
	r := newTour(t, "TW")
	for i, w := range r.demo.market.wallets {
		amount := int64(120 + 5*i)
		r.sell(string(w.name), amount)
		r.paid(string(w.name), amount)
		r.once(string(w.name), amount)
	}
	r.sell("aiko", 90)
	r.paid("aiko", 90)
	r.settles()
	opts := r.opts
	r.end()
	opts.Market, opts.Port = "JP", freePorts(t)
	if d, err := Open(t.Context(), opts); !errors.Is(err, ErrMarket) {
		t.Errorf("a demo in dollars is opened in yen: %v, %v", d, err)
	}
}
