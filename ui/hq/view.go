package hq

import (
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
	"tilld/ui/web"
)

// Overview is the state of the chain at a glance.
type Overview struct {
	Chain   string
	Epoch   uint64       // HQ epoch
	EpochAt time.Time    // when it began: at the first start, or at a restore from a backup
	Date    payment.Date // today, in HQ's zone

	Broker      bool // HQ has its broker
	BrokerSince time.Time
	Full        bool      // HQ's disk has no room: nothing is recorded or acknowledged
	Stands      time.Time // since when nothing could be posted; zero: it is
	StandsWhy   string    // as HQ's log has it

	Terminals  int // not revoked
	Heard      int // of them, heard from lately
	Behind     int // HQ knows of entries that it does not hold
	Forked     int
	Twice      int        // alive twice: two tills go on from one journal
	Lost       int        // HQ lacks entries that it had acknowledged, and was not declared restored
	Awaited    int        // the same, and it was: they are to come again
	Worst      []Terminal // the few that are most behind
	Unjudged   uint64     // entries that HQ holds and has not judged yet
	Open       int        // exceptions
	OpenMoney  []payment.Money
	Online     int      // online payments that a person has to look at
	Silent     []string // wallets whose operator does not answer
	Wallets    []WalletDay
	Day        web.Bars // posted by the hour, of the busiest currency
	Last       *Batch   // nil: none yet
	PolicyLast uint64   // the newest policy's version
}

// WalletDay is a wallet's business date of today, over the chain.
type WalletDay struct {
	Wallet                   string
	Posted, Suspense, Voided Total
}

// Total is a number of payments and what they come to.
type Total struct {
	Count int
	Sum   payment.Money
}

// Terminal is how far HQ is with a terminal.
type Terminal struct {
	ID          payment.ID
	Entity      string
	Store, Lane string
	LastSeen    time.Time     // by HQ's clock; zero: never
	Silent      time.Duration // since then
	Behind      uint64        // entries that HQ knows of and does not hold, in all its epochs
	BehindFor   time.Duration // how long it has been behind, as near as HQ can tell; zero: not known
	Waiting     uint64        // entries that HQ holds and has not judged
	Gaps        []Gap
	Gone        []Gone
	Forked      bool
	Twice       bool   // alive twice
	Revoked     string // why; empty: not revoked
	Exceptions  int    // open ones
	Software    string
	Policy      uint64 // version that it holds
	LastClosed  payment.Date
}

// Gap is a range of sequences that HQ does not hold, both ends included.
type Gap struct {
	Epoch    uint64
	From, To uint64
}

// Gone is a range that HQ had acknowledged and does not hold. From is above To when HQ's books are merely older
// than the terminal knows.
type Gone struct {
	Gap
	Again bool // HQ was declared restored: the terminal sends it again
}

// TerminalQuery narrows the list of terminals; an empty field does not.
type TerminalQuery struct {
	Store string
	Only  Only
	After string
	Limit int
}

// Only chooses terminals by what is wrong with them.
type Only string

// What can be wrong with terminals.
const (
	OnlyBehind  Only = "behind"
	OnlySilent  Only = "silent" // not heard from lately
	OnlyForked  Only = "forked"
	OnlyLost    Only = "lost" // HQ lacks what it had acknowledged
	OnlyOpen    Only = "open" // with an open exception
	OnlyRevoked Only = "revoked"
)

// TerminalList is a page of terminals.
type TerminalList struct {
	Rows       []Terminal
	Older      string // cursor of what follows; empty: nothing does
	PolicyLast uint64 // the newest policy's version
}

// Payment is what HQ made of one approval.
type Payment struct {
	Number       uint64 // its place in HQ's books: lists run by it, and it rises with every payment
	ID           payment.ID
	State        string // posted, suspense, lost, voided
	Amount       payment.Money
	Wallet       string
	Entity       string
	Store, Lane  string
	BusinessDate payment.Date
	ReceivedAt   time.Time // by HQ's clock
	TakenAt      time.Time // by the lane's clock: a note
	Policy       uint64
	Entry        wire.Name
	EntryHash    []byte
	VoidedBy     uint64      // sequence of the void; 0: none
	Settled      []Settled   // not in lists
	Exceptions   []Exception // not in lists
}

// Settled is where a movement of a payment's money was settled.
type Settled struct {
	Batch  payment.ID
	Kind   string // payment, void, adjustment
	Amount payment.Money
}

// PaymentQuery narrows the list of payments; an empty field does not.
type PaymentQuery struct {
	State, Store, Wallet string
	Date                 payment.Date // business date
	// End is the last characters of an identifier, as lists show them. Set, it alone counts, and the list, the last
	// made first, goes no further back than FindBack and has no pages.
	End   string
	After string
	Limit int
}

// PaymentList is a page of payments.
type PaymentList struct {
	Rows  []Payment
	Older string
}

// Batch is a settlement batch as it is listed.
type Batch struct {
	ID             payment.ID
	Wallet         string
	SettlementDate payment.Date
	Number         uint32
	Cause          string // day, part, now
	Count          uint64
	Sum            payment.Money
	Hash           []byte // content hash
	Missing        int    // lanes from which something may be missing
	DayOpen        int    // other lanes, whose business date simply ran on when it was cut
}

// BatchQuery narrows the list of batches; an empty field does not.
type BatchQuery struct {
	Wallet string
	Date   payment.Date // settlement date
	After  string
	Limit  int
}

// BatchList is a page of batches.
type BatchList struct {
	Rows  []Batch
	Older string
	Date  payment.Date // of the chart
	Day   web.Bars     // what was posted by the hour of that business date
}

// BatchDetail is a batch with its manifest and a page of its lines.
type BatchDetail struct {
	Batch
	CutAt                 time.Time
	Expected, Late, Early Total // by business date: of the settlement date, before it, after it
	Parts                 []Part
	Lacking               []Lack
	From                  int // place of the first line
	Lines                 []Line
}

// Part is what one epoch of a terminal brought to a batch.
type Part struct {
	Terminal    payment.ID
	Store, Lane string
	First, Last uint64
	Total
}

// LackDayOpen is the reason of a lane whose business date still ran when the batch was cut: nothing is missing, more
// may come. One whose date was over then, and not closed, is day_not_closed.
const LackDayOpen = "day_open"

// Lack names what may still come from a terminal.
type Lack struct {
	Terminal    payment.ID
	Store, Lane string
	Reason      string // entries_missing, not_judged, day_not_closed, day_open, never_heard
	From, To    uint64 // sequences; 0: no range
	LastClosed  payment.Date
}

// Line is a member of a batch.
type Line struct {
	Payment      payment.ID
	Kind         string
	Store, Lane  string
	BusinessDate payment.Date
	Seq          uint64
	Amount       payment.Money
}

// Exception is something that somebody must decide or know.
type Exception struct {
	ID          payment.ID
	Kind        string
	Owner       string
	Store, Lane string
	Entry       wire.Name
	Payment     payment.ID    // zero: no money waits
	Amount      payment.Money // zero: no money waits
	Detail      string
	Opened      time.Time
	Outcome     string // empty: open
	ResolvedAt  time.Time
	ResolvedBy  string
	Why         string
}

// Open says that nobody has decided it.
func (x *Exception) Open() bool { return x.Outcome == "" }

// Money says that money waits for the decision, or waited.
func (x *Exception) Money() bool { return !x.Payment.IsZero() }

// ExceptionQuery narrows the list of exceptions; an empty field does not.
type ExceptionQuery struct {
	State       string // open, resolved
	Kind, Owner string
	Terminal    payment.ID
	Payment     payment.ID // that waits, or waited
	After       string
	Limit       int
}

// ExceptionList is a page of exceptions.
type ExceptionList struct {
	Rows  []Exception
	Older string
}
