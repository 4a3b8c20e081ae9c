package signed

import (
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Till is what HQ says of a terminal, so that somebody who knows HQ and not its tills can tell who signed an Offer: an
// issuer of a wallet. HQ's acknowledgement key signs it, which the chain's trust bundle names.
type Till struct {
	Chain       string
	Terminal    payment.ID
	Key         wire.PublicKey // with which the terminal signs
	Store, Lane string
	Until       time.Time // the first second at which it is no longer good
}

// MaxTill is for how long HQ may vouch for a till at most: longer than any outage that a policy lets a lane sell in.
const MaxTill = 7 * 24 * time.Hour

// maxTill bounds the bytes of a till's paper.
const maxTill = 400

// tillClaims is a till's paper as it is signed.
type tillClaims struct {
	Version  uint       `cbor:"1,keyasint"`
	Chain    string     `cbor:"2,keyasint"`
	Terminal payment.ID `cbor:"3,keyasint"`
	Key      []byte     `cbor:"4,keyasint"` // canonical COSE_Key
	Store    string     `cbor:"5,keyasint"`
	Lane     string     `cbor:"6,keyasint"`
	Until    uint64     `cbor:"7,keyasint"` // Unix seconds
}

// carriedVersion is the version of a till's paper, an offer and an approval.
const carriedVersion = 1

// VouchFor makes HQ's paper for a till.
func VouchFor(hq *wire.Signer, t Till) ([]byte, error) {
	c := tillClaims{Version: carriedVersion, Chain: t.Chain, Terminal: t.Terminal, Key: t.Key.Bytes(), Store: t.Store, Lane: t.Lane,
		Until: uint64(max(t.Until.Unix(), 0))}
	if _, err := c.till(); err != nil {
		return nil, err
	}
	return wire.Seal(hq, wire.TypTill, c)
}

// TillPaper is a till's paper as it was read: in form, and until Verify says so proven by nothing.
type TillPaper struct {
	Till
	letter *letter
}

// ParseTill reads a till's paper. It checks form and ranges, no signature.
func ParseTill(b []byte) (*TillPaper, error) {
	if len(b) > maxTill {
		return nil, fmt.Errorf("%w: a till's paper of %d bytes", ErrSize, len(b))
	}
	var c tillClaims
	l, err := readLetter(b, wire.TypTill, &c)
	if err != nil {
		return nil, err
	}
	t, err := c.till()
	if err != nil {
		return nil, err
	}
	return &TillPaper{Till: *t, letter: l}, nil
}

// Verify checks HQ's signature by the keys that are trusted for it: ErrUnknownIssuer or ErrSignature.
func (p *TillPaper) Verify(hq wire.Keys) error {
	if err := p.letter.by(hq); err != nil {
		return fmt.Errorf("till's paper: %w", err)
	}
	return nil
}

// Bytes is the paper as HQ made it.
func (p *TillPaper) Bytes() []byte { return p.letter.bytes() }

// till checks and converts what HQ wrote.
func (c *tillClaims) till() (*Till, error) {
	key, err := wire.ParsePublicKey(c.Key)
	switch {
	case c.Version != carriedVersion:
		return nil, fmt.Errorf("till's paper: %w: version %d", ErrVersion, c.Version)
	case err != nil:
		return nil, fmt.Errorf("till's paper: %w: the terminal's key", ErrClaim)
	case c.Terminal.IsZero():
		return nil, fmt.Errorf("till's paper: %w: no terminal", ErrClaim)
	case c.Until < 1 || c.Until > maxTime:
		return nil, fmt.Errorf("till's paper: %w: its end", ErrClaim)
	}
	for _, n := range []struct{ what, name string }{{"chain", c.Chain}, {"store", c.Store}, {"lane", c.Lane}} {
		if err := wire.CheckName(n.what, n.name); err != nil {
			return nil, fmt.Errorf("till's paper: %w: %s", ErrClaim, n.what)
		}
	}
	return &Till{Chain: c.Chain, Terminal: c.Terminal, Key: key, Store: c.Store, Lane: c.Lane, Until: time.Unix(int64(c.Until), 0).UTC()}, nil
}
