package ledgertest

import (
	"fmt"

	"pgregory.net/rapid"

	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
)

// testAnyStory: two ledgers are told the same, each on a road of its own, whatever chance has the lanes do. They
// post the same, and no road changes what it all sums to: every payment that was taken and not taken back is
// receivable or waits in suspense, to the last minor unit.
func testAnyStory(b *Bench) {
	rapid.Check(b.T, func(t *rapid.T) {
		lanes, conflicting, online, sum := b.anyStory(t)
		var first string
		for road := range 2 {
			at := &Bench{T: b.T, Ledger: b.Again(), Chain: b.Chain, Ctx: b.Ctx}
			for _, l := range lanes {
				at.Enrol(l)
			}
			at.operators(t, online)
			at.deliver(t, lanes)
			at.JudgeAll()
			if got := at.Net(ledger.WalletReceivable) + at.Net(ledger.SuspenseClaims); got != sum {
				t.Fatalf("before the operators were asked: receivable and claims %d, and %d was taken", got, sum)
			}
			at.Balance()
			at.answered(t, online)
			if r := at.Balance(); len(r.Missing) > 0 || len(r.Waiting) > 0 {
				t.Fatalf("missing %v, waiting %v", r.Missing, r.Waiting)
			}
			if got := at.Net(ledger.WalletReceivable) + at.Net(ledger.SuspenseClaims); got != sum {
				t.Fatalf("receivable and claims %d, and %d was taken", got, sum)
			}
			got := at.picture(conflicting) + at.charges(online)
			if road == 0 {
				first = got
			}
			if got != first {
				t.Fatalf("on the second road\n%son the first\n%s", got, first)
			}
		}
	})
}

// anyStory is what one to three lanes do. A code may pay at several of them; what did is conflicting. The sum is
// of all payments but those that were voided.
func (b *Bench) anyStory(t *rapid.T) (lanes []*ingesttest.Lane, conflicting []ingesttest.Sold, online []tried, sum int64) {
	shared := b.Chain.Phone()
	code := shared.Code("", "")
	phones := []*ingesttest.Phone{b.Chain.Phone(), b.Chain.Phone()}
	for i := range rapid.IntRange(1, 3).Draw(t, "lanes") {
		l := b.Chain.Lane(fmt.Sprint("s", i%2), fmt.Sprint(i))
		w := &walk{l: l, phones: phones, shared: shared, code: code}
		for range rapid.IntRange(0, 10).Draw(t, "steps") {
			w.step(t)
		}
		lanes, conflicting, online, sum = append(lanes, l), append(conflicting, w.conflicting...), append(online, w.tried...), sum+w.sum
	}
	if len(conflicting) == 1 { // nobody else took the code
		conflicting = nil
	}
	return lanes, conflicting, online, sum
}

// walk is one lane's part of a story.
type walk struct {
	l           *ingesttest.Lane
	phones      []*ingesttest.Phone
	shared      *ingesttest.Phone
	code        string
	mine        []ingesttest.Sold // that may be voided
	conflicting []ingesttest.Sold
	tried       []tried
	sum         int64
}

func (w *walk) step(t *rapid.T) {
	amount := rapid.Int64Range(1, 3000).Draw(t, "amount")
	switch rapid.SampledFrom([]string{"sell", "sell", "sell", "void", "online", "online", "training", "shared", "key", "day"}).Draw(t, "step") {
	case "sell":
		w.mine, w.sum = append(w.mine, w.l.Sell(rapid.SampledFrom(w.phones).Draw(t, "phone"), amount)), w.sum+amount
	case "void":
		if n := len(w.mine); n > 0 {
			s := w.mine[n-1]
			w.mine, w.sum = w.mine[:n-1], w.sum-s.Amount
			w.l.Void(s)
		}
	case "online":
		w.online(t, amount)
	case "training":
		w.l.SellWith(w.phones[0], amount, ingesttest.Change{Training: true})
	case "shared":
		if len(w.conflicting) == 0 {
			w.conflicting, w.sum = append(w.conflicting, w.l.SellWith(w.shared, amount, ingesttest.Change{Code: w.code})), w.sum+amount
		}
	case "key":
		w.l.ChangeKey()
	case "day":
		w.l.CloseDay()
		w.mine = nil // a void is of the same business date
		w.l.OpenDay(w.l.Date + 1)
	}
}
