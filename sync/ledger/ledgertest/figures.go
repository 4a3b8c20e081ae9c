package ledgertest

import (
	"reflect"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

var basket = []payment.Article{{Line: payment.Line{Text: "おにぎり", Count: 2, Amount: 300, Rate: 800}, SKU: "4901"},
	{Line: payment.Line{Text: "discount", Count: 1, Amount: -20, Rate: 800}}}

// today lists the figures of the lanes' date.
func (b *Bench) today(store string) []ledger.Figure {
	b.Helper()
	list, err := b.Ledger.Figures(b.Ctx, ledger.FigureFilter{BusinessDate: ingesttest.Today, Store: store}, 0, 100)
	b.Must(err)
	return list
}

// testFigures: a sale that was paid is one of the figures, a payment that was taken back one more, and what has no
// lines, no payment or no leave is none. HQ's doubts about a payment don't unsell the goods.
func testFigures(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	kept := l.SellBasket(p, 280, basket...)
	voided := l.SellBasket(p, 280, basket[0])
	l.Void(voided)
	again := l.SellBasket(p, 280, basket[1])
	l.Sell(p, 100)
	l.OpenBasket(500, basket...) // nobody paid
	doubted := l.SellBasket(p, 280, basket[0])
	b.SendAll(l, 0)
	b.judgeAs(map[uint64]ledger.Kind{doubted.Seq: ledger.OverCap})
	list := b.today("")
	type row struct {
		payment payment.ID
		back    bool
	}
	var got []row
	for _, f := range list {
		got = append(got, row{f.Payment, f.Back})
	}
	want := []row{{kept.Payment, false}, {voided.Payment, false}, {voided.Payment, true}, {again.Payment, false}, {doubted.Payment, false}}
	if !reflect.DeepEqual(got, want) {
		b.Fatalf("figures %+v, want %+v", got, want)
	}
	f := list[0]
	if f.Sale != kept.Sale || f.Amount != 280 || f.Store != "s1" || f.Lane != "1" || string(f.Account) != string(p.Account[:]) || f.Currency != "JPY" {
		b.Errorf("figure %+v", f)
	}
	lines, err := b.Ledger.Lines(b.Ctx, &f)
	if err != nil || !reflect.DeepEqual(lines, basket) {
		b.Errorf("lines %+v, %v", lines, err)
	}
	if tenders, err := b.Tenders(b.Ctx, &f); err != nil || len(tenders) != 2 || tenders[0] != (payment.Tender{Kind: payment.TenderWallet, Amount: 280}) ||
		tenders[1] != (payment.Tender{Kind: payment.TenderPoints, Amount: 5, Name: "nanaco"}) {
		b.Errorf("tenders %+v, %v", tenders, err)
	}
	if same, err := b.Ledger.Figure(b.Ctx, f.Pos); err != nil || !reflect.DeepEqual(same, f) {
		b.Errorf("by position %+v, %v", same, err)
	}
	if _, err := b.Ledger.Figure(b.Ctx, 1000); payment.CodeOf(err) != payment.NotFound {
		b.Errorf("a figure that is not there: %v", err)
	}
	b.Balance()
}

// testFiguresOfADate: stores and dates are kept apart, pages follow each other, and a date is closed when every lane has
// closed it or a later one.
func testFiguresOfADate(b *Bench) {
	one, two := b.Lane("s1", "1"), b.Lane("s2", "1")
	for _, l := range []*ingesttest.Lane{one, two} {
		for range 3 {
			l.SellBasket(b.Chain.Phone(), 280, basket...)
		}
		b.SendAll(l, 0)
		b.JudgeAll()
	}
	if all, s1 := b.today(""), b.today("s1"); len(all) != 6 || len(s1) != 3 || s1[0].Store != "s1" {
		b.Errorf("%d figures, %d of s1", len(all), len(s1))
	}
	want := ledger.FigureFilter{BusinessDate: ingesttest.Today}
	var paged []ledger.Figure
	for {
		after := uint64(0)
		if n := len(paged); n > 0 {
			after = paged[n-1].Pos
		}
		list, err := b.Ledger.Figures(b.Ctx, want, after, 4)
		b.Must(err)
		if len(list) == 0 {
			break
		}
		paged = append(paged, list...)
	}
	if !reflect.DeepEqual(paged, b.today("")) {
		b.Errorf("pages %+v", paged)
	}
	closed := func(store string, want bool) {
		b.Helper()
		got, err := b.DateClosed(b.Ctx, ledger.FigureFilter{BusinessDate: ingesttest.Today, Store: store})
		if err != nil || got != want {
			b.Errorf("the date is closed at %q: %v, %v", store, got, err)
		}
	}
	closed("s1", false)
	held := one.Last()
	one.CloseDay()
	b.SendAll(one, held)
	b.JudgeAll()
	closed("s1", true)
	closed("", false)
	held = two.Last()
	two.CloseDay()
	two.OpenDay(ingesttest.Today + 1)
	two.SellBasket(b.Chain.Phone(), 280, basket...)
	two.CloseDay()
	b.SendAll(two, held)
	b.JudgeAll()
	closed("", true)
	if got := b.today(""); !reflect.DeepEqual(got, paged) {
		b.Errorf("the figures of a closed date moved: %+v", got)
	}
}

// testErase: an account's bodies and links go, the money and every chain stay, and it is kept who had that done.
func testErase(b *Bench) {
	l := b.Lane("s1", "1")
	p, other := b.Chain.Phone(), b.Chain.Phone()
	gone := l.SellBasket(p, 280, basket...)
	void := l.SellBasket(p, 280, basket...)
	l.Void(void)
	kept := l.SellBasket(other, 280, basket...)
	b.SendAll(l, 0)
	b.JudgeAll()
	before := b.Net(ledger.WalletReceivable)
	if list, _, more, err := b.Accounts(b.Ctx, 0, 100); err != nil || more || len(list) != 3 || list[0].Wallet != ingesttest.Wallet {
		b.Errorf("accounts %+v, %v", list, err)
	}
	account := ledger.AccountOf{Wallet: ingesttest.Wallet, Account: p.Account[:]}
	who := ledger.Erasure{By: "ops", Why: "asked", Pseudonym: [16]byte{1}}
	for _, bad := range []ledger.Erasure{{Why: "x"}, {By: "x"}} {
		if _, err := b.Erase(b.Ctx, account, ingesttest.Today+1, bad); payment.CodeOf(err) != payment.Invalid {
			b.Errorf("erased for %+v: %v", bad, err)
		}
	}
	if e, err := b.Erase(b.Ctx, ledger.AccountOf{Wallet: "other", Account: p.Account[:]}, ingesttest.Today+1, who); err != nil || e.Payments != 0 {
		b.Errorf("another wallet's account: %+v, %v", e, err)
	}
	e, err := b.Erase(b.Ctx, account, ingesttest.Today+1, who)
	if err != nil || e.Payments != 2 || e.Bodies != 4 || e.Kept != 0 {
		b.Errorf("erased %+v, %v", e, err)
	}
	for _, f := range b.today("") {
		lines, err := b.Ledger.Lines(b.Ctx, &f)
		b.Must(err)
		if mine := f.Payment == kept.Payment; mine != (len(lines) == 2) || mine != (len(f.Account) > 0) {
			b.Errorf("figure of %s: %d lines, account %x", f.Payment, len(lines), f.Account)
		}
	}
	b.WantState(gone, ledger.Posted)
	b.WantNet(ledger.WalletReceivable, before)
	b.wholeChain(l)
	list, err := b.Erasures(b.Ctx, 10)
	if err != nil || len(list) != 2 || list[0] != e || list[0].At.IsZero() || list[0].By != "ops" || list[0].Why != "asked" {
		b.Errorf("erasures %+v, %v", list, err)
	}
	if e, err := b.Erase(b.Ctx, account, ingesttest.Today+1, who); err != nil || e.Payments != 0 {
		b.Errorf("erased again: %+v, %v", e, err)
	}
	b.Balance()
}

// testEraseEvidence: what an open exception needs stays, is counted, and goes when it is decided.
func testEraseEvidence(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	doubted := l.SellBasket(p, 280, basket...)
	b.SendAll(l, 0)
	b.judgeAs(map[uint64]ledger.Kind{doubted.Seq: ledger.OverCap})
	account := ledger.AccountOf{Wallet: ingesttest.Wallet, Account: p.Account[:]}
	who := ledger.Erasure{By: "ops", Why: "asked"}
	e, err := b.Erase(b.Ctx, account, ingesttest.Today+1, who)
	if err != nil || e.Payments != 1 || e.Bodies != 0 || e.Kept != 2 {
		b.Errorf("erased %+v, %v", e, err)
	}
	b.Must(b.Resolve(b.Ctx, []payment.ID{b.OpenExceptions()[0].ID}, ledger.Receivable, "finance", "paid"))
	e, err = b.Erase(b.Ctx, account, ingesttest.Today+1, who)
	if err != nil || e.Payments != 1 || e.Bodies != 2 || e.Kept != 0 {
		b.Errorf("erased %+v, %v", e, err)
	}
	b.wholeChain(l)
	b.Balance()
}

// testEraseUntold: the code of a payment stays until the wallet's issuer was told of it, and then goes.
func testEraseUntold(b *Bench) {
	b.Must(b.PassPresented(b.Ctx, ingesttest.Wallet, 0)) // the wallet has one
	l, p := b.Lane("s1", "1"), b.Chain.Phone()
	l.SellBasket(p, 280, basket...)
	b.flow(l, 0)
	account := ledger.AccountOf{Wallet: ingesttest.Wallet, Account: p.Account[:]}
	who := ledger.Erasure{By: "ops", Why: "asked"}
	if e, err := b.Erase(b.Ctx, account, ingesttest.Today+1, who); err != nil || e.Payments != 1 || e.Bodies != 1 || e.Kept != 1 {
		b.Errorf("erased %+v, %v", e, err)
	}
	b.wantTold1("what was sold", b.toldOf(10), 280) // with its evidence
	if e, err := b.Erase(b.Ctx, account, ingesttest.Today+1, who); err != nil || e.Payments != 1 || e.Bodies != 1 || e.Kept != 0 {
		b.Errorf("erased %+v, %v", e, err)
	}
	b.wholeChain(l)
	b.Balance()
}

// wholeChain verifies what HQ holds of a lane as whoever audits it would: each entry's hash by its bytes, each before
// the next, the last one's signature.
func (b *Bench) wholeChain(l *ingesttest.Lane) {
	b.Helper()
	batch := &wire.Batch{Version: wire.BatchVersion, Terminal: l.ID, Epoch: l.Epoch, First: 1}
	for seq := uint64(1); seq <= l.Last(); seq++ {
		held, err := b.Entry(b.Ctx, wire.Name{Terminal: l.ID, Epoch: l.Epoch, Seq: seq})
		b.Must(err)
		batch.Protected, batch.Signature = held[0].Protected, held[0].Signature
		batch.Payloads, batch.Bodies = append(batch.Payloads, held[0].Payload), append(batch.Bodies, held[0].Body)
	}
	hashes, err := batch.Verify(wire.OneKey(l.Key.Public()))
	if err != nil || string(hashes[len(hashes)-1][:]) != string(l.Head()) {
		b.Errorf("the chain does not verify: %v", err)
	}
}
