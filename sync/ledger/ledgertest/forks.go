package ledgertest

import (
	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
)

// forked is a lane whose disk was copied after a sale of 100; the lane sells 200 and 400, the copy 1000.
type forked struct {
	lane, twin          *ingesttest.Lane
	before, after, late ingesttest.Sold
	other               ingesttest.Sold
	at                  uint64 // last entry that both have
}

func (b *Bench) forked() forked {
	b.Helper()
	f := forked{lane: b.Lane("s1", "1")}
	p := b.Chain.Phone()
	f.before = f.lane.Sell(p, 100)
	f.at = f.lane.Last()
	f.twin = f.lane.Clone()
	f.after = f.lane.Sell(p, 200)
	f.late = f.lane.Sell(p, 400)
	f.other = f.twin.Sell(p, 1000)
	return f
}

// wantForked wants both histories in suspense and what came before them posted.
func (b *Bench) wantForked(f forked) {
	b.Helper()
	b.WantState(f.before, ledger.Posted)
	for _, s := range []ingesttest.Sold{f.after, f.late, f.other} {
		b.WantState(s, ledger.Suspended)
	}
	b.WantNet(ledger.WalletReceivable, 100)
	b.WantNet(ledger.StorePayable, 100)
	b.WantNet(ledger.SuspenseClaims, 1600)
	b.WantNet(ledger.SuspenseHeld, 1600)
	b.Balance()
}

func testFork(b *Bench) {
	f := b.forked()
	b.Send(f.lane, 1, f.after.Seq)
	b.JudgeAll()
	b.WantNet(ledger.WalletReceivable, 300)

	ans := b.Send(f.twin, f.at+1, f.twin.Last())
	b.wantPlace(ans, ledger.Conflict, 1, f.twin, f.twin.Last())
	if !ans.Places[0].Forked {
		b.Error("the copy is not told of the fork")
	}
	ans = b.Send(f.lane, f.late.Seq, f.late.Seq)
	b.wantPlace(ans, ledger.Created, 1, f.lane, f.late.Seq)
	if !ans.Places[0].Forked {
		b.Error("the lane is not told of the fork")
	}
	b.JudgeAll()
	b.wantForked(f)
	// Sent again in any way, nothing changes, and each learns of its own history.
	b.wantPlace(b.Send(f.twin, 1, f.twin.Last()), ledger.Exists, 0, f.twin, f.twin.Last())
	b.wantPlace(b.Send(f.lane, f.at+1, f.late.Seq), ledger.Exists, 0, f.lane, f.late.Seq)
	b.JudgeAll()
	b.wantForked(f)
	kinds := map[ledger.Kind]int{}
	for _, x := range b.OpenExceptions() {
		kinds[x.Kind]++
		if x.Owner != ledger.OwnerOperations {
			b.Errorf("%s is owned by %s", x.Kind, x.Owner)
		}
	}
	if kinds[ledger.Fork] != 3 || kinds[ledger.EpochForked] != 1 || len(kinds) != 2 {
		b.Errorf("exceptions %v", kinds)
	}
	if st, err := b.Terminal(b.Ctx, f.lane.ID); err != nil || !st.Epochs[0].Forked {
		b.Errorf("terminal %+v, %v", st, err)
	}
}

func testForkBeforeJudging(b *Bench) {
	f := b.forked()
	b.Send(f.twin, 1, f.twin.Last())
	ans := b.Send(f.lane, 2, f.lane.Last()) // overlaps what both have
	b.wantPlace(ans, ledger.Conflict, 2, f.lane, f.lane.Last())
	b.JudgeAll()
	b.wantForked(f)
}

func testForkFromTheStart(b *Bench) {
	l := b.Lane("s1", "1")
	twin := l.Clone()
	twin.Rewrite() // the same epoch, begun otherwise
	p := b.Chain.Phone()
	one, two := l.Sell(p, 100), twin.Sell(p, 200)
	b.SendAll(l, 0)
	b.JudgeAll()
	b.wantPlace(b.Send(twin, 1, twin.Last()), ledger.Conflict, int(twin.Last()), twin, twin.Last())
	b.JudgeAll()
	b.WantState(one, ledger.Suspended)
	b.WantState(two, ledger.Suspended)
	b.WantNet(ledger.WalletReceivable, 0)
	b.Balance()
}

func testManyForks(b *Bench) {
	l := b.Lane("s1", "1")
	b.SendAll(l, 0)
	p := b.Chain.Phone()
	for i := range ledger.MaxBranches + 1 {
		twin := l.Clone()
		twin.Sell(p, int64(100+i))
		ans := b.Send(twin, 3, 3)
		want := ledger.Conflict
		if i == 0 {
			want = ledger.Created
		} else if i == ledger.MaxBranches {
			want = ledger.TooMany
		}
		if ans.Outcome != want {
			b.Errorf("history %d: %s, want %s", i, ans.Outcome, want)
		}
	}
	// A fork of a fork, further back, takes what lies between along.
	b.JudgeAll()
	b.WantNet(ledger.WalletReceivable, 0)
	b.WantNet(ledger.SuspenseClaims, 100*16+(15*16)/2)
	b.Balance()
}

func testUnrelated(b *Bench) {
	f := b.forked()
	b.SendAll(f.lane, 0)
	f.twin.Sell(b.Chain.Phone(), 50)
	// The copy's first own entry is missing: what it follows is not what HQ holds there.
	ans := b.Send(f.twin, f.twin.Last(), f.twin.Last())
	if ans.Outcome != ledger.Unrelated || ans.Stored != 0 || len(ans.Places) != 1 || !ans.Places[0].Forked || ans.Places[0].Acked != 0 {
		b.Errorf("answer %+v", ans)
	}
	b.wantPlace(b.Send(f.twin, 1, f.twin.Last()), ledger.Conflict, 2, f.twin, f.twin.Last())
}

// testForkResolved: what somebody released stays released when the fork turns out to be older.
func testForkResolved(b *Bench) {
	f := b.forked()
	older := f.lane.Clone()
	b.SendAll(f.lane, 0)
	b.Send(f.twin, f.at+1, f.twin.Last())
	b.JudgeAll()
	var release []payment.ID
	for _, x := range b.OpenExceptions() {
		if x.Payment == f.after.Payment || x.Payment == f.late.Payment {
			release = append(release, x.ID)
		}
	}
	b.Must(b.Resolve(b.Ctx, release, ledger.Receivable, "ops", "the lane is the right one"))
	b.WantNet(ledger.WalletReceivable, 700)
	older.Truncate(f.at - 1)
	third := older.Sell(b.Chain.Phone(), 5)
	b.Send(older, f.at, older.Last())
	b.JudgeAll()
	b.WantState(f.before, ledger.Suspended)
	b.WantState(f.after, ledger.Posted)
	b.WantState(third, ledger.Suspended)
	b.WantNet(ledger.WalletReceivable, 600)
	b.Balance()
}

func testSiblings(b *Bench) {
	f := b.forked()
	b.SendAll(f.lane, 0)
	b.Send(f.twin, f.at+1, f.twin.Last())
	f.lane.NewEpoch(payment.CauseFork)
	f.twin.NewEpoch(payment.CauseFork)
	p := b.Chain.Phone()
	one, two := f.lane.Sell(p, 10), f.twin.Sell(p, 20)
	b.SendAll(f.lane, 0)
	b.SendAll(f.twin, 0)
	found := false
	for _, v := range b.JudgeAll() {
		found = found || v.Kind == ledger.EpochSibling
	}
	if !found {
		b.Error("nobody is told that two epochs continue the same one")
	}
	b.WantState(one, ledger.Posted)
	b.WantState(two, ledger.Posted)
	b.Balance()
}

// testRoots: a terminal begins one journal from nothing; of a second one somebody is told, whichever comes first.
func testRoots(b *Bench) {
	l := b.Lane("s1", "1")
	b.SendAll(l, 0)
	if v := b.JudgeAll(); len(v) != 0 {
		b.Fatalf("verdicts %+v", v)
	}
	l.NewEpoch(payment.CauseFork)
	b.SendAll(l, 0)
	if v := b.JudgeAll(); len(v) != 0 {
		b.Fatalf("verdicts %+v", v)
	}
	l.Rewrite()
	l.Epoch++
	l.Rewrite()
	s := l.Sell(b.Chain.Phone(), 10)
	b.SendAll(l, 0)
	b.wantVerdict(b.JudgeAll(), 1, ledger.EpochSibling)
	b.WantState(s, ledger.Posted)
	b.Balance()
}
