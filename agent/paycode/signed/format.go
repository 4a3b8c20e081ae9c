package signed

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"tilld/sync/wire"
)

// House begins every text of the house wallet, whatever its version; Prefix begins those of this one.
// Neither can occur inside the base 45 that follows: of any three neighbouring characters there one is the
// last of its group and so at most W, and House is three that are above it. A text with House anywhere but
// in front is therefore always two scans that ran into each other.
const (
	House  = "ZY:"
	Prefix = House + "1"
)

// MaxText is the most characters of a text: a QR code of version 10 at level L, or 12 at level M.
const MaxText = 390

// maxBytes is the most bytes of the binary form; with the prefix they make just MaxText characters.
const maxBytes = 257

// What is signed along with each layer and not sent (COSE's external data): purpose, version and algorithm.
// Neither layer can be shown as the other, and no algorithm has to be read from a message. The phone's part
// is followed by the whole certificate, so that a code can't be moved to another certificate of its key.
const (
	certContext = "tilld cert 1 ES256"
	codeContext = "tilld code 1 ES256"
)

// sigSize is the length of an ES256 signature, r and s.
const sigSize = 64

// bundle is the whole code.
type bundle struct {
	_    struct{} `cbor:",toarray"`
	Cert cbor.RawMessage
	Code cbor.RawMessage
}

// sign1 is a COSE_Sign1 (RFC 9052, 4.2) without its tag.
type sign1 struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected struct{}
	Payload     []byte
	Signature   []byte
}

// certHeader is the certificate's protected header. A code's is empty: its key is the certificate's.
type certHeader struct {
	KID []byte `cbor:"4,keyasint"`
}

// certClaims is the certificate's CWT (RFC 8392): exp, and one private-use claim.
type certClaims struct {
	Expiry uint64 `cbor:"4,keyasint"`
	Grant  grant  `cbor:"-65537,keyasint"`
}

// grant is the private-use claim -65537: an array, since each key of its own would take five bytes.
type grant struct {
	_        struct{} `cbor:",toarray"`
	Account  []byte
	Phone    []byte // compressed P-256 point
	Cap      uint64
	Currency string
	Hours    uint64
}

// codeClaims is the code's CWT: aud, iat and cti.
type codeClaims struct {
	Place   string `cbor:"3,keyasint,omitempty"`
	Time    uint64 `cbor:"6,keyasint"`
	Counter []byte `cbor:"7,keyasint"` // big-endian, no leading zeros
}

// exact decodes b into v, which is zero, if b is the one encoding of what it holds.
func exact(b []byte, v any) error {
	if err := wire.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	return nil
}

// openSign1 takes a layer apart.
func openSign1(layer string, b []byte) (*sign1, error) {
	var m sign1
	if err := exact(b, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", layer, err)
	}
	if len(m.Signature) != sigSize {
		return nil, fmt.Errorf("%s: %w: a signature of %d bytes", layer, ErrForm, len(m.Signature))
	}
	return &m, nil
}

// seal signs a layer and writes it.
func seal(s *wire.Signer, protected, external []byte, claims any) ([]byte, error) {
	payload, err := wire.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("encoding claims: %w", err)
	}
	sig, err := s.Sign(wire.SigStructure(protected, external, payload))
	if err != nil {
		return nil, err
	}
	return wire.Marshal(sign1{Protected: protected, Payload: payload, Signature: sig})
}
