package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
)

// Alg is a COSE algorithm number (RFC 9053). It belongs to a key's record: a message may repeat it, and
// never chooses it.
type Alg int

// The algorithms that tilld signs with: EdDSA for a key in a sealed file, ES256 for one in a phone's or a
// TPM's hardware.
const (
	EdDSA Alg = -8
	ES256 Alg = -7
)

// signatureSize is the length of a signature by either.
const signatureSize = 64

// KIDSize is the length of a key identifier.
const KIDSize = 8

// KID names a key: the first 8 bytes of its COSE Key Thumbprint (RFC 9679, SHA-256). It finds a key and
// proves nothing; where two keys collide the signature decides.
type KID [KIDSize]byte

// String is the identifier in hexadecimal.
func (k KID) String() string { return fmt.Sprintf("%x", k[:]) }

// ParseKID takes the 8 raw bytes.
func ParseKID(b []byte) (KID, error) {
	if len(b) != KIDSize {
		return KID{}, fmt.Errorf("%w: a key identifier has 8 bytes, not %d", ErrKey, len(b))
	}
	return KID(b), nil
}

// ErrKey reports bytes that are no public key that tilld uses.
var ErrKey = errors.New("not a usable public key")

// PublicKey is a verifying key with its algorithm. The zero value verifies nothing.
type PublicKey struct {
	kid  KID
	alg  Alg
	cose []byte // canonical COSE_Key; the thumbprint's input
	ed   ed25519.PublicKey
	ec   *ecdsa.PublicKey
}

// coseKey is a COSE_Key (RFC 9052, 7) with just the members of its thumbprint.
type coseKey struct {
	Type  int    `cbor:"1,keyasint"`
	Curve int    `cbor:"-1,keyasint"`
	X     []byte `cbor:"-2,keyasint"`
	Y     []byte `cbor:"-3,keyasint,omitempty"`
}

// NewEd25519 takes the 32 bytes of an Ed25519 public key.
func NewEd25519(pub ed25519.PublicKey) (PublicKey, error) {
	if len(pub) != ed25519.PublicKeySize {
		return PublicKey{}, fmt.Errorf("%w: Ed25519 takes 32 bytes, not %d", ErrKey, len(pub))
	}
	pub = bytes.Clone(pub)
	return build(PublicKey{alg: EdDSA, ed: pub}, coseKey{Type: 1, Curve: 6, X: pub})
}

// NewP256 takes a P-256 point.
func NewP256(pub *ecdsa.PublicKey) (PublicKey, error) {
	if pub == nil || pub.Curve != elliptic.P256() {
		return PublicKey{}, fmt.Errorf("%w: ES256 takes a P-256 key", ErrKey)
	}
	raw, err := pub.Bytes()
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return build(PublicKey{alg: ES256, ec: pub}, coseKey{Type: 2, Curve: 1, X: raw[1:33], Y: raw[33:]})
}

// NewP256Compressed takes the 33 bytes of a compressed P-256 point (SEC 1, 2.3.3).
func NewP256Compressed(b []byte) (PublicKey, error) {
	if len(b) != 33 || (b[0] != 2 && b[0] != 3) {
		return PublicKey{}, fmt.Errorf("%w: a compressed P-256 point has 33 bytes", ErrKey)
	}
	x, y := elliptic.UnmarshalCompressed(elliptic.P256(), b)
	if x == nil {
		return PublicKey{}, fmt.Errorf("%w: not a point of P-256", ErrKey)
	}
	raw := make([]byte, 65)
	raw[0] = 4
	x.FillBytes(raw[1:33])
	y.FillBytes(raw[33:])
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return NewP256(pub)
}

func build(k PublicKey, c coseKey) (PublicKey, error) {
	raw, err := Marshal(c)
	if err != nil {
		return PublicKey{}, fmt.Errorf("encoding a key: %w", err)
	}
	sum := sha256.Sum256(raw)
	k.cose, k.kid = raw, KID(sum[:KIDSize])
	return k, nil
}

// ParsePublicKey reads the canonical COSE_Key that Bytes wrote.
func ParsePublicKey(b []byte) (PublicKey, error) {
	var c coseKey
	if err := Unmarshal(b, &c); err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	switch {
	case c.Type == 1 && c.Curve == 6 && len(c.Y) == 0:
		return NewEd25519(c.X)
	case c.Type == 2 && c.Curve == 1 && len(c.X) == 32 && len(c.Y) == 32:
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, c.X...), c.Y...))
		if err != nil {
			return PublicKey{}, fmt.Errorf("%w: %w", ErrKey, err)
		}
		return NewP256(pub)
	}
	return PublicKey{}, fmt.Errorf("%w: key type %d, curve %d", ErrKey, c.Type, c.Curve)
}

// KID is the key's identifier.
func (k PublicKey) KID() KID { return k.kid }

// Alg is the one algorithm that the key is used with.
func (k PublicKey) Alg() Alg { return k.alg }

// Bytes is the canonical COSE_Key.
func (k PublicKey) Bytes() []byte { return k.cose }

// IsZero says that there is no key.
func (k PublicKey) IsZero() bool { return k.ed == nil && k.ec == nil }

// Compressed is the 33-byte point of a P-256 key, and nil for any other.
func (k PublicKey) Compressed() []byte {
	if k.ec == nil {
		return nil
	}
	raw, err := k.ec.Bytes()
	if err != nil {
		return nil
	}
	return append([]byte{2 + raw[64]&1}, raw[1:33]...)
}

// Verify checks a signature over msg in COSE's form: 64 bytes, and for ES256 with s in the lower half of
// the group, so that nobody can make a second signature from a first.
func (k PublicKey) Verify(msg, sig []byte) bool {
	if len(sig) != signatureSize {
		return false
	}
	switch {
	case k.ed != nil:
		return ed25519.Verify(k.ed, msg, sig)
	case k.ec != nil:
		r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
		if s.Cmp(halfOrder) > 0 {
			return false
		}
		sum := sha256.Sum256(msg)
		return ecdsa.Verify(k.ec, sum[:], r, s)
	}
	return false
}

var halfOrder = new(big.Int).Rsh(elliptic.P256().Params().N, 1)
