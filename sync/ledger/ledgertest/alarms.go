package ledgertest

import (
	"slices"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// beat records what a lane says of the epoch that it writes.
func (b *Bench) beat(l *ingesttest.Lane, count uint64, edit func(*wire.Beat)) ledger.Answer {
	b.Helper()
	beat := &wire.Beat{Terminal: l.ID, Epoch: l.Epoch, Last: l.Last(), Head: l.Head(), Count: count, Software: "v1"}
	if edit != nil {
		edit(beat)
	}
	_, ans, err := b.Record(b.Ctx, nil, []*wire.Beat{beat})
	b.Must(err)
	return ans[0]
}

// wantAlarms wants an answer to have opened exceptions of these kinds and no other, each with an owner.
func (b *Bench) wantAlarms(ans ledger.Answer, want ...ledger.Kind) {
	b.Helper()
	var got []ledger.Kind
	for _, a := range ans.Alarms {
		got = append(got, a.Kind)
		if a.Detail == "" || a.Kind.Owner() != ledger.OwnerOperations {
			b.Errorf("alarm %+v of owner %q", a, a.Kind.Owner())
		}
	}
	if !slices.Equal(got, want) {
		b.Errorf("alarms %v, want %v", got, want)
	}
}

// of lists the exceptions of a kind.
func (b *Bench) of(kind ledger.Kind) []ledger.Exception {
	b.Helper()
	list, err := b.Exceptions(b.Ctx, ledger.ExceptionFilter{Kind: kind}, 0, 100)
	b.Must(err)
	return list
}

// putBack is a ledger that was put back by hand: the lane has HQ's word for all of its entries, HQ has five.
func (b *Bench) putBack() (l *ingesttest.Lane, hq uint64) {
	b.Helper()
	l = b.Lane("s1", "1")
	p := b.Chain.Phone()
	for range 6 {
		l.Sell(p, 100)
	}
	b.Send(l, 1, 5)
	hq, err := b.HQEpoch(b.Ctx)
	b.Must(err)
	return l, hq
}

// says is a beat of a lane that has an HQ epoch's word for all of its entries.
func says(hq uint64) func(*wire.Beat) {
	return func(w *wire.Beat) { w.Acked, w.HQEpoch = w.Last, hq }
}

// testLost: HQ learns from a lane's beat that it lost what it had acknowledged, once, and it ends when the
// entries have come in again.
func testLost(b *Bench) {
	l, hq := b.putBack()
	b.wantAlarms(b.beat(l, 1, says(hq)), ledger.HQLost)
	b.wantAlarms(b.beat(l, 2, says(hq)))
	b.wantAlarms(b.beat(l, 2, says(hq)))
	want := ledger.LostRange{Range: ledger.Range{Terminal: l.ID, Epoch: l.Epoch, From: 6, To: l.Last()}, Store: "s1", Lane: "1"}
	if r := b.Balance(); !slices.Equal(r.Lost, []ledger.LostRange{want}) {
		b.Errorf("lost %+v, want %+v", r.Lost, want)
	}
	x := b.of(ledger.HQLost)
	name := wire.Name{Terminal: l.ID, Epoch: l.Epoch, Seq: 6}
	if len(x) != 1 || !x[0].Open() || x[0].Entry != name || x[0].Owner != ledger.OwnerOperations || x[0].Store != "s1" || x[0].Lane != "1" {
		b.Fatalf("exceptions %+v", x)
	}
	if st, err := b.Terminal(b.Ctx, l.ID); err != nil || st.Epochs[0].Lost != l.Last() || st.Epochs[0].Restored || st.Exceptions != 1 {
		b.Errorf("terminal %+v, %v", st, err)
	}

	b.Chain.Now = b.Chain.Now.Add(1)
	_, err := b.Restored(b.Ctx)
	b.Must(err)
	want.Restored = true
	if lost, err := b.Lost(b.Ctx); err != nil || !slices.Equal(lost, []ledger.LostRange{want}) {
		b.Errorf("lost %+v, %v", lost, err)
	}
	b.wantAlarms(b.beat(l, 3, says(hq))) // it has not heard of the new HQ epoch yet
	b.Send(l, 6, 7)
	if x := b.of(ledger.HQLost); !x[0].Open() {
		b.Errorf("over before everything is here: %+v", x[0])
	}
	b.Send(l, 8, l.Last())
	x = b.of(ledger.HQLost)
	if lost, err := b.Lost(b.Ctx); err != nil || len(lost) != 0 || len(x) != 1 || x[0].Decision != ledger.Noted || x[0].ResolvedBy != "tilld" {
		b.Errorf("still lost %+v, %v; %+v", lost, err, x)
	}
	if r := b.Balance(); len(r.Lost) != 0 {
		b.Errorf("%+v", r.Lost)
	}
}

// testLostHQEpoch: HQ's books are so old that they don't know HQ's own epoch; lanes hear nothing that it says.
func testLostHQEpoch(b *Bench) {
	l, hq := b.putBack()
	b.wantAlarms(b.beat(l, 1, func(w *wire.Beat) { w.Acked, w.HQEpoch = 5, hq+1 }), ledger.HQLost)
	b.SendAll(l, 5)
	if x := b.of(ledger.HQLost); len(x) != 1 || !x[0].Open() {
		b.Errorf("over without a new HQ epoch: %+v", x)
	}
	b.Chain.Now = b.Chain.Now.Add(1)
	_, err := b.Restored(b.Ctx)
	b.Must(err)
	if x := b.of(ledger.HQLost); x[0].Open() {
		b.Errorf("still open though nothing is missing: %+v", x)
	}
}

// testLostForGood: a lane that will send nothing more can be given up; one that lives tells again that its
// entries are missing, though the decision stands.
func testLostForGood(b *Bench) {
	l, hq := b.putBack()
	b.beat(l, 1, says(hq))
	b.Must(b.Resolve(b.Ctx, []payment.ID{b.of(ledger.HQLost)[0].ID}, ledger.Noted, "ops", "the till burnt"))
	if lost, err := b.Lost(b.Ctx); err != nil || len(lost) != 0 {
		b.Errorf("lost %+v, %v", lost, err)
	}
	b.wantAlarms(b.beat(l, 2, says(hq)))
	if lost, err := b.Lost(b.Ctx); err != nil || len(lost) != 1 {
		b.Errorf("a lane that lives: lost %+v, %v", lost, err)
	}
	b.Balance()
}

// testNothingLost: what looks like a loss and is none.
func testNothingLost(b *Bench) {
	l, hq := b.putBack()
	b.wantAlarms(b.beat(l, 1, nil))                                                          // it has nobody's word
	b.wantAlarms(b.beat(l, 2, func(w *wire.Beat) { w.Acked, w.HQEpoch = 5, hq }))            // all that HQ holds
	b.wantAlarms(b.beat(l, 3, func(w *wire.Beat) { w.Acked, w.HQEpoch = w.Last, hq-1 }))     // HQ's word before it was restored
	b.wantAlarms(b.beat(l, 4, func(w *wire.Beat) { w.Last, w.Head, w.HQEpoch = 0, nil, 1 })) // a lane that has nothing
	if lost, err := b.Lost(b.Ctx); err != nil || len(lost) != 0 || len(b.of(ledger.HQLost)) != 0 {
		b.Errorf("lost %+v, %v", lost, err)
	}
}

// testTwins: a till's data was copied, and both were told of it and went on in epochs of their own.
func testTwins(b *Bench) {
	f := b.forked()
	b.SendAll(f.lane, 0)
	ans := b.Send(f.twin, f.at+1, f.twin.Last())
	b.wantAlarms(ans, ledger.EpochForked)
	if !ans.Places[0].Twice {
		b.Error("the copy is not told that the journal exists twice")
	}
	b.wantAlarms(b.Send(f.twin, f.at+1, f.twin.Last()))
	b.wantAlarms(b.beat(f.lane, 1, nil))
	b.wantAlarms(b.beat(f.twin, 2, nil)) // the same epoch still: whose it is nobody can tell
	f.lane.NewEpoch(payment.CauseFork)
	f.twin.NewEpoch(payment.CauseFork)
	b.wantAlarms(b.beat(f.lane, 3, nil))
	b.wantAlarms(b.beat(f.twin, 4, nil))
	ans = b.beat(f.lane, 5, nil)
	b.wantAlarms(ans, ledger.TerminalTwice)
	b.wantAlarms(b.beat(f.twin, 6, nil)) // once is enough while somebody deals with it
	b.wantAlarms(b.beat(f.lane, 7, nil))
	x := b.of(ledger.TerminalTwice)
	if len(x) != 1 || x[0].Entry != (wire.Name{Terminal: f.lane.ID, Epoch: f.lane.Epoch, Seq: f.lane.Last()}) {
		b.Fatalf("exceptions %+v", x)
	}
	if st, err := b.Terminal(b.Ctx, f.lane.ID); err != nil || !st.Twice {
		b.Errorf("terminal %+v, %v", st, err)
	}
	b.SendAll(f.lane, 0)
	b.SendAll(f.twin, 0)
	for _, l := range []*ingesttest.Lane{f.lane, f.twin} {
		if ans := b.beat(l, 10, nil); !ans.Places[0].Twice {
			b.Errorf("a till is not told: %+v", ans)
		}
		places, err := b.Places(b.Ctx, l.ID, l.Epoch)
		if err != nil || len(places) != 1 || !places[0].Twice {
			b.Errorf("places %+v, %v", places, err)
		}
	}
	b.Must(b.Resolve(b.Ctx, []payment.ID{x[0].ID}, ledger.Noted, "ops", "one was switched off"))
	b.wantAlarms(b.beat(f.lane, 20, nil))
	b.wantAlarms(b.beat(f.lane, 21, nil))
	b.wantAlarms(b.beat(f.twin, 22, nil), ledger.TerminalTwice) // it was not
}

// testTwinsWithOtherClocks: a copy whose clock is an hour behind numbers its beats lower, always.
func testTwinsWithOtherClocks(b *Bench) {
	f := b.forked()
	f.lane.NewEpoch(payment.CauseFork)
	f.twin.NewEpoch(payment.CauseFork)
	b.wantAlarms(b.beat(f.lane, 1000, nil))
	b.wantAlarms(b.beat(f.twin, 1, nil))
	b.wantAlarms(b.beat(f.lane, 1001, nil)) // it may be a beat that was held up
	b.wantAlarms(b.beat(f.twin, 2, nil))
	b.wantAlarms(b.beat(f.lane, 1002, nil), ledger.TerminalTwice)
}

// testNoTwins: a till that began a new epoch, and still sends what it has of the old one.
func testNoTwins(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	l.Sell(p, 100)
	before := l.Clone()
	l.NewEpoch(payment.CauseRestore)
	old := func(w *wire.Beat) { w.Head = nil }
	b.wantAlarms(b.beat(before, 1, nil))
	b.wantAlarms(b.beat(before, 2, old))
	b.wantAlarms(b.beat(l, 3, nil))
	b.SendAll(before, 0)
	b.wantAlarms(b.beat(before, 4, old))
	b.wantAlarms(b.beat(l, 5, nil))
	b.SendAll(l, 0)
	for range 3 { // sent again by somebody at the broker
		b.wantAlarms(b.beat(before, 1, nil))
		b.wantAlarms(b.beat(l, 5, nil))
	}
	b.JudgeAll()
	if x := b.OpenExceptions(); len(x) != 0 {
		b.Errorf("exceptions %+v", x)
	}
	if st, err := b.Terminal(b.Ctx, l.ID); err != nil || st.Twice {
		b.Errorf("terminal %+v, %v", st, err)
	}
}

// testPutBackJournal: a till's disk was put back, or copied; HQ has more of the epoch than the journal that goes
// on, so nothing forks, and somebody must hear of it all the same.
func testPutBackJournal(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	old := l.Clone()
	sold := l.Sell(p, 100)
	b.SendAll(l, 0)
	old.NewEpoch(payment.CauseFork)
	again := old.Sell(p, 200)
	b.SendAll(old, 0)
	b.JudgeAll()
	x := b.of(ledger.EpochSibling)
	if len(x) != 1 || x[0].Entry != (wire.Name{Terminal: l.ID, Epoch: old.Epoch, Seq: 1}) {
		b.Errorf("exceptions %+v", x)
	}
	if ans := b.beat(old, 1, nil); !ans.Places[0].Twice {
		b.Error("the lane is not told")
	}
	b.WantState(sold, ledger.Posted)
	b.WantState(again, ledger.Posted)
	old.NewEpoch(payment.CauseRestore) // in order: it left its epoch at the end
	b.SendAll(old, 0)
	b.JudgeAll()
	if x := b.of(ledger.EpochSibling); len(x) != 1 {
		b.Errorf("exceptions %+v", x)
	}
	b.Balance()
}

// testAlarmEnds: a lane is told that its journal exists twice for as long as nobody has dealt with the alarm.
func testAlarmEnds(b *Bench) {
	f := b.forked()
	b.SendAll(f.lane, 0)
	b.Send(f.twin, f.at+1, f.twin.Last())
	f.lane.NewEpoch(payment.CauseFork)
	b.SendAll(f.lane, 0)
	if ans := b.beat(f.lane, 1, nil); !ans.Places[0].Twice || ans.Places[0].Forked {
		b.Errorf("in its new epoch the lane is told %+v", ans.Places[0])
	}
	b.Must(b.Resolve(b.Ctx, []payment.ID{b.of(ledger.EpochForked)[0].ID}, ledger.Noted, "ops", "the copy was switched off"))
	if ans := b.beat(f.lane, 2, nil); ans.Places[0].Twice {
		b.Error("the lane is told though somebody has dealt with it")
	}
}
