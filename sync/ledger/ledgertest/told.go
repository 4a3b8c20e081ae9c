package ledgertest

import (
	"encoding/binary"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// testManyDecided: a lane that was away while HQ decided more than one answer holds hears of every decision, and of
// what was opened or decided last at once.
func testManyDecided(b *Bench) {
	l, p := b.Lane("s1", "1"), b.Chain.Phone()
	code := p.Code("s1", "")
	l.SellWith(p, 1, ingesttest.Change{Code: code})
	for range 3 * ledger.MaxResults {
		l.SellWith(p, 1, ingesttest.Change{Code: code})
	}
	b.SendAll(l, 0)
	b.JudgeAll()
	open := b.OpenExceptions()
	var ids []payment.ID
	for _, x := range open {
		ids = append(ids, x.ID)
	}
	b.Chain.Now = b.Chain.Now.Add(time.Minute)
	b.Must(b.Resolve(b.Ctx, ids[1:], ledger.Receivable, "finance", "paid"))
	b.Chain.Now = b.Chain.Now.Add(time.Minute)
	b.Must(b.Resolve(b.Ctx, ids[:1], ledger.LossTaken, "finance", "not paid"))
	told := map[uint64]wire.Status{}
	for n := uint64(1); n < 400 && len(told) < len(ids); n++ {
		ans := b.beat(l, n, func(beat *wire.Beat) { beat.Challenge = binary.BigEndian.AppendUint64(nil, n) })
		list := ans.Places[0].Results
		if len(list) > ledger.MaxResults || list[len(list)-1].Seq != open[0].Entry.Seq {
			b.Fatalf("%d results, the last %+v", len(list), list[len(list)-1])
		}
		for _, r := range list {
			told[r.Seq] = r.Status
		}
	}
	for _, x := range open {
		if told[x.Entry.Seq] != wire.Posted {
			b.Errorf("the lane was told %s of entry %d", told[x.Entry.Seq], x.Entry.Seq)
		}
	}
}
