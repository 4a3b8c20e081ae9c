package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"
)

// The key and the thumbprint of RFC 9679, section 6. Its private part (there is none) and its kid do not
// enter the thumbprint.
const (
	rfc9679X          = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
	rfc9679Y          = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"
	rfc9679Thumbprint = "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"
)

func TestThumbprintOfRFC9679(t *testing.T) {
	k, err := ParsePublicKey(unhex(t, "a4 01 02 20 01 21 5820 "+rfc9679X+" 22 5820 "+rfc9679Y))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(k.Bytes())
	if got := hex.EncodeToString(sum[:]); got != rfc9679Thumbprint {
		t.Errorf("thumbprint %s, want %s", got, rfc9679Thumbprint)
	}
	if got := k.KID().String(); got != rfc9679Thumbprint[:16] {
		t.Errorf("identifier %s", got)
	}
	if k.Alg() != ES256 || k.IsZero() {
		t.Errorf("algorithm %d", k.Alg())
	}
}

// For Ed25519 the COSE_Key is put together by hand here: the map {1: 1, -1: 6, -2: x}.
func TestThumbprintOfEd25519(t *testing.T) {
	pub := privateKey(t, EdDSA, "a").Public().(ed25519.PublicKey)
	want := append(unhex(t, "a3 01 01 20 06 21 5820"), pub...)
	k, err := NewEd25519(pub)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(want)
	if !bytes.Equal(k.Bytes(), want) || k.KID() != KID(sum[:8]) || k.Alg() != EdDSA {
		t.Errorf("got %x, %s", k.Bytes(), k.KID())
	}
	pub[0] ^= 1
	if !bytes.Equal(k.Bytes(), want) {
		t.Error("the key changes with its caller's slice")
	}
}

func TestPublicKeyRoundTrip(t *testing.T) {
	for _, alg := range []Alg{EdDSA, ES256} {
		for _, name := range []string{"a", "b", "c", "d"} {
			k := testSigner(t, alg, name).Public()
			got, err := ParsePublicKey(k.Bytes())
			if err != nil || got.KID() != k.KID() || got.Alg() != alg || !bytes.Equal(got.Bytes(), k.Bytes()) {
				t.Errorf("%d %s: %v, %v", alg, name, got, err)
			}
			if kid, err := ParseKID(k.kid[:]); err != nil || kid != k.KID() {
				t.Errorf("%d %s: identifier %v, %v", alg, name, kid, err)
			}
		}
	}
	for _, n := range []int{0, 7, 9, 32} {
		if _, err := ParseKID(make([]byte, n)); !errors.Is(err, ErrKey) {
			t.Errorf("identifier of %d bytes: %v", n, err)
		}
	}
}

func TestCompressedPoints(t *testing.T) {
	odd := map[byte]bool{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		k := testSigner(t, ES256, name).Public()
		c := k.Compressed()
		got, err := NewP256Compressed(c)
		if err != nil || got.KID() != k.KID() {
			t.Fatalf("%s: %v, %v", name, got, err)
		}
		if want := elliptic.MarshalCompressed(elliptic.P256(), new(big.Int).SetBytes(k.cose[8:40]), new(big.Int).SetBytes(k.cose[43:])); !bytes.Equal(c, want) {
			t.Errorf("%s: %x, want %x", name, c, want)
		}
		odd[c[0]] = true
	}
	if !odd[2] || !odd[3] {
		t.Errorf("the test saw only %v", odd)
	}
	if c := testSigner(t, EdDSA, "a").Public().Compressed(); c != nil {
		t.Errorf("an Ed25519 key has the point %x", c)
	}
	p := hex.EncodeToString(elliptic.P256().Params().P.Bytes())
	for name, s := range map[string]string{
		"empty": "", "short": "02" + rfc9679X[2:], "long": "02" + rfc9679X + "00", "uncompressed head": "04" + rfc9679X,
		"hybrid head": "06" + rfc9679X, "no point": "02" + strings.Repeat("00", 31) + "07", "x is the prime": "02" + p,
	} {
		if _, err := NewP256Compressed(unhex(t, s)); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParsePublicKeyRefuses(t *testing.T) {
	ec := "01 02 20 01 21 5820 " + rfc9679X + " 22 5820 "
	for name, s := range map[string]string{
		"empty":                        "",
		"not on the curve":             "a4" + ec + "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19d",
		"y as a sign bit":              "a4 01 02 20 01 21 5820" + rfc9679X + "22 f5",
		"y short":                      "a4 01 02 20 01 21 5820" + rfc9679X + "22 581f" + rfc9679Y[2:],
		"x short":                      "a4 01 02 20 01 21 581f" + rfc9679X[2:] + "22 5820" + rfc9679Y,
		"no y":                         "a3 01 02 20 01 21 5820" + rfc9679X,
		"other curve":                  "a4 01 02 20 02 21 5820" + rfc9679X + "22 5820" + rfc9679Y,
		"other type":                   "a3 01 04 20 06 21 5820" + rfc9679X,
		"Ed25519 with y":               "a4 01 01 20 06 21 5820" + rfc9679X + "22 5820" + rfc9679Y,
		"Ed25519 with an empty y":      "a4 01 01 20 06 21 5820" + rfc9679X + "22 40",
		"Ed25519 of 31 bytes":          "a3 01 01 20 06 21 581f" + rfc9679X[2:],
		"X25519":                       "a3 01 01 20 04 21 5820" + rfc9679X,
		"with a kid":                   "a5 01 02 02 41 00 20 01 21 5820" + rfc9679X + "22 5820" + rfc9679Y,
		"with its algorithm":           "a5 01 02 03 26 20 01 21 5820" + rfc9679X + "22 5820" + rfc9679Y,
		"with a private part":          "a5 01 02 20 01 21 5820" + rfc9679X + "22 5820" + rfc9679Y + "23 41 00",
		"keys out of order":            "a3 20 06 01 01 21 5820" + rfc9679X,
		"one byte more":                "a3 01 01 20 06 21 5820" + rfc9679X + "00",
		"uncompressed point all zeros": "a4 01 02 20 01 21 5820" + strings.Repeat("00", 32) + "22 5820" + strings.Repeat("00", 32),
	} {
		if k, err := ParsePublicKey(unhex(t, s)); !errors.Is(err, ErrKey) || !k.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewEd25519(make([]byte, 31)); !errors.Is(err, ErrKey) {
		t.Errorf("Ed25519 of 31 bytes: %v", err)
	}
	if _, err := NewP256(nil); !errors.Is(err, ErrKey) {
		t.Errorf("no key: %v", err)
	}
	if _, err := NewP256(&ecdsa.PublicKey{Curve: elliptic.P384()}); !errors.Is(err, ErrKey) {
		t.Errorf("P-384: %v", err)
	}
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(testSigner(f, EdDSA, "a").Public().Bytes())
	f.Add(testSigner(f, ES256, "a").Public().Bytes())
	f.Add(unhex(f, "a4 01 02 20 01 21 5820 "+rfc9679X+" 22 5820 "+rfc9679Y))
	f.Add(unhex(f, "a301012006214100"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParsePublicKey(b)
		if (err != nil) != k.IsZero() {
			t.Fatalf("key %v with error %v", k, err)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(k.Bytes(), b) {
			t.Fatalf("%x is written as %x", b, k.Bytes())
		}
		if c := k.Compressed(); k.Alg() == ES256 {
			if again, err := NewP256Compressed(c); err != nil || again.KID() != k.KID() {
				t.Fatalf("%x: %v", c, err)
			}
		}
		k.Verify(b, make([]byte, 64))
	})
}
