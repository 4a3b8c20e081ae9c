package simdisk

import "fmt"

// Kind is what an operation does.
type Kind string

// The operations that change a disk.
const (
	Write    Kind = "write"
	Truncate Kind = "truncate"
	Sync     Kind = "fsync"
	SyncDir  Kind = "fsync directory"
	Create   Kind = "create"
	Mkdir    Kind = "mkdir"
	Unlink   Kind = "unlink"
	Rmdir    Kind = "rmdir"
	Rename   Kind = "rename"
	Link     Kind = "link"
)

// Op is one operation on the disk.
type Op struct {
	Kind Kind
	Path string // from the disk's root, without a slash before it; of a rename, the new name
	Size int    // bytes of a write, or the size that a truncate gives
}

// String is the operation for a test's log.
func (o Op) String() string { return fmt.Sprintf("%s %s (%d)", o.Kind, o.Path, o.Size) }

// Fault is what happens to an operation.
type Fault string

// The faults.
const (
	None     Fault = ""          // operations are only counted
	Kill     Fault = "kill"      // SIGKILL to the process that asks, before anything is done; then the disk waits for Resume or Cut
	Tear     Fault = "tear"      // as Kill, with the first half of a write done
	FailOnce Fault = "EIO once"  // this operation fails
	FailOn   Fault = "EIO"       // this one and every later one of the chosen files, until Resume
	NoSpace  Fault = "disk full" // this one fails, and every later one that needs room, until Resume
)

// Plan says which operations count, what happens to one of them, and whether the disk is honest.
type Plan struct {
	Chosen func(Op) bool // which operations count and can be hit; nil: all
	At     int           // the number of the one that is hit, from 1; 0: none
	Fault  Fault
	Lies   func(Op) bool // which syncs say yes and do nothing, whether they count or not; nil: none
}
