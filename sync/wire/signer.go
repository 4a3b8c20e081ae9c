package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// Signer holds a private key, wherever that is: a file, a TPM, a phone's secure hardware.
type Signer struct {
	public PublicKey
	key    crypto.Signer
	random io.Reader
}

// NewSigner takes an Ed25519 or P-256 private key. The randomness is needed by ES256 only.
func NewSigner(key crypto.Signer, random io.Reader) (*Signer, error) {
	s := &Signer{key: key, random: random}
	var err error
	switch pub := key.Public().(type) {
	case ed25519.PublicKey:
		s.public, err = NewEd25519(pub)
	case *ecdsa.PublicKey:
		s.public, err = NewP256(pub)
	default:
		err = fmt.Errorf("%w: %T", ErrKey, pub)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Public is the verifying half.
func (s *Signer) Public() PublicKey { return s.public }

// Sign makes the 64-byte signature that PublicKey.Verify accepts.
func (s *Signer) Sign(msg []byte) ([]byte, error) {
	if s.public.alg == EdDSA {
		sig, err := s.key.Sign(s.random, msg, crypto.Hash(0))
		if err != nil {
			return nil, fmt.Errorf("signing: %w", err)
		}
		return sig, nil
	}
	sum := sha256.Sum256(msg)
	der, err := s.key.Sign(s.random, sum[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return fromDER(der)
}

// fromDER turns the signature of a crypto.Signer into COSE's form, with s in the lower half.
func fromDER(der []byte) ([]byte, error) {
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return nil, fmt.Errorf("reading the key's signature: %w", err)
	}
	order := elliptic.P256().Params().N
	for _, n := range []*big.Int{pair.R, pair.S} {
		if n.Sign() <= 0 || n.Cmp(order) >= 0 {
			return nil, errors.New("reading the key's signature: a number out of range")
		}
	}
	if pair.S.Cmp(halfOrder) > 0 {
		pair.S.Sub(order, pair.S)
	}
	sig := make([]byte, signatureSize)
	pair.R.FillBytes(sig[:signatureSize/2])
	pair.S.FillBytes(sig[signatureSize/2:])
	return sig, nil
}
