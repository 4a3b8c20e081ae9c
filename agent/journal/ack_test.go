package journal

import (
	"bytes"
	"errors"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

func mustPending(t fataler, j *Journal) Pending {
	t.Helper()
	p, err := j.Pending(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// exposure is the yen that the rules would be told of.
func exposure(t testing.TB, j *Journal) (sum int64, count uint64) {
	t.Helper()
	k, err := j.Known(ctx, Question{Currency: "JPY"})
	if err != nil {
		t.Fatal(err)
	}
	return k.ExposureSum, k.ExposureCount
}

// TestAcknowledge walks one journal through HQ's answers; each step builds on the ones before.
func TestAcknowledge(t *testing.T) {
	j := newJournal(t)
	r := sell(t, j, 1, 5) // approvals at 3, 5, 7, 9, 11
	epoch := r[0].Entry.Epoch
	change := func(a *wire.Ack, f func(*wire.Ack)) *wire.Ack { f(a); return a }
	steps := []struct {
		name     string
		ack      *wire.Ack
		want     AckResult
		exposure int64
	}{
		{"the first", ackFor(r[1], 10), AckResult{Taken: true, Acked: 5, Moved: 5}, 300},
		{"again", ackFor(r[1], 10), AckResult{Taken: true, Acked: 5}, 300},
		{"an older one, late, or HQ has lost some", ackFor(r[0], 10), AckResult{Acked: 5, Behind: true}, 300},
		{"nothing at all, late", change(ackFor(r[0], 10), func(a *wire.Ack) { a.Acked, a.Head = 0, nil }), AckResult{Acked: 5, Behind: true}, 300},
		{"of an older HQ", ackFor(r[3], 9), AckResult{Acked: 5}, 300},
		{"of an epoch that is not here", change(ackFor(r[3], 10), func(a *wire.Ack) { a.Epoch++ }), AckResult{}, 300},
		{"of an HQ epoch beyond all clocks", change(ackFor(r[3], 10), func(a *wire.Ack) { a.HQEpoch = 1 << 63 }), AckResult{}, 300},
		{"the next", ackFor(r[3], 10), AckResult{Taken: true, Acked: 9, Moved: 4}, 100},
		{"HQ restored, less known", ackFor(r[0], 11), AckResult{Taken: true, Acked: 3, Rewound: 6}, 400},
		{"the old HQ's word, late", ackFor(r[3], 10), AckResult{Acked: 3}, 400},
		{"sent again", ackFor(r[4], 11), AckResult{Taken: true, Acked: 11, Moved: 8}, 0},
		{"HQ restored, all lost", change(ackFor(r[0], 12), func(a *wire.Ack) { a.Acked, a.Head, a.Judged = 0, nil, 0 }), AckResult{Taken: true, Rewound: 11}, 500},
		{"all sent again", ackFor(r[4], 12), AckResult{Taken: true, Acked: 11, Moved: 11}, 0},
	}
	for _, s := range steps {
		if got := mustAck(t, j, s.ack); got != s.want {
			t.Errorf("%s: %+v, want %+v", s.name, got, s.want)
		}
		if sum, _ := exposure(t, j); sum != s.exposure {
			t.Errorf("%s: exposure %d, want %d", s.name, sum, s.exposure)
		}
	}
	if s := mustState(t, j); s.HQEpoch != 12 || s.Current.Epoch != epoch || s.Forked() {
		t.Errorf("state %+v", s)
	}
	if _, err := j.Acknowledge(ctx, change(ackFor(r[0], 12), func(a *wire.Ack) { a.Terminal = payment.ID{7} }), nil); !errors.Is(err, ErrOtherTerminal) {
		t.Errorf("another terminal's answer: %v", err)
	}
}

// TestForkForgotten: HQ held this history beside another one, was put back to a time when it knew the other alone, and
// names that one. Everything is sent again; and is HQ's when it says so of our entries.
func TestForkForgotten(t *testing.T) {
	j := newJournal(t)
	r := sell(t, j, 1, 5)
	ack := func(a *wire.Ack) AckResult {
		t.Helper()
		res, err := j.Acknowledge(ctx, a, sealAck(t, newSigner(t, 9), a))
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	ack(ackFor(r[4], 10))
	other := func(hq, acked uint64) *wire.Ack {
		a := ackFor(r[1], hq)
		a.Acked, a.Judged, a.Head = acked, acked, bytes.Repeat([]byte{9}, 32)
		a.Results = []wire.Result{{Seq: 3, Status: wire.Suspense, Reason: "fork"}}
		return a
	}
	for _, s := range []struct {
		name     string
		ack      *wire.Ack
		want     AckResult
		exposure int64
	}{
		{"the other, of the HQ that has both", other(10, 8), AckResult{Acked: 11, Fork: true}, 0},
		{"the other alone", other(11, 8), AckResult{Taken: true, Rewound: 11, Fork: true}, 500},
		{"once more", other(11, 8), AckResult{Fork: true}, 500},
		{"the old HQ's word, late", ackFor(r[4], 10), AckResult{}, 500},
		{"ours, a part of it", ackFor(r[1], 11), AckResult{Taken: true, Acked: 5, Moved: 5}, 300},
		{"the other again", other(11, 9), AckResult{Acked: 5, Fork: true}, 300},
		{"more than we ever wrote, of another restored one", other(12, 100), AckResult{Taken: true, Rewound: 5, Fork: true}, 500},
		{"ours", ackFor(r[4], 12), AckResult{Taken: true, Acked: 11, Moved: 11}, 0},
	} {
		if got := ack(s.ack); got != s.want {
			t.Errorf("%s: %+v, want %+v", s.name, got, s.want)
		}
		if sum, _ := exposure(t, j); sum != s.exposure {
			t.Errorf("%s: exposure %d, want %d", s.name, sum, s.exposure)
		}
		if back := mustCheckAcks(t, j); len(back) > 0 {
			t.Errorf("%s: HQ said it, and it is taken back: %+v", s.name, back)
		}
		if n := len(mustState(t, j).Epochs); n != 1 {
			t.Errorf("%s: %d epochs", s.name, n)
		}
	}
}

// TestFork: HQ holds another history. The old epoch's outbox stays, the lane goes on in a new epoch.
func TestFork(t *testing.T) {
	tests := []struct {
		name string
		ack  func(r []Record) *wire.Ack
		want AckResult
	}{
		{"another entry under our name", func(r []Record) *wire.Ack {
			a := ackFor(r[1], 10)
			a.Head = bytes.Repeat([]byte{9}, 32)
			return a
		}, AckResult{Acked: 3, Fork: true}},
		{"more than we ever wrote", func(r []Record) *wire.Ack {
			a := ackFor(r[1], 10)
			a.Acked = 100
			return a
		}, AckResult{Acked: 3, Fork: true}},
		{"HQ says so, of the other branch", func(r []Record) *wire.Ack {
			a := ackFor(r[0], 10)
			a.Head, a.Forked = bytes.Repeat([]byte{9}, 32), true
			return a
		}, AckResult{Acked: 3, Fork: true}},
		{"HQ says so, of our branch", func(r []Record) *wire.Ack {
			a := ackFor(r[1], 10)
			a.Forked = true
			return a
		}, AckResult{Taken: true, Acked: 5, Moved: 2, Fork: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := newJournal(t)
			r := sell(t, j, 1, 3)
			mustAck(t, j, ackFor(r[0], 10))
			a := tt.ack(r)
			if got := mustAck(t, j, a); got != tt.want {
				t.Fatalf("%+v, want %+v", got, tt.want)
			}
			if !reopen(t, &j).Forked() {
				t.Fatal("the fork is forgotten by a restart")
			}
			goOnInNewEpoch(t, j, a)
		})
	}
}

func reopen(t testing.TB, j **Journal) *State {
	t.Helper()
	if err := (*j).Close(); err != nil {
		t.Fatal(err)
	}
	*j = mustOpen(t, (*j).cfg)
	s := mustState(t, *j)
	return &s
}

func goOnInNewEpoch(t *testing.T, j *Journal, forked *wire.Ack) {
	old := mustState(t, j).Current
	first, err := j.NewEpoch(ctx, payment.CauseFork)
	if err != nil {
		t.Fatal(err)
	}
	f := first.Entry.Fact.(*payment.EpochOpened)
	if f.ParentEpoch != old.Epoch || f.ParentSeq != old.Last || !bytes.Equal(f.ParentHead, old.Head) || f.Cause != payment.CauseFork {
		t.Errorf("first entry %+v does not name its parent %+v", f, old)
	}
	if mustAck(t, j, forked).Fork {
		t.Error("the old epoch's fork asks for another new epoch")
	}
	out, err := j.Outbox(ctx)
	if err != nil || len(out) != 2 || out[0].Epoch != old.Epoch || out[0].Acked != old.Acked {
		t.Fatalf("outbox %+v, %v: the old epoch's entries are to be sent first", out, err)
	}
	r := sell(t, j, 100, 1)
	if got := mustAck(t, j, ackFor(r[0], 10)); !got.Taken || got.Moved != 3 {
		t.Errorf("in the new epoch: %+v", got)
	}
	if sum, _ := exposure(t, j); sum != 100*int64(3-(old.Acked-1)/2) {
		t.Errorf("exposure %d with the old epoch acknowledged to %d", sum, old.Acked)
	}
	verifyCopy(t, j)
}

func TestResults(t *testing.T) {
	j := newJournal(t)
	r := sell(t, j, 1, 4)
	a := ackFor(r[3], 5)
	a.Judged = r[2].Entry.Seq
	a.Results = []wire.Result{
		{Seq: r[0].Entry.Seq, Status: wire.Suspense, Reason: "code_spent_twice"},
		{Seq: r[1].Entry.Seq, Status: wire.Rejected, Reason: "bad\x07\u202e reason" + string(bytes.Repeat([]byte{'x'}, 200))},
		{Seq: 999, Status: wire.Rejected, Reason: "of the future"},
	}
	if got := mustAck(t, j, a); got.Exceptions != 2 {
		t.Fatalf("%+v", got)
	}
	list, err := j.Payments(ctx, today)
	if err != nil {
		t.Fatal(err)
	}
	var got []Progress
	for _, p := range list {
		got = append(got, p.Progress)
	}
	want := []Progress{AtHQ, Settling, Rejected, Suspense} // the newest first
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("progress %v, want %v", got, want)
		}
	}
	if list[3].Reason != "code_spent_twice" || len(list[2].Reason) != maxReason || bytes.ContainsRune([]byte(list[2].Reason), 7) {
		t.Errorf("reasons %q and %q", list[3].Reason, list[2].Reason)
	}
	ex, err := j.Exceptions(ctx)
	if err != nil || len(ex) != 2 || ex[0].ID != list[2].ID {
		t.Errorf("exceptions %+v, %v", ex, err)
	}
	a.Results = []wire.Result{{Seq: r[0].Entry.Seq, Status: wire.Posted}} // resolved in the meantime
	mustAck(t, j, a)
	if p, ok, err := j.PaymentByID(ctx, *id(10)); err != nil || !ok || p.Progress != Settling || p.Reason != "" {
		t.Errorf("a resolved exception: %+v, %v, %v", p, ok, err)
	}
	a.Results = []wire.Result{{Seq: r[1].Entry.Seq, Status: wire.Borne, Reason: "over_cap"}, {Seq: r[2].Entry.Seq, Status: wire.Suspense, Reason: "fork"},
		{Seq: r[3].Entry.Seq, Status: 9, Reason: "of a later release"}}
	mustAck(t, j, a)
	ex, err = j.Exceptions(ctx) // what waits comes first, though what was decided against the store is as old or newer
	if err != nil || len(ex) != 2 || ex[0].ID != list[1].ID || ex[0].Progress != Suspense || ex[1].ID != list[2].ID || ex[1].Progress != Borne || ex[1].Reason != "over_cap" {
		t.Errorf("exceptions %+v, %v", ex, err)
	}
	if st, err := j.Stats(ctx); err != nil || st.Suspense != 1 || st.Rejected != 0 {
		t.Errorf("stats %+v, %v", st, err)
	}
	// An HQ that was restored from before has forgotten the rest, and will say it again.
	mustAck(t, j, &wire.Ack{Version: 1, HQEpoch: 6, Terminal: terminal, Epoch: a.Epoch})
	if ex, _ := j.Exceptions(ctx); len(ex) != 0 {
		t.Errorf("exceptions of an HQ that is no more: %+v", ex)
	}
}

func TestPending(t *testing.T) {
	j := newJournal(t)
	if p := mustPending(t, j); p.Entries != 1 || p.Count != 0 || len(p.Sums) != 0 || p.Oldest != noon.UnixMilli() {
		t.Errorf("a new journal: %+v", p)
	}
	r := sell(t, j, 1, 3)
	d := saleFact(&payment.SaleOpened{Total: payment.Of(500, "TWD"), Due: payment.Of(500, "TWD")}, 50)
	a := approved(t, 50, 500, 9, 1)
	a.Fact.(*payment.Approved).Amount = payment.Of(500, "TWD")
	training := opened(60, 100)
	training.Training = true
	trained := approved(t, 60, 100, 9, 2)
	trained.Training = true
	last := mustAppend(t, j, d, a, training, trained, voided(r[2]))
	p := mustPending(t, j)
	if p.Entries != 12 || p.Count != 3 || len(p.Sums) != 2 || p.Sums[0] != yen(200) || p.Sums[1] != payment.Of(500, "TWD") {
		t.Errorf("%+v", p)
	}
	mustAck(t, j, ackFor(last[4], 1))
	if p := mustPending(t, j); p.Entries != 0 || p.Count != 0 || len(p.Sums) != 0 || p.Oldest != 0 {
		t.Errorf("all acknowledged: %+v", p)
	}
}

// TestVoidAfterAcknowledgement: the acknowledgement may overtake the supervisor. The void stands, and takes
// nothing off an exposure that the payment is no longer in.
func TestVoidAfterAcknowledgement(t *testing.T) {
	j := newJournal(t)
	r := sell(t, j, 1, 2)
	mustAck(t, j, ackFor(r[0], 1))
	mustAppend(t, j, voided(r[0]))
	if sum, n := exposure(t, j); sum != 100 || n != 1 {
		t.Errorf("exposure %d of %d", sum, n)
	}
	a := ackFor(r[0], 2) // a restored HQ wants everything: the voided one counts no more
	a.Acked, a.Head = 0, nil
	mustAck(t, j, a)
	if sum, n := exposure(t, j); sum != 100 || n != 1 {
		t.Errorf("exposure %d of %d after going back", sum, n)
	}
}
