package policy

import (
	"fmt"

	"tilld/sync/wire"
)

// MaxDocument is the most bytes of a signed policy or trust bundle: with its frame it is one message.
const MaxDocument = wire.MaxMessage - 1024

// Sign validates a policy and signs it with a policy key.
func (d *Document) Sign(s *wire.Signer) ([]byte, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	return sign(s, wire.TypPolicy, d)
}

// Sign validates a trust bundle and signs it with the chain's root key.
func (t *Trust) Sign(root *wire.Signer) ([]byte, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	for i, row := range t.Rows {
		if !row.Use.known() {
			return nil, badField(fmt.Sprintf("rows[%d]", i), "%q is no use that this release knows", string(row.Use))
		}
	}
	return sign(root, wire.TypTrust, t)
}

func sign(s *wire.Signer, typ wire.Typ, v any) ([]byte, error) {
	raw, err := wire.Seal(s, typ, v)
	if err != nil {
		return nil, err
	}
	if len(raw) > MaxDocument {
		return nil, fmt.Errorf("%w: %d bytes signed, at most %d", ErrInvalid, len(raw), MaxDocument)
	}
	return raw, nil
}

// OpenPolicy reads a signed policy: one of wire's errors, or ErrInvalid.
func OpenPolicy(raw []byte, keys wire.Keys) (*Document, error) {
	d := new(Document)
	if err := open(raw, wire.TypPolicy, keys, d); err != nil {
		return nil, err
	}
	if err := d.Validate(); err != nil {
		return nil, fmt.Errorf("policy %d: %w", d.Version, err)
	}
	return d, nil
}

// OpenTrust reads a signed trust bundle: one of wire's errors, or ErrInvalid.
func OpenTrust(raw []byte, root wire.PublicKey) (*Trust, error) {
	t := new(Trust)
	if err := open(raw, wire.TypTrust, wire.OneKey(root), t); err != nil {
		return nil, err
	}
	if err := t.Validate(); err != nil {
		return nil, fmt.Errorf("trust bundle %d: %w", t.Version, err)
	}
	return t, nil
}

func open(raw []byte, typ wire.Typ, keys wire.Keys, v any) error {
	if len(raw) > MaxDocument {
		return fmt.Errorf("%w: %s of %d bytes, at most %d", ErrInvalid, typ, len(raw), MaxDocument)
	}
	m, err := wire.Open(raw, typ, keys)
	if err != nil {
		return err
	}
	if err := wire.UnmarshalKnown(m.Payload, v); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrInvalid, typ, err)
	}
	return nil
}
