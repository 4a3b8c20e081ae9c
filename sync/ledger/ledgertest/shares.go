package ledgertest

import (
	"math"
	"strings"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// lie is what a lane says that forgets whatever it sold before.
func lie(f *payment.Approved) { f.Limits.ShareUsed, f.Limits.CountUsed = f.Amount.Minor, 1 }

// testShare: a lane that states less of its share than HQ can have left to it is found, by sum or by count, and its
// owner is the store. An honest one never is, wherever its entries are cut.
func testShare(b *Bench) {
	for _, tt := range []struct {
		name  string
		state func(f *payment.Approved)
		want  ledger.Kind
	}{
		{"the truth", func(*payment.Approved) {}, ""},
		{"more", func(f *payment.Approved) { f.Limits.ShareUsed++; f.Limits.CountUsed++ }, ""},
		{"itself alone", lie, ledger.OverShare},
		{"one less in sum", func(f *payment.Approved) { f.Limits.ShareUsed-- }, ledger.OverShare},
		{"one less in count", func(f *payment.Approved) { f.Limits.CountUsed-- }, ledger.OverShare},
		{"nothing", func(f *payment.Approved) { f.Limits.ShareUsed, f.Limits.CountUsed = 0, 0 }, ledger.OverShare},
	} {
		at := b.another()
		l, p := at.Lane("s1", "1"), b.Chain.Phone()
		l.Sell(p, 300)
		gone := l.Sell(p, 7000)
		l.Void(gone)
		l.Sell(p, 50)
		last := l.SellWith(p, 20, ingesttest.Change{Fact: tt.state})
		at.SendAll(l, 0)
		verdicts := at.JudgeAll()
		if tt.want == "" {
			if len(verdicts) != 0 {
				b.Errorf("%s: verdicts %+v", tt.name, verdicts)
			}
			continue
		}
		at.wantVerdict(verdicts, last.Seq, tt.want)
		at.WantState(last, ledger.Suspended)
		list := at.OpenExceptions()
		if len(list) != 1 || list[0].Owner != ledger.OwnerStore || !strings.Contains(list[0].Detail, "3 payments of 370") {
			b.Errorf("%s: exceptions %+v", tt.name, list)
		}
		at.Balance()
	}
}

// testShareByArrivals: what HQ held before an arrival, the lane may have been told of; what it brought itself, not. The
// count goes on over the rounds in which an arrival is judged.
func testShareByArrivals(b *Bench) {
	l, p := b.Lane("s1", "1"), b.Chain.Phone()
	first := l.SellWith(p, 300, ingesttest.Change{Fact: lie})
	b.Send(l, 1, first.Seq)
	second := l.SellWith(p, 400, ingesttest.Change{Fact: lie})
	third := l.SellWith(p, 500, ingesttest.Change{Fact: lie})
	b.Send(l, second.Seq, third.Seq)
	logs, err := b.Backlogs(b.Ctx, 0, 1)
	b.Must(err)
	held, err := b.Entries(b.Ctx, logs[0].Branch, 0, 100)
	b.Must(err)
	for _, h := range held {
		verdicts, err := b.Judge(b.Ctx, []ledger.Judgement{b.Believe(h)})
		b.Must(err)
		if h.Name.Seq == third.Seq {
			b.wantVerdict(verdicts, third.Seq, ledger.OverShare)
		} else if len(verdicts) != 0 {
			b.Errorf("verdicts %+v", verdicts)
		}
	}
	b.Balance()
}

// testShareInAFork: the histories of an epoch are counted each for itself, and a fork is what it is called.
func testShareInAFork(b *Bench) {
	l, p := b.Lane("s1", "1"), b.Chain.Phone()
	l.Sell(p, 300)
	at := l.Last()
	twin := l.Clone()
	l.Sell(p, 500)
	l.Sell(p, 600)
	twin.Sell(b.Chain.Phone(), 10)
	twin.Sell(b.Chain.Phone(), 20)
	b.SendAll(l, 0)
	b.Send(twin, at+1, twin.Last())
	for _, v := range b.JudgeAll() {
		if v.Kind == ledger.OverShare {
			b.Errorf("verdict %+v", v)
		}
	}
	b.Balance()
}

// testShareRestored: a ledger that was put back can't know what it had acknowledged. It holds nothing against a lane
// before the lane has said that it rests on this ledger's word, and has said it again behind what it wrote then; from
// then on it does.
func testShareRestored(b *Bench) {
	l, p := b.Lane("s1", "1"), b.Chain.Phone()
	hq, err := b.Restored(b.Ctx)
	b.Must(err)
	l.SellWith(p, 300, ingesttest.Change{Fact: lie}) // acknowledged by the life that is gone
	l.SellWith(p, 400, ingesttest.Change{Fact: lie})
	b.SendAll(l, 0)
	if v := b.JudgeAll(); len(v) != 0 {
		b.Errorf("verdicts %+v", v)
	}
	sent := l.Last()
	say := func(word uint64) {
		b.beat(l, word, func(beat *wire.Beat) { beat.Last, beat.Acked, beat.HQEpoch = l.Last(), 1, word })
	}
	say(hq - 1)
	say(hq)
	l.Acked()
	for range 8 { // what was being decided
		l.SellWith(p, 1, ingesttest.Change{Fact: lie})
	}
	b.SendAll(l, sent)
	say(hq)
	sent = l.Last()
	for range 8 {
		l.SellWith(p, 1, ingesttest.Change{Fact: lie})
	}
	b.SendAll(l, sent)
	if v := b.JudgeAll(); len(v) != 0 {
		b.Errorf("verdicts %+v", v)
	}
	sent = l.Last()
	l.SellWith(p, 5, ingesttest.Change{Fact: lie})
	last := l.SellWith(p, 6, ingesttest.Change{Fact: lie})
	b.SendAll(l, sent)
	b.wantVerdict(b.JudgeAll(), last.Seq, ledger.OverShare)
	say(hq + math.MaxInt32) // of a ledger that this one has never been
	b.Balance()
}

// testShareOfATwin: a terminal's disk was copied, and the ledger put back to before the copy sold anything. The other
// till has heard of it, and says so of the epoch: it has left that one, or stands there and sells nothing. What the copy
// wrote before it heard of anything is not held against it. What it writes behind its own word is.
func testShareOfATwin(b *Bench) {
	for _, tt := range []struct {
		name string
		edit func(*wire.Beat)
	}{
		{"left", func(beat *wire.Beat) { beat.Head = nil }},
		{"idle", func(*wire.Beat) {}},
	} {
		at := b.another()
		l, p := at.Lane("s1", "1"), b.Chain.Phone()
		l.Sell(p, 300)
		at.SendAll(l, 0)
		twin, shared := l.Clone(), l.Last()
		hq, err := at.Restored(b.Ctx)
		b.Must(err)
		beats := uint64(0)
		say := func(l *ingesttest.Lane, edit func(*wire.Beat)) {
			beats++
			at.beat(l, beats, func(beat *wire.Beat) { beat.Acked, beat.HQEpoch = 1, hq; edit(beat) })
		}
		say(l, tt.edit)
		say(l, tt.edit)
		for range 12 { // each acknowledged by the life that is gone
			twin.SellWith(p, 1, ingesttest.Change{Fact: lie})
		}
		at.SendAll(twin, shared)
		if v := at.JudgeAll(); len(v) != 0 {
			b.Errorf("%s: verdicts %+v", tt.name, v)
		}
		say(twin, func(*wire.Beat) {})
		sent := twin.Last()
		for range 9 {
			twin.SellWith(p, 1, ingesttest.Change{Fact: lie})
		}
		at.SendAll(twin, sent)
		at.wantVerdict(at.JudgeAll(), twin.Last(), ledger.OverShare)
		at.Balance()
	}
}

// testShareOfUnknownHeads: a beat about entries that HQ does not hold, or holds in another version, says nothing of those
// that it does.
func testShareOfUnknownHeads(b *Bench) {
	l, p := b.Lane("s1", "1"), b.Chain.Phone()
	l.Sell(p, 300)
	b.SendAll(l, 0)
	twin, shared := l.Clone(), l.Last()
	hq, err := b.Restored(b.Ctx)
	b.Must(err)
	beats := uint64(0)
	say := func(l *ingesttest.Lane) {
		beats++
		b.beat(l, beats, func(beat *wire.Beat) { beat.Acked, beat.HQEpoch = 1, hq })
	}
	for range 14 {
		twin.SellWith(p, 1, ingesttest.Change{Fact: lie})
	}
	b.Send(twin, shared+1, shared+4)
	say(l)
	for range 6 { // the first of them HQ holds in the twin's version
		l.Sell(p, 1)
		say(l)
	}
	b.SendAll(twin, shared+4)
	if v := b.JudgeAll(); len(v) != 0 {
		b.Errorf("verdicts %+v", v)
	}
	b.Balance()
}
