package signed

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Code is a code as it was read: in form, and until Verify says so proven by nothing.
type Code struct {
	Certificate *Certificate
	CodeClaims

	raw, signed, signature []byte
}

// Verified is a code that an issuer and a phone of its signed. Its times have not been compared with any
// clock.
type Verified struct {
	Account       Account
	PhoneKey      wire.KID
	Counter       uint64
	Time          time.Time // by the phone's clock
	Store, Lane   string    // where it is meant to be spent; empty: not said
	Cap           payment.Money
	CertNotBefore time.Time
	CertExpiry    time.Time // the first moment at which the certificate is no longer valid
	IssuerKID     wire.KID
	CertID        CertID
}

// Sign makes the text that a phone shows. The certificate is one that Certify made for this phone's key.
func Sign(phone *wire.Signer, cert []byte, claims CodeClaims) (text string, err error) {
	c, err := ParseCertificate(cert)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(c.Phone.Bytes(), phone.Public().Bytes()) {
		return "", fmt.Errorf("%w: the certificate is for the key %s", ErrKey, c.Phone.KID())
	}
	if err := claims.validate(); err != nil {
		return "", err
	}
	counter := binary.BigEndian.AppendUint64(nil, claims.Counter)
	code, err := seal(phone, nil, codeExternal(cert), codeClaims{
		Place: claims.place(), Time: uint64(claims.Time.Unix()), Counter: bytes.TrimLeft(counter, "\x00"),
	})
	if err != nil {
		return "", err
	}
	whole, err := wire.Marshal(bundle{Cert: cert, Code: code})
	if err != nil {
		return "", fmt.Errorf("encoding the code: %w", err)
	}
	return Prefix + encode45(whole), nil
}

// codeExternal is what the phone signs besides its claims.
func codeExternal(cert []byte) []byte { return append([]byte(codeContext), cert...) }

// Parse reads a text: its form and ranges, without any key. A nil error means that this is the only text
// that could hold what it holds, and no more.
func Parse(text string) (*Code, error) {
	if !strings.HasPrefix(text, House) {
		return nil, ErrPrefix
	}
	if !strings.HasPrefix(text, Prefix) {
		return nil, ErrVersion
	}
	if len(text) > MaxText {
		return nil, fmt.Errorf("%w: %d characters, at most %d", ErrSize, len(text), MaxText)
	}
	raw, err := decode45(text[len(Prefix):], maxBytes)
	if err != nil {
		return nil, err
	}
	var b bundle
	if err := exact(raw, &b); err != nil {
		return nil, err
	}
	cert, err := ParseCertificate(b.Cert)
	if err != nil {
		return nil, err
	}
	return openCode(raw, cert, b.Code)
}

// openCode reads the phone's layer.
func openCode(raw []byte, cert *Certificate, b []byte) (*Code, error) {
	m, err := openSign1("code", b)
	if err != nil {
		return nil, err
	}
	if len(m.Protected) != 0 {
		return nil, fmt.Errorf("code: %w: a protected header", ErrForm)
	}
	var w codeClaims
	if err := exact(m.Payload, &w); err != nil {
		return nil, fmt.Errorf("code: %w", err)
	}
	claims, err := w.claims()
	if err != nil {
		return nil, fmt.Errorf("code: %w", err)
	}
	return &Code{
		Certificate: cert, CodeClaims: *claims, raw: raw, signature: m.Signature,
		signed: wire.SigStructure(nil, codeExternal(cert.raw), m.Payload),
	}, nil
}

// claims checks and converts what the phone wrote.
func (w *codeClaims) claims() (*CodeClaims, error) {
	if len(w.Counter) == 0 || len(w.Counter) > 4 || w.Counter[0] == 0 {
		return nil, fmt.Errorf("%w: the counter is not 1 to 4 bytes without leading zeros", ErrClaim)
	}
	if w.Time > maxTime {
		return nil, fmt.Errorf("%w: the time", ErrClaim)
	}
	var wide [8]byte
	copy(wide[8-len(w.Counter):], w.Counter)
	c := &CodeClaims{Counter: binary.BigEndian.Uint64(wide[:]), Time: time.Unix(int64(w.Time), 0).UTC()}
	c.Store, c.Lane, _ = strings.Cut(w.Place, "/")
	if c.place() != w.Place {
		return nil, fmt.Errorf("%w: the place is not STORE or STORE/LANE", ErrClaim)
	}
	return c, c.validate()
}

// Text is the code as it was shown.
func (c *Code) Text() string { return Prefix + encode45(c.raw) }

// ReplayKey is the code's identity: the phone's key and its counter.
func (c *Code) ReplayKey() payment.ReplayKey { return replayKey(c.Certificate.Phone.KID(), c.Counter) }

// ReplayKey is the code's identity: the phone's key and its counter.
func (v *Verified) ReplayKey() payment.ReplayKey { return replayKey(v.PhoneKey, v.Counter) }

func replayKey(phone wire.KID, counter uint64) payment.ReplayKey {
	return payment.ReplayKey{Phone: phone[:], Counter: counter}
}

// Verify checks both signatures, the certificate's by the issuers that are trusted: ErrUnknownIssuer or
// ErrSignature.
func (c *Code) Verify(issuers wire.Keys) (*Verified, error) {
	if err := c.Certificate.Verify(issuers); err != nil {
		return nil, err
	}
	cert := c.Certificate
	if !cert.Phone.Verify(c.signed, c.signature) {
		return nil, fmt.Errorf("code: %w: phone's key %s", ErrSignature, cert.Phone.KID())
	}
	return &Verified{
		Account: cert.Account, PhoneKey: cert.Phone.KID(), Counter: c.Counter, Time: c.Time,
		Store: c.Store, Lane: c.Lane, Cap: cert.Cap,
		CertNotBefore: cert.NotBefore, CertExpiry: cert.Expiry(), IssuerKID: cert.Issuer, CertID: cert.ID(),
	}, nil
}

// Verify reads a text and checks both its signatures.
func Verify(text string, issuers wire.Keys) (*Verified, error) {
	c, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return c.Verify(issuers)
}
