package ingest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/ledger/ledgertest"
	"tilld/sync/wire"
)

// bench is HQ with one chain, driven step by step: what Run does in goroutines happens here in order.
type bench struct {
	*ledgertest.Bench
	g     *Ingest
	road  *road
	store *ledger.Store
	path  string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return benchAt(t, ingesttest.NewChain(t), filepath.Join(t.TempDir(), "hq.db"))
}

// benchAt opens HQ on a file that may have been there before.
func benchAt(t *testing.T, c *ingesttest.Chain, path string) *bench {
	t.Helper()
	store, err := ledger.Open(context.Background(), path, func() time.Time { return c.Now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	b := &bench{Bench: &ledgertest.Bench{T: t, Ledger: store, Chain: c, Ctx: context.Background()}, store: store, path: path}
	b.addPapers()
	b.start(store)
	return b
}

// addPapers archives the chain's policy and trust bundle as they are now.
func (b *bench) addPapers() {
	b.Helper()
	b.Must(b.AddDocument(b.Ctx, ledger.Document{Kind: ledger.TrustDocument, Version: b.Chain.Trust.Version, Sealed: b.Chain.SignedTrust()}))
	b.Must(b.AddDocument(b.Ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: b.Chain.Doc.Version, Sealed: b.Chain.SignedPolicy()}))
	b.Chain.Now = b.Chain.Now.Add(2 * time.Second) // behind what HQ keeps in memory
}

// start begins a session on a ledger.
func (b *bench) start(l Ledger) {
	b.Helper()
	b.road = &road{}
	var err error
	b.g, err = New(b.Ctx, configFor(b.Chain, l, b.road))
	b.Must(err)
}

func configFor(c *ingesttest.Chain, l Ledger, p Publisher) Config {
	return Config{Ledger: l, Publish: p, Root: c.Root.Public(), Signer: func() *wire.Signer { return c.Ack }, Unseal: c.Unseal,
		Now: func() time.Time { return c.Now }, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)}
}

// road keeps what HQ sends.
type road struct {
	mu   sync.Mutex
	sent []sent
	fail error
}

type sent struct {
	topic   string
	qos     byte
	payload []byte
}

func (r *road) Publish(_ context.Context, topic string, qos byte, payload []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	r.sent = append(r.sent, sent{topic, qos, payload})
	return nil
}

// set lets the road fail from now on, or not.
func (r *road) set(fail error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = fail
}

func (r *road) take() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.sent
	r.sent = nil
	return all
}

// deliver takes messages of a lane to HQ, each committed by itself, and returns the acknowledgements.
func (b *bench) deliver(l *ingesttest.Lane, messages ...[]byte) []wire.Ack {
	b.Helper()
	for _, m := range messages {
		b.deliverTo(wire.UpTopic(l.ID), m)
	}
	return b.acks(l)
}

func (b *bench) deliverTo(topic string, payload []byte) {
	b.Helper()
	b.g.Handle(b.Ctx, topic, payload)
	for _, q := range b.g.inbox {
		for len(q) > 0 {
			it, err := b.g.check(b.Ctx, <-q)
			b.Must(err)
			if it != nil {
				b.Must(b.g.commit(b.Ctx, []*item{it}))
			}
		}
	}
}

// acks signs what is to be answered, and opens the answers to one lane.
func (b *bench) acks(l *ingesttest.Lane) []wire.Ack {
	b.Helper()
	for len(b.g.answers) > 0 {
		a := <-b.g.answers
		b.Must(b.g.sendAnswer(b.Ctx, &a))
	}
	var acks []wire.Ack
	for _, s := range b.road.take() {
		if s.qos != 0 {
			b.Errorf("sent with QoS %d", s.qos)
		}
		if s.topic != wire.DownTopic(l.ID) {
			continue
		}
		if a, ok := b.open(s.payload, wire.TypAck); ok {
			acks = append(acks, a)
		}
	}
	return acks
}

func (b *bench) open(payload []byte, want wire.Typ) (wire.Ack, bool) {
	b.Helper()
	sealed, err := wire.UnframeSigned(payload)
	b.Must(err)
	typ, err := wire.Peek(sealed)
	b.Must(err)
	if typ != want {
		return wire.Ack{}, false
	}
	m, err := wire.Open(sealed, want, wire.OneKey(b.Chain.Ack.Public()))
	b.Must(err)
	var a wire.Ack
	b.Must(wire.UnmarshalKnown(m.Payload, &a))
	return a, true
}

// deliverAll brings everything behind a sequence in batches of a size.
func (b *bench) deliverAll(l *ingesttest.Lane, after uint64, size int) []wire.Ack {
	b.Helper()
	var all []wire.Ack
	for _, batch := range l.Batches(after, size) {
		msg, err := wire.EncodeBatch(batch)
		b.Must(err)
		all = append(all, b.deliver(l, msg)...)
	}
	return all
}

// post judges everything that is stored.
func (b *bench) post() {
	b.Helper()
	b.Must(b.g.postAll(b.Ctx))
}

// settleUp brings a lane's entries to HQ and has them judged.
func (b *bench) settleUp(l *ingesttest.Lane) {
	b.Helper()
	b.deliverAll(l, 0, 100)
	b.post()
	b.acks(l)
}

// wantKind wants the one open exception to be of a kind, or none when it is empty.
func (b *bench) wantKind(want ledger.Kind) {
	b.Helper()
	open := b.OpenExceptions()
	switch {
	case want == "" && len(open) == 0:
	case want == "" || len(open) != 1 || open[0].Kind != want:
		b.Errorf("exceptions %+v, want %q", open, want)
	}
}
