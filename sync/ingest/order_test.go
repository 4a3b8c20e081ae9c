package ingest

import (
	"context"
	"testing"

	"tilld/sync/wire"
)

// TestVerifierKeepsOrder: a large message is verified behind the small ones that its terminal sent before it, in those
// turns too in which both kinds of queue are as good.
func TestVerifierKeepsOrder(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	for range 40 {
		l.Sell(p, 10)
	}
	small, large := l.Message(1, 2), l.Message(3, l.Last())
	for range 30 {
		cfg := configFor(b.Chain, b.store, b.road)
		cfg.Workers = 1
		g, err := New(b.Ctx, cfg)
		b.Must(err)
		g.express.on.Store(true)
		for range fairTurn - 1 { // one beat for each turn before
			g.Handle(b.Ctx, wire.UpTopic(l.ID), l.Beat(1, nil))
		}
		g.Handle(b.Ctx, wire.UpTopic(l.ID), small)
		g.Handle(b.Ctx, wire.UpTopic(l.ID), large)
		if len(g.express.inbox[0]) != fairTurn || len(g.inbox[0]) != 1 {
			t.Fatalf("%d and %d messages wait", len(g.express.inbox[0]), len(g.inbox[0]))
		}
		ctx, cancel := context.WithCancel(b.Ctx)
		done := make(chan error)
		go func() { done <- g.verify(ctx, 0) }()
		<-g.verified
		n := len(g.express.verified)
		cancel()
		<-done
		if n != fairTurn {
			t.Fatalf("behind %d of the %d messages that came before", n, fairTurn)
		}
	}
}
