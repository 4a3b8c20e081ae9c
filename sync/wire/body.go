package wire

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"tilld/agent/payment"
)

// SaltSize is the length of a body's salt.
const SaltSize = 16

// ErrBody reports a body that is broken or is not the one its entry names.
var ErrBody = errors.New("not this entry's body")

// EncodeBody writes a body and the hash that its entry carries. The salt must be fresh and random.
func EncodeBody(b *payment.Body) (raw, hash []byte, err error) {
	if len(b.Salt) != SaltSize {
		return nil, nil, fmt.Errorf("%w: salt of %d bytes", ErrBody, len(b.Salt))
	}
	raw, err = Marshal(b)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding a body: %w", err)
	}
	sum := sha256.Sum256(raw)
	return raw, sum[:], nil
}

// CheckBody says whether raw is the body whose hash an entry carries.
func CheckBody(raw, hash []byte) error {
	if sum := sha256.Sum256(raw); !bytes.Equal(sum[:], hash) {
		return fmt.Errorf("%w: its hash differs", ErrBody)
	}
	return nil
}

// DecodeBody reads a body's bytes.
func DecodeBody(raw []byte) (*payment.Body, error) {
	if err := Canonical(raw); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	var b payment.Body
	if err := decodeKnown(raw, &b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	if len(b.Salt) != SaltSize {
		return nil, fmt.Errorf("%w: salt of %d bytes", ErrBody, len(b.Salt))
	}
	return &b, nil
}
