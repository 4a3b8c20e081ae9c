package main

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/cmd/tilld/internal/lane"
	"tilld/sync/ledger"
)

// BenchmarkDrain carries a lane's backlog through the real broker to HQ's books, and the same sales in the way
// in which one would write it in an afternoon: a message for each sale; its signature and evidence verified;
// one commit that keeps and posts it; a signed answer, which the lane notes in its outbox with one commit. Both in
// one run, with the same journal, wire, broker and disk, and with every customer another one, so that no check of
// a certificate serves twice.
//
//	stored/naive: rate of "stored and acknowledged" over the afternoon's rate
//	posted/naive: rate of "posted, evidence verified again" over the afternoon's rate
//	posted/bulk: the same over the rate of a bare bulk insert of the rows that HQ holds in the end
func BenchmarkDrain(b *testing.B) {
	n := benchNumber(b, "TILLD_DRAIN_SALES", 3000)
	for b.Loop() {
		d := newDrain(b, n)
		naive := d.naive(n)
		stored, posted := d.drain()
		bulk := d.bulk()
		b.ReportMetric(float64(n)/naive.Seconds(), "naive-sales/s")
		b.ReportMetric(float64(n)/stored.Seconds(), "stored-sales/s")
		b.ReportMetric(float64(n)/posted.Seconds(), "posted-sales/s")
		b.ReportMetric(naive.Seconds()/stored.Seconds(), "stored/naive")
		b.ReportMetric(naive.Seconds()/posted.Seconds(), "posted/naive")
		b.ReportMetric(float64(n)/bulk.Seconds(), "bulk-sales/s")
		b.ReportMetric(bulk.Seconds()/posted.Seconds(), "posted/bulk")
	}
}

// drain is a chain with one lane that has a backlog of a day.
type drain struct {
	*benchLane
	last, epoch uint64
	before      int64 // what the wallets owed before, by the books
}

func newDrain(b testing.TB, n int) *drain {
	b.Helper()
	c := newBenchChain(b)
	d := &drain{benchLane: c.lane(1)}
	j := d.open(d.dir)
	d.last = d.fill(j, n)
	state, err := j.State(b.Context())
	d.must(err)
	d.epoch = state.Current.Epoch
	d.must(j.Close())
	d.must(c.office.Close())
	return d
}

// drain runs the shipped parts until the lane's journal has everything acknowledged, and HQ has posted it. The
// start of both ends is in it.
func (d *drain) drain() (stored, posted time.Duration) {
	d.b.Helper()
	ctx, stop := context.WithCancel(d.b.Context())
	log := slog.New(slog.DiscardHandler)
	office, err := hq.Open(ctx, &config.HQ{
		Data: d.data(), Embedded: config.Embedded{Listen: "127.0.0.1:0"}, Settle: config.Settle{Zone: "UTC", Cut: "05:00"},
		Serve: config.Serve{Address: "127.0.0.1:0"},
	}, "bench", log)
	d.must(err)
	node, err := lane.Open(ctx, &config.Lane{
		Data: d.dir, Language: "en", Scanner: config.Scanner{Path: filepath.Join(d.root, "none"), Profile: "generic", Locks: d.root},
		Broker: config.Broker{Addresses: []string{office.BrokerURL()}}, Listen: config.Listen{Pages: "127.0.0.1:0", POS: "127.0.0.1:0"},
	}, "bench", log)
	d.must(err)
	file, err := sql.Open("sqlite", "file:"+filepath.Join(d.dir, "journal.db")+"?mode=ro")
	d.must(err)
	done := make(chan error, 2)
	go func() { done <- office.Run(ctx) }()
	begin := time.Now()
	go func() { done <- node.Run(ctx) }()
	tick := time.NewTicker(50 * time.Millisecond) // a look costs a millisecond of the work that is measured
	defer tick.Stop()
	for range tick.C {
		if stored == 0 {
			var left int
			d.must(file.QueryRow(`SELECT count(*) FROM epoch WHERE acked < last`).Scan(&left))
			if left == 0 {
				stored = time.Since(begin)
			}
			continue
		}
		left, err := office.Books.Backlogs(ctx, 0, 1)
		d.must(err)
		if len(left) == 0 {
			posted = time.Since(begin)
			break
		}
	}
	d.wantPosted(office.Books)
	stop()
	d.must(<-done)
	d.must(<-done)
	d.must(file.Close())
	return stored, posted
}

// wantPosted holds the books to the sales.
func (d *drain) wantPosted(books *ledger.Store) {
	d.b.Helper()
	open, err := books.Exceptions(d.b.Context(), ledger.ExceptionFilter{State: "open"}, 0, 1)
	d.must(err)
	if len(open) > 0 {
		d.b.Fatalf("an exception: %+v", open[0])
	}
	rows, err := books.Trial(d.b.Context())
	d.must(err)
	for _, row := range rows {
		if row.Account == ledger.WalletReceivable && row.Net() == d.before+d.used.Sum {
			return
		}
	}
	d.b.Fatalf("posted %+v, want %d", rows, d.before+d.used.Sum)
}
