package main

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/house/rule"
	wallets "tilld/sync/operator"
)

// onceRules are the terms that `tilld issuer init` prints.
var onceRules = wallets.Rules{Timeout: 4 * time.Second, QueryAfter: time.Second, QueryEvery: 2 * time.Second, GiveUp: 30 * time.Second,
	AbsentIsFinal: time.Minute, PartialRefund: true}

// once is one signed code that HQ is asked about and that the lane may come to take offline: the lane, HQ's own steps and
// the real issuer, with a network between them that loses, delays and repeats.
type once struct {
	*rapid.T
	b    *housetest.Bench
	pay  payment.ID
	ref  wallets.Ref
	code string
	sum  int64

	asks    int       // requests of the lane that are on their way
	late    int       // charges of HQ that are
	made    time.Time // when the lane asked
	laneEnd string    // "", "online", "offline"
	entries bool      // the lane's entries are at HQ
	shown   bool      // what it took offline was presented
	at      *authorise.Attempt
}

// TestSignedCodeOnce: whatever is lost, late or repeated between lane, HQ and issuer, the customer pays once; by the
// charge when the lane heard of it, and by what the lane took offline when it did not; and is never stopped for it.
func TestSignedCodeOnce(t *testing.T) {
	var offline, online int
	rapid.Check(t, func(rt *rapid.T) {
		b := housetest.New(t, nil)
		defer func() { b.Must(b.Issuer.Close()) }()
		c := b.Funded("aiko", 20_000)
		b.Clock.Pass(25 * time.Hour)
		b.Must(c.SignIn())
		b.Must(c.Certify())
		o := &once{T: rt, b: b, pay: payment.ID{0: 1, 15: 7}, sum: 1_500, code: c.Code("S1", "L1"), made: b.Clock.Now(), asks: 1}
		o.ref = wallets.Ref(o.pay.AttemptRef(0))
		for range rapid.IntRange(0, 30).Draw(rt, "steps") {
			o.step(rapid.IntRange(0, 9).Draw(rt, "what"), rapid.Bool().Draw(rt, "lost"), rapid.Bool().Draw(rt, "answer lost"))
		}
		o.end()
		if o.laneEnd == "offline" {
			offline++
		} else {
			online++
		}
		o.check(c)
	})
	if offline == 0 || online == 0 {
		t.Errorf("%d ended offline, %d online: nothing was tried", offline, online)
	}
}

func (o *once) step(what int, lost, unheard bool) {
	switch what {
	case 0: // the lane asks again
		if o.laneEnd == "" {
			o.asks++
		}
	case 1:
		o.ask(lost, unheard)
	case 2: // a charge that was held up
		if o.late > 0 {
			o.late--
			o.charge()
		}
	case 3:
		o.hear()
	case 4:
		o.fallBack()
	case 5:
		o.sync()
	case 6:
		o.present(lost)
	case 7, 8:
		o.desk(lost, unheard)
	case 9:
		o.b.Clock.Pass(time.Duration(rapid.IntRange(1, 40).Draw(o.T, "seconds")) * time.Second)
	}
}

// ask brings a request to HQ, which asks the issuer once.
func (o *once) ask(lost, unheard bool) {
	if o.asks == 0 {
		return
	}
	o.asks--
	if o.at != nil || !o.b.Clock.Now().Before(o.made.Add(30*time.Second)) {
		return
	}
	now := o.b.Clock.Now()
	o.at = &authorise.Attempt{Ref: o.ref, Payment: o.pay, Amount: housetest.Yen(o.sum), Made: now, State: authorise.Asked, Call: authorise.Query,
		Due: now.Add(onceRules.Timeout)}
	switch {
	case lost && unheard:
		o.late++ // it is on its way still
		o.heard(authorise.Nothing, wallets.Answer{Outcome: wallets.Unknown})
	case lost:
		o.heard(authorise.Nothing, wallets.Answer{Outcome: wallets.NotSent})
	case unheard:
		o.charge()
		o.heard(authorise.Nothing, wallets.Answer{Outcome: wallets.Unknown})
	default:
		o.heard(authorise.Nothing, o.charge())
	}
}

func (o *once) charge() wallets.Answer {
	return o.said(o.b.Issuer.Charge(o.b.Ctx, house.Charge{Ref: string(o.ref), Code: o.code, Amount: housetest.Yen(o.sum), Store: "S1", Lane: "L1"}))
}

// said is what the connector makes of the issuer's answer.
func (o *once) said(r house.Result, err error) wallets.Answer {
	switch {
	case errors.Is(err, rule.NotFound) || err == nil && r.Transaction == "":
		return wallets.Answer{Outcome: wallets.Absent}
	case errors.Is(err, rule.TooLate):
		return wallets.Answer{Outcome: wallets.TooLate}
	case err != nil:
		o.Fatal(err)
	}
	return wallets.Answer{Outcome: map[house.ChargeState]wallets.Outcome{house.Paid: wallets.Paid, house.Declined: wallets.Declined,
		house.Reversed: wallets.Reversed}[r.State], Transaction: r.Transaction, At: r.At}
}

func (o *once) heard(c authorise.Call, a wallets.Answer) {
	o.move(authorise.Answered{Call: c, Answer: a})
}

func (o *once) move(e authorise.Event) {
	next, err := authorise.Step(*o.at, e, &onceRules, o.b.Clock.Now())
	if err != nil {
		o.Fatalf("%T of %s: %v", e, o.at.State, err)
	}
	*o.at = next
}

// hear brings HQ's word to the lane, if it has one and the lane still waits for it.
func (o *once) hear() {
	if o.laneEnd == "" && o.at != nil && o.at.State == authorise.Paid {
		o.laneEnd = "online"
	}
}

func (o *once) fallBack() {
	if o.laneEnd == "" {
		o.laneEnd = "offline"
	}
}

// sync brings the lane's entries to HQ.
func (o *once) sync() {
	switch {
	case o.laneEnd == "" || o.entries:
		return
	case o.laneEnd == "online":
		o.move(authorise.Complete{})
	case o.at == nil:
		tomb := authorise.Tombstone(authorise.Attempt{Ref: o.ref, Payment: o.pay, Amount: housetest.Yen(o.sum), Made: o.b.Clock.Now()}, false, o.b.Clock.Now())
		o.at = &tomb
	default:
		o.move(authorise.Reverse{})
	}
	o.entries = true
}

// present brings what was taken offline to the issuer; twice when the answer is lost.
func (o *once) present(lost bool) {
	if !o.entries || o.laneEnd != "offline" {
		return
	}
	if _, err := o.b.Issuer.Present(o.b.Ctx, house.Presentation{Payment: o.pay, Code: o.code, Amount: housetest.Yen(o.sum), Store: "S1", Lane: "L1"}); err != nil {
		o.Fatal(err)
	}
	o.shown = !lost
}

// desk makes the call that is due.
func (o *once) desk(lost, unheard bool) {
	if o.at == nil || o.at.Due.IsZero() {
		return
	}
	if wait := o.at.Due.Sub(o.b.Clock.Now()); wait > 0 {
		o.b.Clock.Pass(wait)
	}
	if o.at.Call == authorise.Silence {
		o.move(authorise.Silent{})
		return
	}
	a := wallets.Answer{Outcome: wallets.NotSent}
	if !lost {
		switch o.at.Call {
		case authorise.Query:
			a = o.said(o.b.Issuer.Query(o.b.Ctx, string(o.ref)))
		case authorise.Cancel:
			a = o.said(o.b.Issuer.Cancel(o.b.Ctx, string(o.ref)))
		case authorise.Refund:
			o.Fatal("nothing was refunded of it: a cancel is always possible")
		}
		if unheard {
			a = wallets.Answer{Outcome: wallets.Unknown}
		}
	}
	o.heard(o.at.Call, a)
}

// end lets everything arrive.
func (o *once) end() {
	o.hear()
	o.fallBack()
	o.sync()
	for o.late > 0 {
		o.step(2, false, false)
	}
	for range 100 {
		if o.at.Due.IsZero() {
			break
		}
		o.desk(false, false)
	}
	if !o.at.Due.IsZero() {
		o.Fatalf("it never ends: %+v", o.at)
	}
	o.present(false)
	for o.asks > 0 {
		o.ask(false, false)
	}
}

func (o *once) check(c *housetest.Customer) {
	a, err := o.b.Issuer.Audit(o.b.Ctx)
	if err != nil || a.Spent != o.sum || a.Lost != 0 {
		o.Fatalf("%s: spent %d, lost %d, %v", o.laneEnd, a.Spent, a.Lost, err)
	}
	r, err := o.b.Issuer.Query(o.b.Ctx, string(o.ref))
	charged := err == nil && r.State == house.Paid
	if charged != (o.laneEnd == "online") || (o.at.State == authorise.Completed) != charged {
		o.Fatalf("%s: the charge is %s, HQ's attempt %s", o.laneEnd, r.State, o.at.State)
	}
	if stops, err := o.b.Issuer.Stops(o.b.Ctx, c.Login); err != nil || len(stops) != 0 {
		o.Fatalf("%s: the customer is stopped: %+v, %v", o.laneEnd, stops, err)
	}
}
