package ingest

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/ledger/ledgertest"
	"tilld/sync/wire"
)

// fuzzed is an HQ and a lane that sold twice.
func fuzzed(f *testing.F) (*Ingest, *ingesttest.Lane, *ingesttest.Chain) {
	f.Helper()
	c := ingesttest.NewChain(f)
	store, err := ledger.Open(context.Background(), filepath.Join(f.TempDir(), "hq.db"), func() time.Time { return c.Now })
	check(f, err)
	f.Cleanup(func() { _ = store.Close() })
	ctx := context.Background()
	check(f, store.AddDocument(ctx, ledger.Document{Kind: ledger.TrustDocument, Version: 1, Sealed: c.SignedTrust()}))
	check(f, store.AddDocument(ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: 1, Sealed: c.SignedPolicy()}))
	l := c.Lane("s1", "1")
	p := c.Phone()
	l.Sell(p, 1000)
	l.Sell(p, 2000)
	check(f, store.AddTerminal(ctx, ledgertest.TerminalOf(l), l.Key.Public()))
	g, err := New(ctx, configFor(c, store, &road{}))
	check(f, err)
	return g, l, c
}

// FuzzMessage: whatever comes in, what goes on to the books is what the lane signed, with the bodies that it
// signed for, and nothing else.
func FuzzMessage(f *testing.F) {
	g, l, _ := fuzzed(f)
	whole := l.Batch(1, l.Last())
	for first := uint64(1); first <= l.Last(); first++ {
		f.Add(l.Message(first, l.Last()))
	}
	plain, err := wire.Marshal(whole)
	check(f, err)
	f.Add(append([]byte{'B'}, plain...))
	f.Add(l.Beat(1, nil))
	f.Add([]byte("S"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		it, err := g.check(context.Background(), message{terminal: l.ID, payload: payload})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case it == nil:
		case it.beat != nil && it.beat.Terminal != l.ID:
			t.Fatalf("a beat of %s", it.beat.Terminal)
		case it.arrival != nil:
			b := it.arrival.Batch
			for i := range b.Payloads {
				at := b.First + uint64(i) - 1
				if !bytes.Equal(b.Payloads[i], whole.Payloads[at]) || !bytes.Equal(b.Bodies[i], whole.Bodies[at]) {
					t.Fatalf("entry %d is not the lane's", at+1)
				}
			}
		}
	})
}

// FuzzExamine: an entry and a body that nobody made give an answer, and no approval is without fault unless it
// is of the code that was really shown.
func FuzzExamine(f *testing.F) {
	g, l, _ := fuzzed(f)
	b := l.Batch(1, l.Last())
	for i := range b.Payloads {
		f.Add(b.Payloads[i], b.Bodies[i])
	}
	real := []uint64{1, 2} // the counters that the phone showed
	f.Fuzz(func(t *testing.T, payload, body []byte) {
		name := wire.Name{Terminal: l.ID, Epoch: l.Epoch, Seq: 3}
		j, err := g.examine(context.Background(), &ledger.Held{Name: name, Payload: payload, Body: body, ReceivedAt: g.cfg.Now()}, place{"s1", "1"})
		if err != nil {
			t.Fatal(err)
		}
		if a := j.Approval; a != nil && j.Kind == "" {
			if a.Replay == nil || !slices.Contains(real, a.Replay.Counter) || a.Amount.Validate() != nil || a.Payment.IsZero() {
				t.Fatalf("taken: %+v", a)
			}
		}
		if j.Kind != "" && !j.Kind.Known() {
			t.Fatalf("kind %q", j.Kind)
		}
	})
}

// FuzzOutline: reading an entry's outline agrees with reading all of it.
func FuzzOutline(f *testing.F) {
	_, l, _ := fuzzed(f)
	for _, p := range l.Batch(1, l.Last()).Payloads {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		o := outlineOf(payload)
		e, err := wire.DecodeEntry(payload)
		if err != nil {
			return
		}
		if o.Kind != e.Kind || !bytes.Equal(o.BodyHash, e.BodyHash) || o.Version != uint64(e.Version) {
			t.Fatalf("outline %+v of %+v", o, e)
		}
		if o.Kind == payment.KindKeyChanged && !newKey(payload).IsZero() {
			if _, ok := e.Fact.(*payment.KeyChanged); !ok {
				t.Fatal("a key from nowhere")
			}
		}
	})
}
