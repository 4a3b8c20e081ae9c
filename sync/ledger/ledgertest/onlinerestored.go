package ledgertest

import (
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

// testOnlinePutBack: HQ's books are put back to before an attempt, to behind it and before the operator's word, and to
// behind that; and what was settled then is in the archive or not. In the end the payment is posted once.
func testOnlinePutBack(b *Bench) {
	for _, has := range []authorise.State{0, authorise.Asked, authorise.Paid} {
		for _, settled := range []string{"", "at once", "when its operator had answered"} {
			l := b.Lane("s1", "1")
			t := l.Ask(500)
			before := b.another()
			before.Enrol(l)
			if settled != "when its operator had answered" {
				before.Paid(l, t)
			}
			t = l.Authorise(t)
			before.flow(l, 0)
			if a, err := before.Attempts().Get(b.Ctx, t.Ref); err == nil && a.State == authorise.Doubtful {
				before.Happens(t.Ref, Says(operator.Paid))
			}
			batch := before.closeOnline(ingesttest.Today)
			before.wantBatch(batch, 1, 500)

			from := b.another()
			from.Enrol(l)
			if has != 0 {
				from.Begun(l, t)
			}
			if has == authorise.Paid {
				from.Happens(t.Ref, Says(operator.Paid))
			}
			_, err := from.Restored(from.Ctx)
			b.Must(err)
			if has == authorise.Asked { // HQ does not give it up though the operator is out of reach
				b.Chain.Now = b.Chain.Now.Add(time.Hour)
				if a := from.Happens(t.Ref, Says(operator.Unknown)); a.State != authorise.Doubtful || a.Claim != authorise.Perhaps {
					b.Errorf("behind the restore: %+v", a)
				}
			}
			if settled != "" {
				b.Must(from.CommitBatch(from.Ctx, batch))
			}
			from.flow(l, 0)
			if settled == "" && has != authorise.Paid {
				from.WantState(t.Sold, ledger.Suspended)
				from.one(ledger.AttemptUnknown)
				from.Happens(t.Ref, Says(operator.Paid))
			}
			from.WantState(t.Sold, ledger.Posted)
			from.WantAttempt(t.Ref, authorise.Completed)
			if open := from.OpenExceptions(); len(open) != 0 {
				b.Errorf("exceptions %+v", open)
			}
			next := from.closeOnline(ingesttest.Today + 1)
			if settled != "" {
				from.wantBatch(next, 0, 0)
			} else if next.Sum != 500 {
				b.Errorf("batch %+v", next.Manifest)
			}
			from.WantNet(ledger.StorePayable, 0)
			from.WantNet(ledger.SettlementPayable, 500)
			if r := from.Balance(); r.Awaited != 0 || len(r.Unclaimed) != 0 {
				b.Errorf("awaited %d, unclaimed %+v", r.Awaited, r.Unclaimed)
			}
			if b.Failed() {
				b.Fatalf("put back to %s, settled %q", has, settled)
			}
		}
	}
}

// testOnlineSettledFork: a payment was settled, at once or when its operator had confirmed it. Behind a restore the fork in
// which it stands is found first. It waits, the store gives back what it got, and gets it when that is decided.
func testOnlineSettledFork(b *Bench) {
	for _, atOnce := range []bool{true, false} {
		l := b.Lane("s1", "1")
		at, twin := l.Last(), l.Clone()
		t := l.Ask(500)
		before := b.another()
		before.Enrol(l)
		if atOnce {
			before.Paid(l, t)
		}
		t = l.Authorise(t)
		twin.Sell(b.Chain.Phone(), 1)
		before.flow(l, 0)
		if !atOnce {
			before.Happens(t.Ref, Says(operator.Paid))
		}
		batch := before.closeOnline(ingesttest.Today)
		before.wantBatch(batch, 1, 500)
		after := b.restored(batch, l)
		after.SendAll(l, 0)
		after.flow(twin, at)
		after.WantState(t.Sold, ledger.Suspended)
		after.Balance()
		after.wantBatch(after.closeOnline(ingesttest.Today+1), 1, -500)
		for _, x := range after.OpenExceptions() {
			if x.Payment == t.Payment {
				b.Must(after.Resolve(b.Ctx, []payment.ID{x.ID}, ledger.Receivable, "ops", "the right one"))
			}
		}
		after.wantBatch(after.closeOnline(ingesttest.Today+2), 1, 500)
		after.WantNet(ledger.SettlementPayable, 500)
		after.WantNet(ledger.StorePayable, 0)
		if r := after.Balance(); r.Awaited != 0 {
			b.Errorf("awaited %d", r.Awaited)
		}
	}
}

// testOnlineSettledTwin: of two entries of one attempt the first was settled; HQ is restored and hears of the other one
// first. The store is paid once, as it was.
func testOnlineSettledTwin(b *Bench) {
	for _, begun := range []bool{false, true} {
		l := b.Lane("s1", "1")
		t := l.Ask(500)
		twin := l.Clone()
		l.NewEpoch(payment.CauseRestore)
		twin.NewEpoch(payment.CauseRestore)
		one := l.Authorise(t)
		twin.Authorise(t)
		before := b.another()
		before.Enrol(l)
		before.Paid(l, t)
		before.flow(l, 0)
		batch := before.closeOnline(ingesttest.Today)

		after := b.another()
		after.Enrol(l)
		if begun {
			after.Paid(l, t)
		}
		_, err := after.Restored(after.Ctx)
		b.Must(err)
		b.Must(after.CommitBatch(after.Ctx, batch))
		after.flow(twin, 0)
		after.flow(l, 0)
		if !begun {
			if a, err := after.Attempts().Get(b.Ctx, t.Ref); err != nil || a.State != authorise.Completed {
				b.Errorf("%+v, %v", a, err)
			}
		}
		list, err := after.Payment(b.Ctx, t.Payment)
		b.Must(err)
		for _, p := range list {
			want := ledger.Suspended
			if string(p.EntryHash[:]) == string(l.Hash(one.Seq)) {
				want = ledger.Posted
			}
			if p.State != want {
				b.Errorf("begun %v: payment of entry %s is %s, want %s", begun, p.Entry, p.State, want)
			}
		}
		var open []payment.ID
		for _, x := range after.OpenExceptions() {
			if !x.Payment.IsZero() {
				open = append(open, x.ID)
			}
		}
		b.wantCode(after.Resolve(b.Ctx, open, ledger.Receivable, "ops", "this too"), payment.Conflict)
		if next := after.closeOnline(ingesttest.Today + 1); next.Sum != 0 {
			b.Errorf("begun %v: the next batch is of %d", begun, next.Sum)
		}
		after.WantNet(ledger.SettlementPayable, 500)
		after.WantNet(ledger.StorePayable, 0)
		if r := after.Balance(); r.Awaited != 0 {
			b.Errorf("awaited %d", r.Awaited)
		}
	}
}

// testOnlineForgotten: HQ's books were put back to before an attempt that nobody completed. What the operator may have
// charged is found out: by the lane's reversal, by its intent alone, and by a reversal that had left a tombstone.
func testOnlineForgotten(b *Bench) {
	l := b.Lane("s1", "1")
	given, silent, declined, live := l.Ask(1), l.Ask(2), l.Ask(3), l.Ask(4)
	tomb := l.Ask(5)
	l.GiveUp(given)
	l.GiveUp(tomb)
	l.Decline(declined)
	last := l.Last()
	b.Chain.Now = b.Chain.Now.Add(time.Minute)
	_, err := b.Restored(b.Ctx)
	b.Must(err)
	buried := authorise.Tombstone(authorise.Attempt{Ref: tomb.Ref, Payment: tomb.Payment, Terminal: l.ID, Store: "s1", Lane: "1", Wallet: tomb.Wallet,
		Amount: payment.Of(5, "JPY"), Made: b.Chain.Now.UTC().Truncate(time.Millisecond)}, false, b.Chain.Now)
	b.Must(b.Attempts().Begin(b.Ctx, &buried)) // of a request that came by the quick road, behind the restore
	b.SendAll(l, 0)
	b.JudgeAll()
	if a := b.WantAttempt(given.Ref, authorise.Reversing); a.Call != authorise.Query {
		b.Errorf("%+v", a)
	}
	if a := b.WantAttempt(tomb.Ref, authorise.Closed); a.Checked || a.Call != authorise.Query || a.Due.IsZero() {
		b.Errorf("the tombstone: %+v", a)
	}
	for _, t := range []ingesttest.Tried{silent, declined, live} {
		if a := b.WantAttempt(t.Ref, authorise.Doubtful); a.Claim != authorise.Perhaps {
			b.Errorf("%+v", a)
		}
	}
	b.Happens(silent.Ref, Says(operator.Paid))
	b.WantAttempt(silent.Ref, authorise.Paid)
	b.Happens(tomb.Ref, Says(operator.Paid))
	b.WantAttempt(tomb.Ref, authorise.Reversing)
	if r := b.Balance(); len(r.Unclaimed) != 1 || r.Unclaimed[0].Ref != silent.Ref {
		b.Errorf("charges of no entry: %+v", r.Unclaimed)
	}

	// A request that comes too late may be the repeat of one that was in time.
	late := authorise.Attempt{Ref: "LATE", Payment: b.Chain.ID(), Terminal: l.ID, Wallet: ingesttest.OnlineWallet, Amount: payment.Of(8, "JPY"),
		Made: b.Chain.Now.UTC(), State: authorise.Declined, Why: operator.Late}
	other := late
	b.Must(b.Attempts().Begin(b.Ctx, &late))
	if late.State != authorise.Doubtful || late.Why != operator.NoReason || late != b.WantAttempt("LATE", authorise.Doubtful) {
		b.Errorf("%+v", late)
	}
	b.Chain.Now = b.Chain.Now.Add(2 * time.Hour)
	other.Ref, other.Payment = "LATER", b.Chain.ID()
	b.Must(b.Attempts().Begin(b.Ctx, &other))
	b.WantAttempt("LATER", authorise.Declined)

	// What is asked now is the desk's, and what is given up a day later has a plain tombstone.
	now := l.Ask(6)
	b.Send(l, last+1, l.Last())
	b.JudgeAll()
	if _, err := b.Attempts().Get(b.Ctx, now.Ref); err == nil {
		b.Error("an intent that HQ may still be asked about was adopted")
	}
	epoch, err := b.HQEpoch(b.Ctx)
	b.Must(err)
	for count := range uint64(2) { // the second beat, behind the first: no copy of the disk speaks (judgeshare.go)
		_, _, err = b.Record(b.Ctx, nil, []*wire.Beat{{Terminal: l.ID, Epoch: l.Epoch, Count: count + 1, Last: l.Last(), Acked: l.Last(), Head: l.Head(), HQEpoch: epoch}})
		b.Must(err)
		last = l.Last()
		for range 8 { // what may still rest on an older word
			l.Add(&payment.SaleCompleted{}, ingesttest.Extra{})
		}
		b.flow(l, last)
		last = l.Last()
	}
	for _, sure := range []bool{false, true} {
		t := l.Ask(7)
		l.GiveUp(t)
		b.flow(l, last)
		last = l.Last()
		if a := b.WantAttempt(t.Ref, authorise.Closed); a.Checked != sure {
			b.Errorf("the tombstone: %+v, want %v", a, sure)
		}
		b.Chain.Now = b.Chain.Now.Add(25 * time.Hour)
	}
}

// testOnlineTakenBackAgain: a payment was confirmed by its operator and settled, and given back when its fork was found.
// Behind a restore its entry comes before the fork is known: all of that happens again, and settles nothing.
func testOnlineTakenBackAgain(b *Bench) {
	l := b.Lane("s1", "1")
	at, twin := l.Last(), l.Clone()
	t := l.Authorise(l.Ask(500))
	twin.Sell(b.Chain.Phone(), 1)
	before := b.another()
	before.Enrol(l)
	before.flow(l, 0)
	before.Happens(t.Ref, Says(operator.Paid))
	paid := before.closeOnline(ingesttest.Today)
	before.flow(twin, at)
	back := before.closeOnline(ingesttest.Today + 1)
	before.wantBatch(back, 1, -500)
	after := b.restored(paid, l)
	b.Must(after.CommitBatch(b.Ctx, back))
	after.flow(l, 0)
	after.WantState(t.Sold, ledger.Posted)
	after.Balance()
	after.flow(twin, at)
	after.WantState(t.Sold, ledger.Suspended)
	after.wantBatch(after.closeOnline(ingesttest.Today+2), 0, 0)
	after.WantNet(ledger.SettlementPayable, 0)
	after.WantNet(ledger.StorePayable, 0)
	if r := after.Balance(); r.Awaited != 0 {
		b.Errorf("awaited %d", r.Awaited)
	}
}
