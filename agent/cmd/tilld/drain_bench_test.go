package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/cmd/tilld/internal/lane"
	"tilld/agent/journal"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// drainSales is how many sales are drained: three entries each. TILLD_DRAIN_SALES sets another number; the
// README's figure is of 33,334 (100,000 entries).
func drainSales(b *testing.B) int {
	b.Helper()
	text := os.Getenv("TILLD_DRAIN_SALES")
	if text == "" {
		return 3000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("TILLD_DRAIN_SALES=%q", text)
	}
	return n
}

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
	n := drainSales(b)
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

// drain is a chain with one lane that has a backlog.
type drain struct {
	b     *testing.B
	dir   string
	id    lane.Identity
	last  uint64
	epoch uint64
	sum   int64 // of all sales, in minor units
}

func (d *drain) must(err error) {
	d.b.Helper()
	if err != nil {
		d.b.Fatal(err)
	}
}

func newDrain(b *testing.B, n int) *drain {
	b.Helper()
	d := &drain{b: b, dir: b.TempDir()}
	ctx := b.Context()
	d.must(hq.Init(ctx, d.data(), "kita", "JPY", "Asia/Tokyo", time.Now))
	o, err := hq.OpenOffice(ctx, d.data(), time.Now)
	d.must(err)
	issuer := newIssuer(b)
	d.must(o.AddIssuer(ctx, issuer.Public(), "house"))
	doc, _, err := o.Policy(ctx)
	d.must(err)
	doc.Version++
	doc.Caps = policy.Caps{Payment: 50_000, AccountDay: 1_000_000_000_000, Unbound: 50_000, Small: 50_000}
	doc.Default = policy.StoreDefault{Cap: 1_000_000_000_000, Lanes: 1, Sum: 1_000_000_000_000, Count: 1_000_000}
	d.must(o.SignPolicy(ctx, doc))
	request, id, err := lane.Init(d.laneDir(), "bench", time.Now())
	d.must(err)
	answer, _, err := o.AddTerminal(ctx, request, hq.Place{Store: "S001", Lane: "L1", Entity: "kita-foods"})
	d.must(err)
	_, err = lane.Join(d.laneDir(), answer)
	d.must(err)
	d.id = id
	terms := doc.Terms("S001", "L1")
	trust, _, err := o.Trust(ctx)
	d.must(err)
	d.fill(n, issuer, &terms, doc.Version, trust.Seal(time.Now()))
	d.must(o.Close())
	return d
}

func (d *drain) data() string    { return filepath.Join(d.dir, "hq") }
func (d *drain) laneDir() string { return filepath.Join(d.dir, "lane") }

func (d *drain) open(dir string) *journal.Journal {
	d.b.Helper()
	j, err := journal.Open(d.b.Context(), journal.Config{
		Dir: dir, Terminal: d.id.Terminal, Store: "S001", Lane: "L1", Software: "bench", Signer: d.id.Signer,
		Random: rand.Reader, Now: d.moment,
	})
	d.must(err)
	return j
}

func (d *drain) moment() journal.Moment {
	zone, err := time.LoadLocation("Asia/Tokyo")
	d.must(err)
	now := time.Now()
	return journal.Moment{Date: payment.BusinessDate(now, zone, 4*time.Hour), Wall: now, Boot: time.Hour, HQKnown: true, HQAge: time.Second, Zone: "Asia/Tokyo"}
}

// fill writes a day of n sales, each with a customer and a code of its own.
func (d *drain) fill(n int, issuer *wire.Signer, terms *policy.LaneTerms, version uint64, seal *wire.Confidant) {
	j := d.open(d.laneDir())
	ids := payment.NewIDs(time.Now, rand.Reader)
	id := func() payment.ID { id, err := ids.Next(); d.must(err); return id }
	_, err := j.Append(d.b.Context(), journal.Draft{Fact: &payment.DayOpened{}, Moment: d.moment(), Policy: version})
	d.must(err)
	var drafts []journal.Draft
	var used policy.Used
	for i := range n {
		amount := int64(100 + i%900)
		key := newIssuer(d.b)
		var account signed.Account
		_, err := rand.Read(account[:])
		d.must(err)
		cert, err := signed.Certify(issuer, signed.Claims{Account: account, Phone: key.Public(), Cap: payment.Of(50_000, "JPY"), NotBefore: time.Now().Add(-time.Hour), Hours: 24})
		d.must(err)
		code, err := signed.Sign(key, cert, signed.CodeClaims{Counter: 1, Time: time.Now(), Store: "S001"})
		d.must(err)
		parsed, err := signed.Parse(code)
		d.must(err)
		issuerKID := issuer.Public().KID()
		sale, pay, m := id(), id(), d.moment()
		money := payment.Of(amount, "JPY")
		limits := terms.Limits(policy.TierFull, true, 50_000, amount, used)
		used.Sum, used.Count, d.sum = used.Sum+amount, used.Count+1, d.sum+amount
		drafts = append(drafts,
			journal.Draft{Fact: &payment.SaleOpened{Reference: fmt.Sprintf("R-%d", i), Total: money, Due: money, Eligible: payment.Eligible{Wallet: amount}}, Sale: &sale, Moment: m, Policy: version},
			journal.Draft{
				Fact: &payment.Approved{
					Amount: money, Wallet: "house", CodeHash: account[:], HashKey: 1, Replay: parsed.ReplayKey(), Issuer: issuerKID[:], Limits: limits,
				},
				Sale: &sale, Payment: &pay, Moment: m, Policy: version, Body: &payment.Body{Cashier: "c1", Account: account[:]}, Evidence: []byte(code), SealTo: seal,
			},
			journal.Draft{Fact: &payment.SaleCompleted{}, Sale: &sale, Moment: m, Policy: version},
		)
		if len(drafts) >= 300 || i == n-1 {
			list, err := j.Append(d.b.Context(), drafts...)
			d.must(err)
			last := list[len(list)-1].Entry
			d.last, d.epoch, drafts = last.Seq, last.Epoch, nil
		}
	}
	d.must(j.Close())
}

func newIssuer(b *testing.B) *wire.Signer {
	b.Helper()
	s, err := newP256()
	if err != nil {
		b.Fatal(err)
	}
	return s
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
		Data: d.laneDir(), Language: "en", Scanner: config.Scanner{Path: filepath.Join(d.dir, "none"), Profile: "generic", Locks: d.dir},
		Broker: config.Broker{Addresses: []string{office.BrokerURL()}}, Listen: config.Listen{Pages: "127.0.0.1:0", POS: "127.0.0.1:0"},
	}, "bench", log)
	d.must(err)
	file, err := sql.Open("sqlite", "file:"+filepath.Join(d.laneDir(), "journal.db")+"?mode=ro")
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
		if row.Account == ledger.WalletReceivable && row.Net() == d.sum {
			return
		}
	}
	d.b.Fatalf("posted %+v, want %d", rows, d.sum)
}
