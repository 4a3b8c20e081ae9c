package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/mqtt"
	"tilld/sync/wire"
)

// BenchmarkMemoryOfLanes states what HQ with its broker, the shipped process, holds in memory for each lane that is
// connected: the kernel's count with all of them connected, each with its first entries acknowledged and beats
// answered, less the count before, with all of them enrolled. TILLD_MEMORY_LANES is how many (100; 500 are wanted).
func BenchmarkMemoryOfLanes(b *testing.B) {
	n := benchNumber(b, "TILLD_MEMORY_LANES", 100)
	for b.Loop() {
		x := newMemory(b, n)
		before := x.hq.memory("VmRSS")
		x.connect(n)
		after := x.hq.memory("VmRSS")
		x.stop()
		x.all.Wait()
		x.hq.end()
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(before, "hq-before-MB")
		b.ReportMetric(after, "hq-after-MB")
		b.ReportMetric((after-before)*1024/float64(n), "hq-KB/lane")
	}
}

// memory is an HQ and lanes that are no more than a connection, a key and a few entries.
type memory struct {
	*stage
	b      *testing.B
	broker string
	ack    wire.PublicKey
	lanes  []*ingesttest.Lane
	all    sync.WaitGroup
	ctx    context.Context
	stop   func()
}

func newMemory(b *testing.B, n int) *memory {
	b.Helper()
	c, made := newBenchChain(b), ingesttest.NewChain(b)
	x := &memory{stage: &stage{TB: b, dir: c.root}, b: b, broker: freeAddr(b), ack: c.office.Keys.Ack.Public()}
	for i := range n {
		l := made.Lane(fmt.Sprintf("S%03d", i), "L1")
		c.must(c.office.Books.AddTerminal(b.Context(), ledger.Terminal{ID: l.ID, Entity: l.Entity, Store: l.Store, Lane: l.Name}, l.Key.Public()))
		x.lanes = append(x.lanes, l)
	}
	c.must(c.office.Close())
	x.ctx, x.stop = context.WithCancel(b.Context())
	api := freeAddr(b)
	x.hq = x.start("hq", "-c", x.file("hq.toml", c.hqFile(x.broker, api)))
	x.healthy("http://" + api)
	return x
}

// connect connects every lane and waits until each has had its answers.
func (x *memory) connect(n int) {
	x.b.Helper()
	var answered atomic.Int64
	for _, l := range x.lanes {
		x.connectOne(l, func() { answered.Add(1) })
	}
	x.until(fmt.Sprintf("%d lanes have their answers", n), func() bool { return answered.Load() == int64(n) })
}

// connectOne keeps a lane connected. It sends its entries and a beat, again until HQ has acknowledged the entries
// twice.
func (x *memory) connectOne(l *ingesttest.Lane, answered func()) {
	x.b.Helper()
	heard := make(chan uint64)
	client, err := mqtt.NewClient(mqtt.Config{
		Brokers: []string{"mqtt://" + x.broker}, ClientID: "lane-" + l.ID.String(),
		Subscriptions: []mqtt.Subscription{{Filter: wire.DownTopic(l.ID)}, {Filter: wire.AllTopic}},
		OnMessage: func(_ string, payload []byte) {
			select {
			case heard <- x.acked(payload):
			case <-x.ctx.Done():
			}
		},
	})
	x.must(err)
	x.all.Go(func() { _ = client.Run(x.ctx) }) // it ends with ctx
	entries := l.Message(1, l.Last())
	x.all.Go(func() {
		again := time.NewTicker(time.Second)
		defer again.Stop()
		say := again.C
		for beats, said := uint64(0), 0; ; {
			select {
			case acked := <-heard:
				if acked < l.Last() {
					continue
				}
				if said++; said == 2 {
					answered()
					say = nil // it stays, and listens
				}
			case <-say:
				beats++
				for _, m := range [][]byte{entries, l.Beat(beats, nil)} {
					_ = client.Send(x.ctx, wire.UpTopic(l.ID), 1, m) // what is lost is sent again
				}
			case <-x.ctx.Done():
				return
			}
		}
	})
}

// acked is how many entries a downward message acknowledges; 0 for one of another kind.
func (x *memory) acked(payload []byte) uint64 {
	sealed, err := wire.UnframeSigned(payload)
	if err != nil {
		return 0
	}
	m, err := wire.Open(sealed, wire.TypAck, wire.OneKey(x.ack))
	if err != nil {
		return 0
	}
	var a wire.Ack
	if err := wire.UnmarshalKnown(m.Payload, &a); err != nil {
		return 0
	}
	return a.Acked
}
