package wire

import (
	"bytes"
	"errors"
	"testing"
)

// hello is a message to seal in tests.
var hello = &Hello{Version: MessageVersion, HQEpoch: 1795337000000, Nonce: []byte("0123456789abcdef"), Time: 1795337012345}

// envelopeOf signs any protected header and payload whatever, and lets the test change what is sent.
func envelopeOf(t testing.TB, s *Signer, head, payload []byte) []byte {
	t.Helper()
	sig, err := s.Sign(ToBeSigned(head, payload))
	if err != nil {
		t.Fatal(err)
	}
	return Envelope(head, payload, sig)
}

func TestSealAndOpen(t *testing.T) {
	for _, alg := range []Alg{EdDSA, ES256} {
		s := testSigner(t, alg, "hq")
		b, err := Seal(s, TypHello, hello)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Open(b, TypHello, OneKey(s.Public()))
		if err != nil {
			t.Fatal(err)
		}
		var got Hello
		if err := UnmarshalKnown(m.Payload, &got); err != nil || got.HQEpoch != hello.HQEpoch || !bytes.Equal(got.Nonce, hello.Nonce) {
			t.Errorf("%d: %+v, %v", alg, got, err)
		}
		if m.Key.KID() != s.Public().KID() || m.Hash() != Hash(m.Protected, m.Payload) || len(m.Signature) != 64 {
			t.Errorf("%d: %+v", alg, m)
		}
		if !bytes.Equal(Envelope(m.Protected, m.Payload, m.Signature), b) {
			t.Errorf("%d: the parts make another envelope", alg)
		}
		if typ, err := Peek(b); err != nil || typ != TypHello {
			t.Errorf("%d: %s, %v", alg, typ, err)
		}
	}
	if _, err := Seal(testSigner(t, EdDSA, "hq"), TypHello, "a\xff"); !errors.Is(err, ErrCanonical) {
		t.Errorf("sealing what nobody reads: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	ed, ec := testSigner(t, EdDSA, "hq"), testSigner(t, ES256, "hq")
	head := func(alg int, kid []byte, typ string) []byte {
		b, err := Marshal(map[int]any{1: alg, 4: kid, 16: typ})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	kid := ed.public.kid[:]
	good := head(-8, kid, "tilld/hello")
	payload := unhex(t, "a10105")
	sig, err := ed.Sign(ToBeSigned(good, payload))
	if err != nil {
		t.Fatal(err)
	}
	join := func(parts ...any) []byte {
		var b []byte
		for _, p := range parts {
			switch p := p.(type) {
			case string:
				b = append(b, unhex(t, p)...)
			case []byte:
				b = appendBytes(b, p)
			}
		}
		return b
	}
	sealedBy := func(head, payload []byte) []byte { return envelopeOf(t, ed, head, payload) }
	ecGood := envelopeOf(t, ec, head(-7, ec.public.kid[:], "tilld/hello"), payload)
	ecHigh := append(bytes.Clone(ecGood[:len(ecGood)-64]), highS(ecGood[len(ecGood)-64:])...)

	both := func(id KID) []PublicKey { return append(OneKey(ed.public)(id), OneKey(ec.public)(id)...) }
	for name, b := range map[string][]byte{"Ed25519": join("d284", good, "a0", payload, sig), "ES256": ecGood} {
		if _, err := Open(b, TypHello, both); err != nil {
			t.Fatalf("what the rows below change is refused itself: %s: %v", name, err)
		}
	}
	tests := []struct {
		name string
		b    []byte
		err  error
	}{
		{"empty", nil, ErrEnvelope},
		{"no tag", join("84", good, "a0", payload, sig), ErrEnvelope},
		{"tag in a longer form", join("d81284", good, "a0", payload, sig), ErrEnvelope},
		{"tag of another message", join("d184", good, "a0", payload, sig), ErrEnvelope},
		{"tag twice", join("d2d284", good, "a0", payload, sig), ErrEnvelope},
		{"three parts", join("d283", good, "a0", payload), ErrEnvelope},
		{"five parts", join("d285", good, "a0", payload, sig, "00"), ErrEnvelope},
		{"length of four in a longer form", join("d29804", good, "a0", payload, sig), ErrCanonical},
		{"indefinite length", join("d29f", good, "a0", payload, sig, "ff"), ErrCanonical},
		{"byte after the end", join("d284", good, "a0", payload, sig, "00"), ErrCanonical},
		{"cut", join("d284", good, "a0", payload, sig)[:60], ErrCanonical},
		{"unprotected kid", join("d284", good, "a104", kid, payload, sig), ErrEnvelope},
		{"unprotected map with one field", join("d284", good, "a10400", payload, sig), ErrEnvelope},
		{"unprotected null", join("d284", good, "f6", payload, sig), ErrEnvelope},
		{"unprotected array", join("d284", good, "80", payload, sig), ErrEnvelope},
		{"payload detached", join("d284", good, "a0f6", sig), ErrEnvelope},
		{"payload as text", join("d284", good, "a0", "63616161", sig), ErrEnvelope},
		{"payload as numbers", join("d284", good, "a0", "8318a10105", sig), ErrEnvelope},
		{"payload empty", sealedBy(good, nil), ErrCanonical},
		{"payload not minimal", sealedBy(good, unhex(t, "a1011805")), ErrCanonical},
		{"payload with a byte after", sealedBy(good, unhex(t, "a1010500")), ErrCanonical},
		{"header not a map", sealedBy([]byte{0x80}, payload), ErrEnvelope},
		{"header empty", sealedBy(nil, payload), ErrEnvelope},
		{"header not minimal", sealedBy(append(unhex(t, "a3013807 0448"), append(kid, unhex(t, "10 6b 74696c6c642f68656c6c6f")...)...), payload), ErrEnvelope},
		{"header with a field more", sealedBy(append(append([]byte{0xa4}, good[1:]...), unhex(t, "1818 00")...), payload), ErrEnvelope},
		{"header with a critical list", sealedBy(append(append([]byte{0xa4}, good[1:3]...), append(unhex(t, "02 8104"), good[3:]...)...), payload), ErrEnvelope},
		{"header without algorithm", sealedBy(append([]byte{0xa2}, good[3:]...), payload), ErrEnvelope},
		{"header with algorithm null", sealedBy(append(unhex(t, "a301f6"), good[3:]...), payload), ErrEnvelope},
		{"header without kid", sealedBy(append(unhex(t, "a20127"), good[13:]...), payload), ErrEnvelope},
		{"kid of seven bytes", sealedBy(head(-8, kid[:7], "tilld/hello"), payload), ErrEnvelope},
		{"kid of nine bytes", sealedBy(head(-8, append(bytes.Clone(kid), 0), "tilld/hello"), payload), ErrEnvelope},
		{"another typ", sealedBy(head(-8, kid, "tilld/ack"), payload), ErrTyp},
		{"no typ", sealedBy(append([]byte{0xa2}, good[1:13]...), payload), ErrEnvelope},
		{"empty typ", sealedBy(head(-8, kid, ""), payload), ErrTyp},
		{"unknown key", sealedBy(head(-8, []byte("unknown!"), "tilld/hello"), payload), ErrUnknownKey},
		{"the key's algorithm is another", sealedBy(head(-7, kid, "tilld/hello"), payload), ErrUnknownKey},
		{"no such algorithm", sealedBy(head(-19, kid, "tilld/hello"), payload), ErrUnknownKey},
		{"algorithm none", join("d284", head(0, kid, "tilld/hello"), "a0", payload, []byte(nil)), ErrUnknownKey},
		{"another key's signature", envelopeOf(t, ec, good, payload), ErrSignature},
		{"signature of another payload", join("d284", good, "a0", unhex(t, "a10106"), sig), ErrSignature},
		{"signature empty", join("d284", good, "a0", payload, []byte(nil)), ErrSignature},
		{"signature short", join("d284", good, "a0", payload, sig[:63]), ErrSignature},
		{"signature long", join("d284", good, "a0", payload, append(bytes.Clone(sig), 0)), ErrSignature},
		{"signature null", join("d284", good, "a0", payload, "f6"), ErrEnvelope},
		{"signed with external data", join("d284", good, "a0", payload, must(ed.Sign(SigStructure(good, []byte("x"), payload)))), ErrSignature},
		{"ES256 with the high s", ecHigh, ErrSignature},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Open(tt.b, TypHello, both)
			if !errors.Is(err, tt.err) || m != nil {
				t.Errorf("%v, %v; want %v", m, err, tt.err)
			}
		})
	}
	if _, err := Open(ecGood, TypHello, OneKey(PublicKey{})); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("with no key at all: %v", err)
	}
}

// Eight bytes can collide: then the signature decides.
func TestKeysThatShareAnIdentifier(t *testing.T) {
	right, wrong := testSigner(t, EdDSA, "right"), testSigner(t, EdDSA, "wrong").Public()
	wrong.kid = right.Public().KID()
	b, err := Seal(right, TypHello, hello)
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range [][]PublicKey{{wrong, right.Public()}, {right.Public(), wrong}} {
		m, err := Open(b, TypHello, func(KID) []PublicKey { return keys })
		if err != nil || !bytes.Equal(m.Key.Bytes(), right.Public().Bytes()) {
			t.Errorf("%v, %v", m, err)
		}
	}
	if _, err := Open(b, TypHello, func(KID) []PublicKey { return []PublicKey{wrong} }); !errors.Is(err, ErrSignature) {
		t.Errorf("with the wrong one alone: %v", err)
	}
}

func TestPeekRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty": nil, "no tag": unhex(t, "8440a04040"), "no header": unhex(t, "d28440a04040"), "not canonical": unhex(t, "d2980440a04040"),
	} {
		if typ, err := Peek(b); !errors.Is(err, ErrEnvelope) || typ != "" {
			t.Errorf("%s: %q, %v", name, typ, err)
		}
	}
}

// Lengths of the Sig_structure's and the envelope's byte strings change form at 24, 256 and 65536.
func TestByteStringLengths(t *testing.T) {
	for _, n := range []int{0, 1, 23, 24, 255, 256, 65535, 65536, 70000} {
		s := make([]byte, n)
		want, err := Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendBytes(nil, s); !bytes.Equal(got, want) {
			t.Errorf("%d bytes begin with %x, want %x", n, got[:5], want[:5])
		}
		whole, err := Marshal([]any{"Signature1", s, []byte{}, s})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ToBeSigned(s, s), whole) {
			t.Errorf("%d bytes make another Sig_structure", n)
		}
	}
}
