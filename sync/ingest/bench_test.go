package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// BenchmarkIngest drains made-up lanes into HQ and compares it, in the same run, with what one would write in
// an afternoon: a message, the same verifications, one commit and one acknowledgement for each payment. Wanted
// are at least 10 times its rate stored and acknowledged, and 4 times posted with the evidence checked again.
//
// TILLD_BENCH_ENTRIES sets the number of payments (default 6,000). The road through a real broker is measured
// in agent/cmd/tilld.
func BenchmarkIngest(b *testing.B) {
	payments := 6_000
	if n, err := strconv.Atoi(os.Getenv("TILLD_BENCH_ENTRIES")); err == nil {
		payments = n
	}
	load := makeLoad(b, 30, payments)
	for b.Loop() {
		naive := load.naive(b, min(payments/8, 1500))
		stored, posted := load.drain(b)
		b.ReportMetric(naive, "naive/s")
		b.ReportMetric(stored, "stored/s")
		b.ReportMetric(posted, "posted/s")
		b.ReportMetric(stored/naive, "x-stored")
		b.ReportMetric(posted/naive, "x-posted")
	}
}

// load is what lanes have to send.
type load struct {
	chain    *ingesttest.Chain
	lanes    []*ingesttest.Lane
	payments int
	sum      int64
	batches  map[string][][]byte // by terminal's downward topic
}

// makeLoad lets lanes sell; a phone buys twenty times with one certificate.
func makeLoad(tb testing.TB, lanes, payments int) *load {
	tb.Helper()
	c := ingesttest.NewChain(tb)
	l := &load{chain: c, batches: map[string][][]byte{}}
	for i := range lanes {
		lane := c.Lane(fmt.Sprint("s", i), "1")
		var p *ingesttest.Phone
		for n := range payments / lanes {
			if n%20 == 0 {
				p = c.Phone()
			}
			lane.Sell(p, 100)
			l.payments, l.sum = l.payments+1, l.sum+100
		}
		l.lanes = append(l.lanes, lane)
		for _, b := range lane.Batches(0, 200) {
			l.batches[wire.DownTopic(lane.ID)] = append(l.batches[wire.DownTopic(lane.ID)], encode(tb, b))
		}
	}
	return l
}

func encode(tb testing.TB, b *wire.Batch) []byte {
	tb.Helper()
	msg, err := wire.EncodeBatch(b)
	if err != nil {
		tb.Fatal(err)
	}
	return msg
}

// open makes an HQ that knows the lanes.
func (l *load) open(tb testing.TB) *ledger.Store {
	tb.Helper()
	s, err := ledger.Open(context.Background(), filepath.Join(tb.TempDir(), "hq.db"), func() time.Time { return l.chain.Now })
	check(tb, err)
	tb.Cleanup(func() { _ = s.Close() })
	ctx := context.Background()
	check(tb, s.AddDocument(ctx, ledger.Document{Kind: ledger.TrustDocument, Version: 1, Sealed: l.chain.SignedTrust()}))
	check(tb, s.AddDocument(ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: 1, Sealed: l.chain.SignedPolicy()}))
	for _, lane := range l.lanes {
		term := ledger.Terminal{ID: lane.ID, Entity: lane.Entity, Store: lane.Store, Lane: lane.Name}
		check(tb, s.AddTerminal(ctx, term, lane.Key.Public()))
	}
	return s
}

func check(tb testing.TB, err error) {
	if err != nil {
		tb.Helper()
		tb.Fatal(err)
	}
}

// drain plays the lanes with a window of four batches against a running HQ, and gives the rates at which all
// was acknowledged and all was posted, both from the same start.
func (l *load) drain(tb testing.TB) (stored, posted float64) {
	tb.Helper()
	store := l.open(tb)
	h := &hq{down: make(chan sent, 4096)}
	g, err := New(context.Background(), configFor(l.chain, store, h))
	check(tb, err)
	h.Ingest = g
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- g.Run(ctx) }()

	start := time.Now()
	left := l.play(tb, h)
	stored = float64(l.payments) / time.Since(start).Seconds()
	if left != 0 {
		tb.Fatalf("%d batches were not acknowledged", left)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for g.Stats().Judged < uint64(l.payments+2*len(l.lanes)) {
		select {
		case <-tick.C:
		case err := <-over:
			tb.Fatalf("ingest ended before all was judged: %v", err)
		}
	}
	posted = float64(l.payments) / time.Since(start).Seconds()
	cancel()
	<-over
	l.wantPosted(tb, store)
	return stored, posted
}

func (l *load) play(tb testing.TB, h *hq) (left int) {
	tb.Helper()
	next := map[string]int{}
	open := map[string]*ingesttest.Lane{}
	push := func(topic string) {
		if i := next[topic]; i < len(l.batches[topic]) {
			h.Handle(context.Background(), wire.UpTopic(open[topic].ID), l.batches[topic][i])
			next[topic]++
		}
	}
	for _, lane := range l.lanes {
		open[wire.DownTopic(lane.ID)] = lane
		left += len(l.batches[wire.DownTopic(lane.ID)])
	}
	for range 4 {
		for topic := range open {
			push(topic)
		}
	}
	acked := map[string]uint64{}
	for left > 0 {
		s := <-h.down
		lane := open[s.topic]
		if lane == nil {
			continue
		}
		sealed, err := wire.UnframeSigned(s.payload)
		check(tb, err)
		m, err := wire.Open(sealed, wire.TypAck, wire.OneKey(l.chain.Ack.Public()))
		check(tb, err)
		var a wire.Ack
		check(tb, wire.UnmarshalKnown(m.Payload, &a))
		for ; acked[s.topic] < a.Acked; acked[s.topic] = min(acked[s.topic]+200, lane.Last()) {
			left--
			push(s.topic)
		}
	}
	return left
}

func (l *load) wantPosted(tb testing.TB, s *ledger.Store) {
	tb.Helper()
	rows, err := s.Trial(context.Background())
	check(tb, err)
	for _, row := range rows {
		if row.Account == ledger.WalletReceivable && row.Net() == l.sum && len(rows) == 2 {
			return
		}
	}
	tb.Fatalf("posted %+v, want %d", rows, l.sum)
}

// naive takes a number of payments one by one, each a message that is verified, examined, written and
// acknowledged before the next.
func (l *load) naive(tb testing.TB, payments int) float64 {
	tb.Helper()
	g, err := New(context.Background(), configFor(l.chain, l.open(tb), &road{}))
	check(tb, err)
	books := ingesttest.OpenAfternoon(tb, filepath.Join(tb.TempDir(), "naive.db"))
	var msgs []message
	for _, lane := range l.lanes {
		for _, b := range lane.Batches(2, 1)[:payments/len(l.lanes)] { // the opening of epoch and day left out
			msgs = append(msgs, message{terminal: lane.ID, payload: encode(tb, b)})
		}
	}
	start := time.Now()
	for _, m := range msgs {
		l.takeOne(tb, g, books, m)
	}
	return float64(len(msgs)) / time.Since(start).Seconds()
}

func (l *load) takeOne(tb testing.TB, g *Ingest, books *ingesttest.Afternoon, m message) {
	tb.Helper()
	ctx := context.Background()
	it, err := g.check(ctx, m)
	check(tb, err)
	b := it.arrival.Batch
	h := ledger.Held{Name: wire.Name{Terminal: b.Terminal, Epoch: b.Epoch, Seq: b.First}, Hash: it.arrival.Hashes[0], Payload: b.Payloads[0],
		Body: b.Bodies[0], ReceivedAt: l.chain.Now}
	var at place
	for _, lane := range l.lanes {
		if lane.ID == m.terminal {
			at = place{lane.Store, lane.Name}
		}
	}
	j, err := g.examine(ctx, &h, at)
	check(tb, err)
	if j.Kind != "" {
		tb.Fatalf("%s: %s", j.Kind, j.Detail)
	}
	check(tb, books.Write(b, it.arrival.Hashes, j.Approval))
	check(tb, g.sendAnswer(ctx, &answer{terminal: b.Terminal, epoch: b.Epoch, place: ledger.Place{Acked: b.First, Head: h.Hash[:]}}))
}
