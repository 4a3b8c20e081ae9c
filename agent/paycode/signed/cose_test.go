package signed_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"
	cose "github.com/veraison/go-cose"

	"tilld/agent/paycode/signed"
)

// The committed codes verify with another COSE library and plain CBOR, by FORMAT.md alone: split, verify
// with the external data, read the claims.
func TestVectorsWithGoCOSE(t *testing.T) {
	v := readVectors(t)
	keys := map[string]*ecdsa.PublicKey{}
	for _, k := range v.Keys {
		keys[k.KID] = publicKey(t, k.PublicKey)
	}
	if len(v.Codes) == 0 {
		t.Fatal("no codes")
	}
	for _, c := range v.Codes {
		t.Run(c.Name, func(t *testing.T) {
			var parts []cbor.RawMessage
			if err := cbor.Unmarshal(unhex(t, c.Bytes), &parts); err != nil || len(parts) != 2 {
				t.Fatalf("%d parts, %v", len(parts), err)
			}
			var cert, code cose.UntaggedSign1Message
			if err := cert.UnmarshalCBOR(parts[0]); err != nil {
				t.Fatal(err)
			}
			kid, _ := cert.Headers.Protected[cose.HeaderLabelKeyID].([]byte)
			verify(t, &cert, []byte(signed.CertContext), keys[hex.EncodeToString(kid)])

			var grant struct {
				Expiry uint64            `cbor:"4,keyasint"`
				Grant  []cbor.RawMessage `cbor:"-65537,keyasint"`
			}
			if err := cbor.Unmarshal(cert.Payload, &grant); err != nil || len(grant.Grant) != 5 {
				t.Fatalf("claims: %v", err)
			}
			var phone []byte
			if err := cbor.Unmarshal(grant.Grant[1], &phone); err != nil {
				t.Fatal(err)
			}
			if err := code.UnmarshalCBOR(parts[1]); err != nil {
				t.Fatal(err)
			}
			verify(t, &code, append([]byte(signed.CodeContext), parts[0]...), publicKey(t, hex.EncodeToString(phone)))

			var claims struct {
				Place   string `cbor:"3,keyasint"`
				Time    int64  `cbor:"6,keyasint"`
				Counter []byte `cbor:"7,keyasint"`
			}
			if err := cbor.Unmarshal(code.Payload, &claims); err != nil {
				t.Fatal(err)
			}
			if claims.Time != c.Time || claims.Place != c.Place || new(big.Int).SetBytes(claims.Counter).Uint64() != c.Counter {
				t.Errorf("claims %+v of %+v", claims, c)
			}
		})
	}
}

// verify checks a message, and that it would not verify for another purpose.
func verify(t *testing.T, m *cose.UntaggedSign1Message, external []byte, key *ecdsa.PublicKey) {
	t.Helper()
	verifier, err := cose.NewVerifier(cose.AlgorithmES256, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(external, verifier); err != nil {
		t.Errorf("go-cose: %v", err)
	}
	if err := m.Verify(bytes.ToUpper(external), verifier); err == nil {
		t.Error("go-cose takes it with other external data")
	}
}

func publicKey(t *testing.T, compressed string) *ecdsa.PublicKey {
	t.Helper()
	x, y := elliptic.UnmarshalCompressed(elliptic.P256(), unhex(t, compressed))
	if x == nil {
		t.Fatalf("%s is no compressed point", compressed)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
