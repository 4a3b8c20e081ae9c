// Package phone is the customer's phone of `tilld demo`: it shows real signed codes as QR codes and holds
// them to the lanes' emulated scanners; beside it are the switches that make an outage.
//
// It holds no key and signs nothing: a Wallet does. A reader would easily get this wrong: what is held to a
// scanner is the text that is on the screen at that moment, and a code that was held gives way to the next one at
// once, as it can't pay again. Showing the old code again, as a thief would, is done on purpose.
package phone

import (
	"context"
	"time"

	"tilld/agent/payment"
)

// Phone is a customer's phone.
type Phone struct {
	ID  string        // its owner's name is the catalogue's phone.who.ID, and the ID itself where that is missing
	Cap payment.Money // the most that its owner may spend offline
}

// Kind says what a code is.
type Kind string

// The kinds of code.
const (
	House  Kind = "house"  // of the house wallet, signed by the phone
	Old    Kind = "old"    // one of those again that was held to a lane
	Opaque Kind = "wallet" // of another wallet
	Goods  Kind = "goods"  // on a product
)

// Code is what can be held to a scanner.
type Code struct {
	Text    string
	Title   string    // whose it is, or what product; not of the house wallet's
	Counter uint64    // of the house wallet's
	Expires time.Time // when the phone shows the next one; not of others than the house wallet's
}

// Lane is a lane of the demo.
type Lane struct {
	Name    string // such as "L01"
	Place   string // as a code names it, such as "S0001/L01"
	Screen  string // address of the cashier's screen
	Plugged bool   // its scanner is
}

// State is what the switches stand at, and where everything is.
type State struct {
	Store    string
	Lanes    []Lane
	Cut      bool // no lane reaches HQ
	CutSince time.Time
	Console  string // address of HQ's console
}

// Wallet is what the page needs of the demo. Its errors are payment.Errors whose messages may be shown.
type Wallet interface {
	// Phones are the phones to choose from, the usual one first.
	Phones(ctx context.Context) ([]Phone, error)
	// Fresh makes the phone's next code. Place is where it can be spent: "STORE/LANE", "STORE", or empty for
	// anywhere.
	Fresh(ctx context.Context, phone, place string) (Code, error)
	// Other gives a code of another wallet, a new one each time, or that of a product.
	Other(ctx context.Context, kind Kind) (Code, error)
	// Hold holds a text to a lane's scanner.
	Hold(ctx context.Context, text, lane string) error
	CutHQ(ctx context.Context) error
	RestoreHQ(ctx context.Context) error
	// Plug plugs a lane's scanner in, or pulls it out.
	Plug(ctx context.Context, lane string, in bool) error
	State(ctx context.Context) (State, error)
}
