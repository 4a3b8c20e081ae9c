package hq

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tilld/sync/wire"
)

func pemOf(t testing.TB, kind string, der []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func spki(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	return pemOf(t, "PUBLIC KEY", der, err)
}

func ec(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// cose is a COSE_Key of a point, with more members or other ones; nil takes one away.
func cose(t testing.TB, key *ecdsa.PublicKey, change map[int]any) []byte {
	t.Helper()
	raw, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	m := map[int]any{1: 2, -1: 1, -2: raw[1:33], -3: raw[33:]}
	for k, v := range change {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	b, err := cbor.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseIssuerKey(t *testing.T) {
	key := ec(t, elliptic.P256())
	want, err := wire.NewP256(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	odd := want.Compressed()[0] == 3
	plain, pub := want.Bytes(), spki(t, &key.PublicKey)
	private, errPrivateDER := x509.MarshalECPrivateKey(key)
	pkcs8, errPKCS8 := x509.MarshalPKCS8PrivateKey(key)
	edwards, _, errEd := ed25519.GenerateKey(rand.Reader)
	if errEd != nil {
		t.Fatal(errEd)
	}
	parameters := pemOf(t, "EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}, nil)
	privatePEM := pemOf(t, "EC PRIVATE KEY", private, errPrivateDER)
	tests := []struct {
		name string
		in   []byte
		err  error // nil: it is the key
	}{
		{"PEM", pub, nil},
		{"PEM behind a comment", append([]byte("the issuer's key\n"), pub...), nil},
		{"COSE_Key", plain, nil},
		{"in hexadecimal", []byte(hex.EncodeToString(plain)), nil},
		{"in capitals, on a line", []byte(strings.ToUpper(hex.EncodeToString(plain)) + "\n"), nil},
		{"with kid, algorithm and operations", cose(t, &key.PublicKey, map[int]any{2: []byte("issuer-7"), 3: -7, 4: []int{2}}), nil},
		{"compressed", cose(t, &key.PublicKey, map[int]any{-3: odd}), nil},
		{"nothing", nil, errForm},
		{"words", []byte("house"), errForm},
		{"a private key", privatePEM, errPrivate},
		{"as openssl ecparam writes it", append(slices.Clone(parameters), privatePEM...), errPrivate},
		{"a private key in PKCS 8", pemOf(t, "PRIVATE KEY", pkcs8, errPKCS8), errPrivate},
		{"a private COSE_Key", cose(t, &key.PublicKey, map[int]any{-4: make([]byte, 32)}), errPrivate},
		{"two keys", append(slices.Clone(pub), pub...), errForm},
		{"a certificate", pemOf(t, "CERTIFICATE", []byte{1}, nil), errForm},
		{"broken PEM", pemOf(t, "PUBLIC KEY", []byte{1}, nil), ErrIssuerKey},
		{"P-384", spki(t, &ec(t, elliptic.P384()).PublicKey), errCurve},
		{"Ed25519", spki(t, edwards), errCurve},
		{"another algorithm", cose(t, &key.PublicKey, map[int]any{3: -8}), errCurve},
		{"another curve", cose(t, &key.PublicKey, map[int]any{-1: 2}), errCurve},
		{"no y", cose(t, &key.PublicKey, map[int]any{-3: nil}), errForm},
		{"off the curve", cose(t, &key.PublicKey, map[int]any{-3: make([]byte, 32)}), ErrIssuerKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseIssuerKey(tt.in)
			switch {
			case tt.err == nil:
				if err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
					t.Errorf("%x, %v", got.Bytes(), err)
				}
			case !errors.Is(err, tt.err) || !errors.Is(err, ErrIssuerKey) || !got.IsZero():
				t.Errorf("%v, want %v", err, tt.err)
			}
		})
	}
}

// TestCompressedPoint: of the two points with one x the sign tells.
func TestCompressedPoint(t *testing.T) {
	key := ec(t, elliptic.P256())
	a, err := ParseIssuerKey(cose(t, &key.PublicKey, map[int]any{-3: false}))
	if err != nil {
		t.Fatal(err)
	}
	b, err := ParseIssuerKey(cose(t, &key.PublicKey, map[int]any{-3: true}))
	if err != nil || a.Compressed()[0] != 2 || b.Compressed()[0] != 3 || !bytes.Equal(a.Compressed()[1:], b.Compressed()[1:]) {
		t.Errorf("%x and %x, %v", a.Compressed(), b.Compressed(), err)
	}
}

func FuzzParseIssuerKey(f *testing.F) {
	key := ec(f, elliptic.P256())
	f.Add(spki(f, &key.PublicKey))
	f.Add(cose(f, &key.PublicKey, map[int]any{2: []byte("issuer-7"), 3: -7}))
	f.Add([]byte(hex.EncodeToString(cose(f, &key.PublicKey, map[int]any{-3: true}))))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParseIssuerKey(b)
		if err != nil {
			if !k.IsZero() || !errors.Is(err, ErrIssuerKey) {
				t.Errorf("%v with %v", err, k)
			}
			return
		}
		again, err := ParseIssuerKey(k.Bytes())
		if err != nil || again.KID() != k.KID() || k.Alg() != wire.ES256 {
			t.Errorf("what was read is not read again: %v", err)
		}
	})
}
