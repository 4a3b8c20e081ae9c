package issuer

import (
	"context"

	"tilld/agent/payment"
	"tilld/sync/house"
)

// NoBank is the funder of an issuer that no bank is connected to: a top-up that a phone asks for is refused before
// anything is written down. Cash at a lane needs no funder: the lane has counted it.
type NoBank struct{}

// Takes says that money comes from nowhere.
func (NoBank) Takes(string) bool { return false }

// Collect refuses: for top-ups that were asked for while something else was configured.
func (NoBank) Collect(context.Context, string, string, payment.Money) (house.Collected, error) {
	return house.Refused, nil
}
