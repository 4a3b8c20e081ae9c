// Package manager is the store manager's page of one lane: today's figures, the money at risk against the
// lane's share, what HQ has not got and what it asks about.
//
// It is behind a PIN of the lane's own and on loopback; unlike the cashier's screen it shows figures.
package manager

import (
	"context"
	"time"

	"tilld/agent/payment"
)

// Wallet is one wallet's day.
type Wallet struct {
	Name              string
	Count, VoidCount  int
	Sum, VoidSum, Net payment.Money
}

// Held is a payment that HQ asks about, or has decided against the store.
type Held struct {
	At      time.Time
	Payment payment.ID
	Amount  payment.Money
	Note    string // HQ's reason code
	Borne   bool   // decided: the store bears it
}

// Open is a sale that was paid and never completed by the shop's POS.
type Open struct {
	At        time.Time
	Reference string
	Amount    payment.Money
}

// Board is everything that the page shows.
type Board struct {
	Store, Lane  string
	BusinessDate payment.Date
	NextRoll     time.Time // when the business date rolls

	Wallets []Wallet
	Hours   []Hour

	AtRisk, Share         payment.Money // taken without HQ's acknowledgement, and the most that may be
	RiskCount, ShareCount uint64
	FullLeft, SmallLeft   time.Duration // of the offline right, if HQ stayed silent; zero: over
	Unsent                uint64        // payments that HQ has not got: the cashier's figure
	UnsentSum             payment.Money // of them
	Entries               uint64        // of the journal that HQ has not got: several a sale, and refusals, days and practice

	Held []Held // what waits for HQ's decision first
	Open []Open

	Online      bool
	HQSince     time.Time
	LastContact time.Time // HQ's last fresh answer; zero: never
	Policy      uint64
	Scanner     string // a key of the catalogue after "cashier.scanner."
	ScannerAt   time.Time
	Stopped     payment.Reason // why nothing is sold; ReasonNone: it is
	Blocked     payment.Reason // why no wallet works though the machine is well; ReasonNone: one does
	Second      string         // second medium: off, ok or failed
	Twice       bool           // this lane's journal exists twice
	Lost        bool           // HQ has lost what it had acknowledged
}

// Hour is what was taken in one hour of the day.
type Hour struct {
	Label string // "09"
	Sum   int64  // minor units
}

// Lane is what the page needs of the lane.
type Lane interface {
	Board(ctx context.Context) (Board, error)
	// Changes ticks after each change until ctx ends.
	Changes(ctx context.Context) <-chan struct{}
}
