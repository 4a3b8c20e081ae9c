package wire

import (
	"crypto/hpke"
	"errors"
	"fmt"
	"unicode"

	"tilld/agent/payment"
)

// ErrAsk reports a request or an answer that says what none can say.
var ErrAsk = errors.New("not a request for an authorisation")

// Want is what a lane wants of an attempt at an online payment.
type Want uint8

// The wants. The numbers are on the wire.
const (
	WantCharge  Want = 1 // charge the customer; said again, with or without the code: tell me what came of it
	WantReverse Want = 2 // take it back, whatever came of it, and should it come later
	WantRefund  Want = 3 // give money back of a payment that stands; said again: tell me what came of it
)

// Ask is a lane's request about one attempt, signed by its terminal. It may be lost, late, repeated and overtaken: the
// reference says which attempt it is about, and HQ charges once.
type Ask struct {
	Version   uint          `cbor:"1,keyasint"`
	Terminal  payment.ID    `cbor:"2,keyasint"`
	Ref       string        `cbor:"3,keyasint"` // names the attempt, to the operator too: 1 to 32 of A-Z a-z 0-9
	Want      Want          `cbor:"4,keyasint"`
	Payment   payment.ID    `cbor:"5,keyasint"` // of a refund: the original one, of whatever lane
	Sale      payment.ID    `cbor:"6,keyasint"`
	Wallet    string        `cbor:"7,keyasint"` // of a refund it may be empty: the lane does not know another lane's payment
	Amount    payment.Money `cbor:"8,keyasint"`
	Reference string        `cbor:"9,keyasint"`  // of the sale, the shop's own; up to 64 printable characters
	NotAfter  int64         `cbor:"10,keyasint"` // HQ's clock, Unix ms: HQ refuses a charge that it hears of later; 0 of a refund
	Challenge []byte        `cbor:"11,keyasint"` // random; an Answer that echoes it was made after this
	SealKey   []byte        `cbor:"12,keyasint"` // kid of the key that Code is sealed to; empty without a code
	Code      []byte        `cbor:"13,keyasint"` // the customer's code, sealed to HQ and bound to Terminal and Ref
	Policy    uint64        `cbor:"14,keyasint"` // version that the lane obeys
}

// Answer is HQ's word about an attempt, signed by an acknowledgement key.
type Answer struct {
	Version     uint            `cbor:"1,keyasint"`
	HQEpoch     uint64          `cbor:"2,keyasint"`
	Time        int64           `cbor:"3,keyasint"` // HQ's clock, Unix ms
	Terminal    payment.ID      `cbor:"4,keyasint"`
	Ref         string          `cbor:"5,keyasint"`
	Payment     payment.ID      `cbor:"6,keyasint"`
	Amount      payment.Money   `cbor:"7,keyasint"`
	Outcome     payment.Outcome `cbor:"8,keyasint"`  // Paid, NotPaid, Pending or Unknown
	Why         string          `cbor:"9,keyasint"`  // of NotPaid, a short code such as "no_funds"; empty: the operator gave none
	Transaction string          `cbor:"10,keyasint"` // the operator's own name for the charge; up to 64 printable characters
	Echo        []byte          `cbor:"11,keyasint"` // the Challenge of the Ask that this answers; empty: HQ says it unasked
	// Wallet is the payment's, told of a refund: the lane may not have known it. Of a refund Paid says that the money is
	// given back, NotPaid that it is not and won't be, Unknown that HQ has written it down and goes on.
	Wallet string `cbor:"-1,keyasint,omitempty"`
}

const (
	maxAskRef  = 32
	maxAskText = 64
	maxAskCode = 4096 // what a scanner reads at most, sealed or not
)

// Validate says what no lane can mean, naming the field. HQ still has to look at who asks, and whether he may.
func (a *Ask) Validate() error {
	switch {
	case a.Version != MessageVersion:
		return fmt.Errorf("%w: version %d", ErrAsk, a.Version)
	case a.Want < WantCharge || a.Want > WantRefund:
		return fmt.Errorf("%w: want %d", ErrAsk, a.Want)
	case a.Terminal.IsZero() || a.Payment.IsZero():
		return fmt.Errorf("%w: it names no terminal or no payment", ErrAsk)
	case len(a.Challenge) != NonceSize:
		return fmt.Errorf("%w: challenge of %d bytes", ErrAsk, len(a.Challenge))
	case len(a.Code) > maxAskCode+confideOverhead:
		return fmt.Errorf("%w: code of %d bytes", ErrAsk, len(a.Code))
	case (len(a.Code) == 0) != (len(a.SealKey) == 0) || len(a.SealKey) != 0 && len(a.SealKey) != KIDSize:
		return fmt.Errorf("%w: a code and the key that it is sealed to go together", ErrAsk)
	case a.Want != WantCharge && len(a.Code) > 0:
		return fmt.Errorf("%w: a reversal or a refund needs no code", ErrAsk)
	case (a.NotAfter <= 0) != (a.Want == WantRefund) || a.NotAfter < 0:
		return fmt.Errorf("%w: not_after %d", ErrAsk, a.NotAfter)
	}
	if a.Wallet != "" || a.Want != WantRefund {
		if err := CheckName("wallet", a.Wallet); err != nil {
			return fmt.Errorf("%w: %w", ErrAsk, err)
		}
	}
	if _, ok := payment.ParseRefundRef(a.Ref); a.Want == WantRefund && !ok {
		return fmt.Errorf("%w: not a refund's reference", ErrAsk)
	}
	if err := a.Amount.Validate(); err != nil {
		return fmt.Errorf("%w: amount: %w", ErrAsk, err)
	}
	return errors.Join(checkAskRef(a.Ref), checkAskText("reference", a.Reference))
}

// Validate says what no HQ can mean, naming the field.
func (a *Answer) Validate() error {
	switch {
	case a.Version != MessageVersion:
		return fmt.Errorf("%w: version %d", ErrAsk, a.Version)
	case a.Outcome < payment.Paid || a.Outcome > payment.Unknown:
		return fmt.Errorf("%w: outcome %d", ErrAsk, a.Outcome)
	case a.Terminal.IsZero() || a.Payment.IsZero():
		return fmt.Errorf("%w: it names no terminal or no payment", ErrAsk)
	case len(a.Echo) != 0 && len(a.Echo) != NonceSize:
		return fmt.Errorf("%w: echo of %d bytes", ErrAsk, len(a.Echo))
	case a.Why != "" && a.Outcome != payment.NotPaid:
		return fmt.Errorf("%w: a reason for what is not refused", ErrAsk)
	}
	if a.Wallet != "" {
		if err := CheckName("wallet", a.Wallet); err != nil {
			return fmt.Errorf("%w: %w", ErrAsk, err)
		}
	}
	if err := a.Amount.Validate(); err != nil {
		return fmt.Errorf("%w: amount: %w", ErrAsk, err)
	}
	return errors.Join(checkAskRef(a.Ref), checkAskText("why", a.Why), checkAskText("transaction", a.Transaction))
}

func checkAskRef(s string) error {
	if len(s) < 1 || len(s) > maxAskRef {
		return fmt.Errorf("%w: reference of %d characters", ErrAsk, len(s))
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return fmt.Errorf("%w: character %d of the reference", ErrAsk, i+1)
		}
	}
	return nil
}

func checkAskText(what, s string) error {
	n := 0
	for _, r := range s {
		if n++; n > maxAskText || !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return fmt.Errorf("%w: %s: up to %d printable characters", ErrAsk, what, maxAskText)
		}
	}
	return nil
}

// askInfo separates codes on the road from those in entries.
const askInfo = "tilld/ask/1"

// confideOverhead is what sealing adds: an encapsulated key and a tag.
const confideOverhead = 48

func infoForAsk(terminal payment.ID, ref string) []byte {
	return []byte(askInfo + " " + terminal.String() + " " + ref)
}

// ConfideCode seals a customer's code to the key for one attempt of a terminal, as Confide does for an entry: under
// another reference, or by another terminal, it can't be charged.
func (c *Confidant) ConfideCode(terminal payment.ID, ref string, code []byte) ([]byte, error) {
	b, err := hpke.Seal(c.key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), infoForAsk(terminal, ref), code)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return b, nil
}

// OpenCode reads what ConfideCode sealed; any other bytes are ErrConfide.
func (k *ConfidantKey) OpenCode(terminal payment.ID, ref string, sealed []byte) ([]byte, error) {
	b, err := hpke.Open(k.key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), infoForAsk(terminal, ref), sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfide, err)
	}
	return b, nil
}

// AskTopic is where a terminal asks. It is not UpTopic, so that no backlog stands before a customer.
func AskTopic(terminal payment.ID) string {
	return fmt.Sprintf("tilld/1/ask/%02d/%s", Shard(terminal), terminal)
}

// AskFilter matches the asking topics of a shard; a negative shard means all.
func AskFilter(shard int) string {
	if shard < 0 {
		return "tilld/1/ask/+/+"
	}
	return fmt.Sprintf("tilld/1/ask/%02d/+", shard)
}
