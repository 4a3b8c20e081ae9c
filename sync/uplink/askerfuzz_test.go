package uplink

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// FuzzAnswer: what comes by either road tells the lane nothing unless HQ signed it; and what HQ signed, whatever it
// says, is told only when it is about the attempt that was asked about.
func FuzzAnswer(f *testing.F) {
	hq, stranger, at := newSigner(f, 2), newSigner(f, 3), fuzzedAttempt()
	echo := make([]byte, wire.NonceSize)
	ans := func(o payment.Outcome, ref string) *wire.Answer {
		return &wire.Answer{
			Version: 1, HQEpoch: 5, Time: 1000, Terminal: asker1, Ref: ref, Payment: at.Payment, Amount: at.Amount, Outcome: o, Echo: echo,
		}
	}
	other := ans(payment.Paid, at.Ref)
	other.Amount.Minor++
	for _, v := range []any{
		ans(payment.Paid, at.Ref), ans(payment.Unknown, at.Ref), ans(payment.NotPaid, "OTHER"), other,
		&wire.Pong{Version: 1, HQEpoch: 5, Time: 1000, Terminal: asker1, Echo: echo, Down: []string{"paypay"}},
		&wire.Pong{Version: 1, HQEpoch: 4, Time: 1000, Terminal: payment.ID{7}, Echo: echo, Down: []string{}},
	} {
		payload, err := wire.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		for typ := range byte(3) {
			f.Add(typ, payload)
		}
		sealed, err := wire.Seal(stranger, wire.TypAnswer, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(9), wire.FrameSigned(sealed))
	}
	typs := []wire.Typ{wire.TypAnswer, wire.TypPong, wire.TypAck}
	f.Fuzz(func(t *testing.T, typ byte, b []byte) {
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
		var told []wire.Answer
		reached := 0
		a := NewAsker(AskerConfig{
			Terminal: asker1, Signer: func() *wire.Signer { return stranger }, Link: &road{}, HQKeys: func() wire.Keys { return wire.OneKey(hq.Public()) },
			HQEpoch: func() uint64 { return 5 }, Seal: func() *wire.Confidant { return nil },
			OnAnswer: func(_ context.Context, ans wire.Answer) { told = append(told, ans) }, OnReach: func(bool, []string) { reached++ },
			HQNow: func() time.Time { return time.UnixMilli(1) }, Now: func() time.Time { return time.UnixMilli(1) },
			Random: func([]byte) {}, Jitter: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
		})
		a.Watch(at)
		a.Step(t.Context())
		a.Message(b)
		a.Message(b)
		a.Step(t.Context())
		if !signed && (len(told) > 0 || reached > 0 || a.Status().Refused != 2) {
			t.Fatalf("nobody signed it, and %+v was told, %+v", told, a.Status())
		}
		if len(told) > 1 {
			t.Fatalf("told twice: %+v", told)
		}
		for _, ans := range told {
			if ans.Ref != at.Ref || ans.Payment != at.Payment || ans.Amount != at.Amount || ans.Terminal != asker1 || ans.HQEpoch < 5 {
				t.Fatalf("told of %+v", ans)
			}
		}
	})
}

func fuzzedAttempt() Attempt {
	return Attempt{
		Ref: "REF01", Payment: payment.ID{9}, Sale: payment.ID{8}, Wallet: "paypay", Amount: payment.Of(100, "JPY"), NotAfter: 30_000,
	}
}

// TestMessageIsHandedOver: the uplink gives the asker what is the asker's, even when it reads nothing itself.
func TestMessageIsHandedOver(t *testing.T) {
	l := newLane(t)
	var got [][]byte
	up := fuzzedUplink(l, newSigner(t, 2))
	up.cfg.OnOther = func(b []byte) { got = append(got, b) }
	hq := newOffice(t, l.signer.Public())
	answer := hq.seal(wire.TypAnswer, &wire.Answer{Version: 1})
	pong := hq.seal(wire.TypPong, &wire.Pong{Version: 1})
	for _, b := range [][]byte{answer, hq.hello(), pong, []byte("x"), nil} {
		up.Message(b)
	}
	if len(got) != 2 || !bytes.Equal(got[0], answer) || !bytes.Equal(got[1], pong) {
		t.Errorf("%d handed over", len(got))
	}
	if _, err := up.Step(t.Context()); err != nil || up.nonce == nil || up.Status().Refused != 2 {
		t.Errorf("%v, %+v", err, up.Status())
	}
	plain := fuzzedUplink(l, newSigner(t, 2))
	plain.Message(answer)
	if _, err := plain.Step(t.Context()); errors.Is(err, context.Canceled) || plain.Status().Refused != 1 {
		t.Errorf("%v, %+v", err, plain.Status())
	}
}
