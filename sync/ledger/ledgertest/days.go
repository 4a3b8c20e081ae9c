package ledgertest

import (
	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
)

func testDayClose(b *Bench) {
	for _, tt := range []struct {
		name string
		edit func(*payment.DayClosed)
		want ledger.Kind
	}{
		{"agrees", nil, ""},
		{"a total of nothing changes nothing", func(f *payment.DayClosed) {
			f.Totals = append(f.Totals, payment.DayTotal{Wallet: "paypay", Currency: "JPY"})
		}, ""},
		{"one more", func(f *payment.DayClosed) { f.Totals[0].Count++ }, ledger.DayDiffers},
		{"a yen less", func(f *payment.DayClosed) { f.Totals[0].Sum-- }, ledger.DayDiffers},
		{"void left out", func(f *payment.DayClosed) { f.Totals[0].VoidCount, f.Totals[0].VoidSum = 0, 0 }, ledger.DayDiffers},
		{"another wallet", func(f *payment.DayClosed) { f.Totals[0].Wallet = "paypay" }, ledger.DayDiffers},
		{"nothing", func(f *payment.DayClosed) { f.Totals = nil }, ledger.DayDiffers},
	} {
		l := b.Lane("s1", "1")
		p := b.Chain.Phone()
		voided := l.Sell(p, 300)
		l.Sell(p, 200)
		l.SellWith(p, 1000, ingesttest.Change{Training: true})
		l.Void(voided)
		seq := l.CloseDayWith(tt.edit)
		b.SendAll(l, 0)
		v := b.JudgeAll()
		if tt.want == "" && len(v) > 0 || tt.want != "" && (len(v) != 1 || v[0].Kind != tt.want || v[0].Name.Seq != seq) {
			b.Errorf("%s: verdicts %+v", tt.name, v)
		}
		got, err := b.Terminal(b.Ctx, l.ID)
		if err != nil || got.LastClosed != ingesttest.Today {
			b.Errorf("%s: last closed %v, %v", tt.name, got.LastClosed, err)
		}
		for _, day := range b.Balance().Days {
			if day.Terminal == l.ID && (!day.Closed || day.Differs != (tt.want != "")) {
				b.Errorf("%s: %+v", tt.name, day)
			}
		}
	}
}

// testDayCloseInAFork: each history's totals are held against that history.
func testDayCloseInAFork(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	both := l.Sell(p, 100)
	twin := l.Clone()
	l.Sell(p, 200)
	l.CloseDay()
	twin.Void(twin.Sell(p, 1000))
	twin.CloseDay()
	b.SendAll(l, 0)
	b.Send(twin, both.Seq+1, twin.Last())
	for _, v := range b.JudgeAll() {
		if v.Kind == ledger.DayDiffers {
			b.Errorf("verdict %+v", v)
		}
	}
	b.WantState(both, ledger.Posted)
	b.Balance()
}

// testRevokedTerminal: what comes after a revocation is kept, and waits.
func testRevokedTerminal(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	before := l.Sell(p, 100)
	b.SendAll(l, 0)
	b.Must(b.RevokeTerminal(b.Ctx, l.ID, "ops", "stolen"))
	after := l.Sell(p, 200)
	ans := b.Send(l, after.Seq, after.Seq)
	b.wantPlace(ans, ledger.Created, 1, l, after.Seq)
	if !ans.Places[0].Revoked {
		b.Error("the terminal is not told")
	}
	l.NewEpoch(payment.CauseRestore)
	later := l.Sell(p, 400)
	b.SendAll(l, 0)
	b.JudgeAll()
	b.WantState(before, ledger.Posted)
	b.WantState(after, ledger.Suspended)
	b.WantState(later, ledger.Suspended)
	for _, x := range b.OpenExceptions() {
		if x.Kind != ledger.TerminalRevoked {
			b.Errorf("exception %+v", x)
		}
	}
	b.Balance()
}
