package policy

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"tilld/sync/wire"
)

// Errors of Bundle.Accept. With each of them the bundle stays as it was.
var (
	ErrOlder    = errors.New("a version below the one that is held")
	ErrConflict = errors.New("another content under the version that is held")
	ErrChain    = errors.New("of another chain")
)

// Bundle is what a lane (or HQ) believes: the pinned root, the trust bundle under it and the policy under
// that. It is immutable: Accept returns the next one, so that a reader always sees a trust bundle and a
// policy that belong together. Keeping the signed bytes is the caller's; Load reads them again.
type Bundle struct {
	root  wire.PublicKey
	chain string

	trust  *Trust
	policy *Document
	demand uint64 // no policy below this version is believed; see Demand

	rawTrust, rawPolicy []byte
}

// NewBundle believes the root key and nothing else yet.
func NewBundle(root wire.PublicKey, chain string) *Bundle { return &Bundle{root: root, chain: chain} }

// Load reads what an earlier bundle's Raw gave. No key's window is asked: it was when the document came in.
// Empty bytes are a document that was never had. A policy that the trust bundle no longer vouches for is
// dropped without an error, as Accept would have.
func Load(root wire.PublicKey, chain string, rawTrust, rawPolicy []byte) (*Bundle, error) {
	b := NewBundle(root, chain)
	var err error
	if len(rawTrust) > 0 {
		if b, err = b.Accept(rawTrust, time.Time{}); err != nil {
			return nil, fmt.Errorf("the trust bundle on this machine: %w", err)
		}
	}
	if len(rawPolicy) > 0 {
		next, err := b.Accept(rawPolicy, time.Time{})
		switch {
		case err == nil:
			b = next
		case errors.Is(err, wire.ErrUnknownKey), errors.Is(err, ErrOlder):
		default:
			return nil, fmt.Errorf("the policy on this machine: %w", err)
		}
	}
	return b, nil
}

// Root is the pinned key.
func (b *Bundle) Root() wire.PublicKey { return b.root }

// Chain is the chain's name.
func (b *Bundle) Chain() string { return b.chain }

// Trust is the trust bundle in force, or nil.
func (b *Bundle) Trust() *Trust { return b.trust }

// Policy is the policy in force, or nil: then a lane must not approve anything by itself.
func (b *Bundle) Policy() *Document { return b.policy }

// PolicyVersion is the version in force; 0: none.
func (b *Bundle) PolicyVersion() uint64 {
	if b.policy == nil {
		return 0
	}
	return b.policy.Version
}

// Demand is the bundle that believes no policy below a version any more, because something surer than what is
// held says that this one was in force before. Then no policy is in force until that one, or a later one, comes.
func (b *Bundle) Demand(version uint64) *Bundle {
	if version <= b.demand {
		return b
	}
	next := *b
	next.demand = version
	if b.PolicyVersion() < version {
		next.policy, next.rawPolicy = nil, nil
	}
	return &next
}

// Raw is the signed bytes of both documents, to keep for Load; nil where there is none.
func (b *Bundle) Raw() (trust, policy []byte) { return b.rawTrust, b.rawPolicy }

// Accept takes a signed trust bundle or policy that came in at a moment (the zero time where that can't be
// told, see Trust.Keys) and returns what is believed from then on: the same Bundle when it is the document
// that is held already.
//
// A new trust bundle may withdraw the key that signed the policy in force, or demand a higher version; then
// no policy is in force until the next one comes.
func (b *Bundle) Accept(raw []byte, at time.Time) (*Bundle, error) {
	typ, err := wire.Peek(raw)
	if err != nil {
		return nil, err
	}
	switch typ {
	case wire.TypTrust:
		return b.acceptTrust(raw)
	case wire.TypPolicy:
		return b.acceptPolicy(raw, at)
	}
	return nil, fmt.Errorf("%w: %q is neither policy nor trust bundle", wire.ErrTyp, typ)
}

func (b *Bundle) acceptTrust(raw []byte) (*Bundle, error) {
	t, err := OpenTrust(raw, b.root)
	if err != nil {
		return nil, err
	}
	if b.trust != nil {
		switch newer, err := succeeds("trust bundle", t.Version, b.trust.Version, t, b.trust); {
		case err != nil:
			return nil, err
		case !newer:
			return b, nil
		}
	}
	if t.Chain != b.chain {
		return nil, fmt.Errorf("trust bundle %d: %w: %q, not %q", t.Version, ErrChain, t.Chain, b.chain)
	}
	next := &Bundle{root: b.root, chain: b.chain, trust: t, rawTrust: raw, demand: b.demand}
	if b.policy == nil {
		return next, nil
	}
	if kept, err := next.acceptPolicy(b.rawPolicy, time.Time{}); err == nil {
		next = kept
	}
	return next, nil
}

func (b *Bundle) acceptPolicy(raw []byte, at time.Time) (*Bundle, error) {
	d, err := OpenPolicy(raw, b.trust.Keys(UsePolicy, at))
	if err != nil {
		return nil, err
	}
	if d.Chain != b.chain {
		return nil, fmt.Errorf("policy %d: %w: %q, not %q", d.Version, ErrChain, d.Chain, b.chain)
	}
	if d.Version < b.trust.Policy {
		return nil, fmt.Errorf("policy %d: %w: the trust bundle demands %d", d.Version, ErrOlder, b.trust.Policy)
	}
	if d.Version < b.demand {
		return nil, fmt.Errorf("policy %d: %w: %d was in force already", d.Version, ErrOlder, b.demand)
	}
	if b.policy != nil {
		switch newer, err := succeeds("policy", d.Version, b.policy.Version, d, b.policy); {
		case err != nil:
			return nil, err
		case !newer:
			return b, nil
		}
	}
	next := *b
	next.policy, next.rawPolicy = d, raw
	return &next, nil
}

// succeeds compares a document with the one that is held. The content decides, not the bytes: the same
// content may have been signed again.
func succeeds(what string, version, held uint64, doc, heldDoc any) (newer bool, err error) {
	if version != held {
		if version < held {
			return false, fmt.Errorf("%s %d: %w (%d)", what, version, ErrOlder, held)
		}
		return true, nil
	}
	a, err := wire.Marshal(doc)
	if err != nil {
		return false, fmt.Errorf("comparing two of %s %d: %w", what, version, err)
	}
	b, err := wire.Marshal(heldDoc)
	if err != nil {
		return false, fmt.Errorf("comparing two of %s %d: %w", what, version, err)
	}
	if !bytes.Equal(a, b) {
		return false, fmt.Errorf("%s %d: %w", what, version, ErrConflict)
	}
	return false, nil
}
