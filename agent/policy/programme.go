package policy

import (
	"fmt"
	"math/bits"
	"slices"

	"tilld/agent/payment"
)

// Programme is a loyalty programme: what a purchase earns its member. Points are the programme's own unit, not money.
type Programme struct {
	Name     string   `cbor:"1,keyasint" toml:"name" comment:"As the programme is called in the table of codes, such as nanaco."`
	Points   uint32   `cbor:"2,keyasint" toml:"points" comment:"So many points..."`
	Per      int64    `cbor:"3,keyasint" toml:"per" comment:"... for so much of what earns points (minor units), as the shop's POS states it for each sale."`
	Rounding Rounding `cbor:"4,keyasint,omitempty" toml:"rounding,omitempty" comment:"Of a sale's points, once: down (also when left out), nearest (a half is up) or up."`
}

// Rounding says what becomes of a part of a point. It is applied once for a sale.
type Rounding string

// The roundings. Empty is RoundDown.
const (
	RoundDown    Rounding = "down"
	RoundNearest Rounding = "nearest"
	RoundUp      Rounding = "up"
)

// maxProgrammes bounds the list; maxEarned bounds the points of one sale, far above what any programme gives.
const (
	maxProgrammes = 20
	maxEarned     = 1_000_000_000_000
)

// Earned is what a sale earns whose eligible part is an amount of the policy's currency: nothing for an amount that could
// be no sale's, and at most a bound that no programme reaches.
func (p *Programme) Earned(eligible int64) int64 {
	if eligible <= 0 || eligible > payment.MaxMinor || p.Per <= 0 {
		return 0
	}
	per, add := uint64(p.Per), uint64(0)
	switch p.Rounding {
	case RoundNearest:
		add = per / 2
	case RoundUp:
		add = per - 1
	}
	hi, lo := bits.Mul64(uint64(eligible), uint64(p.Points))
	lo, carry := bits.Add64(lo, add, 0)
	hi += carry
	if hi >= per {
		return maxEarned
	}
	n, _ := bits.Div64(hi, lo, per)
	return int64(min(n, maxEarned))
}

// Programme finds a programme; nil when the policy lists none of that name, or has points switched off.
func (d *Document) Programme(name string) *Programme {
	i := slices.IndexFunc(d.Programmes, func(p Programme) bool { return p.Name == name })
	if i < 0 || !d.Feature(Points) {
		return nil
	}
	return &d.Programmes[i]
}

func (d *Document) validateProgrammes() error {
	if len(d.Programmes) > maxProgrammes {
		return badField("programme", "%d programmes, at most %d", len(d.Programmes), maxProgrammes)
	}
	for i, p := range d.Programmes {
		key := fmt.Sprintf("programme[%d]", i)
		switch {
		case !namePattern.MatchString(p.Name):
			return badField(key+".name", "%q: want 1 to 32 of a-z 0-9 -, beginning with a letter or digit", p.Name)
		case slices.ContainsFunc(d.Programmes[:i], func(o Programme) bool { return o.Name == p.Name }):
			return badField(key+".name", "%q is given twice", p.Name)
		case p.Points < 1 || p.Points > 10_000:
			return badField(key+".points", "%d is not within 1..10000", p.Points)
		case p.Per < 1 || p.Per > payment.MaxMinor:
			return badField(key+".per", "%d is not within 1..%d", p.Per, int64(payment.MaxMinor))
		}
		switch p.Rounding {
		case "", RoundDown, RoundNearest, RoundUp:
		default:
			return badField(key+".rounding", "%q is none of down, nearest and up", string(p.Rounding))
		}
	}
	return nil
}
