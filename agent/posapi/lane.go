package posapi

import (
	"context"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
)

// Lane is the checkout as the API needs it. Errors are payment.Errors, whose messages the POS gets to see.
type Lane interface {
	// Status is how the lane is doing now.
	Status() Status
	// OpenSale opens a sale. A Request that has opened one already gives that one (created is false) when
	// Digest is the same too, and is a Conflict when it is not. A sale that waits for a code is a Conflict that
	// wraps checkout.ErrPhase.
	OpenSale(ctx context.Context, n NewSale) (s Sale, created bool, err error)
	// Sale finds a sale; NotFound when this lane has none such.
	Sale(ctx context.Context, id payment.ID) (Sale, error)
	// SalesByReference lists at most so many sales with the shop's own reference, the newest first.
	SalesByReference(ctx context.Context, reference string, most int) ([]Sale, error)
	// Uncompleted lists at most so many sales that are paid and of which the POS never had the outcome, the
	// newest first.
	Uncompleted(ctx context.Context, most int) ([]Sale, error)
	// CancelSale ends the present sale, which nobody paid.
	CancelSale(ctx context.Context, id payment.ID) (Sale, error)
	// CompleteSale notes that the POS has the outcome of a paid sale. A second time nothing changes.
	CompleteSale(ctx context.Context, id payment.ID) (Sale, error)
	// ParkSale puts the present sale aside, whose wallet's operator is asked; a Conflict when none is.
	ParkSale(ctx context.Context, id payment.ID) (Sale, error)
	// OfferSale shows the present sale to the customer's own phone, which pays it at the wallet's issuer; NotAllowed when
	// that can't be here, a Conflict when it was shown for too long.
	OfferSale(ctx context.Context, id payment.ID) (Sale, error)
	// TakeBackSale gives up the attempt of a sale, present or parked, whose outcome is not known; a Conflict when there is none.
	TakeBackSale(ctx context.Context, id payment.ID) (Sale, error)
	// GiveBack gives money back of a payment: by a void while HQ has not acknowledged it, through HQ otherwise. It does not
	// wait for HQ. A Key that came before gives what became of it, and is a Conflict with another wish. Forbidden: the
	// manager has to approve, or the PIN is wrong; Retry: HQ is needed and away, or has not got the payment.
	GiveBack(ctx context.Context, g GiveBack) (Refund, error)
	// Refunds lists what this lane was asked to give back of a payment, in the order of asking.
	Refunds(ctx context.Context, id payment.ID) ([]Refund, error)
	// EventsAfter waits for events behind an ID and returns those that are still kept, or ctx's error. IDs
	// begin at 1 with the program and rise by one.
	EventsAfter(ctx context.Context, id uint64) ([]Event, error)
	// LastEvent is the newest event's ID; 0: none yet.
	LastEvent() uint64
}

// NewSale is a sale to open. The lane makes its identifier.
type NewSale struct {
	Sale            payment.Sale
	Request, Digest []byte // SHA-256 of the idempotency key and of what came under it; nil: no key
}

// SaleState is how far a sale has come, as the journal has it.
type SaleState string

// The states of a sale.
const (
	SaleOpen      SaleState = "open"
	SalePaid      SaleState = "paid"
	SaleCompleted SaleState = "completed"
	SaleCancelled SaleState = "cancelled"
	saleVoided    SaleState = "voided" // of the API alone: paid, and taken back
)

// Sale is a sale of this lane with its payments, in the order of their making.
type Sale struct {
	ID        payment.ID
	Reference string
	Date      payment.Date // business date
	OpenedAt  time.Time    // by the lane's clock
	Total     payment.Money
	Due       payment.Money // asked from a wallet
	State     SaleState
	Training  bool
	Payments  []Payment
	Asked     *Asked // nil: nobody is asked now
	Offer     *Offer // nil: it isn't shown to the customer's phone now
}

// Asked is what head office was asked to have a wallet's operator charge, and has not said yet.
type Asked struct {
	Payment payment.ID
	Wallet  string
	Amount  payment.Money
	State   string // asking, pending or unknown
	Parked  bool
}

// Offer is a sale as the customer's phone reads it.
type Offer struct {
	Text  string // to be drawn as a QR code
	Until time.Time
}

// Payment is what a customer's code paid of a sale.
type Payment struct {
	ID       payment.ID
	Wallet   string
	Amount   payment.Money
	TakenAt  time.Time // by the lane's clock
	Offline  bool      // by the lane alone, without asking HQ
	Voided   bool
	Progress string // waiting, at_hq, posted, suspense, rejected or borne: how far HQ has come with it
	Reason   string // HQ's, with suspense, rejected and borne
}

// Event is something that the POS wants to hear of.
type Event struct {
	ID        uint64
	Kind      string
	Sale      payment.ID // zero: of no sale
	Payment   payment.ID
	Refund    string // the reference of a refund
	Reference string
	Amount    payment.Money
	Wallet    string
	Reason    payment.Reason // why a code was refused
	Training  bool           // of the sale
	Text, AIM string         // of a scan that was passed on
	Programme string         // whose member was attached to the sale
}

// Status is how a lane is doing.
type Status struct {
	Store, Lane  string
	Terminal     payment.ID
	Date         payment.Date     // the business date that is open; 0: none yet
	Currency     payment.Currency // of the policy; "": there is none yet
	Sale         payment.ID       // waits for a code, or for its wallet; zero: none does
	Stopped      payment.Reason   // why no sale can begin: the journal can't be written, or its disk is full; ReasonNone: one can
	Scanner      string           // start, ok, lost, busy or denied
	ScannerSince time.Time
	Online       bool // HQ answers
	OnlineSince  time.Time
	Tier         policy.Tier    // what is taken without HQ
	Blocked      payment.Reason // why nothing is
	Asks         bool           // wallets' operators may be asked, through HQ
	Answered     bool           // and HQ answers that
	Silent       []string       // wallets whose operator does not answer HQ
	Unsent       uint64         // entries that HQ has not got
	Uncompleted  uint64         // sales paid, of which the POS never had the outcome
}
