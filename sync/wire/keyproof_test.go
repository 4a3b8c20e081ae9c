package wire

import (
	"errors"
	"testing"

	"tilld/agent/payment"
)

func TestKeyProof(t *testing.T) {
	at := Name{testID(1), 7, 9}
	for _, alg := range []Alg{EdDSA, ES256} {
		next := testSigner(t, alg, "next")
		fact, err := ProveKey(next, at)
		if err != nil {
			t.Fatal(err)
		}
		key, err := CheckKeyChange(fact, at)
		if err != nil || key.KID() != next.Public().KID() {
			t.Errorf("%d: %v, %v", alg, key, err)
		}
		for name, elsewhere := range map[string]Name{"terminal": {testID(2), 7, 9}, "epoch": {testID(1), 8, 9}, "sequence": {testID(1), 7, 10}} {
			if key, err := CheckKeyChange(fact, elsewhere); !errors.Is(err, ErrSignature) || !key.IsZero() {
				t.Errorf("%d: moved to another %s: %v, %v", alg, name, key, err)
			}
		}
		stolen := &payment.KeyChanged{NewKey: testSigner(t, alg, "victim").Public().Bytes(), Proof: fact.Proof}
		if _, err := CheckKeyChange(stolen, at); !errors.Is(err, ErrSignature) {
			t.Errorf("%d: another's key: %v", alg, err)
		}
	}
	if _, err := CheckKeyChange(&payment.KeyChanged{NewKey: []byte{1}}, at); !errors.Is(err, ErrKey) {
		t.Errorf("no key: %v", err)
	}
}

// The proof can't be had from a terminal by making it sign something else: an entry, say.
func TestKeyProofIsNoOtherSignature(t *testing.T) {
	at, next := Name{testID(1), 7, 9}, testSigner(t, EdDSA, "next")
	payload, err := Marshal(keyProof{at.Terminal, at.Epoch, at.Seq, next.Public().Bytes()})
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []Typ{TypEntry, TypBeat, TypReq} {
		head, err := Protected(next.Public(), typ)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := next.Sign(ToBeSigned(head, payload))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := CheckKeyChange(&payment.KeyChanged{NewKey: next.Public().Bytes(), Proof: sig}, at); !errors.Is(err, ErrSignature) {
			t.Errorf("signed as %s: %v", typ, err)
		}
	}
}
