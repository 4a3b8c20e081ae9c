package hq

import (
	"context"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/operator"
	pages "tilld/ui/hq"
)

// mute is an operator that can't be reached.
type mute struct{}

func (mute) none() operator.Answer { return operator.NoAnswer(operator.ErrNotSent) }
func (mute) Rules() operator.Rules {
	return operator.Rules{Timeout: time.Second, QueryAfter: time.Second, QueryEvery: time.Second, GiveUp: time.Hour, AbsentIsFinal: time.Hour}
}
func (m mute) Pay(context.Context, operator.Charge) operator.Answer    { return m.none() }
func (m mute) Query(context.Context, operator.Find) operator.Answer    { return m.none() }
func (m mute) Cancel(context.Context, operator.Find) operator.Answer   { return m.none() }
func (m mute) Refund(context.Context, operator.Refund) operator.Answer { return m.none() }

// TestConsoleOnline: what waits for a person is listed with what is known, and a decision is done and kept.
func TestConsoleOnline(t *testing.T) {
	d := newDesk(t)
	o := d.office()
	now := d.Chain.Now.UTC().Truncate(time.Millisecond)
	begin := func(n byte, state authorise.State, trouble authorise.Trouble) authorise.Attempt {
		t.Helper()
		id := payment.ID{2, 15: n}
		ref, err := operator.NewRef(id, 1)
		d.Must(err)
		a := authorise.Attempt{Ref: ref, Payment: id, Terminal: payment.ID{1}, Store: "s1", Lane: "1", Wallet: "paypay", Amount: payment.Of(1200, "JPY"),
			Reference: "R-1", Made: now, State: state, Trouble: trouble, Transaction: "T1", Said: "COMPLETED"}
		d.Must(d.books.Attempts().Begin(d.Ctx, &a))
		return a
	}
	silent := begin(1, authorise.Paid, authorise.LaneSilent)
	left := begin(2, authorise.Paid, authorise.LaneSilent)
	manual := begin(3, authorise.Manual, authorise.NoWayBack)
	begin(4, authorise.Completed, authorise.NoTrouble)
	for n := range byte(3) { // the operator is away
		r := authorise.Request{Ref: operator.Ref("R" + string('1'+rune(n))), Payment: payment.ID{3, 15: n}, Terminal: payment.ID{1}, Wallet: "paypay",
			Amount: payment.Of(1, "JPY"), NotAfter: now.Add(time.Minute)}
		_, err := d.desk.Ask(d.Ctx, r)
		d.Must(err)
	}
	page, err := o.Online(d.Ctx)
	d.Must(err)
	view := pages.Attempt{Ref: string(manual.Ref), Payment: manual.Payment, Store: "s1", Lane: "1", Wallet: "paypay", Amount: payment.Of(1200, "JPY"), Reference: "R-1",
		Begun: now, State: "manual", Trouble: "no_way_back", Transaction: "T1", Said: "COMPLETED"}
	if len(page.Rows) != 3 || page.Waiting != 3 || page.More() != 0 || page.Rows[0] != view || len(page.Decided) != 0 {
		t.Errorf("%+v", page)
	}
	if len(page.Operators) != 1 || !page.Operators[0].Silent || page.Operators[0].Since != now || page.Operators[0].Why == "" {
		t.Errorf("%+v", page.Operators)
	}
	over, err := o.Overview(d.Ctx)
	d.Must(err)
	if over.Online != 3 || len(over.Silent) != 1 || over.Silent[0] != "paypay" {
		t.Errorf("the overview: %d, %v", over.Online, over.Silent)
	}

	d.Must(o.DecideAttempt(d.Ctx, "Aoki", string(silent.Ref), pages.Complete, "the store has the receipt"))
	d.Must(o.DecideAttempt(d.Ctx, "Aoki", string(left.Ref), pages.Reverse, "the customer left"))
	d.Must(o.DecideAttempt(d.Ctx, "Baba", string(manual.Ref), pages.Cleared, "credited by hand"))
	for _, tt := range []struct {
		ref   operator.Ref
		state authorise.State
	}{{silent.Ref, authorise.Completed}, {left.Ref, authorise.Reversing}, {manual.Ref, authorise.Closed}} {
		if a, err := d.books.Attempts().Get(d.Ctx, tt.ref); err != nil || a.State != tt.state || a.Trouble != authorise.NoTrouble {
			t.Errorf("%s: %s, %q, %v; want %s", tt.ref, a.State, a.Trouble, err, tt.state)
		}
	}
	page, err = o.Online(d.Ctx)
	d.Must(err)
	if len(page.Rows) != 0 || len(page.Decided) != 3 || page.Decided[0].By != "Baba" || page.Decided[0].Choice != pages.Cleared || page.Decided[0].Trouble != "no_way_back" {
		t.Errorf("%+v", page)
	}
	d.wantCode("completed by now", o.DecideAttempt(d.Ctx, "Aoki", string(silent.Ref), pages.Reverse, "why"), payment.Conflict)
	d.wantCode("no such choice", o.DecideAttempt(d.Ctx, "Aoki", string(silent.Ref), "forget", "why"), payment.Invalid)
	d.wantCode("no such attempt", o.DecideAttempt(d.Ctx, "Aoki", "none", pages.Reverse, "why"), payment.NotFound)
	_, err = o.Attempt(d.Ctx, "none")
	d.wantCode("no such attempt", err, payment.NotFound)
	_, err = o.Attempt(d.Ctx, "a-b")
	d.wantCode("no reference", err, payment.Invalid)
}
