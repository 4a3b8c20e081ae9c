package policy

import (
	"errors"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Errors of join files. Match with errors.Is.
var (
	ErrRequest   = errors.New("the join request can't be right")
	ErrAnswer    = errors.New("the join answer can't be right")
	ErrOtherLane = errors.New("the join answer is for another terminal")
)

// joinVersion is the version of both messages.
const joinVersion = 1

// JoinRequest is what `tilld lane init` writes for HQ: who asks, signed by the key that it names, which
// proves that the asker holds it. That the asker may join is for the person who carries the file.
type JoinRequest struct {
	Version  uint       `cbor:"1,keyasint"`
	Terminal payment.ID `cbor:"2,keyasint"`
	Key      Hex        `cbor:"3,keyasint"` // canonical COSE_Key
	Software string     `cbor:"4,keyasint"`
	Made     Stamp      `cbor:"5,keyasint"` // by the lane's wall clock; a note
}

// NewJoinRequest is the request of a terminal with the signer's key.
func NewJoinRequest(s *wire.Signer, terminal payment.ID, software string, made time.Time) ([]byte, error) {
	r := &JoinRequest{Version: joinVersion, Terminal: terminal, Key: s.Public().Bytes(), Software: software, Made: StampOf(made)}
	if err := r.validate(); err != nil {
		return nil, err
	}
	signed, err := wire.Seal(s, wire.TypReq, r)
	if err != nil {
		return nil, err
	}
	return armour(requestHeader, signed), nil
}

// ParseJoinRequest reads a request file and checks that its key signed it.
func ParseJoinRequest(file []byte) (*JoinRequest, error) {
	r := new(JoinRequest)
	err := openSelfSigned(file, requestHeader, wire.TypReq, r, func() Hex { return r.Key })
	if err != nil {
		return nil, err
	}
	if err := r.validate(); err != nil {
		return nil, err
	}
	return r, nil
}

// PublicKey is the terminal's key.
func (r *JoinRequest) PublicKey() (wire.PublicKey, error) { return wire.ParsePublicKey(r.Key) }

func (r *JoinRequest) validate() error {
	switch {
	case r.Version != joinVersion:
		return fmt.Errorf("%w: version %d", ErrRequest, r.Version)
	case r.Terminal.IsZero():
		return fmt.Errorf("%w: no terminal", ErrRequest)
	case len(r.Software) > 100:
		return fmt.Errorf("%w: a software name of %d bytes", ErrRequest, len(r.Software))
	}
	if _, err := r.PublicKey(); err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return nil
}

// HashKey is a secret of the chain: hashes of customers' codes are keyed with it, so that nobody who gets a
// journal can search for codes. Keys change by epoch.
type HashKey struct {
	_     struct{} `cbor:",toarray"`
	Epoch uint32
	Key   Hex // 32 bytes
}

// hashKeySize is the length of a HashKey's key.
const hashKeySize = 32

// JoinAnswer is what `tilld hq terminal add` writes for one terminal: where it stands and whom to believe,
// signed by the chain's root key. The file holds secrets (HashKeys): it is for this terminal only.
type JoinAnswer struct {
	Version  uint             `cbor:"1,keyasint"`
	Root     Hex              `cbor:"2,keyasint"` // canonical COSE_Key of the chain's root
	Chain    string           `cbor:"3,keyasint"`
	Terminal payment.ID       `cbor:"4,keyasint"`
	Key      Hex              `cbor:"5,keyasint"` // identifier of the terminal's key, from its request
	Store    string           `cbor:"6,keyasint"`
	Lane     string           `cbor:"7,keyasint"`
	Entity   string           `cbor:"8,keyasint"` // legal entity that runs the store, for receipts
	Zone     string           `cbor:"9,keyasint"` // of the store, until a policy says otherwise
	Currency payment.Currency `cbor:"10,keyasint"`
	HashKeys []HashKey        `cbor:"11,keyasint"` // the last is the one to use
	Trust    Hex              `cbor:"12,keyasint"` // signed bundle
	Policy   Hex              `cbor:"13,keyasint,omitempty"`
	Brokers  []string         `cbor:"14,keyasint,omitempty"` // addresses to try when none is configured
	Made     Stamp            `cbor:"15,keyasint"`           // HQ's clock
}

// Sign makes the answer's file. The root key goes in by itself.
func (a *JoinAnswer) Sign(root *wire.Signer) ([]byte, error) {
	a.Version, a.Root = joinVersion, root.Public().Bytes()
	if _, err := a.Bundle(); err != nil {
		return nil, err
	}
	if err := a.validate(); err != nil {
		return nil, err
	}
	signed, err := wire.Seal(root, wire.TypJoin, a)
	if err != nil {
		return nil, err
	}
	return armour(answerHeader, signed), nil
}

// ParseJoinAnswer reads an answer's file for the terminal with this key. That its root is the chain's is
// what carrying the file by hand vouches for; nothing in the file could.
func ParseJoinAnswer(file []byte, terminal payment.ID, key wire.KID) (*JoinAnswer, error) {
	a := new(JoinAnswer)
	err := openSelfSigned(file, answerHeader, wire.TypJoin, a, func() Hex { return a.Root })
	if err != nil {
		return nil, err
	}
	if err := a.validate(); err != nil {
		return nil, err
	}
	if a.Terminal != terminal {
		return nil, fmt.Errorf("%w: %s, this one is %s", ErrOtherLane, a.Terminal, terminal)
	}
	if wire.KID(a.Key) != key {
		return nil, fmt.Errorf("%w: it answers a request of the key %s, this one is %s", ErrOtherLane, a.Key, key)
	}
	if _, err := a.Bundle(); err != nil {
		return nil, err
	}
	return a, nil
}

// Bundle is what the answer says to believe.
func (a *JoinAnswer) Bundle() (*Bundle, error) {
	root, err := wire.ParsePublicKey(a.Root)
	if err != nil {
		return nil, fmt.Errorf("%w: root: %w", ErrAnswer, err)
	}
	b := NewBundle(root, a.Chain)
	for _, doc := range []Hex{a.Trust, a.Policy} {
		if len(doc) == 0 {
			continue
		}
		if b, err = b.Accept(doc, a.Made.Time()); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
		}
	}
	return b, nil
}

func (a *JoinAnswer) validate() error {
	if a.Version != joinVersion {
		return fmt.Errorf("%w: version %d", ErrAnswer, a.Version)
	}
	for _, err := range []error{
		wire.CheckName("chain", a.Chain), wire.CheckName("store", a.Store), wire.CheckName("lane", a.Lane),
		checkZone("zone", a.Zone), checkStamp("made", a.Made), a.checkKeys(),
	} {
		if err != nil {
			return fmt.Errorf("%w: %w", ErrAnswer, err)
		}
	}
	switch {
	case a.Terminal.IsZero():
		return fmt.Errorf("%w: no terminal", ErrAnswer)
	case !a.Currency.Known():
		return fmt.Errorf("%w: currency %q", ErrAnswer, string(a.Currency))
	case a.Entity == "" || len(a.Entity) > 200:
		return fmt.Errorf("%w: entity: a name of 1 to 200 bytes is needed", ErrAnswer)
	case len(a.Trust) == 0:
		return fmt.Errorf("%w: no trust bundle", ErrAnswer)
	case len(a.Brokers) > 10:
		return fmt.Errorf("%w: %d brokers, at most 10", ErrAnswer, len(a.Brokers))
	}
	return nil
}

func (a *JoinAnswer) checkKeys() error {
	if len(a.Key) != wire.KIDSize {
		return fmt.Errorf("terminal key: an identifier of %d bytes", len(a.Key))
	}
	if len(a.HashKeys) == 0 || len(a.HashKeys) > 100 {
		return fmt.Errorf("hash keys: %d, not 1 to 100", len(a.HashKeys))
	}
	for i, k := range a.HashKeys {
		if len(k.Key) != hashKeySize || k.Epoch == 0 || i > 0 && a.HashKeys[i-1].Epoch >= k.Epoch {
			return fmt.Errorf("hash keys: epoch %d is out of order or its key has not %d bytes", k.Epoch, hashKeySize)
		}
	}
	return nil
}

// openSelfSigned reads a message that names the key that signed it. The signature proves that who wrote the
// message holds the key; whether to believe that key is the caller's question.
func openSelfSigned(file []byte, header string, typ wire.Typ, v any, key func() Hex) error {
	signed, err := dearmour(header, file)
	if err != nil {
		return err
	}
	payload, err := payloadOf(signed)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	if err := wire.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	own, err := wire.ParsePublicKey(key())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	if _, err := wire.Open(signed, typ, wire.OneKey(own)); err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	return nil
}

// payloadOf takes the payload from an envelope before anything of it is believed.
func payloadOf(signed []byte) ([]byte, error) {
	var s struct {
		_           struct{} `cbor:",toarray"`
		Protected   []byte
		Unprotected struct{}
		Payload     []byte
		Signature   []byte
	}
	if len(signed) == 0 {
		return nil, wire.ErrEnvelope
	}
	if err := wire.Unmarshal(signed[1:], &s); err != nil {
		return nil, fmt.Errorf("%w: %w", wire.ErrEnvelope, err)
	}
	return s.Payload, nil
}
