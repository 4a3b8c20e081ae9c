package ingest

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// heard makes HQ's log readable.
func (b *bench) heard() *bytes.Buffer {
	var log bytes.Buffer
	b.g.cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
	return &log
}

// TestPutBackInSilence: an old copy of the books is put in their place and nobody says so. Lanes that had HQ's
// word for more are named, once and aloud; when HQ is declared restored they send it again, and it is over.
func TestPutBackInSilence(t *testing.T) {
	b := newBench(t)
	var lanes []*ingesttest.Lane
	for i := range 3 {
		l := b.Lane("s1", fmt.Sprint(i))
		p := b.Chain.Phone()
		for range 8 {
			l.Sell(p, 100)
		}
		lanes = append(lanes, l)
		b.deliver(l, l.Message(1, 6))
	}
	b.post()
	backup := filepath.Join(t.TempDir(), "backup.db")
	b.Must(b.store.Backup(b.Ctx, backup))
	for _, l := range lanes[:2] {
		b.settleUp(l)
	}
	hq, err := b.HQEpoch(b.Ctx)
	b.Must(err)

	again := benchAt(t, b.Chain, backup)
	log := again.heard()
	beat := func(l *ingesttest.Lane, count uint64) []wire.Ack {
		return again.deliver(l, l.Beat(count, func(w *wire.Beat) { w.Acked, w.HQEpoch = w.Last, hq }))
	}
	for count := range uint64(3) {
		for _, l := range lanes[:2] {
			if acks := beat(l, 100+count); len(acks) != 1 || acks[0].Acked != 6 || acks[0].HQEpoch != hq {
				t.Errorf("answers %+v", acks)
			}
		}
		l := lanes[2]
		again.deliver(l, l.Beat(100+count, func(w *wire.Beat) { w.Acked, w.HQEpoch = 6, hq }))
	}
	if n := strings.Count(log.String(), "kind=hq_lost"); n != 2 || !strings.Contains(log.String(), "tilld hq restored") {
		t.Errorf("%d of 2 losses named:\n%s", n, log)
	}
	lost, err := again.Lost(again.Ctx)
	if again.Must(err); len(lost) != 2 || lost[0].Restored || lost[0].From != 7 {
		t.Errorf("%+v", lost)
	}

	b.Chain.Now = b.Chain.Now.Add(time.Second)
	_, err = again.Restored(again.Ctx)
	again.Must(err)
	again.start(again.store)
	for _, l := range lanes {
		again.deliverAll(l, 6, 5)
	}
	again.post()
	again.WantNet(ledger.WalletReceivable, 3*8*100)
	list, err := again.Exceptions(again.Ctx, ledger.ExceptionFilter{Kind: ledger.HQLost}, 0, 10)
	again.Must(err)
	for _, x := range list {
		if x.Open() || x.Owner != ledger.OwnerOperations {
			t.Errorf("%+v", x)
		}
	}
	if r := again.Balance(); len(r.Lost)+len(r.Missing) != 0 || len(list) != 2 {
		t.Errorf("%+v, %d exceptions", r, len(list))
	}
}

// TestBothClonesAreTold: a till's data was copied. Whoever asks, in whichever epoch, hears that the journal
// exists twice, until somebody has dealt with it.
func TestBothClonesAreTold(t *testing.T) {
	b := newBench(t)
	log := b.heard()
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	l.Sell(p, 100)
	b.deliver(l, l.Message(1, 3))
	twin := l.Clone()
	l.Sell(p, 200)
	twin.NewEpoch(payment.CauseFork) // its journal did not have what HQ acknowledged: nothing forked at HQ
	b.deliver(l, l.Message(4, 4))
	b.deliver(twin, twin.Message(1, 2))
	told := func(l *ingesttest.Lane, count uint64) bool {
		t.Helper()
		acks := b.deliver(l, l.Beat(count, nil))
		if len(acks) != 1 {
			t.Fatalf("%d answers", len(acks))
		}
		return acks[0].Twice
	}
	if told(l, 1) || told(twin, 2) {
		t.Error("an alarm before the first till came back")
	}
	if !told(l, 3) || !told(twin, 4) || !told(l, 5) {
		t.Error("a till is not told")
	}
	l.Sell(p, 300)
	if acks := b.deliver(l, l.Message(5, 5)); len(acks) != 1 || !acks[0].Twice {
		t.Errorf("the answer to a sale: %+v", acks)
	}
	if n := strings.Count(log.String(), "kind=terminal_twice"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log)
	}
	x, err := b.Exceptions(b.Ctx, ledger.ExceptionFilter{Kind: ledger.TerminalTwice}, 0, 10)
	if b.Must(err); len(x) != 1 || x[0].Owner != ledger.OwnerOperations {
		t.Fatalf("%+v", x)
	}
	b.Must(b.Resolve(b.Ctx, []payment.ID{x[0].ID}, ledger.Noted, "ops", "the copy was switched off"))
	if told(l, 6) {
		t.Error("told though somebody has dealt with it")
	}
}
