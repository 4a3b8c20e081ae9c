package uplink

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// FuzzMessage: what comes down the road moves nothing unless HQ signed it, and what HQ signed, whatever it says, is
// never taken for more than the lane has.
func FuzzMessage(f *testing.F) {
	l, hq := newLane(f), newSigner(f, 2)
	l.write(f, 5)
	head := l.epochs[0].hashes[4]
	for _, v := range []any{
		&wire.Ack{Version: 1, HQEpoch: 1, Nonce: make([]byte, 16), Terminal: l.terminal, Epoch: 7, Acked: 5, Head: head, Judged: 5},
		&wire.Ack{Version: 1, HQEpoch: 1, Nonce: make([]byte, 16), Terminal: l.terminal, Epoch: 7, Resend: true, Forked: true},
		&wire.Ack{Version: 1, HQEpoch: 1, Nonce: make([]byte, 16), Terminal: payment.ID{9}, Epoch: 7, Acked: 9, Head: head, Twice: true},
		&wire.Hello{Version: 1, HQEpoch: 1, Nonce: make([]byte, 16), Time: 5},
	} {
		payload, err := wire.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		for typ := range byte(3) {
			f.Add(typ, payload)
		}
		sealed, err := wire.Seal(newSigner(f, 3), wire.TypAck, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(9), wire.FrameSigned(sealed))
	}
	typs := []wire.Typ{wire.TypAck, wire.TypHello, wire.TypPolicy}
	f.Fuzz(func(t *testing.T, typ byte, b []byte) {
		l.epochs[0].acked, l.epochs[0].hqEpoch, l.hqEpoch = 0, 0, 0
		up := fuzzedUplink(l, hq)
		signed := int(typ) < len(typs)
		if signed {
			protected, err := wire.Protected(hq.Public(), typs[typ])
			if err != nil {
				t.Fatal(err)
			}
			sig, err := hq.Sign(wire.ToBeSigned(protected, b))
			if err != nil {
				t.Fatal(err)
			}
			b = wire.FrameSigned(wire.Envelope(protected, b, sig))
		}
		if err := up.message(context.Background(), b); err != nil {
			t.Fatalf("the uplink ends: %v", err)
		}
		switch e := l.epochs[0]; {
		case !signed && (e.acked != 0 || up.nonce != nil || up.Status().Refused != 1):
			t.Fatalf("nobody signed it, and %+v", up.Status())
		case e.acked > 5:
			t.Fatalf("acknowledged up to %d", e.acked)
		}
		if _, err := up.Step(context.Background()); err != nil {
			t.Fatalf("the uplink ends: %v", err)
		}
	})
}

func fuzzedUplink(l *lane, hq *wire.Signer) *Uplink {
	return New(Config{
		Terminal: l.terminal, Signer: func() *wire.Signer { return l.signer }, Software: "test", Outbox: l, Link: &road{},
		HQKeys: func() wire.Keys { return wire.OneKey(hq.Public()) }, Policy: func() uint64 { return 0 },
		OnPolicy:  func(context.Context, wire.Typ, []byte) error { return nil },
		OnContact: func(context.Context, Contact) error { return nil },
		OnAck:     func(context.Context, *wire.Ack) {}, OnForked: func(context.Context, uint64) error { return nil },
		Now: func() time.Time { return time.UnixMilli(1) }, Boot: func() time.Duration { return time.Hour },
		Random: func([]byte) {}, Jitter: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
	})
}
