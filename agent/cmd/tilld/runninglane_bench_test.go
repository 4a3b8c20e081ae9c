package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"tilld/agent/journal"
	"tilld/sync/mqtt"
	"tilld/sync/outbox"
	"tilld/sync/uplink"
	"tilld/sync/wire"
)

// runningLane is a lane with its journal, its uplink and its connection, plugged together as the program does it.
// Of its journal it sends what it is let go.
type runningLane struct {
	*benchLane
	journal *journal.Journal
	uplink  *uplink.Uplink
	last    uint64        // in the journal
	upTo    atomic.Uint64 // may leave
	acked   atomic.Uint64
	moved   chan struct{} // acked did
	ended   chan struct{}

	asker *uplink.Asker    // of online payments; nil: none
	told  chan wire.Answer // HQ's answers to it
}

// pacedOutbox holds back what has not been let go.
type pacedOutbox struct {
	outbox.Outbox
	lane *runningLane
}

// Batch is the next entries that may leave.
func (o pacedOutbox) Batch(ctx context.Context, epoch, after uint64, maxEntries, maxBytes int) (*wire.Batch, error) {
	upTo := o.lane.upTo.Load()
	if upTo <= after {
		return nil, nil
	}
	return o.Outbox.Batch(ctx, epoch, after, int(min(uint64(maxEntries), upTo-after)), maxBytes)
}

func (l *runningLane) letGo(upTo uint64) {
	l.upTo.Store(upTo)
	l.uplink.Appended()
}

// wait waits until the lane has noted that HQ holds an entry.
func (l *runningLane) wait(seq uint64) {
	l.b.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for l.acked.Load() < seq {
		select {
		case <-l.moved:
		case <-late.C:
			l.b.Fatalf("%s: entry %d is not acknowledged: %d, %+v", l.store, seq, l.acked.Load(), l.uplink.Status())
		}
	}
}

// run runs the lane until ctx ends.
func (l *runningLane) run(ctx context.Context, broker string) {
	l.b.Helper()
	l.journal = l.open(l.dir)
	log, started := slog.New(slog.DiscardHandler), time.Now()
	client, err := mqtt.NewClient(mqtt.Config{
		Brokers: []string{"mqtt://" + broker}, ClientID: "lane-" + l.id.Terminal.String(),
		Subscriptions: []mqtt.Subscription{{Filter: wire.DownTopic(l.id.Terminal)}, {Filter: wire.AllTopic}},
		OnMessage:     func(_ string, payload []byte) { l.uplink.Message(payload) },
		OnState: func(up bool, reason error) {
			if up {
				l.uplink.LinkUp()
				if l.asker != nil {
					l.asker.LinkUp()
				}
			} else {
				l.uplink.LinkDown(reason)
			}
		},
	})
	l.must(err)
	l.uplink = uplink.New(uplink.Config{
		Terminal: l.id.Terminal, Signer: l.journal.Signer, Software: "bench",
		Outbox: pacedOutbox{outbox.New(l.journal, log), l}, Link: client,
		HQKeys:    func() wire.Keys { return wire.OneKey(l.office.Keys.Ack.Public()) },
		Policy:    func() uint64 { return l.doc.Version },
		OnPolicy:  func(context.Context, wire.Typ, []byte) error { return nil },
		OnContact: func(context.Context, uplink.Contact) error { return nil },
		OnForked:  func(context.Context, uint64) error { return nil },
		OnAck:     func(_ context.Context, a *wire.Ack) { l.noteAck(a.Acked) },
		Now:       time.Now, Boot: func() time.Duration { return time.Since(started) }, Jitter: mathrand.Float64, Log: log,
		Random: func(b []byte) { _, _ = rand.Read(b) }, // crypto/rand.Read never fails
		OnOther: func(payload []byte) {
			if l.asker != nil {
				l.asker.Message(payload)
			}
		},
	})
	parts := []func(context.Context) error{client.Run, l.uplink.Run, l.watch}
	if l.told != nil {
		l.asker = l.newAsker(client)
		parts = append(parts, l.asker.Run)
	}
	var all sync.WaitGroup
	for _, part := range parts {
		all.Go(func() { _ = part(ctx) }) // each ends with ctx; before, the lane is found to hear nothing
	}
	go func() { all.Wait(); close(l.ended) }()
}

// newAsker asks HQ over the lane's connection, as the program does it.
func (l *runningLane) newAsker(link uplink.Link) *uplink.Asker {
	return uplink.NewAsker(uplink.AskerConfig{
		Terminal: l.id.Terminal, Signer: l.journal.Signer, Link: link, Seal: func() *wire.Confidant { return l.seal },
		HQKeys:   func() wire.Keys { return wire.OneKey(l.office.Keys.Ack.Public()) },
		OnAnswer: func(_ context.Context, a wire.Answer) { l.told <- a }, OnReach: func(bool, []string) {},
		HQNow: time.Now, Now: time.Now, Jitter: mathrand.Float64, Log: slog.New(slog.DiscardHandler),
		Random: func(b []byte) { _, _ = rand.Read(b) }, // crypto/rand.Read never fails
	})
}

func (l *runningLane) noteAck(seq uint64) {
	l.acked.Store(max(seq, l.acked.Load()))
	select {
	case l.moved <- struct{}{}:
	default:
	}
}

// watch tells the uplink that the journal has grown.
func (l *runningLane) watch(ctx context.Context) error {
	for {
		changed := l.journal.Changed()
		l.uplink.Appended()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}
