package ledgertest

import (
	"errors"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	"tilld/sync/settle"
)

var online1 = settle.Account{Wallet: ingesttest.OnlineWallet, Currency: "JPY"}

// rulesOf is an operator's, as tests have one.
var rulesOf = operator.Rules{Timeout: 10 * time.Second, QueryAfter: 5 * time.Second, QueryEvery: 3 * time.Second, GiveUp: time.Minute,
	CancelAfter: 5 * time.Second, RefundFor: 90 * 24 * time.Hour, AbsentIsFinal: 10 * time.Minute}

// Begun is HQ's own attempt of a lane's intent, as the desk writes it before it asks the operator.
func (b *Bench) Begun(l *ingesttest.Lane, t ingesttest.Tried) authorise.Attempt {
	b.Helper()
	a := authorise.Attempt{Ref: t.Ref, Payment: t.Payment, Sale: t.Sale, Terminal: l.ID, Store: l.Store, Lane: l.Name, Wallet: t.Wallet,
		Shop: operator.Shop{Merchant: "M-1"}, Amount: payment.Of(t.Amount, "JPY"), Made: b.Chain.Now.UTC().Truncate(time.Millisecond),
		State: authorise.Asked, Call: authorise.Query, Due: b.Chain.Now.UTC().Add(15 * time.Second).Truncate(time.Millisecond)}
	b.Must(b.Attempts().Begin(b.Ctx, &a))
	return a
}

// Happens makes a step of an attempt, as the desk does.
func (b *Bench) Happens(ref operator.Ref, e authorise.Event) authorise.Attempt {
	b.Helper()
	was, err := b.Attempts().Get(b.Ctx, ref)
	b.Must(err)
	a, err := authorise.Step(was, e, &rulesOf, b.Chain.Now)
	b.Must(err)
	if a != was {
		b.Must(b.Attempts().Save(b.Ctx, &a))
	}
	return a
}

// Says is an operator's answer to a query.
func Says(o operator.Outcome) authorise.Event {
	return authorise.Answered{Call: authorise.Query, Answer: operator.Answer{Outcome: o, Said: o.String()}}
}

// Paid is HQ's own attempt of which the operator has said that it was paid.
func (b *Bench) Paid(l *ingesttest.Lane, t ingesttest.Tried) {
	b.Helper()
	b.Begun(l, t)
	b.Happens(t.Ref, Says(operator.Paid))
}

// WantAttempt fails the test when an attempt is not in a state, and returns it.
func (b *Bench) WantAttempt(ref operator.Ref, want authorise.State) authorise.Attempt {
	b.Helper()
	a, err := b.Attempts().Get(b.Ctx, ref)
	b.Must(err)
	if a.State != want {
		b.Errorf("attempt %s is %s, want %s", ref, a.State, want)
	}
	return a
}

// flow sends what a lane has behind a sequence, and judges it.
func (b *Bench) flow(l *ingesttest.Lane, after uint64) []ledger.Verdict {
	b.Helper()
	b.SendAll(l, after)
	return b.JudgeAll()
}

// one is the only open exception.
func (b *Bench) one(kind ledger.Kind) ledger.Exception {
	b.Helper()
	open := b.OpenExceptions()
	if len(open) != 1 || open[0].Kind != kind || open[0].Owner != ledger.OwnerOperations {
		b.Fatalf("exceptions %+v, want one of %s", open, kind)
	}
	return open[0]
}

// closeOnline cuts and commits a settlement date of the online wallet.
func (b *Bench) closeOnline(date payment.Date) *settle.Batch {
	b.Helper()
	c, _, err := b.ReadCut(b.Ctx, online1, date, 100)
	b.Must(err)
	c.Cause, c.At = settle.CauseDay, b.Chain.Now
	batch, err := settle.Build(c)
	b.Must(err)
	b.Must(b.CommitBatch(b.Ctx, batch))
	return batch
}

// testOnline: what HQ's own attempt says was paid is posted when the lane's entry comes, once, and is completed with it. It
// is of no offline share, counts in the lane's day, is settled like any payment, and a void has it taken back.
func testOnline(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	kept, gone, silent := l.Ask(500), l.Ask(70), l.Ask(9)
	for _, t := range []ingesttest.Tried{kept, gone, silent} {
		b.Paid(l, t)
	}
	kept = l.Authorise(kept)
	l.Sell(p, 100)
	gone = l.Authorise(gone)
	sold := l.Sell(p, 40) // the share of the lane says 140 of 2
	void := l.VoidOnline(gone)
	l.Sell(p, 1)
	l.CloseDay()
	if v := b.flow(l, 0); len(v) != 0 {
		b.Fatalf("verdicts %+v", v)
	}
	b.WantState(kept.Sold, ledger.Posted)
	b.WantState(gone.Sold, ledger.Voided)
	b.WantState(sold, ledger.Posted)
	b.WantNet(ledger.WalletReceivable, 641)
	b.WantNet(ledger.StorePayable, 641)
	if a := b.WantAttempt(kept.Ref, authorise.Completed); !a.Due.IsZero() {
		b.Errorf("still to be done: %+v", a)
	}
	if a := b.WantAttempt(gone.Ref, authorise.Reversing); a.Due.IsZero() || a.Due.After(b.Chain.Now) {
		b.Errorf("not to be taken back now: %+v", a)
	}
	got, err := b.Payment(b.Ctx, kept.Payment)
	b.Must(err)
	if len(got) != 1 || got[0].Ref != kept.Ref || got[0].Wallet != ingesttest.OnlineWallet || got[0].Sale != kept.Sale {
		b.Errorf("payment %+v", got)
	}
	r := b.Balance()
	if len(r.Unclaimed) != 1 || r.Unclaimed[0].Ref != silent.Ref || r.Unclaimed[0].State != authorise.Paid || r.Unclaimed[0].Amount != payment.Of(9, "JPY") {
		b.Errorf("charges of no entry: %+v", r.Unclaimed)
	}
	if len(r.Days) != 2 || r.Days[0].Differs || r.Days[1].Differs || r.Days[0].Approved.Sum+r.Days[1].Approved.Sum != 711 {
		b.Errorf("days %+v", r.Days)
	}
	batch := b.closeOnline(ingesttest.Today)
	b.wantBatch(batch, 3, 500)
	b.wantBatch(b.CloseDay(ingesttest.Today), 3, 141)
	if batch.Lines[2].Kind != settle.KindVoid || batch.Lines[2].Seq != void {
		b.Errorf("lines %+v", batch.Lines)
	}
	b.WantNet(ledger.StorePayable, 0)
	for _, o := range []operator.Outcome{operator.Paid, operator.Refunded, operator.Refunded} {
		b.Chain.Now = b.Chain.Now.Add(10 * time.Minute)
		b.Happens(gone.Ref, Says(o))
	}
	if a := b.WantAttempt(gone.Ref, authorise.Closed); !a.Checked {
		b.Errorf("%+v", a)
	}
	b.Balance()
}

// testOnlineUnknown: HQ's books lack an attempt, or what became of it, when the lane's entry comes. The payment waits
// for the operator's word, whatever that is.
func testOnlineUnknown(b *Bench) {
	for _, begun := range []bool{false, true} {
		for o, want := range map[operator.Outcome]ledger.State{operator.Paid: ledger.Posted, operator.Declined: ledger.Suspended,
			operator.Reversed: ledger.Suspended, operator.Unknown: ledger.Suspended} {
			l := b.Lane("s1", "1")
			before := b.Net(ledger.WalletReceivable)
			t := l.Ask(500)
			if begun {
				b.Begun(l, t)
			}
			t = l.Authorise(t)
			b.wantVerdict(b.flow(l, 0), t.Seq, ledger.AttemptUnknown)
			b.WantState(t.Sold, ledger.Suspended)
			a, err := b.Attempts().Get(b.Ctx, t.Ref)
			b.Must(err)
			if a.Claim != authorise.Claimed || a.Call != authorise.Query || a.Due.IsZero() || a.Store != "s1" || a.Lane != "1" || a.Terminal != l.ID ||
				a.Amount != payment.Of(500, "JPY") || a.Transaction != "" || !begun && a.Due.After(b.Chain.Now) {
				b.Errorf("attempt %+v", a)
			}
			if _, err := authorise.Step(a, authorise.Reverse{}, &rulesOf, b.Chain.Now); !errors.Is(err, authorise.ErrCompleted) {
				b.Errorf("reversed though the lane has completed it: %v", err)
			}
			x := b.one(ledger.AttemptUnknown)
			b.Balance()
			b.Chain.Now = b.Chain.Now.Add(time.Hour)
			b.Happens(t.Ref, Says(operator.Unknown)) // for an hour, and it is not given up
			b.WantState(t.Sold, ledger.Suspended)
			b.Happens(t.Ref, Says(o))
			b.WantState(t.Sold, want)
			b.Balance()
			got, err := b.Exception(b.Ctx, x.ID)
			b.Must(err)
			if want == ledger.Posted {
				b.WantAttempt(t.Ref, authorise.Completed)
				if got.Decision != ledger.Receivable || got.ResolvedBy != "tilld" || !strings.Contains(got.Why, "operator confirmed") {
					b.Errorf("exception %+v", got)
				}
				b.WantNet(ledger.WalletReceivable, before+500)
				continue
			}
			if !got.Open() {
				b.Fatalf("exception %+v", got)
			}
			if o != operator.Unknown {
				if !strings.Contains(got.Detail, o.String()) {
					b.Errorf("the exception does not tell: %q", got.Detail)
				}
				if a, err := b.Attempts().Get(b.Ctx, t.Ref); err != nil || a.Trouble != authorise.Contradicts {
					b.Errorf("%+v, %v", a, err)
				}
				b.wantCode(b.Resolve(b.Ctx, []payment.ID{x.ID}, ledger.Receivable, "ops", "we believe the lane"), payment.Conflict)
			}
			b.Must(b.Resolve(b.Ctx, []payment.ID{x.ID}, ledger.LossTaken, "ops", "nobody paid"))
			b.WantState(t.Sold, ledger.Lost)
			if o == operator.Unknown {
				b.WantAttempt(t.Ref, authorise.Reversing)
			}
			b.WantNet(ledger.WalletReceivable, before)
			b.Balance()
		}
	}
}

// testOnlineContradicts: HQ's own attempt says otherwise. The payment waits, and the attempt stays as it is.
func testOnlineContradicts(b *Bench) {
	over := func(events ...authorise.Event) func(*ingesttest.Lane, *ingesttest.Tried) {
		return func(l *ingesttest.Lane, t *ingesttest.Tried) {
			b.Begun(l, *t)
			for _, e := range events {
				b.Happens(t.Ref, e)
			}
		}
	}
	refund := authorise.Answered{Call: authorise.Refund, Answer: operator.Answer{Outcome: operator.Declined}}
	for _, tt := range []struct {
		name  string
		prior func(*ingesttest.Lane, *ingesttest.Tried)
		want  authorise.State
		may   bool // be decided as receivable
	}{
		{"declined", over(Says(operator.Declined)), authorise.Declined, false},
		{"being taken back", over(authorise.Reverse{}), authorise.Reversing, false},
		{"closed", over(authorise.Reverse{}, Says(operator.Reversed)), authorise.Closed, false},
		{"charged, and no way back", over(authorise.Reverse{}, refund), authorise.Manual, true},
		{"another amount", func(l *ingesttest.Lane, t *ingesttest.Tried) { b.Paid(l, *t); t.Amount++ }, authorise.Paid, false},
		{"another payment", func(l *ingesttest.Lane, t *ingesttest.Tried) { b.Paid(l, *t); t.Payment = b.Chain.ID() }, authorise.Paid, false},
		{"another wallet", func(l *ingesttest.Lane, t *ingesttest.Tried) { b.Paid(l, *t); t.Wallet = "linepay" }, authorise.Paid, false},
		{"another lane", func(l *ingesttest.Lane, t *ingesttest.Tried) { b.Paid(b.Lane("s1", "2"), *t) }, authorise.Paid, false},
	} {
		for _, to := range []ledger.Decision{ledger.Receivable, ledger.LossTaken} {
			l := b.Lane("s1", "1")
			t := l.Ask(500)
			tt.prior(l, &t)
			t = l.Authorise(t)
			b.wantVerdict(b.flow(l, 0), t.Seq, ledger.AttemptContradicts)
			b.WantState(t.Sold, ledger.Suspended)
			was := b.WantAttempt(t.Ref, tt.want)
			x := b.one(ledger.AttemptContradicts)
			err := b.Resolve(b.Ctx, []payment.ID{x.ID}, to, "ops", "because")
			state := tt.want
			switch {
			case to == ledger.Receivable && !tt.may:
				b.wantCode(err, payment.Conflict)
				b.Must(b.Resolve(b.Ctx, []payment.ID{x.ID}, ledger.LossTaken, "ops", "because"))
			case to == ledger.Receivable:
				b.Must(err)
				state = authorise.Completed
				b.WantState(t.Sold, ledger.Posted)
			default:
				b.Must(err)
			}
			if a := b.WantAttempt(t.Ref, state); state == tt.want && a != was {
				b.Errorf("the attempt was changed to %+v", a)
			}
			b.Balance()
			if b.Failed() {
				b.Fatal(tt.name, to)
			}
		}
	}
}

// testOnlineReversed: what the lane gives up is taken back, in whatever order its entry and the request reach HQ.
func testOnlineReversed(b *Bench) {
	l := b.Lane("s1", "1")
	never, open, paid, declined := l.Ask(1), l.Ask(2), l.Ask(3), l.Ask(4)
	b.Begun(l, open)
	b.Paid(l, paid)
	b.Begun(l, declined)
	b.Happens(declined.Ref, Says(operator.Declined))
	for _, t := range []ingesttest.Tried{never, open, paid, declined} {
		l.GiveUp(t)
	}
	if v := b.flow(l, 0); len(v) != 0 {
		b.Fatalf("verdicts %+v", v)
	}
	if a := b.WantAttempt(never.Ref, authorise.Closed); !a.Checked || !a.Due.IsZero() {
		b.Errorf("tombstone %+v", a)
	}
	late := authorise.Attempt{Ref: never.Ref, Payment: never.Payment, Terminal: l.ID, Amount: payment.Of(1, "JPY"), State: authorise.Asked}
	if err := b.Attempts().Begin(b.Ctx, &late); !errors.Is(err, authorise.ErrExists) {
		b.Errorf("the request that was overtaken: %v", err)
	}
	b.WantAttempt(open.Ref, authorise.Reversing)
	b.WantAttempt(paid.Ref, authorise.Reversing)
	b.WantAttempt(declined.Ref, authorise.Declined)
	b.Balance()

	// A lane that completes what it gave up, or gives up what it completed or what is another's, is at odds with itself.
	from := l.Last()
	t := l.Authorise(paid)
	b.wantVerdict(b.flow(l, from), t.Seq, ledger.AttemptContradicts)
	b.WantState(t.Sold, ledger.Suspended)
	x := b.one(ledger.AttemptContradicts)
	b.Must(b.Resolve(b.Ctx, []payment.ID{x.ID}, ledger.LossTaken, "ops", "the lane lies"))
	done, other := l.Ask(5), l.Ask(6)
	b.Paid(l, done)
	b.Paid(b.Lane("s1", "2"), other)
	from = l.Last() - 2
	done = l.Authorise(done)
	l.GiveUp(done)
	l.GiveUp(other)
	got := b.flow(l, from)
	if len(got) != 2 || got[0].Kind != ledger.AttemptContradicts || got[1].Kind != ledger.AttemptContradicts {
		b.Errorf("verdicts %+v", got)
	}
	b.WantState(done.Sold, ledger.Posted)
	b.WantAttempt(done.Ref, authorise.Completed)
	b.WantAttempt(other.Ref, authorise.Paid)
	for _, x := range b.OpenExceptions() {
		b.Must(b.Resolve(b.Ctx, []payment.ID{x.ID}, ledger.Noted, "ops", "seen"))
	}
	b.Balance()
}
