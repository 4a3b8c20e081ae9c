package journal

import (
	"errors"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Trust is what a verification begins with. A journal can't vouch for its own first key.
type Trust struct {
	Terminal payment.ID // whose journal it must be; zero: any, but one
	// Keys are the terminal's: the first is enough, those that key changes bring are found on the way. Where
	// changes have been pruned, the keys that signed what is left are needed too.
	Keys []wire.PublicKey
	// Start says where an epoch's rows begin, when the entries before were pruned: the last sequence before
	// them and its hash. Nil, or 0: at sequence 1.
	Start func(epoch uint64) (seq uint64, hash []byte)
	// Loose lets every epoch begin anywhere, for a part of a journal: what is missing before it is not seen.
	Loose bool
}

// Fault is the first thing that does not hold.
type Fault struct {
	Pos   int64 // order of writing
	Epoch uint64
	Seq   uint64
	Part  string // the column, or "order", "signature", "chain", "body", "parent", "key"
	Err   error
}

// Error names the entry and what is wrong with it.
func (f *Fault) Error() string {
	return fmt.Sprintf("row %d, entry %d of epoch %016x: %s: %v", f.Pos, f.Seq, f.Epoch, f.Part, f.Err)
}

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Report is what was verified.
type Report struct {
	Terminal payment.ID   `json:"terminal"`
	Entries  int          `json:"entries"`
	Bodies   int          `json:"bodies"`
	Erased   int          `json:"erased"`    // bodies that were erased: their hashes are all that is left
	SetAside int          `json:"set_aside"` // entries of a later release: chain and signature hold, columns can't be compared
	Epochs   []EpochRange `json:"epochs"`
}

// EpochRange is the part of an epoch that was seen.
type EpochRange struct {
	Epoch uint64 `json:"epoch,string"`
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	Head  []byte `json:"head"` // hash of entry Last
}

// Reasons of a Fault.
var (
	errDiffers    = errors.New("differs from the signed entry")
	errHashWrong  = errors.New("is not the hash of the signed entry")
	errGap        = errors.New("does not follow the row before")
	errBodyGone   = errors.New("is missing, and was not erased")
	errBodyNone   = errors.New("belongs to no hash in the entry")
	errFirst      = errors.New("an epoch begins with its opening, at sequence 1")
	errParentGone = errors.New("is not the end of the epoch before")
	errKeyNamed   = errors.New("is not the key that signed")
)
