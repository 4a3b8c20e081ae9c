// Package cashier is the cashier's screen: an amount, a scan, one answer that can't be misread, and what to
// do now.
//
// It shows what a Lane says and decides nothing. A reader would easily get this wrong: the page never holds
// a code (the scanner speaks to the lane, not to the browser), so a code typed into the amount by a
// keyboard-wedge reader is refused as no amount.
package cashier

import (
	"context"
	"time"

	"tilld/agent/payment"
)

// State is what fills the screen.
type State string

// The states.
const (
	Idle    State = "idle"    // no sale
	Waiting State = "waiting" // a sale waits for a code
	Paid    State = "paid"    // the last sale was paid
	Refused State = "refused" // the last code was not taken; the sale is open still
	Stopped State = "stopped" // nothing is sold
	Asking  State = "asking"  // HQ is asking the wallet's operator to charge the customer
	Pending State = "pending" // the customer is confirming on the phone
	Unknown State = "unknown" // it is not known whether the customer was charged
	Showing State = "showing" // the sale is on the customer's screen, to be paid through the customer's own phone
	Same    State = "same"    // a code was scanned for an amount that may be charged already; it was not looked at
)

// Scanner is the state of the lane's scanner.
type Scanner string

// The scanner's states.
const (
	ScannerStart  Scanner = "start" // being looked for since the program began
	ScannerOK     Scanner = "ok"
	ScannerLost   Scanner = "lost"   // unplugged
	ScannerBusy   Scanner = "busy"   // held by another program
	ScannerDenied Scanner = "denied" // no permission
)

// Risk is how near the lane is to its offline share: a word, never the figure, since exact head-room is a
// thief's guide.
type Risk string

// The levels of risk: under a half, under four fifths, under all, all.
const (
	Calm   Risk = "calm"
	Raised Risk = "raised"
	High   Risk = "high"
	Gone   Risk = "gone"
)

// Works is what can still be sold without HQ.
type Works string

// What works without HQ.
const (
	Full  Works = "full"
	Small Works = "small"
	None  Works = "none"
)

// View is everything that the screen shows, at one moment.
type View struct {
	Store, Lane  string
	BusinessDate payment.Date
	Training     bool // the sale on the screen is practice
	Starting     bool // the lane is not open yet: only its place, State and Reason are known

	State      State
	Sale       payment.ID
	Reference  string // of the shop's POS
	FromPOS    bool
	Amount     payment.Money
	Wallet     string
	Payment    payment.ID
	Reason     payment.Reason // of a refusal, or of a stop
	Already    bool           // the code shown again had paid for this sale
	Authorised bool           // of Paid: the wallet's operator confirmed it, and not the code's signature alone
	CanCarry   bool           // the customer's own phone could pay this sale, and something else can't
	Carried    bool           // of Paid: it did
	Surplus    bool           // another code was shown after this sale was paid, and was not charged
	Members    []string       // loyalty programmes whose member's card was read for this sale
	Notice     string         // a passing remark: badread, tworeads, goods, nosale, used, underway, othermember, returned, elsewhere, spent; empty: none
	NoticeNo   uint64         // rises with every remark, so that the same one twice is heard twice

	Scanner      Scanner
	ScannerSince time.Time
	Online       bool // HQ answers
	HQSince      time.Time
	Works        Works
	Risk         Risk
	Twice        bool // this lane's journal exists twice
	Lost         bool // HQ has lost what it had acknowledged
	Unsent       int  // payments that HQ has not got
	Uncompleted  int  // sales paid, and not completed by the POS; practice left out
	AsksHouse    bool // while HQ answers, the house wallet's issuer decides on its codes: what the lane may do without HQ is no limit then
	Asks         bool // while HQ answers, operators' wallets are taken too. False also where clock or policy keep the lane from asking

	Parked []Parked // the sales put aside, the oldest first
	Down   []string // the wallets whose operator does not answer HQ

	Refunds []Refund // given back through HQ, or about to be: those that nobody has seen, the oldest first
	Refund  bool     // money is given back through HQ here
	Alone   bool     // and some of it by cashiers, without the manager
}

// Parked is a sale that was put aside over its payment, while the next customer is served.
type Parked struct {
	Ref       string // names the attempt, for TakeBack and Dismiss
	Amount    payment.Money
	Wallet    string
	Reference string          // of the shop's POS
	FromPOS   bool            // the POS completes it
	Outcome   payment.Outcome // NoOutcome: HQ has said nothing yet
	Reason    payment.Reason  // of NotPaid
}

// Settled says whether it is known what became of it.
func (p Parked) Settled() bool { return p.Outcome == payment.Paid || p.Outcome == payment.NotPaid }

// State is the state of the screen that it would have there. What HQ has said nothing about is as unknown as what HQ does
// not know: it was asked long ago.
func (p Parked) State() State {
	switch p.Outcome {
	case payment.Paid:
		return Paid
	case payment.NotPaid:
		return Refused
	case payment.Pending:
		return Pending
	}
	return Unknown
}

// RowState is what has become of a payment.
type RowState string

// The states of a row.
const (
	AtLane     RowState = "lane"
	AtHQ       RowState = "hq"
	Posted     RowState = "posted"
	Held       RowState = "held"  // HQ asks; Note says what
	Borne      RowState = "borne" // HQ has decided: the store bears it; Note says what it was about
	Voided     RowState = "voided"
	Practice   RowState = "training" // nothing was charged, and HQ posts nothing
	NotTaken   RowState = "refused"  // a refusal; Reason says why
	maxRowsOut          = 500        // of today, and as many of earlier dates
)

// Row is one line of today's list.
type Row struct {
	At          time.Time
	Date        payment.Date // of an earlier business date, which did not finish it; zero: today's
	Payment     payment.ID
	Amount      payment.Money
	Wallet      string
	State       RowState
	Note        string
	Reason      payment.Reason
	Voidable    bool          // by this lane, now
	Left        payment.Money // what can be given back now; zero: nothing, or only as Voidable says
	Given       payment.Money // what was given back through HQ, or is about to be
	Uncompleted bool          // paid, and the POS has not completed the sale
	Training    bool          // of a training sale
}

// Sent is what came of asking HQ at once.
type Sent string

// The outcomes.
const (
	SentAll  Sent = "all"  // HQ answered, and has everything
	SentSome Sent = "some" // HQ answered; there is more on its way
	Unheard  Sent = "none" // HQ did not answer
)

// Lane is what the screen needs of the lane. Its errors are payment.Errors whose messages may be shown.
type Lane interface {
	View() View
	// Changes ticks after each change until ctx ends; ticks may be merged.
	Changes(ctx context.Context) <-chan struct{}
	OpenSale(ctx context.Context, amount payment.Money, cashier string) error
	CancelSale(ctx context.Context) error
	// Next clears a finished sale from the screen.
	Next(ctx context.Context) error
	// Park puts the sale on the screen aside, whose wallet is being asked: the next customer can be served. Conflict: there
	// is none.
	Park(ctx context.Context) error
	// TakeBack gives an attempt up whose outcome is not known: HQ gives back whatever was charged, and the sale is not
	// paid. An empty ref is the attempt on the screen. Conflict: it is known by now.
	TakeBack(ctx context.Context, ref string) error
	// Dismiss takes a settled sale off the list of those put aside. Conflict: it is not settled.
	Dismiss(ctx context.Context, ref string) error
	// Another says, of Same, that it is another purchase: the next code is taken.
	Another(ctx context.Context) error
	// Carry shows the sale on the customer's screen, to be paid through the customer's own phone. NotAllowed: it can't be
	// here and now; Conflict: it was shown for too long.
	Carry(ctx context.Context) error
	// Void takes back a payment of this lane, in the supervisor's name.
	Void(ctx context.Context, id payment.ID, supervisor string) error
	Refunder
	// SendNow asks HQ at once and waits for what comes of it, for some seconds at most.
	SendNow(ctx context.Context) (Sent, error)
	// Today is the business date's list, newest first, and behind it what was paid on earlier dates and never
	// completed by the POS.
	Today(ctx context.Context) ([]Row, error)
	// Most is what a wallet can pay at one time here, now; the zero Money: it isn't known.
	Most() payment.Money
	// Currency is what amounts are typed in.
	Currency() payment.Currency
}
