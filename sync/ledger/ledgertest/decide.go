package ledgertest

import (
	"strings"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// exception makes a payment that waits with a finding, and returns it and its exception.
func (b *Bench) exception(amount int64, kind ledger.Kind) (ingesttest.Sold, ledger.Exception) {
	b.Helper()
	l := b.Lane("s1", "1")
	s := l.Sell(b.Chain.Phone(), amount)
	b.SendAll(l, 0)
	b.judgeAs(map[uint64]ledger.Kind{s.Seq: kind})
	open := b.OpenExceptions()
	return s, open[len(open)-1]
}

// testResolve decides one exception of every kind in which money waits, in every way.
func testResolve(b *Bench) {
	kinds := []ledger.Kind{ledger.SpentTwice, ledger.PaymentRepeated, ledger.Fork, ledger.TerminalRevoked, ledger.EvidenceMissing,
		ledger.EvidenceSealed, ledger.BadCode, ledger.UnknownIssuer, ledger.ClaimsDiffer, ledger.PolicyUnknown, ledger.OverCap,
		ledger.OverAccount, ledger.OverShare, ledger.AfterExpiry, ledger.OtherPlace, ledger.WrongPlace, ledger.Revoked,
		ledger.WrongCurrency, ledger.NotTaken}
	for _, kind := range kinds {
		for _, to := range []ledger.Decision{ledger.Receivable, ledger.LossTaken} {
			before := map[ledger.Account]int64{}
			for _, row := range ledger.Chart() {
				before[row.Account] = b.Net(row.Account)
			}
			s, x := b.exception(100, kind)
			if x.Kind != kind || x.Owner != kind.Owner() || x.Amount != payment.Of(100, "JPY") || !x.Open() {
				b.Fatalf("exception %+v", x)
			}
			b.Must(b.Resolve(b.Ctx, []payment.ID{x.ID}, to, "finance", "because"))
			b.Must(b.Resolve(b.Ctx, []payment.ID{x.ID}, to, "finance", "the same again"))
			want := map[ledger.Account]int64{ledger.WalletReceivable: 100, ledger.StorePayable: 100}
			state := ledger.Posted
			if to == ledger.LossTaken {
				state, want = ledger.Lost, map[ledger.Account]int64{kind.Loss(): 100, ledger.StorePayable: 100}
				if kind.Loss() == ledger.LossStore {
					want = map[ledger.Account]int64{ledger.LossStore: 100, ledger.LossStoreBorne: -100}
				}
			}
			b.WantState(s, state)
			for _, row := range ledger.Chart() {
				if got := b.Net(row.Account) - before[row.Account]; got != want[row.Account] {
					b.Errorf("%s as %s: account %d moved by %d, want %d", kind, to, row.Account, got, want[row.Account])
				}
			}
			told := wire.Posted // the store is paid
			if to == ledger.LossTaken && kind.Loss() == ledger.LossStore {
				told = wire.Borne
			}
			b.wantTold(s, x.Entry, told)
			got, err := b.Exception(b.Ctx, x.ID)
			if err != nil || got.Open() || got.Decision != to || got.ResolvedBy != "finance" || got.Why != "because" ||
				(got.Account != 0) != (to == ledger.LossTaken) {
				b.Errorf("decided: %+v, %v", got, err)
			}
		}
	}
	b.Balance()
}

// wantTold wants a beat to be told what became of an entry.
func (b *Bench) wantTold(s ingesttest.Sold, at wire.Name, want wire.Status) {
	b.Helper()
	_, beats, err := b.Record(b.Ctx, nil, []*wire.Beat{{Terminal: at.Terminal, Epoch: at.Epoch, Count: 1}})
	b.Must(err)
	r := beats[0].Places[0].Results
	if len(r) != 1 || r[0].Seq != s.Seq || r[0].Status != want {
		b.Errorf("a beat is told %+v, want %s", r, want)
	}
}

func testResolveRefuses(b *Bench) {
	_, x := b.exception(100, ledger.OverCap)
	b.exception(200, ledger.Malformed)
	open := b.OpenExceptions()
	empty := open[len(open)-1]
	if empty.Kind != ledger.Malformed || !empty.Payment.IsZero() {
		b.Fatalf("exception %+v", empty)
	}
	one := func(id payment.ID) []payment.ID { return []payment.ID{id} }
	for _, tt := range []struct {
		name     string
		ids      []payment.ID
		to       ledger.Decision
		who, why string
		want     payment.Code
	}{
		{"nobody", one(x.ID), ledger.Receivable, "", "why", payment.Invalid},
		{"no reason", one(x.ID), ledger.Receivable, "who", "", payment.Invalid},
		{"a book for a reason", one(x.ID), ledger.Receivable, "who", strings.Repeat("x", 501), payment.Invalid},
		{"no such decision", one(x.ID), "perhaps", "who", "why", payment.Invalid},
		{"the lane's own decision", one(x.ID), ledger.DecidedVoid, "who", "why", payment.Invalid},
		{"money noted", one(x.ID), ledger.Noted, "who", "why", payment.Invalid},
		{"nothing received", one(empty.ID), ledger.Receivable, "who", "why", payment.Invalid},
		{"nothing lost", one(empty.ID), ledger.LossTaken, "who", "why", payment.Invalid},
		{"no such exception", one(b.Chain.ID()), ledger.Noted, "who", "why", payment.NotFound},
		{"all or none", []payment.ID{x.ID, b.Chain.ID()}, ledger.Receivable, "who", "why", payment.NotFound},
	} {
		if err := b.Resolve(b.Ctx, tt.ids, tt.to, tt.who, tt.why); payment.CodeOf(err) != tt.want {
			b.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	b.WantNet(ledger.SuspenseClaims, 100)
	b.Must(b.Resolve(b.Ctx, one(empty.ID), ledger.Noted, "ops", "seen"))
	b.Must(b.Resolve(b.Ctx, one(x.ID), ledger.LossTaken, "finance", "the store's"))
	b.wantCode(b.Resolve(b.Ctx, one(x.ID), ledger.Receivable, "finance", "after all"), payment.Conflict)
	b.Balance()
}

// testLists walks every list by position, and narrows it.
func testLists(b *Bench) {
	var sold []ingesttest.Sold
	for _, store := range []string{"s1", "s2"} {
		l := b.Lane(store, "1")
		p := b.Chain.Phone()
		for range 3 {
			sold = append(sold, l.Sell(p, 100))
		}
		l.SellWith(p, 7, ingesttest.Change{Code: p.CodeAt(1, store, ""), Fact: func(f *payment.Approved) { f.Replay.Counter = 1 }})
		l.Void(sold[len(sold)-1])
		b.SendAll(l, 0)
	}
	b.JudgeAll()
	count := func(f ledger.PaymentFilter) (n int) {
		b.Helper()
		var after uint64
		for {
			page, err := b.Payments(b.Ctx, f, after, 2)
			b.Must(err)
			if n += len(page); len(page) < 2 {
				return n
			}
			after = page[1].Pos
		}
	}
	first, err := b.Payment(b.Ctx, sold[0].Payment)
	b.Must(err)
	for _, tt := range []struct {
		f    ledger.PaymentFilter
		want int
	}{
		{ledger.PaymentFilter{}, 8}, {ledger.PaymentFilter{Store: "s2"}, 4}, {ledger.PaymentFilter{State: ledger.Suspended}, 2},
		{ledger.PaymentFilter{State: ledger.Voided, Store: "s1"}, 1}, {ledger.PaymentFilter{Wallet: "paypay"}, 0},
		{ledger.PaymentFilter{BusinessDate: ingesttest.Today}, 8}, {ledger.PaymentFilter{BusinessDate: ingesttest.Today + 1}, 0},
		{ledger.PaymentFilter{Terminal: first[0].Terminal}, 4},
	} {
		if got := count(tt.f); got != tt.want {
			b.Errorf("payments %+v: %d, want %d", tt.f, got, tt.want)
		}
	}
	for _, tt := range []struct {
		f    ledger.ExceptionFilter
		want int
	}{
		{ledger.ExceptionFilter{}, 2}, {ledger.ExceptionFilter{State: "open"}, 2}, {ledger.ExceptionFilter{State: "resolved"}, 0},
		{ledger.ExceptionFilter{Kind: ledger.SpentTwice}, 2}, {ledger.ExceptionFilter{Kind: ledger.Fork}, 0},
		{ledger.ExceptionFilter{Owner: ledger.OwnerDisputes}, 2}, {ledger.ExceptionFilter{Owner: "x"}, 0},
		{ledger.ExceptionFilter{Terminal: first[0].Terminal}, 1},
	} {
		if got, err := b.Exceptions(b.Ctx, tt.f, 0, 100); err != nil || len(got) != tt.want {
			b.Errorf("exceptions %+v: %d, %v, want %d", tt.f, len(got), err, tt.want)
		}
	}
	if got, err := b.Exceptions(b.Ctx, ledger.ExceptionFilter{}, 1<<63, 10); err != nil || len(got) != 0 {
		b.Errorf("behind everything: %v, %v", got, err)
	}
	_, err = b.Payment(b.Ctx, b.Chain.ID())
	b.wantCode(err, payment.NotFound)
	_, err = b.Exception(b.Ctx, b.Chain.ID())
	b.wantCode(err, payment.NotFound)
	_, beats, err := b.Record(b.Ctx, nil, []*wire.Beat{{Terminal: first[0].Terminal, Epoch: first[0].Entry.Epoch, Count: 1}})
	b.Must(err)
	if r := beats[0].Places[0].Results; len(r) != 1 || r[0].Status != wire.Suspense || r[0].Reason != string(ledger.SpentTwice) {
		b.Errorf("results to a beat: %+v", r)
	}
}

// testResolveSpent: a code that paid is not charged once more because what was found first in its second payment was
// something else. Of several that wait the first that is released has the code.
func testResolveSpent(b *Bench) {
	p := b.Chain.Phone()
	code := p.Code("s1", "")
	var sold []ingesttest.Sold
	var lanes []*ingesttest.Lane
	for i, lane := range []string{"1", "2", "3"} {
		l := b.Lane("s1", lane)
		s := l.SellWith(p, 100<<i, ingesttest.Change{Code: code})
		sold = append(sold, s)
		b.SendAll(l, 0)
		b.judgeAs(map[uint64]ledger.Kind{s.Seq: []ledger.Kind{"", ledger.OverCap, ledger.EvidenceMissing}[i]})
		lanes = append(lanes, l)
	}
	for _, x := range b.OpenExceptions() {
		b.wantCode(b.Resolve(b.Ctx, []payment.ID{x.ID}, ledger.Receivable, "store", "we know the customer"), payment.Conflict)
	}
	b.WantNet(ledger.WalletReceivable, 100)

	// The first is taken back, so that the code is free for one of the others.
	lanes[0].Void(sold[0])
	b.SendAll(lanes[0], sold[0].Seq)
	b.JudgeAll()
	open := b.OpenExceptions()
	if len(open) != 2 {
		b.Fatalf("exceptions %+v", open)
	}
	b.Must(b.Resolve(b.Ctx, []payment.ID{open[1].ID}, ledger.Receivable, "risk", "found the receipt"))
	b.wantCode(b.Resolve(b.Ctx, []payment.ID{open[0].ID}, ledger.Receivable, "store", "we know the customer"), payment.Conflict)
	b.Must(b.Resolve(b.Ctx, []payment.ID{open[0].ID}, ledger.LossTaken, "store", "charged at another lane"))
	b.WantState(sold[0], ledger.Voided)
	b.WantState(sold[2], ledger.Posted)
	b.WantNet(ledger.WalletReceivable, 400)
	b.Balance()
}
