package signed

import (
	"fmt"

	"tilld/sync/wire"
)

// letter is a signed message in sync/wire's one encoding, as it was read: the algorithm, the key and the purpose stand
// in its protected header. In form, and until by says so proven by nothing.
type letter struct {
	KID wire.KID

	alg                wire.Alg
	signed, signature  []byte
	protected, payload []byte
}

// letterHeader is the protected header.
type letterHeader struct {
	Alg wire.Alg `cbor:"1,keyasint"`
	KID []byte   `cbor:"4,keyasint"`
	Typ wire.Typ `cbor:"16,keyasint"`
}

// tagSign1 is CBOR tag 18, which every letter begins with.
const tagSign1 = 0xd2

// readLetter takes a letter of a purpose apart and its payload into v, which is zero.
func readLetter(b []byte, typ wire.Typ, v any) (*letter, error) {
	if len(b) == 0 || b[0] != tagSign1 {
		return nil, fmt.Errorf("%s: %w: no tag 18", typ, ErrForm)
	}
	m, err := openSign1(string(typ), b[1:])
	if err != nil {
		return nil, err
	}
	var head letterHeader
	if err := exact(m.Protected, &head); err != nil {
		return nil, fmt.Errorf("%s: header: %w", typ, err)
	}
	kid, err := wire.ParseKID(head.KID)
	if err != nil || head.Typ != typ {
		return nil, fmt.Errorf("%s: %w: the header names another purpose or no key", typ, ErrForm)
	}
	if err := exact(m.Payload, v); err != nil {
		return nil, fmt.Errorf("%s: %w", typ, err)
	}
	return &letter{KID: kid, alg: head.Alg, signed: wire.ToBeSigned(m.Protected, m.Payload), signature: m.Signature,
		protected: m.Protected, payload: m.Payload}, nil
}

// by checks the signature by the keys that are trusted: ErrUnknownIssuer or ErrSignature.
func (l *letter) by(keys wire.Keys) error {
	known := false
	for _, k := range keys(l.KID) {
		if k.Alg() != l.alg {
			continue
		}
		if k.Verify(l.signed, l.signature) {
			return nil
		}
		known = true
	}
	if known {
		return fmt.Errorf("%w: key %s", ErrSignature, l.KID)
	}
	return fmt.Errorf("%w: key %s", ErrUnknownIssuer, l.KID)
}

// bytes is the letter as it was read: there is one encoding of it.
func (l *letter) bytes() []byte { return wire.Envelope(l.protected, l.payload, l.signature) }
