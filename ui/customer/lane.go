// Package customer is the customer's screen of a lane: a second monitor that shows the amount, where to hold the phone, what
// became of it, and, when nobody else can be asked, the sale as a QR code for the customer's own phone to pay.
//
// It is looked at and never touched: it has no buttons, and shows nothing that the next customer must not see.
package customer

import (
	"context"
	"time"

	"tilld/agent/payment"
)

// State is what the screen is about.
type State string

// The states.
const (
	Idle    State = "idle"
	Closed  State = "closed"  // no wallet can be taken
	Waiting State = "waiting" // for a code
	Offered State = "offered" // Offer is shown, to be paid through the customer's own phone
	Asking  State = "asking"
	Pending State = "pending" // the customer confirms on the phone
	Unknown State = "unknown"
	Paid    State = "paid"
	Refused State = "refused" // the last code; another one is waited for
)

// View is what the screen shows.
type View struct {
	State    State
	Amount   payment.Money
	Offer    string    // of Offered: the sale as the phone reads it
	Until    time.Time // of Offered: until when issuers take it
	Training bool      // practice: nothing is charged
}

// Lane is what the screen needs of the lane.
type Lane interface {
	CustomerView() View
	// Changes ticks after each change until ctx ends; ticks may be merged.
	Changes(ctx context.Context) <-chan struct{}
}
