package house

import (
	"tilld/sync/wire"
)

// Purpose is what a phone signs for. A signature for one stands for no other.
type Purpose string

// The purposes, each with the details that are signed besides, in this order.
const (
	ForEnrol       Purpose = "enrol"       // log-in, contact
	ForSignIn      Purpose = "sign-in"     // log-in
	ForBindOld     Purpose = "bind-old"    // log-in, the new key: by the old phone
	ForBindNew     Purpose = "bind-new"    // log-in: by the new phone
	ForOutside     Purpose = "outside"     // state
	ForLink        Purpose = "link"        // state
	ForContact     Purpose = "contact"     // the new contact
	ForRecovery    Purpose = "recovery"    // nothing
	ForCertificate Purpose = "certificate" // nothing
	ForTopUp       Purpose = "top-up"      // reference, amount, source
	ForApproval    Purpose = "approval"    // ApprovalDetails: payment, amount, currency, terminal, store, lane
)

// Proof is a phone's signature over a challenge of ours, which is used up by it.
type Proof struct {
	Challenge Secret
	Signature []byte // COSE's form, low s: wire.Signer makes it
}

// Statement is what the phone signs: the purpose, the challenge and the details, each behind its length in four bytes.
func Statement(p Purpose, challenge Secret, details ...string) []byte {
	return list([]byte("tilld house 1 "), append([]string{string(p), string(challenge)}, details...)...)
}

// by says whether key made the proof.
func (p Proof) by(key wire.PublicKey, purpose Purpose, details ...string) bool {
	return key.Verify(Statement(purpose, p.Challenge, details...), p.Signature)
}

// phoneKey reads a phone's key as it comes from outside: a compressed point of P-256.
func phoneKey(b []byte) (wire.PublicKey, bool) {
	k, err := wire.NewP256Compressed(b)
	return k, err == nil
}

// nobody is the key that a signature is checked against when there is no account: an answer about one that does not
// exist takes as long as about one that does. Its private half is known to no one: the point's x is a hash.
var nobody = keyOfNobody()

func keyOfNobody() wire.PublicKey {
	for n := byte(0); ; n++ {
		if k, ok := phoneKey(append([]byte{2}, fingerprint("nobody", string(rune(n)))...)); ok {
			return k
		}
	}
}
