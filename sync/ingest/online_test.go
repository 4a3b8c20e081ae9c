package ingest

import (
	"context"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/authorise"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

// onlineBench is HQ of a chain that takes an online wallet.
func onlineBench(t *testing.T) *bench {
	t.Helper()
	c := ingesttest.NewChain(t)
	c.Doc.Wallets = append(c.Doc.Wallets, ingesttest.OnlineWallet)
	return benchAt(t, c, t.TempDir()+"/hq.db")
}

// TestExamineOnline pays online once with something wrong in each case, and wants it named, with the money where it
// belongs. That the goods are gone is noted of the attempt in any case.
func TestExamineOnline(t *testing.T) {
	onFact := func(f func(*payment.Authorised)) func(*payment.Authorised) { return f }
	for _, tt := range []struct {
		name   string
		fact   func(*payment.Authorised)
		extra  func(*wire.Entry)
		before func(*bench, *ingesttest.Lane)
		want   ledger.Kind
		state  authorise.State // 0: completed
	}{
		{name: "all is well"},
		{name: "no word of when", fact: onFact(func(f *payment.Authorised) { f.At = 0 })},
		{name: "another reference", fact: onFact(func(f *payment.Authorised) { f.Ref = f.Ref[:27] + "9" }), want: ledger.AttemptUnknown, state: authorise.Paid},
		{name: "another amount", fact: onFact(func(f *payment.Authorised) { f.Amount.Minor = 999 }), want: ledger.AttemptContradicts, state: authorise.Paid},
		{name: "no reference", fact: onFact(func(f *payment.Authorised) { f.Ref = "" }), want: ledger.Malformed, state: authorise.Paid},
		{name: "a reference that is none", fact: onFact(func(f *payment.Authorised) { f.Ref += "-1" }), want: ledger.Malformed, state: authorise.Paid},
		{name: "the reference of another payment", fact: onFact(func(f *payment.Authorised) { f.Ref = "A" + f.Ref[1:] }), want: ledger.Malformed, state: authorise.Paid},
		{name: "less than nothing", fact: onFact(func(f *payment.Authorised) { f.Amount.Minor = -5 }), want: ledger.Malformed, state: authorise.Paid},
		{name: "a wallet that is no name", fact: onFact(func(f *payment.Authorised) { f.Wallet = "pay pay" }), want: ledger.Malformed, state: authorise.Paid},
		{name: "a time beyond all calendars", fact: onFact(func(f *payment.Authorised) { f.At = 1 << 60 }), want: ledger.Malformed, state: authorise.Paid},
		{name: "a time before all calendars", fact: onFact(func(f *payment.Authorised) { f.At = -1 }), want: ledger.Malformed, state: authorise.Paid},
		{name: "no payment", extra: func(e *wire.Entry) { e.Payment = nil }, want: ledger.Malformed, state: authorise.Paid},
		{name: "no date", extra: func(e *wire.Entry) { e.BusinessDate = 20261340 }, want: ledger.Malformed, state: authorise.Paid},
		{name: "a policy beyond all numbers", extra: func(e *wire.Entry) { e.Policy = 1 << 63 }, want: ledger.Malformed, state: authorise.Paid},
		{name: "a policy of the future", extra: func(e *wire.Entry) { e.Policy = 99 }, want: ledger.PolicyUnknown},
		{name: "another lane's entry", extra: func(e *wire.Entry) { e.Lane = "2" }, want: ledger.WrongPlace},
		{name: "a wallet that the store does not take", before: func(b *bench, l *ingesttest.Lane) {
			b.newPolicy(l, func(d *policy.Document) { d.Wallets = d.Wallets[:1] })
		}, want: ledger.NotTaken},
		{name: "practice", extra: func(e *wire.Entry) { e.Training = true }, want: "practice", state: authorise.Paid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := onlineBench(t)
			l := b.Lane("s1", "1")
			if tt.before != nil {
				tt.before(b, l)
			}
			woken := 0
			b.g.cfg.OnAttempts = func() { woken++ }
			a := l.Ask(1000)
			b.Paid(l, a)
			l.AuthoriseWith(a, tt.fact, func(x *extra) { x.Edit = tt.extra })
			b.settleUp(l)
			if woken == 0 {
				t.Error("nobody heard of attempts")
			}
			state := tt.state
			if state == 0 {
				state = authorise.Completed
			}
			b.WantAttempt(a.Ref, state)
			switch amount := int64(1000); {
			case tt.want == "practice":
				b.wantKind("")
				b.wantMoney(0, "")
			default:
				if tt.name == "another amount" {
					amount = 999
				}
				b.wantKind(tt.want)
				b.wantMoney(amount, tt.want)
			}
			b.Balance()
		})
	}
}

// TestExamineReversed: what a lane gives up is taken back, whatever policy and place it names; what makes no sense is named.
func TestExamineReversed(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*wire.Entry)
		want ledger.Kind
	}{
		{"all is well", nil, ""},
		{"a policy of the future", func(e *wire.Entry) { e.Policy = 99 }, ""},
		{"no payment", func(e *wire.Entry) { e.Payment = nil }, ledger.Malformed},
		{"another payment's", func(e *wire.Entry) { e.Payment = &payment.ID{1} }, ledger.Malformed},
	} {
		b := onlineBench(t)
		l := b.Lane("s1", "1")
		a := l.Ask(1000)
		b.Paid(l, a)
		l.Add(&payment.Reversed{Amount: payment.Of(a.Amount, "JPY"), Wallet: a.Wallet, Ref: string(a.Ref), Cause: payment.WaivedByCashier},
			extra{Sale: &a.Sale, Payment: &a.Payment, Edit: tt.edit})
		b.settleUp(l)
		b.wantKind(tt.want)
		want := authorise.Reversing
		if tt.want != "" {
			want = authorise.Paid
		}
		b.WantAttempt(a.Ref, want)
		b.Balance()
	}
}

// TestOnlineThroughTheDesk: a lane's entry is in HQ's books before the desk knows of the payment, for these were put back.
// Told by ingest, the desk asks the operator, and what it says decides.
func TestOnlineThroughTheDesk(t *testing.T) {
	for o, want := range map[operator.Outcome]ledger.State{operator.Paid: ledger.Posted, operator.Declined: ledger.Suspended} {
		b := onlineBench(t)
		l := b.Lane("s1", "1")
		asked := make(chan operator.Find, 1)
		changed := make(chan authorise.Attempt, 8)
		desk := authorise.New(authorise.Config{Store: b.Attempts(), Operators: map[string]operator.Operator{ingesttest.OnlineWallet: answers{o, asked}},
			Now: b.g.cfg.Now, Log: b.g.cfg.Log, Changed: func(a authorise.Attempt) { changed <- a },
			Shop: func(a *authorise.Attempt) operator.Shop { return operator.Shop{Merchant: "M-" + a.Store} }})
		b.g.cfg.OnAttempts = desk.Stir
		running := make(chan error, 1)
		ctx, stop := context.WithCancel(t.Context())
		go func() { running <- desk.Run(ctx) }()
		a := l.Authorise(l.Ask(1000))
		b.settleUp(l)
		if f := <-asked; f.Ref != a.Ref || f.Shop.Merchant != "M-s1" || f.Amount != payment.Of(1000, "JPY") {
			t.Errorf("the operator was asked for %+v", f)
		}
		if got := <-changed; got.State != map[operator.Outcome]authorise.State{operator.Paid: authorise.Completed, operator.Declined: authorise.Declined}[o] {
			t.Errorf("the attempt is %s", got.State)
		}
		stop()
		<-running
		b.WantState(a.Sold, want)
		b.Balance()
	}
}

// answers is an operator that says one thing, whatever it is asked.
type answers struct {
	outcome operator.Outcome
	asked   chan operator.Find
}

func (a answers) Rules() operator.Rules {
	return operator.Rules{Timeout: time.Second, QueryEvery: time.Second, AbsentIsFinal: time.Minute, GiveUp: time.Minute}
}
func (a answers) Pay(context.Context, operator.Charge) operator.Answer { return operator.Answer{} }
func (a answers) Query(_ context.Context, f operator.Find) operator.Answer {
	a.asked <- f
	return operator.Answer{Outcome: a.outcome}
}
func (a answers) Cancel(context.Context, operator.Find) operator.Answer   { return operator.Answer{} }
func (a answers) Refund(context.Context, operator.Refund) operator.Answer { return operator.Answer{} }
