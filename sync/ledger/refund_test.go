package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/ledger/ledgertest"
	"tilld/sync/operator"
)

// giver is an operator that gives back what it is asked to, loses answers before or behind that, and refuses now and then.
type giver struct {
	operator.Operator // the rest is not asked
	t                 *rapid.T
	calm              bool
	charge            payment.Money
	refunds           map[operator.Ref]int64
	reversed          bool
	refused           map[operator.Ref]bool
}

func (g *giver) Rules() operator.Rules {
	r := operator.Rules{Timeout: time.Second, QueryAfter: time.Second, QueryEvery: 3 * time.Second, RefundFor: 90 * 24 * time.Hour, PartialRefund: true, AbsentIsFinal: time.Minute}
	r.CancelUntil = operator.Window{Zone: time.UTC, End: 24 * time.Hour}
	return r
}

// gone is what the customer has back.
func (g *giver) gone() (sum int64) {
	if g.reversed {
		return g.charge.Minor
	}
	for _, n := range g.refunds {
		sum += n
	}
	return sum
}

// road is what becomes of a call: lost before it came, lost behind it, or neither.
func (g *giver) road(do func() operator.Outcome) operator.Answer {
	what := 0
	if !g.calm {
		what = rapid.IntRange(0, 3).Draw(g.t, "road")
	}
	switch what {
	case 1:
		return operator.Answer{Outcome: operator.Unknown, Err: errors.New("lost on the way")}
	case 2:
		do()
		return operator.Answer{Outcome: operator.Unknown, Err: errors.New("lost on the way back")}
	}
	return operator.Answer{Outcome: do()}
}

func (g *giver) Cancel(context.Context, operator.Find) operator.Answer {
	return g.road(func() operator.Outcome {
		if len(g.refunds) > 0 {
			return operator.TooLate
		}
		if g.reversed = true; g.reversed {
			return operator.Reversed
		}
		return operator.Declined
	})
}

func (g *giver) Query(context.Context, operator.Find) operator.Answer {
	return g.road(func() operator.Outcome {
		switch {
		case g.reversed:
			return operator.Reversed
		case g.gone() == g.charge.Minor:
			return operator.Refunded
		}
		return operator.Paid
	})
}

// Refund knows nothing of what HQ may ask for but its own charge: more than that it would give, for HQ is what is tried. Of
// a charge that is cancelled there is none.
func (g *giver) Refund(_ context.Context, r operator.Refund) operator.Answer {
	return g.road(func() operator.Outcome {
		if g.reversed {
			return operator.Declined
		}
		if g.refunds[r.Ref] == 0 && !g.refused[r.Ref] && !g.calm && rapid.IntRange(0, 5).Draw(g.t, "refuses") == 0 {
			g.refused[r.Ref] = true
		}
		if g.refused[r.Ref] {
			return operator.Declined
		}
		g.refunds[r.Ref] = r.Amount.Minor
		return operator.Refunded
	})
}

// frail is a store that dies now and then: what it was told is kept or not, and nobody hears.
type frail struct {
	ledger.Refunds
	t    *rapid.T
	calm *bool
}

var errDied = errors.New("HQ has died")

func (f frail) SaveRefund(ctx context.Context, r *authorise.Refunding) error {
	if !*f.calm {
		switch rapid.IntRange(0, 5).Draw(f.t, "dies") {
		case 0:
			return errDied
		case 1:
			_ = f.Refunds.SaveRefund(ctx, r)
			return errDied
		}
	}
	return f.Refunds.SaveRefund(ctx, r)
}

// TestNeverMoreThanThePayment: whatever order asks, repeats, entries, deaths and lost answers come in, the customer never
// has more back than was paid, HQ's books say what the operator's do when it is known, and nothing stays open.
func TestNeverMoreThanThePayment(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := ingesttest.NewChain(t)
		s := open(t, func() time.Time { return c.Now })
		b := &ledgertest.Bench{T: t, Ledger: s, Chain: c, Ctx: t.Context()}
		lanes := []*ingesttest.Lane{b.Lane("s1", "1"), b.Lane("s1", "2")}
		paid := lanes[0].Ask(1_000)
		b.Paid(lanes[0], paid)
		paid = lanes[0].Authorise(paid)
		sent := map[*ingesttest.Lane]uint64{}
		flow := func(l *ingesttest.Lane) { b.SendAll(l, sent[l]); sent[l] = l.Last(); b.JudgeAll() }
		flow(lanes[0])
		op := &giver{t: rt, charge: payment.Of(1_000, "JPY"), refunds: map[operator.Ref]int64{}, refused: map[operator.Ref]bool{}}
		desk := authorise.New(authorise.Config{Store: s.Attempts(), Refunds: frail{s.Refunds(), rt, &op.calm}, Operators: map[string]operator.Operator{paid.Wallet: op},
			Now: func() time.Time { return c.Now }, Log: slog.New(slog.DiscardHandler), ByHand: true})
		type wish struct {
			ingesttest.Back
			lane *ingesttest.Lane
		}
		var wishes []wish
		ask := func(w wish) {
			_, _ = desk.Refund(t.Context(), authorise.RefundRequest{Ref: w.Ref(), Payment: w.Payment, Terminal: w.lane.ID, Store: w.lane.Store, Lane: w.lane.Name,
				Wallet: w.Wallet, Amount: payment.Of(w.Amount, "JPY")}) // its error is HQ's death
		}
		within := func() {
			if op.gone() > 1_000 {
				rt.Fatalf("%d of 1000 is given back", op.gone())
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"wish": func(rt *rapid.T) {
				w := wish{c.Back(paid.Payment, "", rapid.SampledFrom([]int64{1, 300, 400, 999, 1_000}).Draw(rt, "amount")), rapid.SampledFrom(lanes).Draw(rt, "lane")}
				wishes = append(wishes, w)
				w.lane.AskBack(w.Back)
			},
			"ask": func(rt *rapid.T) {
				if len(wishes) > 0 {
					ask(rapid.SampledFrom(wishes).Draw(rt, "wish"))
				}
			},
			"entries": func(rt *rapid.T) { flow(rapid.SampledFrom(lanes).Draw(rt, "lane")) },
			"time": func(rt *rapid.T) {
				c.Now = c.Now.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 26 * time.Hour}).Draw(rt, "for"))
				_, _ = desk.Step(t.Context())
			},
			"": func(*rapid.T) { within() },
		})
		op.calm = true
		for _, l := range lanes {
			flow(l)
		}
		for range 60 {
			c.Now = c.Now.Add(20 * time.Minute)
			if _, err := desk.Step(t.Context()); err != nil {
				rt.Fatal(err)
			}
		}
		within()
		var done, open int64
		list, err := s.Refunds().RefundsOf(t.Context(), paid.Payment)
		if err != nil || len(list) != len(wishes) {
			rt.Fatalf("%d refunds of %d, %v", len(list), len(wishes), err)
		}
		for _, r := range list {
			switch r.State {
			case authorise.RefundDone:
				done += r.Amount.Minor
			case authorise.RefundWritten, authorise.RefundDoubtful:
				open++
			case authorise.RefundRefused, authorise.RefundByHand:
			}
		}
		if done != op.gone() || open != 0 || b.Net(ledger.WalletReceivable) != 1_000-done {
			rt.Fatalf("the books say %d, the operator %d; %d are open: %+v", done, op.gone(), open, list)
		}
		b.Balance()
		if t.Failed() {
			rt.FailNow()
		}
	})
}
