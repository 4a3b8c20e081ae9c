package ledgertest

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// testAnyOrder: the postings are a function of the entries' set. Whatever way the batches come, cut, repeated,
// mixed among lanes, and whenever they are judged, and whatever HQ's own attempts know by then, what does not conflict is posted the same; what does sums to
// the same.
func testAnyOrder(b *Bench) {
	lanes, conflicting, online := b.story()
	var want string
	rapid.Check(b.T, func(t *rapid.T) {
		at := &Bench{T: b.T, Ledger: b.Again(), Chain: b.Chain, Ctx: b.Ctx}
		for _, l := range lanes {
			at.Enrol(l)
		}
		at.operators(t, online)
		at.deliver(t, lanes)
		at.JudgeAll()
		at.answered(t, online)
		if r := at.Balance(); len(r.Missing) > 0 || len(r.Waiting) > 0 {
			t.Fatalf("missing %v, waiting %v", r.Missing, r.Waiting)
		}
		got := at.picture(conflicting) + at.charges(online)
		if want == "" {
			want = got
		}
		if got != want {
			t.Fatalf("posted\n%swant\n%s", got, want)
		}
	})
}

// story is four lanes with sales, online payments, voids, a change of key, closed days, and one code that paid at three of them.
func (b *Bench) story() (lanes []*ingesttest.Lane, conflicting []ingesttest.Sold, online []tried) {
	shared := b.Chain.Phone()
	code := shared.Code("", "")
	for i := range 4 {
		l := b.Chain.Lane(fmt.Sprint("s", i%2), fmt.Sprint(i))
		p := b.Chain.Phone()
		l.Sell(p, int64(100+i))
		gone := l.Sell(p, 1000)
		if i > 0 {
			conflicting = append(conflicting, l.SellWith(shared, int64(7*i), ingesttest.Change{Code: code}))
		}
		l.Void(gone)
		online = append(online, tried{l.Authorise(l.Ask(int64(40 + i))), l, completed})
		back := tried{l.Authorise(l.Ask(600)), l, voided}
		l.VoidOnline(back.Tried)
		l.ChangeKey()
		given := tried{l.Ask(9), l, givenUp}
		l.GiveUp(given.Tried)
		online = append(online, back, given)
		l.Sell(p, 5000)
		l.CloseDay()
		l.OpenDay(ingesttest.Today + 1)
		l.Void(l.Sell(p, 3))
		l.Sell(p, 20)
		lanes = append(lanes, l)
	}
	return lanes, conflicting, online
}

// deliver brings everything to the ledger on a road of the test's choice.
func (b *Bench) deliver(t *rapid.T, lanes []*ingesttest.Lane) {
	acked := make([]uint64, len(lanes))
	for {
		open := false
		for i, l := range lanes {
			open = open || acked[i] < l.Last()
		}
		if !open {
			return
		}
		i := rapid.IntRange(0, len(lanes)-1).Draw(t, "lane")
		if acked[i] == lanes[i].Last() {
			i = slices.IndexFunc(lanes, func(l *ingesttest.Lane) bool { return acked[slices.Index(lanes, l)] < l.Last() })
		}
		b.deliverOne(t, lanes[i], &acked[i])
		if rapid.IntRange(0, 3).Draw(t, "judge") == 0 {
			b.JudgeAll()
		}
	}
}

func (b *Bench) deliverOne(t *rapid.T, l *ingesttest.Lane, acked *uint64) {
	back := uint64(rapid.IntRange(0, int(*acked)).Draw(t, "repeated"))
	size := rapid.IntRange(1, 8).Draw(t, "size")
	batches := l.Batches(*acked-back, size)
	skip := rapid.IntRange(0, 1).Draw(t, "lost")
	for _, batch := range batches[min(skip, len(batches)-1):min(len(batches), skip+2)] {
		if !b.keyKnown(batch) {
			return // HQ refuses it, as one of a key that it has not heard of
		}
		ans := b.Store(batch)
		switch ans.Outcome {
		case ledger.Created, ledger.Exists, ledger.Gap:
			*acked = max(*acked, ans.Places[0].Acked)
		default:
			t.Fatalf("%s at %d", ans.Outcome, batch.First)
		}
	}
}

func (b *Bench) keyKnown(batch *wire.Batch) bool {
	keys, err := b.Keys(b.Ctx, batch.Terminal)
	b.Must(err)
	return slices.ContainsFunc(keys, func(k ledger.Key) bool {
		_, err := batch.Verify(wire.OneKey(k.Key))
		return err == nil
	})
}

// picture tells where every payment and account stands; of conflicting payments only what they sum to.
func (b *Bench) picture(conflicting []ingesttest.Sold) string {
	b.Helper()
	var lines []string
	sum := map[ledger.State]int64{}
	all, err := b.Payments(b.Ctx, ledger.PaymentFilter{}, 0, 1000)
	b.Must(err)
	for _, p := range all {
		if slices.ContainsFunc(conflicting, func(s ingesttest.Sold) bool { return s.Payment == p.ID }) {
			sum["conflict"] += p.Amount
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %s %d %+v\n", p.ID, p.State, p.Amount, p.Dimension))
		sum[p.State] += p.Amount
	}
	slices.Sort(lines)
	total := b.Net(ledger.WalletReceivable) + b.Net(ledger.SuspenseClaims)
	lines = append(lines, fmt.Sprintf("%v receivable and claims %d, payable and held %d\n", sum, total,
		b.Net(ledger.StorePayable)+b.Net(ledger.SuspenseHeld)))
	for _, l := range []ledger.Kind{ledger.DayDiffers, ledger.SpentTwice} {
		x, err := b.Exceptions(b.Ctx, ledger.ExceptionFilter{Kind: l}, 0, 100)
		b.Must(err)
		lines = append(lines, fmt.Sprintf("%s %d\n", l, len(x)))
	}
	return fmt.Sprint(lines)
}
