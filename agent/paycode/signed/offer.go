package signed

import (
	"fmt"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// OfferPrefix begins the text of an offer, and ApprovalPrefix that of an approval. Both are of the house wallet's
// family, so that a scanner which knows House finds either anywhere but in front, too: two scans that ran together.
const (
	OfferPrefix    = House + "S"
	ApprovalPrefix = House + "A"
)

// MaxOfferText is the most characters of an offer: a QR code of version 15 at level L, or 18 at M.
const MaxOfferText = 754

// maxOffer is the most bytes of an offer's binary form; with the prefix they make at most MaxOfferText characters.
const maxOffer = 500

// Offer is a sale that a lane wants paid through the customer's own phone.
type Offer struct {
	Payment payment.ID // the lane's, made for this: an approval of it is good once
	Amount  payment.Money
	Until   time.Time // the first second from which on an issuer takes it no more, by the lane's estimate of HQ's time
}

// offerClaims is an offer as the terminal signs it. Which terminal that is its paper says.
type offerClaims struct {
	Version uint          `cbor:"1,keyasint"`
	Payment payment.ID    `cbor:"2,keyasint"`
	Amount  payment.Money `cbor:"3,keyasint"`
	Until   uint64        `cbor:"4,keyasint"` // Unix seconds
}

// offerBundle is the whole text: HQ's word about the till, and the till's about the sale.
type offerBundle struct {
	_     struct{} `cbor:",toarray"`
	Till  cbor.RawMessage
	Offer cbor.RawMessage
}

// SignOffer makes the text that a lane shows. The paper is HQ's for this terminal's key.
func SignOffer(terminal *wire.Signer, paper []byte, o Offer) (string, error) {
	p, err := ParseTill(paper)
	if err != nil {
		return "", err
	}
	if p.Key.KID() != terminal.Public().KID() {
		return "", fmt.Errorf("%w: the till's paper is for the key %s", ErrKey, p.Key.KID())
	}
	c := offerClaims{Version: carriedVersion, Payment: o.Payment, Amount: o.Amount, Until: uint64(max(o.Until.Unix(), 0))}
	if _, err := c.offer(); err != nil {
		return "", err
	}
	sealed, err := wire.Seal(terminal, wire.TypOffer, c)
	if err != nil {
		return "", err
	}
	// The bundle has no tags (sync/wire's canonical form forbids them): each letter goes in without its own.
	whole, err := wire.Marshal(offerBundle{Till: paper[1:], Offer: sealed[1:]})
	if err != nil {
		return "", fmt.Errorf("encoding the offer: %w", err)
	}
	if text := OfferPrefix + encode45(whole); len(text) <= MaxOfferText {
		return text, nil
	}
	return "", fmt.Errorf("%w: an offer of %d bytes", ErrSize, len(whole))
}

// OfferRead is an offer as it was read: in form, and until Verify says so proven by nothing.
type OfferRead struct {
	Offer
	Till *TillPaper

	letter *letter
	raw    []byte
}

// ParseOffer reads an offer's text: form and ranges, without any key.
func ParseOffer(text string) (*OfferRead, error) {
	if !strings.HasPrefix(text, OfferPrefix) {
		return nil, ErrPrefix
	}
	if len(text) > MaxOfferText {
		return nil, fmt.Errorf("%w: %d characters, at most %d", ErrSize, len(text), MaxOfferText)
	}
	raw, err := decode45(text[len(OfferPrefix):], maxOffer)
	if err != nil {
		return nil, err
	}
	var b offerBundle
	if err := exact(raw, &b); err != nil {
		return nil, err
	}
	paper, err := ParseTill(tagged(b.Till))
	if err != nil {
		return nil, err
	}
	var c offerClaims
	l, err := readLetter(tagged(b.Offer), wire.TypOffer, &c)
	if err != nil {
		return nil, err
	}
	o, err := c.offer()
	if err != nil {
		return nil, err
	}
	return &OfferRead{Offer: *o, Till: paper, letter: l, raw: raw}, nil
}

func tagged(b []byte) []byte { return append([]byte{tagSign1}, b...) }

// Text is the offer as it was shown.
func (o *OfferRead) Text() string { return OfferPrefix + encode45(o.raw) }

// Verify checks both signatures, the paper's by the keys of HQ that are trusted: ErrUnknownIssuer or ErrSignature. No
// time is compared with any clock.
func (o *OfferRead) Verify(hq wire.Keys) error {
	if err := o.Till.Verify(hq); err != nil {
		return err
	}
	if err := o.letter.by(wire.OneKey(o.Till.Key)); err != nil {
		return fmt.Errorf("offer: %w", err)
	}
	return nil
}

// offer checks and converts what the terminal wrote.
func (c *offerClaims) offer() (*Offer, error) {
	switch {
	case c.Version != carriedVersion:
		return nil, fmt.Errorf("offer: %w: version %d", ErrVersion, c.Version)
	case c.Payment.IsZero():
		return nil, fmt.Errorf("offer: %w: no payment", ErrClaim)
	case c.Amount.Validate() != nil:
		return nil, fmt.Errorf("offer: %w: the amount", ErrClaim)
	case c.Until < 1 || c.Until > maxTime:
		return nil, fmt.Errorf("offer: %w: its end", ErrClaim)
	}
	return &Offer{Payment: c.Payment, Amount: c.Amount, Until: time.Unix(int64(c.Until), 0).UTC()}, nil
}
