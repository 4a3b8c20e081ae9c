package wire

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestConfide(t *testing.T) {
	key, other := testConfidant(t, "hq"), testConfidant(t, "other")
	about := Name{testID(1), 7, 9}
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "plain")
		b, err := key.Public().Confide(about, plain)
		if err != nil || len(b) != len(plain)+48 {
			t.Fatalf("%d bytes of %d, %v", len(b), len(plain), err)
		}
		if got, err := key.Open(about, b); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%x, %v", got, err)
		}
		if _, err := other.Open(about, b); !errors.Is(err, ErrConfide) {
			t.Fatalf("another key: %v", err)
		}
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		changed := bytes.Clone(b)
		changed[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		// X25519 does not look at the highest bit of the encapsulated key, but HPKE binds its bytes.
		if got, err := key.Open(about, changed); !errors.Is(err, ErrConfide) || got != nil {
			t.Fatalf("byte %d changed: %x, %v", at, got, err)
		}
		if _, err := key.Open(about, b[:at]); !errors.Is(err, ErrConfide) {
			t.Fatalf("cut at %d: %v", at, err)
		}
	})
}

// A sealed code stays with its entry: nobody can put it under another and have it charged there.
func TestConfidedCodeStaysWithItsEntry(t *testing.T) {
	key, about := testConfidant(t, "hq"), Name{testID(1), 7, 9}
	b, err := key.Public().Confide(about, []byte("code"))
	if err != nil {
		t.Fatal(err)
	}
	for name, elsewhere := range map[string]Name{
		"terminal": {testID(2), 7, 9}, "epoch": {testID(1), 8, 9}, "sequence": {testID(1), 7, 10}, "nothing": {},
	} {
		if _, err := key.Open(elsewhere, b); !errors.Is(err, ErrConfide) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestConfideIsFresh(t *testing.T) {
	key, about := testConfidant(t, "hq"), Name{testID(1), 7, 9}
	a, errA := key.Public().Confide(about, []byte("code"))
	b, errB := key.Public().Confide(about, []byte("code"))
	if errA != nil || errB != nil || bytes.Equal(a, b) {
		t.Errorf("twice %x, %v, %v", a, errA, errB)
	}
}

func TestConfidantKeys(t *testing.T) {
	key, err := NewConfidantKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseConfidantKey(key.Bytes())
	if err != nil || !bytes.Equal(again.Public().Bytes(), key.Public().Bytes()) {
		t.Errorf("read again: %v", err)
	}
	public, err := ParseConfidant(key.Public().Bytes())
	sum := sha256.Sum256(key.Public().Bytes())
	if err != nil || public.KID() != KID(sum[:8]) || public.KID() != key.Public().KID() {
		t.Errorf("public half read again: %v", err)
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := ParseConfidant(make([]byte, n)); !errors.Is(err, ErrKey) {
			t.Errorf("public key of %d bytes: %v", n, err)
		}
		if _, err := ParseConfidantKey(make([]byte, n)); !errors.Is(err, ErrKey) {
			t.Errorf("private key of %d bytes: %v", n, err)
		}
	}
	if _, err := NewConfidantKey(strings.NewReader("short")); err == nil {
		t.Error("a key of five random bytes")
	}
}

// To a point of low order any sender's secret is the same and known: sealing to it is refused.
func TestConfideToNobody(t *testing.T) {
	c, err := ParseConfidant(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := c.Confide(Name{testID(1), 7, 9}, []byte("code")); err == nil {
		t.Errorf("sealed to zero: %x", b)
	}
}
