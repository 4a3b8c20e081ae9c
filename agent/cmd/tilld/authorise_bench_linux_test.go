package main

import (
	"math/rand/v2"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/uplink"
	"tilld/sync/wire"
)

// BenchmarkLiveAuthorisation measures from the moment that a live lane asks for an online payment until it has HQ's
// signed word that it is paid, once while HQ has nothing else to do and once while 59 other lanes drain their backlogs;
// FreshEntry tells how. The wallet's operator is asked over HTTP and answers at once: an operator's time is the same in both. TILLD_LATENCY_SALES and TILLD_LANES_DIR are as there.
//
//	p50-ratio, p99-ratio: while they drain over while HQ is idle; at most 3 is wanted
func BenchmarkLiveAuthorisation(b *testing.B) {
	sales := benchNumber(b, "TILLD_LATENCY_SALES", 300)
	for b.Loop() {
		o := newBenchOperator(b)
		x := newLatencyOf(b, o.chain(), make(chan wire.Answer, 64))
		authorise := func() time.Duration { return x.authorise(o) }
		for range 20 { // the roads are known by then
			authorise()
		}
		rate := x.calibrate()
		for _, l := range x.backlogs {
			l.last = l.fill(l.journal, sales)
		}
		x.settle()
		var idle, busy times
		for round := range latencyRounds {
			took := x.drainWhile(rate, latencyRounds-round, authorise)
			busy = append(busy, took...)
			x.settle()
			for range took {
				idle = append(idle, authorise())
			}
		}
		x.end()
		b.ReportMetric(0, "ns/op") // the two together say nothing
		b.ReportMetric(busy.at(0.5)/idle.at(0.5), "p50-ratio")
		b.ReportMetric(busy.at(0.99)/idle.at(0.99), "p99-ratio")
		for name, t := range map[string]times{"idle": idle, "busy": busy} {
			b.ReportMetric(t.at(0.5), name+"-p50-ms")
			b.ReportMetric(t.at(0.99), name+"-p99-ms")
		}
		b.ReportMetric(float64(len(busy)), "samples")
		b.ReportMetric(rate, "entries/s")
	}
}

// authorise has one online payment charged, a moment after the last one.
func (x *latency) authorise(o *benchOperator) time.Duration {
	x.b.Helper()
	<-time.After(freshGap + rand.N(freshGap))
	l, code := x.live, o.code()
	pay, err := l.ids.Next()
	x.must(err)
	sale, err := l.ids.Next()
	x.must(err)
	at := uplink.Attempt{Ref: pay.AttemptRef(0), Payment: pay, Sale: sale, Wallet: benchWallet, Amount: payment.Of(100, "JPY"),
		NotAfter: time.Now().Add(30 * time.Second).UnixMilli(), Policy: l.doc.Version}
	late := time.NewTimer(patience)
	defer late.Stop()
	began := time.Now()
	l.asker.Charge(at, []byte(code))
	for {
		select {
		case a := <-l.told:
			switch {
			case a.Ref != at.Ref: // said twice
			case a.Outcome == payment.Paid:
				return time.Since(began)
			case a.Outcome == payment.NotPaid:
				x.b.Fatalf("HQ says not paid: %+v", a)
			}
		case <-late.C:
			x.b.Fatalf("no answer: %+v", l.asker.Status())
		}
	}
}
