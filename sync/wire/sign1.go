package wire

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// Typ names what a signed message is, in its protected header (RFC 9596), so that a signature made for one
// purpose can never be shown for another.
type Typ string

// The messages that tilld signs.
const (
	TypEntry  Typ = "tilld/entry"
	TypBeat   Typ = "tilld/beat"
	TypHello  Typ = "tilld/hello"
	TypAck    Typ = "tilld/ack"
	TypPolicy Typ = "tilld/policy"
	TypTrust  Typ = "tilld/trust"
	TypJoin   Typ = "tilld/join"
	TypReq    Typ = "tilld/join-request"
	TypProof  Typ = "tilld/key-proof"
	TypBatch  Typ = "tilld/settlement"
	TypAsk    Typ = "tilld/ask"
	TypAnswer Typ = "tilld/answer"
	TypProbe  Typ = "tilld/probe"
	TypPong   Typ = "tilld/pong"

	TypTill     Typ = "tilld/till"
	TypOffer    Typ = "tilld/offer"
	TypApproval Typ = "tilld/approval"
)

// Errors of Open. Match with errors.Is.
var (
	ErrEnvelope   = errors.New("not a signed message")
	ErrTyp        = errors.New("signed for another purpose")
	ErrUnknownKey = errors.New("signed with a key that is not known here")
	ErrSignature  = errors.New("the signature does not hold")
)

// protected is the protected header: the algorithm, the key and the purpose, and nothing else.
type protected struct {
	Alg Alg    `cbor:"1,keyasint"`
	KID []byte `cbor:"4,keyasint"`
	Typ Typ    `cbor:"16,keyasint"`
}

// sign1 is the content of a COSE_Sign1 (RFC 9052, 4.2).
type sign1 struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected struct{}
	Payload     []byte
	Signature   []byte
}

// tagSign1 is CBOR tag 18, which every envelope begins with.
const tagSign1 = 0xd2

// Protected is the encoded protected header for messages of typ that k signs.
func Protected(k PublicKey, typ Typ) ([]byte, error) {
	return Marshal(protected{Alg: k.alg, KID: k.kid[:], Typ: typ})
}

// ToBeSigned is COSE's Sig_structure (RFC 9052, 4.4) with no external data: the bytes that are signed, and
// whose SHA-256 chains a journal.
func ToBeSigned(protected, payload []byte) []byte { return SigStructure(protected, nil, payload) }

// SigStructure is the Sig_structure with external data, which is signed and not sent: where every byte
// counts (a payment code) it names the purpose in place of Typ.
func SigStructure(protected, external, payload []byte) []byte {
	return appendSigStructure(make([]byte, 0, 28+len(protected)+len(external)+len(payload)), protected, external, payload)
}

func appendSigStructure(b, protected, external, payload []byte) []byte {
	b = append(b, 0x84, 0x6a)
	b = append(b, "Signature1"...)
	b = appendBytes(b, protected)
	b = appendBytes(b, external)
	return appendBytes(b, payload)
}

// appendBytes appends a CBOR byte string.
func appendBytes(b, s []byte) []byte {
	n := len(s)
	switch {
	case n < 24:
		b = append(b, 0x40|byte(n))
	case n < 1<<8:
		b = append(b, 0x58, byte(n))
	case n < 1<<16:
		b = append(b, 0x59, byte(n>>8), byte(n))
	default:
		b = append(b, 0x5a, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, s...)
}

// Hash identifies a signed message by its Sig_structure; for an entry it is what the next one names.
func Hash(protected, payload []byte) [32]byte { return sha256.Sum256(ToBeSigned(protected, payload)) }

// Envelope assembles the one encoding of a COSE_Sign1 from its parts.
func Envelope(protected, payload, sig []byte) []byte {
	b := make([]byte, 0, 16+len(protected)+len(payload)+len(sig))
	b = append(b, tagSign1, 0x84)
	b = appendBytes(b, protected)
	b = append(b, 0xa0)
	b = appendBytes(b, payload)
	return appendBytes(b, sig)
}

// Seal signs v as a message of typ.
func Seal(s *Signer, typ Typ, v any) ([]byte, error) {
	payload, err := Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", typ, err)
	}
	head, err := Protected(s.public, typ)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", typ, err)
	}
	sig, err := s.Sign(ToBeSigned(head, payload))
	if err != nil {
		return nil, err
	}
	return Envelope(head, payload, sig), nil
}

// Keys finds the keys that a reader trusts for a purpose; several may share an identifier.
type Keys func(KID) []PublicKey

// OneKey trusts a single key.
func OneKey(k PublicKey) Keys {
	return func(id KID) []PublicKey {
		if id == k.kid && !k.IsZero() {
			return []PublicKey{k}
		}
		return nil
	}
}

// Message is an opened envelope: its parts as they were signed, and the key that signed.
type Message struct {
	Protected []byte
	Payload   []byte
	Signature []byte
	Key       PublicKey
}

// Hash is the message's identity; see the function Hash.
func (m *Message) Hash() [32]byte { return Hash(m.Protected, m.Payload) }

// Open checks that b is the one encoding of a message of typ and that a trusted key signed it. It returns
// ErrEnvelope, ErrCanonical, ErrTyp, ErrUnknownKey or ErrSignature, wrapped, and no message with an error.
func Open(b []byte, typ Typ, keys Keys) (*Message, error) {
	m, kid, err := split(b, typ)
	if err != nil {
		return nil, err
	}
	head, err := VerifyProtected(m.Protected, typ, keys)
	if err != nil {
		return nil, err
	}
	tbs := ToBeSigned(m.Protected, m.Payload)
	for _, k := range head {
		if k.Verify(tbs, m.Signature) {
			m.Key = k
			return m, nil
		}
	}
	return nil, fmt.Errorf("%w: %s, key %s", ErrSignature, typ, kid)
}

// VerifyProtected reads a protected header alone and returns the trusted keys that it can mean.
func VerifyProtected(b []byte, typ Typ, keys Keys) ([]PublicKey, error) {
	head, err := parseProtected(b, typ)
	if err != nil {
		return nil, err
	}
	kid := KID(head.KID)
	var fit []PublicKey
	for _, k := range keys(kid) {
		if k.alg == head.Alg {
			fit = append(fit, k)
		}
	}
	if len(fit) == 0 {
		return nil, fmt.Errorf("%w: %s, key %s", ErrUnknownKey, typ, kid)
	}
	return fit, nil
}

func parseProtected(b []byte, typ Typ) (*protected, error) {
	var head protected
	if err := Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("%w: protected header: %w", ErrEnvelope, err)
	}
	if len(head.KID) != KIDSize {
		return nil, fmt.Errorf("%w: key identifier of %d bytes", ErrEnvelope, len(head.KID))
	}
	if head.Typ != typ {
		return nil, fmt.Errorf("%w: %q, not %q", ErrTyp, head.Typ, typ)
	}
	return &head, nil
}

// split takes an envelope apart without judging its signature.
func split(b []byte, typ Typ) (*Message, KID, error) {
	if len(b) == 0 || b[0] != tagSign1 {
		return nil, KID{}, fmt.Errorf("%w: does not begin with tag 18", ErrEnvelope)
	}
	var s sign1
	if err := Unmarshal(b[1:], &s); err != nil {
		return nil, KID{}, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	if err := Canonical(s.Payload); err != nil {
		return nil, KID{}, fmt.Errorf("payload: %w", err)
	}
	head, err := parseProtected(s.Protected, typ)
	if err != nil {
		return nil, KID{}, err
	}
	return &Message{Protected: s.Protected, Payload: s.Payload, Signature: s.Signature}, KID(head.KID), nil
}

// Peek reads what a signed message says it is, without trusting it.
func Peek(b []byte) (Typ, error) {
	if len(b) == 0 || b[0] != tagSign1 {
		return "", fmt.Errorf("%w: does not begin with tag 18", ErrEnvelope)
	}
	var s sign1
	if err := Unmarshal(b[1:], &s); err != nil {
		return "", fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	var head protected
	if err := Unmarshal(s.Protected, &head); err != nil {
		return "", fmt.Errorf("%w: protected header: %w", ErrEnvelope, err)
	}
	return head.Typ, nil
}
