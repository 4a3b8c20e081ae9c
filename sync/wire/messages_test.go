package wire

import (
	"bytes"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tilld/agent/payment"
)

func sampleBeat() *Beat {
	return &Beat{
		Version: MessageVersion, Terminal: testID(1), Epoch: 7, Last: 12, Head: bytes.Repeat([]byte{1}, HashSize), Acked: 9, HQEpoch: 1795337000000,
		Policy: 3, Challenge: bytes.Repeat([]byte{2}, NonceSize), Wall: 1795337012345, Software: "1.0.0", Count: 1795337012346,
		Erased: 4, Trust: 3,
	}
}

func sampleAck() *Ack {
	return &Ack{
		Version: MessageVersion, HQEpoch: 1795337000000, Nonce: bytes.Repeat([]byte{3}, NonceSize), Time: 1795337012400, Terminal: testID(1), Epoch: 7,
		Acked: 9, Head: bytes.Repeat([]byte{4}, HashSize), Judged: 8, Policy: 3, Echo: bytes.Repeat([]byte{2}, NonceSize),
		Results: []Result{{Seq: 5, Status: Suspense, Reason: "code_spent_twice"}, {Seq: 7, Status: Rejected, Reason: "unknown_fact"}},
		Twice:   true,
	}
}

func TestMessagesRoundTrip(t *testing.T) {
	s := testSigner(t, EdDSA, "hq")
	for typ, msg := range map[Typ]any{TypBeat: sampleBeat(), TypHello: hello, TypAck: sampleAck(), TypAsk: sampleAsk(), TypAnswer: sampleAnswer(), TypProbe: sampleProbe(), TypPong: samplePong()} {
		b, err := Seal(s, typ, msg)
		if err != nil {
			t.Fatal(err)
		}
		framed := FrameSigned(b)
		if IsBatch(framed) {
			t.Errorf("%s is framed as a batch", typ)
		}
		b, err = UnframeSigned(framed)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Open(b, typ, OneKey(s.Public()))
		if err != nil {
			t.Fatal(err)
		}
		got := reflect.New(reflect.TypeOf(msg).Elem()).Interface()
		if err := UnmarshalKnown(m.Payload, got); err != nil || !reflect.DeepEqual(got, msg) {
			t.Errorf("%s: %+v, %v", typ, got, err)
		}
		newer := change(t, m.Payload, func(f map[any]cbor.RawMessage) { f[int64(-9)] = cbor.RawMessage{0x82, 1, 2} })
		got = reflect.New(reflect.TypeOf(msg).Elem()).Interface()
		if err := UnmarshalKnown(newer, got); err != nil || !reflect.DeepEqual(got, msg) {
			t.Errorf("%s with an unknown ignorable field: %+v, %v", typ, got, err)
		}
		critical := change(t, m.Payload, func(f map[any]cbor.RawMessage) { f[uint64(40)] = cbor.RawMessage{0} })
		got = reflect.New(reflect.TypeOf(msg).Elem()).Interface()
		if err := UnmarshalKnown(critical, got); err == nil {
			t.Errorf("%s with an unknown critical field is taken", typ)
		}
	}
}

// Every key of the first version of a message is on the wire, its false and zero ones too: one form. Later ones
// have negative keys, which older releases pass by, and are left out when they are zero.
func TestMessagesHaveEveryKey(t *testing.T) {
	for _, msg := range []any{&Beat{}, &Hello{}, &Ack{}, &Ask{}, &Answer{}, &Probe{}, &Pong{}} {
		b, err := Marshal(msg)
		if err != nil {
			t.Fatal(err)
		}
		first := 0
		for f := range reflect.TypeOf(msg).Elem().Fields() {
			if !strings.HasPrefix(f.Tag.Get("cbor"), "-") {
				first++
			}
		}
		if want := byte(0xa0 + first); b[0] != want {
			t.Errorf("%T begins with %x, want %x", msg, b[0], want)
		}
	}
}

func TestUnframeSigned(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty": nil, "frame alone": {'S'}, "batch": {'B', 0xd2}, "no frame": {0xd2, 0x84}, "too long": append([]byte{'S'}, make([]byte, MaxMessage)...),
	} {
		if got, err := UnframeSigned(b); err == nil {
			t.Errorf("%s: %d bytes", name, len(got))
		}
	}
	if got, err := UnframeSigned(append([]byte{'S'}, make([]byte, MaxMessage-1)...)); err != nil || len(got) != MaxMessage-1 {
		t.Errorf("the longest: %d bytes, %v", len(got), err)
	}
}

func TestStatusText(t *testing.T) {
	for s, want := range map[Status]string{Recorded: "recorded", Posted: "posted", Suspense: "suspense", Rejected: "rejected", 9: "status_9"} {
		if s.String() != want {
			t.Errorf("%d: %s", s, s)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, s := range []string{"S0042", "L01", "a", "0", "tokyo-1_b", strings.Repeat("x", 32)} {
		if err := CheckName("store", s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"", "-a", "_a", "a b", "a/b", "a+", "#", "..", "a.b", "a\n", "店", strings.Repeat("x", 33)} {
		if err := CheckName("store", s); err == nil || !strings.HasPrefix(err.Error(), "store:") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestTopics(t *testing.T) {
	id := payment.ID{15: 1} // the SHA-256 of these 16 bytes begins with 7c
	for got, want := range map[string]string{
		UpTopic(id): "tilld/1/up/12/00000000000000000000000001", DownTopic(id): "tilld/1/down/00000000000000000000000001", AllTopic: "tilld/1/all",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if UpFilter(-1) != "tilld/1/up/+/+" || UpFilter(3) != "tilld/1/up/03/+" {
		t.Errorf("%s %s", UpFilter(-1), UpFilter(3))
	}
	form := regexp.MustCompile(`^tilld/1/(up/[01][0-9]|down)/[0-9A-Z]{26}$`)
	seen := map[int]int{}
	for n := range 16 * 64 {
		id := payment.ID{14: byte(n >> 8), 15: byte(n)}
		if !form.MatchString(UpTopic(id)) || !form.MatchString(DownTopic(id)) {
			t.Fatalf("%s, %s", UpTopic(id), DownTopic(id))
		}
		seen[Shard(id)]++
	}
	for shard := range Shards {
		if seen[shard] < 32 || seen[shard] > 128 {
			t.Errorf("shard %d has %d of 1024 terminals", shard, seen[shard])
		}
	}
	if len(seen) != Shards {
		t.Errorf("%d shards", len(seen))
	}
}

// Whatever comes down a topic: Open and what reads an answer take one form of it or none.
func FuzzOpenAck(f *testing.F) {
	s := testSigner(f, EdDSA, "hq")
	ack, err := Marshal(sampleAck())
	if err != nil {
		f.Fatal(err)
	}
	envelope, err := Seal(s, TypAck, sampleAck())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ack)
	f.Add(envelope)
	f.Add(FrameSigned(envelope))
	f.Add(append(append([]byte{ack[0] + 1}, ack[1:]...), 0x20, 0xf5))
	f.Add(unhex(f, "d28443a10126a04401020304 40"))
	head, err := Protected(s.Public(), TypAck)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Open(b, TypAck, OneKey(s.Public())); err == nil && !bytes.Equal(Envelope(m.Protected, m.Payload, m.Signature), b) {
			t.Fatalf("%x is another envelope of the same message", b)
		}
		m, err := Open(envelopeOf(t, s, head, b), TypAck, OneKey(s.Public()))
		if (err == nil) != (Canonical(b) == nil) {
			t.Fatalf("payload %x: %v", b, err)
		}
		var got Ack
		if err != nil || UnmarshalKnown(m.Payload, &got) != nil {
			return
		}
		again, err := Marshal(&got)
		if err != nil || (!bytes.Equal(again, b) && onlyIgnorable(b, again) != nil) {
			t.Fatalf("%x is written again as %x, %v", b, again, err)
		}
	})
}

// The name binds sealed evidence to its entry, so its text is part of the format.
func TestNameText(t *testing.T) {
	n := Name{payment.ID{15: 1}, 0xabc, 12}
	if want := "00000000000000000000000001/0000000000000abc/12"; n.String() != want {
		t.Errorf("%s, want %s", n, want)
	}
}
