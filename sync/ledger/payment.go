package ledger

// State is where a payment stands in the books.
//
//	            Judge                    Resolve: receivable
//	(entry) ──────────────> posted <───────────────────────┐
//	   │                     │  │ fork found               │
//	   │ an exception        │  └──────────────────────> suspense ──Resolve: loss──> lost
//	   └─────────────────────│───────────────────────────>  │                         │
//	                         └────────── a void ────────────┴───────────> voided <────┘
//
// What waits for a wallet operator's word (AttemptUnknown) is decided as receivable by that word.
//
// An approval whose amount or names make no sense is no payment: it is an exception of kind Malformed alone.
type State string

// The states.
const (
	Posted    State = "posted"   // the wallet owes it and the store gets it
	Suspended State = "suspense" // it waits for an exception's owner
	Lost      State = "lost"     // decided as a loss; the store was paid, except for losses it bears
	Voided    State = "voided"   // the lane took it back; whatever was posted is reversed
)
