package wire

import (
	"errors"
	"fmt"

	"tilld/agent/payment"
)

// ErrProbe reports a probe or a pong that says what none can say.
var ErrProbe = errors.New("not a probe of the road")

// Probe is a lane's question whether HQ answers now, signed by its terminal. It takes the road of an Ask, and so tells
// what an Ask would meet.
type Probe struct {
	Version   uint       `cbor:"1,keyasint"`
	Terminal  payment.ID `cbor:"2,keyasint"`
	Challenge []byte     `cbor:"3,keyasint"` // random; the Pong that echoes it was made after this
}

// Pong is HQ's word that it answers, signed by an acknowledgement key. HQ says none unasked.
type Pong struct {
	Version  uint       `cbor:"1,keyasint"`
	HQEpoch  uint64     `cbor:"2,keyasint"`
	Time     int64      `cbor:"3,keyasint"` // HQ's clock, Unix ms
	Terminal payment.ID `cbor:"4,keyasint"`
	Echo     []byte     `cbor:"5,keyasint"` // the Challenge of the Probe
	Down     []string   `cbor:"6,keyasint"` // wallets whose operator does not answer HQ now, each once and in order
}

// MaxDown is how many wallets a Pong names.
const MaxDown = 64

// Validate says what no lane can mean, naming the field.
func (p *Probe) Validate() error {
	switch {
	case p.Version != MessageVersion:
		return fmt.Errorf("%w: version %d", ErrProbe, p.Version)
	case p.Terminal.IsZero():
		return fmt.Errorf("%w: it names no terminal", ErrProbe)
	case len(p.Challenge) != NonceSize:
		return fmt.Errorf("%w: challenge of %d bytes", ErrProbe, len(p.Challenge))
	}
	return nil
}

// Validate says what no HQ can mean, naming the field.
func (p *Pong) Validate() error {
	switch {
	case p.Version != MessageVersion:
		return fmt.Errorf("%w: version %d", ErrProbe, p.Version)
	case p.Terminal.IsZero():
		return fmt.Errorf("%w: it names no terminal", ErrProbe)
	case len(p.Echo) != NonceSize:
		return fmt.Errorf("%w: echo of %d bytes", ErrProbe, len(p.Echo))
	case len(p.Down) > MaxDown:
		return fmt.Errorf("%w: down: %d wallets, at most %d", ErrProbe, len(p.Down), MaxDown)
	}
	for i, w := range p.Down {
		if err := CheckName("down", w); err != nil {
			return fmt.Errorf("%w: %w", ErrProbe, err)
		}
		if i > 0 && p.Down[i-1] >= w {
			return fmt.Errorf("%w: down: wallet %d is not in order", ErrProbe, i+1)
		}
	}
	return nil
}

// Asker is who a signed Ask or Probe says it is from, which nobody has checked: for a road whose address does not tell.
// ErrTyp for any other message.
func Asker(sealed []byte) (payment.ID, error) {
	typ, err := Peek(sealed)
	if err != nil {
		return payment.ID{}, err
	}
	var ask Ask
	var probe Probe
	var into any
	switch typ {
	case TypAsk:
		into = &ask
	case TypProbe:
		into = &probe
	default:
		return payment.ID{}, fmt.Errorf("%w: %q, neither an ask nor a probe", ErrTyp, typ)
	}
	m, _, err := split(sealed, typ)
	if err != nil {
		return payment.ID{}, err
	}
	if err := UnmarshalKnown(m.Payload, into); err != nil {
		return payment.ID{}, err
	}
	if typ == TypAsk {
		return ask.Terminal, nil
	}
	return probe.Terminal, nil
}
