package checkout

import (
	"fmt"
	"time"

	"tilld/agent/payment"
)

// Phase is where a sale stands.
type Phase uint8

// The phases; the package comment draws who enters and leaves them.
const (
	Idle      Phase = iota // no sale since the start
	Open                   // waiting for a code
	Refused                // waiting for a code, after one was refused
	Paid                   // the shop has the money or the right to it; its POS does not know yet
	Completed              // the POS has the outcome
	Cancelled              // ended, and nobody paid
	Voided                 // paid, and taken back
	Asking                 // HQ was asked to have the wallet's operator charge the customer, and has not said yet
	Pending                // the customer is confirming on the phone
	Unknown                // HQ does not know, or does not answer: it may be paid
)

var phaseNames = [...]string{"idle", "open", "refused", "paid", "completed", "cancelled", "voided", "asking", "pending", "unknown"}

// String is the phase's name, such as "open".
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return fmt.Sprintf("phase_%d", uint8(p))
}

// MarshalText writes String.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Waiting says whether a code would be decided on now.
func (p Phase) Waiting() bool { return p == Open || p == Refused }

// Asked says whether an attempt at an online payment is under way.
func (p Phase) Asked() bool { return p == Asking || p == Pending || p == Unknown }

// State is one lane's checkout. After a restart the caller fills it from the journal: the day that is open,
// the last sale and its phase, the last payment; Refusal and Touched may stay empty.
type State struct {
	Phase   Phase
	Day     payment.Date  // the business date that is open; all entries carry it. Zero: none yet
	Sale    payment.Sale  // zero in Idle
	Opened  time.Time     // when Day was opened, or Before; zero: it isn't known
	Before  payment.Date  // the date that was open in the epoch before, while Day is zero; zero: none
	Touched time.Duration // when the sale last moved, by the boot-time clock
	Refusal Refusal       // in Refused: the last one
	Last    Taken         // the lane's last payment, of this sale or an earlier one; zero: none
	Attempt Attempt       // in Asking, Pending and Unknown: what HQ was asked. In Open and Refused: the last that was declined, if any
	Parked  []Parked      // sales put aside over an attempt, the oldest first
	Waived  Waived        // the attempt that was given up last; zero: none
	Offer   Offered       // what the present sale was offered as, to be paid through the customer's phone
	Members []Member      // of loyalty programmes, attached to the present sale
	Refunds []Refund      // those of which it is not known what became, and those that nobody has seen settled
	Another bool          // somebody said that this is not the purchase of an attempt that is still open
}

// Refusal is why a code was not taken.
type Refusal struct {
	Reason payment.Reason
	Hash   string // of the code, so that the same answer to the same code is journalled once
}

// CodeID identifies a signed code: the phone's key and its counter.
type CodeID struct {
	Phone   [8]byte
	Counter uint64
}

// ReplayKey is the identity as a fact holds it.
func (c CodeID) ReplayKey() payment.ReplayKey {
	return payment.ReplayKey{Phone: c.Phone[:], Counter: c.Counter}
}

// Taken is a payment that a code made at this lane.
type Taken struct {
	Payment, Sale payment.ID
	Amount        payment.Money
	Wallet        string
	Code          CodeID // of a signed code
	Hash          string // of an opaque one; empty after a restart
	Voided        bool
}

// Attempt is one try to be paid by a wallet's operator, as the lane knows it.
type Attempt struct {
	Ref      string // names it: payment.ID.AttemptRef
	Number   int    // of the payment's attempts
	Payment  payment.ID
	Amount   payment.Money
	Wallet   string
	Hash     string          // of the code; empty after a restart
	NotAfter time.Time       // HQ's time from which on HQ refuses it
	Since    time.Duration   // when HQ was asked, by the boot-time clock
	Outcome  payment.Outcome // HQ's last word; NoOutcome: none yet
	Code     CodeID          // of a signed code
	// Offline is what the lane could decide by without HQ: of a signed code, until it was tried or the program ends.
	Offline *Offline
}

// Offline is a signed code that HQ is asked about.
type Offline struct {
	Read    Read
	Hash    []byte
	HashKey uint32
}

// Parked is a sale that was put aside: the next customer is served while HQ finds out.
type Parked struct {
	Attempt
	Sale payment.Sale
	Date payment.Date // on which the sale was opened
	Why  payment.Reason
}

// Settled says whether it is known what became of it.
func (p *Parked) Settled() bool { return p.Outcome == payment.Paid || p.Outcome == payment.NotPaid }

// Waived is an attempt that was given up.
type Waived struct {
	Sale   payment.ID
	Amount payment.Money
	Since  time.Duration // when, by the boot-time clock
}
