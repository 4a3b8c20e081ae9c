// Package phone is the customer's phone of `tilld demo`: it shows the codes of the house wallet and of other wallets' apps
// and holds them to the lanes' emulated scanners, or pays what a lane's second screen shows; beside it are the switches that make an outage, and those by which the
// wallets' operators misbehave. A second page lists what to try, and what one should see.
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

// Phone is a customer's phone with the house wallet, or one with another wallet's app.
type Phone struct {
	ID     string        // its owner's name is the catalogue's phone.who.ID, and the ID itself where that is missing
	Wallet string        // whose app it is; empty: the house wallet's
	Cap    payment.Money // the most that its owner may spend offline; of an app, what is in the wallet
	Lost   bool          // its key was reported and revoked; the house wallet's alone
}

// Kind says what a code is.
type Kind string

// The kinds of code.
const (
	House Kind = "house"  // of the house wallet, signed by the phone
	App   Kind = "wallet" // of another wallet's app: opaque to all but its operator
	Old   Kind = "old"    // one of those again that was held to a lane
	Goods Kind = "goods"  // on a product

	Approval Kind = "approval" // the issuer's, of what the phone has paid by itself
)

// pays says that it is a fresh code of a customer's, which gives way to the next one.
func (k Kind) pays() bool { return k == House || k == App }

// Code is what can be held to a scanner.
type Code struct {
	Text    string
	Title   string        // what product
	Amount  payment.Money // of an approval
	Counter uint64        // of the house wallet's
	Expires time.Time     // when the phone shows the next one; zero: it does not
}

// Lane is a lane of the demo.
type Lane struct {
	Name     string // such as "L01"
	Place    string // as a code names it, such as "S0001/L01"
	Screen   string // address of the cashier's screen
	Customer string // and of the customer's
	Plugged  bool   // its scanner is
	Behind   bool   // it has not heard of HQ's newest policy
}

// Mode is how a wallet's operator behaves.
type Mode string

// The modes. What a silent or late operator keeps waiting is answered, or charged, when the mode is changed.
const (
	Answers Mode = "answers"
	Slow    Mode = "slow"   // answers after some seconds
	Silent  Mode = "silent" // does what it is asked, and answers nothing
	Late    Mode = "late"   // charges only afterwards, whatever was cancelled meanwhile
	Poor    Mode = "poor"   // the customer has no money
	Asks    Mode = "asks"   // the customer is asked on the phone first
)

// Modes are all of them, as they are offered.
var Modes = []Mode{Answers, Slow, Silent, Late, Poor, Asks}

// Operator is a wallet's operator: how it behaves, and what its book says.
type Operator struct {
	Wallet  string
	Mode    Mode
	Balance payment.Money // the customer's
	Last    *Charge       // the newest; nil: none yet
	Asks    []Question    // oldest first
}

// Charge is what an operator's book says of one.
type Charge struct {
	Amount  payment.Money
	Net     int64  // what the customer is out of, in minor units
	Outcome string // the catalogue's phone.charge.OUTCOME
}

// Question is what an app asks its customer.
type Question struct {
	Wallet string
	Ref    string // the operator's name for the charge
	Amount payment.Money
}

// Right is for how long HQ's policy lets a lane sell without HQ.
type Right struct {
	Short       bool // made short by the switch
	Full, Small time.Duration
}

// State is what the switches stand at, and where everything is.
type State struct {
	Store     string
	Market    string // JP, TW
	Lanes     []Lane
	Operators []Operator
	Right     Right
	Cut       bool // no lane reaches HQ
	CutSince  time.Time
	Console   string // address of HQ's console
}

// Wallet is what the page needs of the demo. Its errors are payment.Errors whose messages may be shown.
type Wallet interface {
	// Phones are the phones to choose from, the usual one first.
	Phones(ctx context.Context) ([]Phone, error)
	// Fresh makes the phone's next code. Place is where it can be spent: "STORE/LANE", "STORE", or empty for
	// anywhere; it is for the house wallet alone.
	Fresh(ctx context.Context, phone, place string) (Code, error)
	// Goods gives the code of a product.
	Goods(ctx context.Context) (Code, error)
	// Pay has a phone of the house wallet read the customer's screen of a lane, pay there over its own network, and gives
	// the issuer's approval.
	Pay(ctx context.Context, phone, lane string) (Code, error)
	// Hold holds a text to a lane's scanner.
	Hold(ctx context.Context, text, lane string) error
	CutHQ(ctx context.Context) error
	RestoreHQ(ctx context.Context) error
	// Plug plugs a lane's scanner in, or pulls it out.
	Plug(ctx context.Context, lane string, in bool) error
	// Behave changes how a wallet's operator behaves.
	Behave(ctx context.Context, wallet string, mode Mode) error
	// Confirm is the customer's answer to a Question.
	Confirm(ctx context.Context, wallet, ref string, yes bool) error
	// Report reports a phone of the house wallet lost, Replace gives its owner a new one.
	Report(ctx context.Context, phone string) error
	Replace(ctx context.Context, phone string) error
	// Right has HQ's policy make the lanes' right to sell offline short, or as long as usual.
	Right(ctx context.Context, short bool) error
	State(ctx context.Context) (State, error)
}
