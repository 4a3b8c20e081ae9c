package ledgertest

import (
	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
)

// testCarried: a payment through the customer's phone is posted once, is of no share, counts in the lane's day, is settled
// like any payment, and a void takes it back wherever the share's count stands.
func testCarried(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	first := l.Sell(p, 100) // with the next, the lane's share says 140 of 2
	kept, gone := l.Carry(90_000), l.Carry(700)
	l.Sell(p, 40)
	l.VoidCarried(gone)
	last := l.Sell(p, 1)
	l.CloseDay()
	if v := b.flow(l, 0); len(v) != 0 {
		b.Fatalf("verdicts %+v", v)
	}
	b.WantState(first, ledger.Posted)
	b.WantState(kept, ledger.Posted)
	b.WantState(gone, ledger.Voided)
	b.WantState(last, ledger.Posted)
	b.WantNet(ledger.WalletReceivable, 90_141)
	b.WantNet(ledger.StorePayable, 90_141)
	got, err := b.Payment(b.Ctx, kept.Payment)
	b.Must(err)
	if len(got) != 1 || got[0].Ref != "" || got[0].Wallet != ingesttest.Wallet || got[0].Sale != kept.Sale || !got[0].Carried {
		b.Errorf("payment %+v", got)
	}
	if r := b.Balance(); len(r.Days) != 1 || r.Days[0].Differs || r.Days[0].Approved.Sum != 90_841 {
		b.Errorf("days %+v", r.Days)
	}
	b.wantBatch(b.CloseDay(ingesttest.Today), 6, 90_141) // what was taken and given back is two lines
}

// testCarriedRepeated: carried in twice it is posted once, whichever lane says so, and whatever an approval by a code does
// under its name.
func testCarriedRepeated(b *Bench) {
	l, m := b.Lane("s1", "1"), b.Lane("s1", "2")
	one := l.Carry(500)
	l.CarryWith(500, ingesttest.CarriedChange{Payment: one.Payment})
	m.CarryWith(500, ingesttest.CarriedChange{Payment: one.Payment})
	b.flow(l, 0)
	b.flow(m, 0)
	if x := b.of(ledger.PaymentRepeated); len(x) != 2 {
		b.Fatalf("exceptions %+v", b.OpenExceptions())
	}
	b.WantNet(ledger.WalletReceivable, 500)
	b.WantNet(ledger.SuspenseClaims, 1_000)
	b.Balance()
}

// testCarriedFindings: what its examination finds holds it back, a revoked terminal's too; a decision posts it or loses it.
func testCarriedFindings(b *Bench) {
	l := b.Lane("s1", "1")
	bad, rejected := l.Carry(500), l.Carry(7)
	b.SendAll(l, 0)
	b.judgeAs(map[uint64]ledger.Kind{bad.Seq: ledger.BadCode, rejected.Seq: ledger.Malformed})
	b.WantState(bad, ledger.Suspended)
	b.WantNet(ledger.SuspenseClaims, 500)
	x := b.of(ledger.BadCode)
	if len(x) != 1 {
		b.Fatalf("%+v", b.OpenExceptions())
	}
	b.Must(b.Resolve(b.Ctx, []payment.ID{x[0].ID}, ledger.Receivable, "aki", "the issuer pays"))
	b.WantState(bad, ledger.Posted)
	b.Must(b.RevokeTerminal(b.Ctx, l.ID, "aki", "stolen"))
	late := l.Carry(60)
	b.SendAll(l, late.Seq-2)
	b.JudgeAll()
	b.WantState(late, ledger.Suspended)
	b.WantNet(ledger.WalletReceivable, 500)
	b.Balance()
}
