package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tilld/agent/payment"
)

func sampleProbe() *Probe {
	return &Probe{Version: MessageVersion, Terminal: testID(1), Challenge: bytes.Repeat([]byte{2}, NonceSize)}
}

func samplePong() *Pong {
	return &Pong{
		Version: MessageVersion, HQEpoch: 1795337000000, Time: 1795337012400, Terminal: testID(1), Echo: bytes.Repeat([]byte{2}, NonceSize),
		Down: []string{"merpay", "paypay"},
	}
}

func TestProbeValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Probe)
		want   string // a part of what is said; "": nothing is wrong
	}{
		"as it is":        {func(*Probe) {}, ""},
		"version":         {func(p *Probe) { p.Version = 2 }, "version 2"},
		"terminal":        {func(p *Probe) { p.Terminal = payment.ID{} }, "no terminal"},
		"no challenge":    {func(p *Probe) { p.Challenge = nil }, "challenge of 0"},
		"short challenge": {func(p *Probe) { p.Challenge = p.Challenge[1:] }, "challenge of 15"},
	} {
		p := sampleProbe()
		tt.change(p)
		wantProbe(t, name, p.Validate(), tt.want)
	}
}

func TestPongValidate(t *testing.T) {
	many := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("w%03d", i))
		}
		return list
	}
	for name, tt := range map[string]struct {
		change func(*Pong)
		want   string
	}{
		"as it is":       {func(*Pong) {}, ""},
		"all are there":  {func(p *Pong) { p.Down = nil }, ""},
		"version":        {func(p *Pong) { p.Version = 0 }, "version 0"},
		"terminal":       {func(p *Pong) { p.Terminal = payment.ID{} }, "no terminal"},
		"said unasked":   {func(p *Pong) { p.Echo = nil }, "echo of 0"},
		"the most":       {func(p *Pong) { p.Down = many(MaxDown) }, ""},
		"one too many":   {func(p *Pong) { p.Down = many(MaxDown + 1) }, "down: 65 wallets"},
		"no wallet":      {func(p *Pong) { p.Down[0] = "" }, "down"},
		"not a wallet":   {func(p *Pong) { p.Down[1] = "pay/pay" }, "down"},
		"twice":          {func(p *Pong) { p.Down[1] = "merpay" }, "wallet 2 is not in order"},
		"the other way":  {func(p *Pong) { p.Down[0], p.Down[1] = p.Down[1], p.Down[0] }, "wallet 2 is not in order"},
		"control letter": {func(p *Pong) { p.Down[0] = "a\nb" }, "down"},
	} {
		p := samplePong()
		tt.change(p)
		wantProbe(t, name, p.Validate(), tt.want)
	}
}

func wantProbe(t *testing.T, name string, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	} else if !errors.Is(err, ErrProbe) || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want %q in it", name, err, want)
	}
}

// FuzzOpenPong: whatever comes in place of a pong or a probe is refused or is one valid message, which says the same
// when it is said again.
func FuzzOpenPong(f *testing.F) {
	for _, v := range []any{samplePong(), sampleProbe(), &Pong{Version: MessageVersion}} {
		b, err := Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var pong Pong
		if UnmarshalKnown(payload, &pong) == nil && pong.Validate() == nil {
			var again Pong
			said(t, &pong, &again)
			if err := again.Validate(); err != nil || len(again.Down) != len(pong.Down) {
				t.Fatalf("%+v, then %+v: %v", pong, again, err)
			}
		}
		var probe Probe
		if UnmarshalKnown(payload, &probe) == nil && probe.Validate() == nil {
			var again Probe
			said(t, &probe, &again)
			if err := again.Validate(); err != nil || again.Terminal != probe.Terminal || !bytes.Equal(again.Challenge, probe.Challenge) {
				t.Fatalf("%+v, then %+v: %v", probe, again, err)
			}
		}
	})
}

// said encodes a message and reads it into another.
func said(t *testing.T, m, again any) {
	t.Helper()
	b, err := Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := UnmarshalKnown(b, again); err != nil {
		t.Fatal(err)
	}
}

// TestAsker: who asks can be read before his keys are known, and of nothing but an ask or a probe.
func TestAsker(t *testing.T) {
	s := testSigner(t, EdDSA, "lane")
	for typ, m := range map[Typ]any{TypAsk: sampleAsk(), TypProbe: sampleProbe()} {
		b, err := Seal(s, typ, m)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := Asker(b); err != nil || id != testID(1) {
			t.Errorf("%s: %s, %v", typ, id, err)
		}
		for _, cut := range [][]byte{nil, b[:1], b[:len(b)/2], append([]byte{0}, b...)} {
			if id, err := Asker(cut); err == nil || !id.IsZero() {
				t.Errorf("%s of %d bytes: %s, %v", typ, len(cut), id, err)
			}
		}
	}
	other, err := Seal(s, TypAnswer, sampleAnswer())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Asker(other); !errors.Is(err, ErrTyp) {
		t.Errorf("an answer: %v", err)
	}
	odd, err := Seal(s, TypAsk, sampleProbe())
	if err != nil {
		t.Fatal(err)
	}
	if id, err := Asker(odd); err == nil {
		t.Errorf("an ask that is none: from %s", id)
	}
}
