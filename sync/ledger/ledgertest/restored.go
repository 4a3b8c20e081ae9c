package ledgertest

import (
	"time"

	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/settle"
)

// another is an HQ of the same chain, with empty books.
func (b *Bench) another() *Bench {
	return &Bench{T: b.T, Ledger: b.Again(), Chain: b.Chain, Ctx: b.Ctx, Again: b.Again}
}

// restored is HQ put back to before everything, with what was settled.
func (b *Bench) restored(settled *settle.Batch, lanes ...*ingesttest.Lane) *Bench {
	b.Helper()
	from := b.another()
	for _, l := range lanes {
		from.Enrol(l)
	}
	_, err := from.Restored(from.Ctx)
	b.Must(err)
	b.Must(from.CommitBatch(from.Ctx, settled))
	return from
}

// testSettledBefore: a code paid at two lanes. The first was settled; then HQ is restored, and hears of the second
// one first. The customer is charged once, whether or not that was settled meanwhile; and when HQ is restored once more,
// whichever it hears of first, nothing is settled a second time, for the batches have what became of both.
func testSettledBefore(b *Bench) {
	for _, closed := range []bool{false, true} {
		one, two := b.Lane("s1", "1"), b.Lane("s1", "2")
		p := b.Chain.Phone()
		code := p.Code("s1", "")
		first := one.SellWith(p, 300, ingesttest.Change{Code: code})
		second := two.SellWith(p, 500, ingesttest.Change{Code: code})
		before := b.another()
		before.Enrol(one)
		before.SendAll(one, 0)
		before.JudgeAll()
		settled := before.CloseDay(ingesttest.Today)

		after := before.restored(settled, one, two)
		after.SendAll(two, 0)
		after.JudgeAll()
		after.WantState(second, ledger.Posted)
		batches := []*settle.Batch{settled}
		if closed {
			batches = append(batches, after.CloseDay(ingesttest.Today+1))
			after.wantBatch(batches[1], 1, 500)
		}
		after.SendAll(one, 0)
		after.JudgeAll()
		after.WantState(first, ledger.Posted)
		after.WantState(second, ledger.Suspended)
		if open := after.OpenExceptions(); len(open) != 1 || open[0].Kind != ledger.SpentTwice || open[0].Payment != second.Payment {
			b.Errorf("exceptions %+v", open)
		}
		next := after.CloseDay(ingesttest.Today + 2)
		if closed {
			after.wantBatch(next, 1, -500)
		} else {
			after.wantBatch(next, 2, 0) // posted, and taken back
		}
		batches = append(batches, next)
		for _, order := range [][]*ingesttest.Lane{{one, two}, {two, one}} {
			last := b.another()
			last.Enrol(one)
			last.Enrol(two)
			_, err := last.Restored(last.Ctx)
			b.Must(err)
			for _, batch := range batches {
				b.Must(last.CommitBatch(last.Ctx, batch))
			}
			for _, l := range order {
				last.SendAll(l, 0)
				last.JudgeAll()
			}
			last.WantState(first, ledger.Posted)
			last.WantState(second, ledger.Suspended)
			last.wantBatch(last.CloseDay(ingesttest.Today+3), 0, 0) // all of that was settled, and taken back
			last.WantNet(ledger.SettlementPayable, 300)
			last.WantNet(ledger.StorePayable, 0)
			if r := last.Balance(); r.Awaited != 0 {
				b.Errorf("awaited %d", r.Awaited)
			}
		}
		after.WantNet(ledger.SettlementPayable, 300)
		after.WantNet(ledger.StorePayable, 0)
		if r := after.Balance(); r.Awaited != 0 {
			b.Errorf("awaited %d", r.Awaited)
		}
	}
}

// testForkedAfter: a payment was settled, and the fork in which it stands was found only behind the restore.
func testForkedAfter(b *Bench) {
	f := b.forked()
	b.Send(f.lane, 1, f.after.Seq)
	b.JudgeAll()
	settled := b.CloseDay(ingesttest.Today)

	after := b.restored(settled, f.lane)
	after.Send(f.lane, 1, f.after.Seq)
	after.Send(f.twin, f.at+1, f.twin.Last())
	after.JudgeAll()
	after.WantState(f.after, ledger.Suspended)
	after.wantBatch(after.CloseDay(ingesttest.Today+1), 1, -f.after.Amount)
	after.WantNet(ledger.StorePayable, 0)
	if r := after.Balance(); r.Awaited != 0 {
		b.Errorf("awaited %d", r.Awaited)
	}
}

// testVersionsRise: HQ is put back to the same backup again and again, and each time people sign what was lost. No
// version is given a second time: a lane that has it would never take the other.
func testVersionsRise(b *Bench) {
	start := b.Chain.Now
	last := uint64(0)
	for life := range 4 {
		b.Chain.Now = start
		hq := b.another()
		b.Must(hq.AddDocument(b.Ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: 5, Sealed: []byte("of the backup")}))
		b.Chain.Now = start.Add(time.Duration(life) * time.Minute)
		if life > 0 {
			_, err := hq.Restored(b.Ctx)
			b.Must(err)
		}
		for n := range 3 {
			b.Chain.Now = b.Chain.Now.Add(time.Second)
			next, err := hq.NextVersion(b.Ctx, ledger.PolicyDocument)
			b.Must(err)
			if next <= last {
				b.Errorf("life %d: version %d, and there has been %d", life, next, last)
			}
			if n > 0 && next != last+1 {
				b.Errorf("life %d: version %d behind %d", life, next, last)
			}
			last = next
			b.Must(hq.AddDocument(b.Ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: next, Sealed: []byte("again")}))
		}
	}
}

// testVoidSettled: a payment and its void were settled together. A restored HQ revokes the terminal again before its
// entries are there, so the payment waits when its void comes: the store gets and gives nothing for it, as in the batch.
func testVoidSettled(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	taken := l.Sell(p, 300)
	l.Void(taken)
	l.Sell(p, 200)
	before := b.another()
	before.Enrol(l)
	before.SendAll(l, 0)
	before.JudgeAll()
	settled := before.CloseDay(ingesttest.Today)

	from := b.restored(settled, l)
	b.Must(from.RevokeTerminal(from.Ctx, l.ID, "ops", "stolen"))
	from.SendAll(l, 0)
	from.JudgeAll()
	from.WantState(taken, ledger.Voided)
	if r := from.Balance(); r.Awaited != 0 {
		b.Errorf("%d lines in batches whose entries never came", r.Awaited)
	}
	from.WantNet(ledger.StorePayable, -200) // the other payment waits, and its money goes back until that is decided
}
