package ledgertest

import (
	"slices"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/settle"
)

var house = settle.Account{Wallet: ingesttest.Wallet, Currency: "JPY"}

// cut reads a cut and builds the batch.
func (b *Bench) cut(date payment.Date, cause settle.Cause, limit int) (*settle.Batch, bool) {
	b.Helper()
	c, more, err := b.ReadCut(b.Ctx, house, date, limit)
	b.Must(err)
	c.Cause, c.At = cause, b.Chain.Now
	batch, err := settle.Build(c)
	b.Must(err)
	return batch, more
}

// CloseDay cuts and commits a settlement date of the house wallet.
func (b *Bench) CloseDay(date payment.Date) *settle.Batch {
	b.Helper()
	batch, more := b.cut(date, settle.CauseDay, 100)
	if more {
		b.Fatal("more than a batch holds")
	}
	b.Must(b.CommitBatch(b.Ctx, batch))
	return batch
}

func (b *Bench) wantBatch(batch *settle.Batch, count uint64, sum int64) {
	b.Helper()
	if batch.Count != count || batch.Sum != sum {
		b.Errorf("batch %s: %d lines of %d, want %d of %d", batch.Key, batch.Count, batch.Sum, count, sum)
	}
}

func testCut(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	s, gone := l.Sell(p, 300), l.Sell(p, 70)
	void := l.Void(gone)
	b.SendAll(l, 0)
	b.JudgeAll()
	batch := b.CloseDay(ingesttest.Today)
	b.wantBatch(batch, 3, 300)
	for _, line := range batch.Lines {
		want := settle.KindPayment
		if line.Seq == void {
			want = settle.KindVoid
		}
		if line.Kind != want || line.Entity != "kita-s1" || line.Terminal != l.ID || uint64(line.Epoch) != l.Epoch ||
			string(line.Entry[:]) != string(l.Hash(line.Seq)) {
			b.Errorf("line %+v", line)
		}
	}
	b.WantNet(ledger.StorePayable, 0)
	b.WantNet(ledger.SettlementPayable, 300)
	got, err := b.Payment(b.Ctx, s.Payment)
	if err != nil || !slices.Equal(got[0].Lines, []ledger.SettledLine{{Batch: batch.ID, Kind: settle.KindPayment, Amount: 300}}) {
		b.Errorf("payment %+v, %v", got, err)
	}
	if got, err = b.Payment(b.Ctx, gone.Payment); err != nil || len(got[0].Lines) != 2 {
		b.Errorf("voided payment %+v, %v", got, err)
	}
	b.Balance()
	// The next day has nothing in it, and is a batch too.
	empty := b.CloseDay(ingesttest.Today + 1)
	b.wantBatch(empty, 0, 0)
	refs, err := b.Batches(b.Ctx, 0, 10)
	if err != nil || len(refs) != 2 || refs[0].Ref != batch.Ref() || refs[1].Ref != empty.Ref() {
		b.Errorf("batches %+v, %v", refs, err)
	}
	if rest, err := b.Batches(b.Ctx, refs[0].Pos, 10); err != nil || len(rest) != 1 || rest[0].ID != empty.ID {
		b.Errorf("behind the first: %+v, %v", rest, err)
	}
	if day, err := b.DayBatches(b.Ctx, house, ingesttest.Today); err != nil || len(day) != 1 || day[0] != batch.Ref() {
		b.Errorf("batches of the day: %+v, %v", day, err)
	}
	if last, err := b.LastClosed(b.Ctx, house); err != nil || last != ingesttest.Today+1 {
		b.Errorf("last closed %v, %v", last, err)
	}
	b.Balance()
}

func testCutInParts(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	for range 5 {
		l.Sell(p, 100)
	}
	b.SendAll(l, 0)
	b.JudgeAll()
	one, more := b.cut(ingesttest.Today, settle.CausePart, 3)
	if !more {
		b.Fatal("no more behind three of five")
	}
	b.Must(b.CommitBatch(b.Ctx, one))
	b.WantNet(ledger.StorePayable, 200)
	late := l.Sell(p, 1000)
	b.Send(l, late.Seq, late.Seq)
	b.JudgeAll()
	two, more := b.cut(ingesttest.Today, settle.CauseDay, 3)
	if more || two.Number != 2 {
		b.Errorf("second part: more %v, number %d", more, two.Number)
	}
	b.Must(b.CommitBatch(b.Ctx, two))
	b.wantBatch(one, 3, 300)
	b.wantBatch(two, 3, 1200)
	b.WantNet(ledger.StorePayable, 0)
	b.Balance()
}

// testCutTwice: two cuts of the same lines can't both be committed, and the same one again changes nothing.
func testCutTwice(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	l.Sell(p, 100)
	b.SendAll(l, 0)
	b.JudgeAll()
	one, _ := b.cut(ingesttest.Today, settle.CauseNow, 100)
	s := l.Sell(p, 100)
	b.Send(l, s.Seq, s.Seq)
	b.JudgeAll()
	two, _ := b.cut(ingesttest.Today, settle.CauseNow, 100)
	b.Must(b.CommitBatch(b.Ctx, one))
	b.Must(b.CommitBatch(b.Ctx, one))
	b.wantCode(b.CommitBatch(b.Ctx, two), payment.Conflict) // the same number, other lines
	if has, err := b.HasBatch(b.Ctx, one.ID); err != nil || !has {
		b.Errorf("has the batch: %v, %v", has, err)
	}
	if has, err := b.HasBatch(b.Ctx, b.Chain.ID()); err != nil || has {
		b.Errorf("has no such batch: %v, %v", has, err)
	}
	b.WantNet(ledger.SettlementPayable, 100)
	b.WantNet(ledger.StorePayable, 100)
	b.Balance()
}

// testAfterTheCut: what changes behind a cut is a line of the next one.
func testAfterTheCut(b *Bench) {
	f := b.forked()
	p := b.Chain.Phone()
	b.Send(f.lane, 1, f.after.Seq)
	b.JudgeAll()
	b.wantBatch(b.CloseDay(ingesttest.Today), 2, 300)

	b.Send(f.twin, f.at+1, f.twin.Last()) // the fork takes 200 back, which is settled
	b.JudgeAll()
	fork := b.CloseDay(ingesttest.Today + 1)
	b.wantBatch(fork, 1, -200)
	if l := fork.Lines[0]; l.Kind != settle.KindAdjustment || l.Decision == "" || l.Seq != f.after.Seq {
		b.Errorf("line %+v", l)
	}
	b.WantNet(ledger.StorePayable, 0)
	b.WantNet(ledger.SettlementPayable, 100)

	var ids []payment.ID
	for _, x := range b.OpenExceptions() {
		if x.Payment == f.after.Payment {
			ids = append(ids, x.ID)
		}
	}
	b.Must(b.Resolve(b.Ctx, ids, ledger.Receivable, "ops", "the right one"))
	b.wantBatch(b.CloseDay(ingesttest.Today+2), 1, 200)

	f.lane.NewEpoch(payment.CauseFork)
	l := f.lane
	sold := l.Sell(p, 50)
	b.SendAll(l, 0)
	b.JudgeAll()
	b.wantBatch(b.CloseDay(ingesttest.Today+3), 1, 50)
	void := l.Void(sold)
	b.Send(l, void, void)
	b.JudgeAll()
	b.wantBatch(b.CloseDay(ingesttest.Today+4), 1, -50)
	b.WantNet(ledger.StorePayable, 0)
	b.WantNet(ledger.SettlementPayable, 300)
	b.Balance()
}

// testAdoptedBatch: HQ was restored and has a batch before it has the batch's entries. When they come they are
// settled already, and what else comes is not.
func testAdoptedBatch(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	l.Sell(p, 100)
	b.SendAll(l, 0)
	b.JudgeAll()
	settled := b.CloseDay(ingesttest.Today)

	from := &Bench{T: b.T, Ledger: b.Again(), Chain: b.Chain, Ctx: b.Ctx} // a backup of before all this
	from.Enrol(l)
	_, err := from.Restored(from.Ctx)
	b.Must(err)
	b.Must(from.CommitBatch(from.Ctx, settled))
	from.WantNet(ledger.SettlementPayable, 100)
	from.WantNet(ledger.StorePayable, -100) // until the entries are here
	if r := from.Balance(); r.Awaited != 1 {
		b.Errorf("awaited %d", r.Awaited)
	}
	from.wantBatch(from.CloseDay(ingesttest.Today+1), 0, 0)
	l.Sell(p, 900)
	from.SendAll(l, 0)
	from.JudgeAll()
	next := from.CloseDay(ingesttest.Today + 2)
	from.wantBatch(next, 1, 900)
	from.WantNet(ledger.StorePayable, 0)
	if r := from.Balance(); r.Awaited != 0 {
		b.Errorf("awaited %d", r.Awaited)
	}
}

func testBatchConflicts(b *Bench) {
	l := b.Lane("s1", "1")
	l.Sell(b.Chain.Phone(), 100)
	b.SendAll(l, 0)
	b.JudgeAll()
	c, _, err := b.ReadCut(b.Ctx, house, ingesttest.Today, 100)
	b.Must(err)
	c.Cause, c.At = settle.CauseDay, b.Chain.Now
	first, err := settle.Build(c)
	b.Must(err)
	b.Must(b.CommitBatch(b.Ctx, first))
	c.At = c.At.AddDate(0, 0, 1)
	other, err := settle.Build(c) // the same name, other bytes
	b.Must(err)
	b.wantCode(b.CommitBatch(b.Ctx, other), payment.Conflict)
	c.SettlementDate++
	member, err := settle.Build(c) // another name, the same line
	b.Must(err)
	b.wantCode(b.CommitBatch(b.Ctx, member), payment.Conflict)
	c.SettlementDate, c.Number, c.Lines, c.Control = ingesttest.Today, 2, nil, settle.Total{}
	second, err := settle.Build(c) // a date closes once
	b.Must(err)
	b.wantCode(b.CommitBatch(b.Ctx, second), payment.Conflict)
	b.WantNet(ledger.SettlementPayable, 100)
	_, err = b.Batch(b.Ctx, member.ID)
	b.wantCode(err, payment.NotFound)
	b.Balance()
}

func testCoverage(b *Bench) {
	silent := b.Lane("s1", "1")
	behind := b.Lane("s1", "2")
	done := b.Lane("s1", "3")
	gone := b.Lane("s1", "4")
	b.Must(b.RevokeTerminal(b.Ctx, gone.ID, "ops", "sold"))
	p := b.Chain.Phone()
	behind.Sell(p, 100)
	behind.Sell(p, 100)
	b.Send(behind, 1, 2)
	b.Send(behind, 4, 4)
	done.CloseDay()
	b.SendAll(done, 0)
	b.JudgeAll()
	b.Send(behind, 3, 3)
	c, _, err := b.ReadCut(b.Ctx, house, ingesttest.Today, 10)
	b.Must(err)
	want := []settle.Coverage{
		{Terminal: silent.ID, Lane: "1"},
		{Terminal: behind.ID, Lane: "2", Epoch: settle.Epoch(behind.Epoch), Held: 3, Known: 4, Judged: 2},
		{Terminal: done.ID, Lane: "3", Epoch: settle.Epoch(done.Epoch), Held: 3, Known: 3, Judged: 3, LastClosed: ingesttest.Today},
	}
	for i := range want {
		want[i].Entity, want[i].Store = "kita-s1", "s1"
	}
	if !slices.Equal(c.Coverage, want) {
		b.Errorf("coverage\n%+v, want\n%+v", c.Coverage, want)
	}
}
