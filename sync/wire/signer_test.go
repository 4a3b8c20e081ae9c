package wire

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSignAndVerify(t *testing.T) {
	other := map[Alg]PublicKey{EdDSA: testSigner(t, EdDSA, "other").Public(), ES256: testSigner(t, ES256, "other").Public()}
	for _, alg := range []Alg{EdDSA, ES256} {
		s := testSigner(t, alg, "a")
		rapid.Check(t, func(t *rapid.T) {
			msg := rapid.SliceOf(rapid.Byte()).Draw(t, "message")
			sig, err := s.Sign(msg)
			if err != nil || !s.Public().Verify(msg, sig) {
				t.Fatalf("%x, %v", sig, err)
			}
			if other[EdDSA].Verify(msg, sig) || other[ES256].Verify(msg, sig) || (PublicKey{}).Verify(msg, sig) {
				t.Fatal("another key verifies it")
			}
			if s.Public().Verify(append(msg, 0), sig) || s.Public().Verify(msg, sig[:63]) || s.Public().Verify(msg, append(sig, 0)) {
				t.Fatal("something else verifies")
			}
			sig[rapid.IntRange(0, 63).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			if s.Public().Verify(msg, sig) {
				t.Fatal("a changed signature verifies")
			}
		})
	}
}

// highS is the other signature over the same message that anybody can make from an ES256 one.
func highS(sig []byte) []byte {
	out := bytes.Clone(sig)
	new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(sig[32:])).FillBytes(out[32:])
	return out
}

func TestVerifyTakesLowSOnly(t *testing.T) {
	s := testSigner(t, ES256, "a")
	msg := []byte("message")
	sig, err := s.Sign(msg)
	if err != nil {
		t.Fatal(err)
	}
	high := highS(sig)
	sum := sha256.Sum256(msg)
	if !ecdsa.Verify(s.Public().ec, sum[:], new(big.Int).SetBytes(high[:32]), new(big.Int).SetBytes(high[32:])) {
		t.Fatal("the second signature is none at all")
	}
	if s.Public().Verify(msg, high) {
		t.Error("a second signature is taken")
	}
	for name, r := range map[string][]byte{"zero": make([]byte, 64), "order": append(elliptic.P256().Params().N.Bytes(), sig[32:]...)} {
		if s.Public().Verify(msg, r) {
			t.Errorf("r %s is taken", name)
		}
	}
}

// A key in hardware that answers nonsense makes an error, not a panic and not an entry.
func TestSignerOfHardwareThatFails(t *testing.T) {
	s := testSigner(t, ES256, "a")
	for name, der := range map[string]string{
		"nothing":       "",
		"no DER":        "ff",
		"r zero":        "3006 020100 020101",
		"s negative":    "3006 020101 0201ff",
		"r of 33 bytes": "3026 0221 01" + strings.Repeat("00", 32) + "020101",
	} {
		s.key = answers{s.key.Public().(*ecdsa.PublicKey), unhex(t, der), nil}
		if sig, err := s.Sign([]byte("m")); err == nil || sig != nil {
			t.Errorf("%s: %x, %v", name, sig, err)
		}
	}
	s.key = answers{nil, nil, io.ErrUnexpectedEOF}
	if _, err := s.Sign([]byte("m")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
	ed := testSigner(t, EdDSA, "a")
	ed.key = answers{nil, nil, io.ErrUnexpectedEOF}
	if _, err := ed.Sign([]byte("m")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
	if _, err := NewSigner(new(rsa.PrivateKey), nil); !errors.Is(err, ErrKey) {
		t.Errorf("an RSA key: %v", err)
	}
}

// answers is a key in hardware that says what the test wants.
type answers struct {
	public *ecdsa.PublicKey
	der    []byte
	err    error
}

func (a answers) Public() crypto.PublicKey { return a.public }

func (a answers) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return a.der, a.err }
