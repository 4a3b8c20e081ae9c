package wire

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/veraison/go-cose"
)

var coseAlgs = map[Alg]cose.Algorithm{EdDSA: cose.AlgorithmEdDSA, ES256: cose.AlgorithmES256}

// An envelope of ours is a COSE_Sign1 to anybody's library.
func TestOursVerifiesElsewhere(t *testing.T) {
	for alg, theirs := range coseAlgs {
		s := testSigner(t, alg, "terminal")
		l := newLane(t, s)
		entry := l.append(l.draft(facts()[5]), nil)
		var msg cose.Sign1Message
		if err := msg.UnmarshalCBOR(entry.envelope); err != nil {
			t.Fatal(err)
		}
		verifier, err := cose.NewVerifier(theirs, s.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		if err := msg.Verify(nil, verifier); err != nil {
			t.Errorf("%v: %v", theirs, err)
		}
		if kid, _ := msg.Headers.Protected[cose.HeaderLabelKeyID].([]byte); KID(kid) != s.Public().KID() {
			t.Errorf("%v: kid %x", theirs, kid)
		}
		if typ, _ := msg.Headers.Protected[int64(16)].(string); typ != string(TypEntry) {
			t.Errorf("%v: typ %q", theirs, typ)
		}
		if !bytes.Equal(msg.Payload, entry.payload) {
			t.Errorf("%v: payload %x", theirs, msg.Payload)
		}
		msg.Payload[0] ^= 1
		if err := msg.Verify(nil, verifier); err == nil {
			t.Errorf("%v: a changed payload verifies there", theirs)
		}
	}
}

// What another library signs under our header opens here; of ES256 only with the low s, which that library
// does not see to.
func TestTheirsOpensHere(t *testing.T) {
	for alg, theirs := range coseAlgs {
		key := privateKey(t, alg, "terminal")
		s := testSigner(t, alg, "terminal")
		low, high := 0, 0
		for range 40 {
			b := signElsewhere(t, theirs, key, s.Public().KID())
			_, err := Open(b, TypHello, OneKey(s.Public()))
			switch {
			case err == nil:
				low++
			case alg == ES256 && errors.Is(err, ErrSignature):
				high++
				fixed := append(bytes.Clone(b[:len(b)-64]), highS(b[len(b)-64:])...)
				if _, err := Open(fixed, TypHello, OneKey(s.Public())); err != nil {
					t.Errorf("%v with s made low: %v", theirs, err)
				}
			default:
				t.Fatalf("%v: %v", theirs, err)
			}
		}
		if low == 0 || (alg == EdDSA && high != 0) {
			t.Errorf("%v: %d opened, %d refused", theirs, low, high)
		}
	}
}

func signElsewhere(t *testing.T, alg cose.Algorithm, key crypto.Signer, kid KID) []byte {
	t.Helper()
	payload, err := Marshal(hello)
	if err != nil {
		t.Fatal(err)
	}
	msg := cose.NewSign1Message()
	msg.Headers.Protected = cose.ProtectedHeader{cose.HeaderLabelAlgorithm: alg, cose.HeaderLabelKeyID: kid[:], int64(16): string(TypHello)}
	msg.Payload = payload
	signer, err := cose.NewSigner(alg, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := msg.Sign(rand.Reader, nil, signer); err != nil {
		t.Fatal(err)
	}
	b, err := msg.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
