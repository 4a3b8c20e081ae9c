package wire

import (
	"fmt"

	"tilld/agent/payment"
)

// keyProof is what a new key signs to show that somebody holds it: the name of the entry that brings it in,
// and the key itself.
type keyProof struct {
	Terminal payment.ID `cbor:"1,keyasint"`
	Epoch    uint64     `cbor:"2,keyasint"`
	Seq      uint64     `cbor:"3,keyasint"`
	NewKey   []byte     `cbor:"4,keyasint"` // a COSE_Key in canonical form
}

// ProveKey makes the fact that brings a new key into the journal by the entry at: the key, and its own
// signature of type TypProof over both. The entry itself is signed by the old key.
func ProveKey(newKey *Signer, at Name) (*payment.KeyChanged, error) {
	tbs, err := keyProofToBeSigned(newKey.public, at)
	if err != nil {
		return nil, err
	}
	sig, err := newKey.Sign(tbs)
	if err != nil {
		return nil, err
	}
	return &payment.KeyChanged{NewKey: newKey.public.Bytes(), Proof: sig}, nil
}

// CheckKeyChange returns the key that signs the entries after at. ErrKey means that the fact holds no key,
// ErrSignature that nobody showed to hold it, or for another entry than this.
func CheckKeyChange(f *payment.KeyChanged, at Name) (PublicKey, error) {
	key, err := ParsePublicKey(f.NewKey)
	if err != nil {
		return PublicKey{}, err
	}
	tbs, err := keyProofToBeSigned(key, at)
	if err != nil {
		return PublicKey{}, err
	}
	if !key.Verify(tbs, f.Proof) {
		return PublicKey{}, fmt.Errorf("%w: %s, key %s", ErrSignature, TypProof, key.KID())
	}
	return key, nil
}

func keyProofToBeSigned(key PublicKey, at Name) ([]byte, error) {
	head, err := Protected(key, TypProof)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", TypProof, err)
	}
	payload, err := Marshal(keyProof{at.Terminal, at.Epoch, at.Seq, key.Bytes()})
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", TypProof, err)
	}
	return ToBeSigned(head, payload), nil
}
