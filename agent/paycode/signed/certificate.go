package signed

import (
	"crypto/sha256"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Certificate is a certificate as it was read: in form, and until Verify says so proven by nothing.
type Certificate struct {
	Claims
	Issuer wire.KID // the key that is said to have signed it

	raw, signed, signature []byte
}

// Certify makes the issuer's certificate for a phone's key.
func Certify(issuer *wire.Signer, claims Claims) ([]byte, error) {
	if issuer.Public().Alg() != wire.ES256 {
		return nil, fmt.Errorf("%w: an issuer signs with a P-256 key", ErrKey)
	}
	if err := claims.validate(); err != nil {
		return nil, err
	}
	if err := claims.Cap.Validate(); err != nil {
		return nil, fmt.Errorf("%w: cap: %w", ErrClaim, err)
	}
	kid := issuer.Public().KID()
	head, err := wire.Marshal(certHeader{KID: kid[:]})
	if err != nil {
		return nil, fmt.Errorf("encoding the header: %w", err)
	}
	return seal(issuer, head, []byte(certContext), certClaims{
		Expiry: uint64(claims.Expiry().Unix()),
		Grant: grant{
			Account: claims.Account[:], Phone: claims.Phone.Compressed(),
			Cap: uint64(claims.Cap.Minor), Currency: string(claims.Cap.Currency), Hours: uint64(claims.Hours),
		},
	})
}

// ParseCertificate reads a certificate by itself, as a phone gets it. It checks form and ranges, no
// signature.
func ParseCertificate(b []byte) (*Certificate, error) {
	if len(b) > maxBytes {
		return nil, fmt.Errorf("%w: a certificate of %d bytes", ErrSize, len(b))
	}
	m, err := openSign1("certificate", b)
	if err != nil {
		return nil, err
	}
	var head certHeader
	if err := exact(m.Protected, &head); err != nil {
		return nil, fmt.Errorf("certificate header: %w", err)
	}
	kid, err := wire.ParseKID(head.KID)
	if err != nil {
		return nil, fmt.Errorf("certificate header: %w: %w", ErrForm, err)
	}
	claims, err := openGrant(m.Payload)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return &Certificate{
		Claims: *claims, Issuer: kid, raw: b, signature: m.Signature,
		signed: wire.SigStructure(m.Protected, []byte(certContext), m.Payload),
	}, nil
}

// openGrant reads the certificate's claims.
func openGrant(payload []byte) (*Claims, error) {
	var c certClaims
	if err := exact(payload, &c); err != nil {
		return nil, err
	}
	g := c.Grant
	if len(g.Account) != len(Account{}) {
		return nil, fmt.Errorf("%w: an account of %d bytes", ErrClaim, len(g.Account))
	}
	if g.Cap > MaxCap || g.Hours > MaxHours || c.Expiry > maxTime || g.Hours*3600 > c.Expiry {
		return nil, fmt.Errorf("%w: cap, hours or expiry", ErrClaim)
	}
	phone, err := wire.NewP256Compressed(g.Phone)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrClaim, err)
	}
	claims := &Claims{
		Account: Account(g.Account), Phone: phone,
		Cap:       payment.Of(int64(g.Cap), payment.Currency(g.Currency)),
		NotBefore: time.Unix(int64(c.Expiry-g.Hours*3600), 0).UTC(), Hours: int(g.Hours),
	}
	return claims, claims.validate()
}

// ID names the certificate.
func (c *Certificate) ID() CertID {
	sum := sha256.Sum256(c.signed)
	return CertID(sum[:])
}

// Bytes is the certificate as the issuer made it.
func (c *Certificate) Bytes() []byte { return c.raw }

// Verify checks that one of the issuers' keys signed the certificate: ErrUnknownIssuer or ErrSignature.
func (c *Certificate) Verify(issuers wire.Keys) error {
	known := false
	for _, k := range issuers(c.Issuer) {
		if k.Alg() != wire.ES256 {
			continue
		}
		if known = true; k.Verify(c.signed, c.signature) {
			return nil
		}
	}
	if !known {
		return fmt.Errorf("%w: key %s", ErrUnknownIssuer, c.Issuer)
	}
	return fmt.Errorf("certificate: %w: issuer's key %s", ErrSignature, c.Issuer)
}
