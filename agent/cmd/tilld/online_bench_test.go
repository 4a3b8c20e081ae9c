package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/cmd/tilld/internal/lane"
	lanes "tilld/agent/lane"
	"tilld/agent/payment"
	"tilld/drivers/emulate"
	"tilld/drivers/scanner"
	"tilld/sync/mqtt"
	wallets "tilld/sync/operator"
	"tilld/sync/wire"
)

// bareCommits is how many commits an online payment waits for: the intent and the outcome at the lane, the attempt and
// its outcome at HQ.
const bareCommits = 4

// bareBytes is the size of a bare message, and of what a bare commit writes: about a sealed question's.
const bareBytes = 600

// BenchmarkOnlinePayment measures what tilld adds to an online payment: from the code that the scanner has read until the
// shop's POS hears of the durable approval, less the operator's own answer as HQ's connector gets it when it is called bare. It is held
// against a bare request and response between two MQTT clients at the same broker, and as many bare commits (synchronous,
// one row each) as tilld's way has. Turn by turn in one run, with lane, HQ and broker in one process; the ratio of the
// medians is reported, for an fsync now and then takes a hundred times as long as others.
//
//	ratio: added over bare; at most 1.5 is wanted
func BenchmarkOnlinePayment(b *testing.B) {
	x := newOnlineBench(b)
	for range 20 { // every connection is there by then
		x.ours()
		x.operators()
		x.bare()
	}
	var whole, operators, bare times
	for b.Loop() {
		whole = append(whole, x.ours())
		operators = append(operators, x.operators())
		bare = append(bare, x.bare())
	}
	added := whole.at(0.5) - operators.at(0.5)
	b.ReportMetric(0, "ns/op") // the three together say nothing
	b.ReportMetric(added/bare.at(0.5), "ratio")
	b.ReportMetric(added, "added-p50-ms")
	b.ReportMetric(bare.at(0.5), "bare-p50-ms")
	b.ReportMetric(operators.at(0.5), "operator-p50-ms")
	b.ReportMetric(whole.at(0.99), "whole-p99-ms")
}

// onlineBench is a lane, HQ, the operator, and the bare things beside them.
type onlineBench struct {
	*benchChain
	op     *benchOperator
	direct wallets.Operator
	lane   *lanes.Lane
	ids    *payment.IDs
	url    string // of the broker
	asks   *mqtt.Client
	heard  chan struct{}
	db     *sql.DB
}

func newOnlineBench(b *testing.B) *onlineBench {
	b.Helper()
	o := newBenchOperator(b)
	c := o.chain()
	x := &onlineBench{benchChain: c, op: o, direct: o.connector(), heard: make(chan struct{}, 1)}
	x.url = x.broker()
	cfg, err := config.ReadHQ(x.file("hq.toml", fmt.Sprintf("data = %q\n%s[broker]\naddresses = [%q]\n[serve]\naddress = \"127.0.0.1:0\"\n%s", c.data(), c.more, x.url, c.asks)))
	c.must(err)
	quiet := slog.New(slog.DiscardHandler)
	office, err := hq.Open(b.Context(), cfg, "bench", quiet)
	c.must(err)
	l := c.lane(0)
	x.ids = l.ids
	device, err := emulate.NewScanner(filepath.Join(c.root, "scanner"), emulate.Options{})
	c.must(err)
	node, err := lane.Open(b.Context(), &config.Lane{Data: l.dir, Language: "en", Scanner: config.Scanner{Path: device.Link(), Profile: "generic", Locks: c.root},
		Broker: config.Broker{Addresses: []string{x.url}}, Listen: config.Listen{Pages: "127.0.0.1:0", POS: "127.0.0.1:0"}}, "bench", quiet)
	c.must(err)
	x.lane = node.Lane()
	x.runs(b, office.Run, node.Run)
	b.Cleanup(func() { _ = device.Close() })
	x.wait("the lane reaches HQ", func(v *lanes.View) bool { return v.Reach.Up && v.Scanner.State == lanes.ScannerOK })
	x.open()
	return x
}

// runs runs parts until the benchmark ends.
func (x *onlineBench) runs(b *testing.B, parts ...func(context.Context) error) {
	b.Helper()
	for _, run := range parts {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- run(ctx) }()
		b.Cleanup(func() {
			stop()
			if err := <-done; err != nil {
				b.Log("a part ended with", err)
			}
		})
	}
}

func (x *onlineBench) file(name, text string) string {
	x.b.Helper()
	path := filepath.Join(x.root, name)
	x.must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// broker is the embedded one, at which everybody may say everything: two bare clients, too.
func (x *onlineBench) broker() (url string) {
	x.b.Helper()
	all := []string{wire.UpFilter(-1), wire.AskFilter(-1), wire.DownFilter, wire.AllTopic, "bench/+"}
	broker, err := mqtt.StartBroker(mqtt.BrokerConfig{StoreDir: filepath.Join(x.root, "broker"), Listen: "127.0.0.1:0", Guests: mqtt.Rights{Publish: all, Subscribe: all}, Name: "bench"})
	x.must(err)
	x.b.Cleanup(broker.Close)
	return broker.URL()
}

// open opens what is bare.
func (x *onlineBench) open() {
	x.b.Helper()
	var err error
	x.db, err = sql.Open("sqlite", "file:"+filepath.Join(x.root, "bare.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	x.must(err)
	x.db.SetMaxOpenConns(1)
	x.b.Cleanup(func() { _ = x.db.Close() })
	_, err = x.db.ExecContext(x.b.Context(), "CREATE TABLE bare (n INTEGER PRIMARY KEY, body BLOB) STRICT")
	x.must(err)
}

// wait waits until the lane shows something.
func (x *onlineBench) wait(what string, ok func(*lanes.View) bool) {
	x.b.Helper()
	ctx, stop := context.WithTimeout(x.b.Context(), patience)
	defer stop()
	changes := x.lane.Changes(ctx)
	for {
		if v := x.lane.View(); ok(&v) {
			return
		}
		select {
		case <-changes:
		case <-ctx.Done():
			x.b.Fatalf("gave up waiting: %s", what)
		}
	}
}

// ours is an online payment by tilld.
func (x *onlineBench) ours() time.Duration {
	x.b.Helper()
	id, err := x.ids.Next()
	x.must(err)
	money := payment.Of(100, "JPY")
	_, _, err = x.lane.OpenSale(x.b.Context(), lanes.NewSale{Sale: payment.Sale{ID: id, Total: money, Eligible: payment.Eligible{Wallet: money.Minor}}})
	x.must(err)
	code := x.op.code()
	ctx, stop := context.WithTimeout(x.b.Context(), patience)
	defer stop()
	last := x.lane.LastEvent()
	began := time.Now()
	x.lane.Scanned(ctx, scanner.Symbol{Text: string(code), At: began})
	for paid := false; !paid; {
		events, err := x.lane.EventsAfter(ctx, last)
		x.must(err)
		for _, e := range events {
			if last = e.ID; e.Kind == lanes.CodeRefused {
				x.b.Fatalf("not paid: %+v", e)
			}
			paid = paid || e.Kind == lanes.SalePaid
		}
	}
	took := time.Since(began)
	x.must(x.lane.Next(x.b.Context()))
	return took
}

// operators is the operator's own answer.
func (x *onlineBench) operators() time.Duration {
	x.b.Helper()
	id, err := x.ids.Next()
	x.must(err)
	q := wallets.Charge{Ref: wallets.Ref(id.AttemptRef(0)), Code: x.op.code(), Shop: wallets.Shop{Merchant: "M1", Store: "1001"}, Amount: payment.Of(100, "JPY"), Made: time.Now()}
	began := time.Now()
	if a := x.direct.Pay(x.b.Context(), q); a.Outcome != wallets.Paid {
		x.b.Fatalf("%s %s %v", a.Outcome, a.Said, a.Err)
	}
	return time.Since(began)
}

// bare is the least that could carry a question and its answer, and keep both.
func (x *onlineBench) bare() time.Duration {
	x.b.Helper()
	if x.asks == nil {
		x.dial()
	}
	body := make([]byte, bareBytes)
	began := time.Now()
	x.commit(body, bareCommits/2)
	x.must(x.asks.Send(x.b.Context(), "bench/ask", 0, body))
	select {
	case <-x.heard:
	case <-time.After(patience):
		x.b.Fatal("no bare answer")
	}
	x.commit(body, bareCommits-bareCommits/2)
	return time.Since(began)
}

func (x *onlineBench) commit(body []byte, times int) {
	x.b.Helper()
	for range times {
		_, err := x.db.ExecContext(x.b.Context(), "INSERT INTO bare (body) VALUES (?)", body)
		x.must(err)
	}
}

// dial connects the two bare clients.
func (x *onlineBench) dial() {
	x.b.Helper()
	var answers *mqtt.Client
	client := func(name, filter string, heard func()) *mqtt.Client {
		up := make(chan struct{}, 1)
		c, err := mqtt.NewClient(mqtt.Config{Brokers: []string{x.url}, ClientID: name, Subscriptions: []mqtt.Subscription{{Filter: filter}},
			OnMessage: func(string, []byte) { heard() },
			OnState: func(is bool, _ error) {
				if is {
					up <- struct{}{}
				}
			}})
		x.must(err)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = c.Run(ctx) }() // it ends with the benchmark
		x.b.Cleanup(func() { stop(); <-done })
		<-up
		return c
	}
	answers = client("bench-answers", "bench/ask", func() { x.must(answers.Send(context.Background(), "bench/answer", 0, make([]byte, bareBytes))) })
	x.asks = client("bench-asks", "bench/answer", func() { x.heard <- struct{}{} })
}
