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
	Keys     []KeyUse     `json:"-"` // that signed what was seen, in order
	// Projected is what else was held against the entries; nil where there is nothing else (a second medium).
	Projected *Projected `json:"projected,omitempty"`
}

// KeyUse is a key and the first entry that it signs, or, where the front was pruned, the first that was seen.
type KeyUse struct {
	Key   wire.PublicKey
	Epoch uint64
	First uint64
}

// Projected is how much of what a journal computes from its entries was computed once more and compared.
type Projected struct {
	Schema int64 `json:"schema"` // version; of one above SchemaVersion only what this release knows was compared
	Rows   int   `json:"rows"`
	// Resting counts the rows that rest on entries which are gone, by retention or erasing: what is left of
	// those can only show that they don't say too little.
	Resting      int          `json:"resting"`
	Behind       int64        `json:"behind"`        // entries that are not projected yet: the next opening does it
	BodiesFrom   payment.Date `json:"bodies_from"`   // what accounts spent before was forgotten, as the journal says
	CountersFrom payment.Date `json:"counters_from"` // phone counters last used before were forgotten, as the journal says
}

// SchemaVersion is the version of the database's schema that this release makes.
const SchemaVersion = schemaVersion

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

// Difference is something stored beside the signed entries that is not what they make of it.
type Difference struct {
	Table  string `json:"table"` // "sqlite_schema" for the schema itself
	Key    string `json:"key"`   // of the row, or the object's name
	Column string `json:"column,omitempty"`
	Stored string `json:"stored"`
	Want   string `json:"want"` // as the entries say, or as this release makes it
}

// Error says where, what is stored and what was to be expected.
func (d *Difference) Error() string {
	at := d.Table + " (" + d.Key + ")"
	if d.Column != "" {
		at += ": " + d.Column
	}
	return fmt.Sprintf("%s is %s, and should be %s", at, d.Stored, d.Want)
}

// maxDifferences bounds how many differences are told one by one.
const maxDifferences = 20

// DifferError says that a journal's entries hold, and that what is computed from them, or its schema, does
// not: somebody has written to the file, or the disk has. It is an ErrCorrupt.
type DifferError struct {
	List []Difference // never empty
	More int          // further ones that are not in the list
}

// Error tells the first.
func (e *DifferError) Error() string {
	text := fmt.Sprintf("%v: %v", ErrCorrupt, &e.List[0])
	if n := len(e.List) - 1 + e.More; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

// Unwrap gives ErrCorrupt.
func (e *DifferError) Unwrap() error { return ErrCorrupt }
