package wire

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// ErrConfide reports bytes that were not sealed to the key, or not for this purpose.
var ErrConfide = errors.New("can't be opened with this key")

// confideInfo separates tilld's sealed codes from anything else that the key might open.
const confideInfo = "tilld/evidence/1"

// Confidant is the public half of HQ's sealing key: what is confided to it only HQ can read.
type Confidant struct {
	key hpke.PublicKey
	kid KID
}

// ConfidantKey is the private half, held by HQ.
type ConfidantKey struct {
	key hpke.PrivateKey
	raw []byte
	pub *Confidant
}

// NewConfidantKey makes a sealing key from 32 random bytes.
func NewConfidantKey(random io.Reader) (*ConfidantKey, error) {
	var raw [32]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return nil, fmt.Errorf("making a sealing key: %w", err)
	}
	return ParseConfidantKey(raw[:])
}

// ParseConfidantKey reads the 32 bytes of an X25519 private key.
func ParseConfidantKey(raw []byte) (*ConfidantKey, error) {
	x, err := ecdh.X25519().NewPrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	key, err := hpke.NewDHKEMPrivateKey(x)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	pub, err := ParseConfidant(x.PublicKey().Bytes())
	if err != nil {
		return nil, err
	}
	return &ConfidantKey{key: key, raw: x.Bytes(), pub: pub}, nil
}

// Bytes is the private key's 32 bytes, for its file.
func (k *ConfidantKey) Bytes() []byte { return k.raw }

// Public is the half to give away.
func (k *ConfidantKey) Public() *Confidant { return k.pub }

// ParseConfidant reads the 32 bytes of an X25519 public key.
func ParseConfidant(raw []byte) (*Confidant, error) {
	x, err := ecdh.X25519().NewPublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	key, err := hpke.NewDHKEMPublicKey(x)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	sum := sha256.Sum256(raw)
	return &Confidant{key: key, kid: KID(sum[:KIDSize])}, nil
}

// KID names the sealing key: the first 8 bytes of the SHA-256 of its public bytes.
func (c *Confidant) KID() KID { return c.kid }

// Bytes is the public key's 32 bytes.
func (c *Confidant) Bytes() []byte { return c.key.Bytes() }

// Confide seals plain to the key (HPKE base mode, RFC 9180: X25519, HKDF-SHA256, ChaCha20-Poly1305), bound
// to the entry's name so that it can't be moved to another. It adds 48 bytes.
func (c *Confidant) Confide(about Name, plain []byte) ([]byte, error) {
	b, err := hpke.Seal(c.key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), infoFor(about), plain)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return b, nil
}

// Open reads what was confided about the entry; any other bytes are ErrConfide.
func (k *ConfidantKey) Open(about Name, sealed []byte) ([]byte, error) {
	b, err := hpke.Open(k.key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), infoFor(about), sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfide, err)
	}
	return b, nil
}

func infoFor(about Name) []byte { return []byte(confideInfo + " " + about.String()) }
