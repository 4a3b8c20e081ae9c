package hq

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"tilld/sync/wire"
)

// ErrIssuerKey reports what is no issuer's public key.
var ErrIssuerKey = errors.New("not an issuer's public key")

// What is wrong with it, in words that say what to do.
var (
	errPrivate = fmt.Errorf("%w: this is a PRIVATE key, which stays with the issuer; openssl pkey -in KEY -pubout writes its public half", ErrIssuerKey)
	errForm    = fmt.Errorf("%w: want a P-256 key as PEM (BEGIN PUBLIC KEY) or as a COSE_Key, its bytes or these in hexadecimal", ErrIssuerKey)
	errCurve   = fmt.Errorf("%w: an issuer signs with ES256, so its key is of P-256 (prime256v1)", ErrIssuerKey)
)

// ParseIssuerKey reads an issuer's P-256 public key in any form in which issuers have it: PEM (a
// SubjectPublicKeyInfo, as openssl writes it), a COSE_Key (RFC 9052, 7), or that in hexadecimal. A COSE_Key
// may hold more than the key, such as a kid of its own: in codes the kid is the key's thumbprint all the same.
func ParseIssuerKey(b []byte) (wire.PublicKey, error) {
	if blocks := pemBlocks(b); blocks != nil {
		return parsePEMKey(blocks)
	}
	if raw, err := hex.DecodeString(strings.ToLower(string(bytes.TrimSpace(b)))); err == nil {
		b = raw
	}
	return parseCOSEKey(b)
}

func pemBlocks(b []byte) (list []*pem.Block) {
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			return list
		}
		list, b = append(list, block), rest
	}
}

// parsePEMKey wants one public key. Of a private one openssl writes the parameters in front.
func parsePEMKey(blocks []*pem.Block) (wire.PublicKey, error) {
	for _, b := range blocks {
		if strings.Contains(b.Type, "PRIVATE") {
			return wire.PublicKey{}, errPrivate
		}
	}
	if len(blocks) > 1 || blocks[0].Type != "PUBLIC KEY" {
		return wire.PublicKey{}, errForm
	}
	key, err := x509.ParsePKIXPublicKey(blocks[0].Bytes)
	if err != nil {
		return wire.PublicKey{}, fmt.Errorf("%w: %w", ErrIssuerKey, err)
	}
	ec, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return wire.PublicKey{}, errCurve
	}
	public, err := wire.NewP256(ec)
	if err != nil {
		return wire.PublicKey{}, errCurve
	}
	return public, nil
}

// The numbers of a COSE_Key's members (RFC 9052, 7.1; RFC 9053, 7.1.1).
type coseKey struct {
	Type    int             `cbor:"1,keyasint"`
	Alg     int             `cbor:"3,keyasint"`
	Curve   int             `cbor:"-1,keyasint"`
	X       []byte          `cbor:"-2,keyasint"`
	Y       cbor.RawMessage `cbor:"-3,keyasint"` // bytes, or for a compressed point whether it is odd
	Private cbor.RawMessage `cbor:"-4,keyasint"`
}

func parseCOSEKey(b []byte) (wire.PublicKey, error) {
	var c coseKey
	if err := cbor.Unmarshal(b, &c); err != nil || c.Type == 0 {
		return wire.PublicKey{}, errForm
	}
	const ec2, p256 = 2, 1
	switch {
	case c.Private != nil:
		return wire.PublicKey{}, errPrivate
	case c.Type != ec2 || c.Curve != p256 || len(c.X) != 32 || c.Alg != 0 && c.Alg != int(wire.ES256):
		return wire.PublicKey{}, errCurve
	}
	var y []byte
	if cbor.Unmarshal(c.Y, &y) == nil && len(y) == 32 {
		ec, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, c.X...), y...))
		if err != nil {
			return wire.PublicKey{}, fmt.Errorf("%w: %w", ErrIssuerKey, err)
		}
		return wire.NewP256(ec)
	}
	var odd bool
	if cbor.Unmarshal(c.Y, &odd) != nil {
		return wire.PublicKey{}, errForm
	}
	sign := byte(2)
	if odd {
		sign = 3
	}
	key, err := wire.NewP256Compressed(append([]byte{sign}, c.X...))
	if err != nil {
		return wire.PublicKey{}, fmt.Errorf("%w: %w", ErrIssuerKey, err)
	}
	return key, nil
}
