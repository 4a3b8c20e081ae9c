package checkout

import (
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
)

// Now is what agent/clock's reading says.
type Now struct {
	Time      time.Time     // the best estimate
	Trusted   bool          // the estimate may decide on a code
	Restarted bool          // the machine restarted since HQ's last signed time: Time is the wall clock's word
	Age       time.Duration // of HQ's last signed time
	EntryAge  int64         // the same as an entry carries it: ms plus 1; 0: none since the machine started
	Boot      time.Duration // the boot-time clock, for how long something has lasted
}

// known is Time when it may decide on a key's window, and the zero time when it may not.
func (n Now) known() time.Time {
	if n.Trusted {
		return n.Time
	}
	return time.Time{}
}

// Place is where the lane stands. It comes from the policy, and before there is one from the join answer.
type Place struct {
	Terminal    payment.ID
	Store, Lane string
	Zone        *time.Location
	Roll        time.Duration // how long after midnight a business date begins
}

// Context is all that a decision may depend on besides the state and the event. Place.Zone and Bundle must
// be set; a Bundle may hold nothing yet.
type Context struct {
	Now     Now
	Place   Place
	Bundle  *policy.Bundle // what the lane believes
	Stopped bool           // the journal can't be written
	Revoked bool           // HQ said in an acknowledgement that this terminal may not sell
	Online  bool           // HQ answers what this lane asks
	Down    []string       // wallets whose operator does not answer HQ now
}

// Event is something that happened at the lane. OpenSale, Scan, Cancel, Complete, Void, DayRoll, Heard, Late, FallBack,
// GiveUp, Park, Dismiss, Another, Offer, GiveBack, RefundHeard, RefundLate and DismissRefund are all.
type Event interface{ event() }

// OpenSale begins a sale. Its ID is new. Request and Digest tell a POS's repeated request from another one
// (SHA-256 of its idempotency key and of its content); the caller looks repeats up before it comes here.
type OpenSale struct {
	Sale            payment.Sale
	Request, Digest []byte
}

// Scan is a text that the scanner read, examined.
type Scan struct {
	Payment payment.ID // new; names the payment if this becomes one
	Read    Read
	Hash    []byte // keyed hash of the text: see payment.Approved.CodeHash
	HashKey uint32 // the epoch of that key
	Known   Known  // looked up when the read has a Code, else zero
	Cleared bool   // the screen is free for the next customer: what was paid on it is somebody else's
}

// Known is what the journal knows of a verified code's phone and account, and of this lane.
type Known struct {
	Counter uint64      // the highest counter taken of this phone's key; 0: none
	Used    bool        // this very code, or approval, has paid at this lane
	By      payment.ID  // with Used: the payment that it made
	Spent   policy.Used // approved before: by the account today, by the lane without HQ's acknowledgement
}

// Cancel ends a sale that nobody paid.
type Cancel struct{ Sale payment.ID }

// Complete says that the shop's POS has the outcome of a paid sale. Phase is what the journal knows of the
// sale; it is not asked when the sale is the present one.
type Complete struct {
	Sale  payment.ID
	Phase Phase
}

// Void takes back a payment of this lane before HQ has acknowledged it. Found is the payment as the journal
// knows it, nil when it does not.
type Void struct {
	Payment    payment.ID
	Supervisor string // who decided
	Found      *Record
	Acked      uint64 // highest sequence of the present epoch that HQ has acknowledged
}

// Record is a payment in the journal.
type Record struct {
	Payment, Sale payment.ID
	Amount        payment.Money
	Wallet        string
	Date          payment.Date // its business date
	Seq           uint64       // of its approval
	ThisEpoch     bool         // Seq is of the present epoch
	Voided        bool
	Training      bool
}

// DayRoll closes the business date that is open, with the journal's figures for it, and opens the next. Call
// it when RollDue says so, before any other event. The figures are not asked when no date is open.
type DayRoll struct {
	First   uint64 // sequence of the date's DayOpened
	Totals  []payment.DayTotal
	Refunds []payment.RefundTotal
}

// Heard is HQ's word about an attempt.
type Heard struct {
	Ref         string
	Outcome     payment.Outcome // Paid, NotPaid, Pending or Unknown
	Why         string          // of NotPaid: HQ's short code
	Transaction string          // the operator's own name for the charge
	At          time.Time       // of the answer, HQ's clock
	Known       Known           // looked up when State.Attempt has an Offline
}

// Late says that HQ has not answered the present attempt for so long that the cashier must know.
type Late struct{ Ref string }

// FallBack says that HQ has not answered about a signed code in time: the lane decides by itself.
type FallBack struct {
	Ref   string
	Known Known // of the code of State.Attempt
}

// GiveUp gives an attempt up whose outcome is not known: HQ takes it back, whatever came of it.
type GiveUp struct {
	Ref   string
	Cause payment.Waiver
}

// Park puts the present sale aside, with its attempt; the next customer can be served.
type Park struct{ Sale payment.ID }

// Dismiss takes a parked sale off the list when it is settled, and somebody has seen it. FromPOS: its POS completes it.
type Dismiss struct {
	Ref     string
	FromPOS bool
}

// Another is the cashier's word that the code which was just shown is for another purchase than that of the attempt which
// is still open.
type Another struct{}

func (OpenSale) event() {}
func (Scan) event()     {}
func (Cancel) event()   {}
func (Complete) event() {}
func (Void) event()     {}
func (DayRoll) event()  {}
func (Heard) event()    {}
func (Late) event()     {}
func (FallBack) event() {}
func (GiveUp) event()   {}
func (Park) event()     {}
func (Dismiss) event()  {}
func (Another) event()  {}
