package journal

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"tilld/agent/payment"
)

// Errors of this package. Match with errors.Is.
var (
	ErrStopped         = errors.New("the journal has stopped")                                                                               // see StoppedError
	ErrClosed          = errors.New("the journal is closed")                                                                                 // Close was called
	ErrLocked          = errors.New("the data directory is in use")                                                                          // by another lane
	ErrOtherTerminal   = errors.New("the journal belongs to another terminal")                                                               // or the message does
	ErrOtherKey        = errors.New("the journal is signed with another key")                                                                // than the one given
	ErrNotJournal      = errors.New("not a tilld journal")                                                                                   // some other file
	ErrLater           = errors.New("a later release of tilld changed this journal beyond what this one can follow: put the later one back") // nothing was done to it
	ErrPragma          = errors.New("the database is not set as it must be")                                                                 // durability would be a guess
	ErrCorrupt         = errors.New("the journal is damaged")                                                                                // it contradicts itself
	ErrSecondAhead     = errors.New("the second medium knows more than the journal")                                                         // the journal's disk was put back
	ErrSecond          = errors.New("not a second medium of this terminal")                                                                  // or not one at all
	ErrCodeUsed        = errors.New("this code has paid already")                                                                            // invariant: one code, one payment
	ErrSaleExists      = errors.New("this sale has been opened already")                                                                     // by its identifier
	ErrRequestUsed     = errors.New("this idempotency key has opened a sale already")                                                        // SaleByRequest finds it
	ErrSaleState       = errors.New("the sale is not in a state for this")                                                                   // unknown, over, or paid
	ErrPaymentExists   = errors.New("this payment exists already")                                                                           // by its identifier
	ErrAttemptExists   = errors.New("this attempt exists already")                                                                           // by its reference
	ErrAttemptOpen     = errors.New("another attempt of this payment is under way")                                                          // it could charge twice
	ErrAttemptState    = errors.New("no such attempt is under way")                                                                          // unknown, other, or over
	ErrRefundExists    = errors.New("this refund exists already")                                                                            // by its reference
	ErrRefundOver      = errors.New("more than is left of the payment")                                                                      // or it was voided
	ErrRefundState     = errors.New("no such refund is under way")                                                                           // unknown, other, or over
	ErrNotVoidable     = errors.New("no such payment to void")                                                                               // unknown, void, or of another day
	ErrDay             = errors.New("the day's own figures differ")                                                                          // a wrong DayClosed
	ErrTooLarge        = errors.New("an entry that no message could carry")                                                                  // with its body
	ErrNotAcknowledged = errors.New("HQ has not acknowledged this entry")                                                                    // so it is not erased
	ErrVersion         = errors.New("versions never go back")                                                                                // of a policy or trust bundle
	ErrUnknownEpoch    = errors.New("the journal holds no such epoch")                                                                       // nor ever did
	ErrKeyFile         = errors.New("not a usable key file")                                                                                 // see LoadOrCreateKey
	ErrUnproven        = errors.New("no word of HQ's proves the acknowledgement")                                                            // see CheckAcks
	ErrGone            = errors.New("the entries asked for have been pruned")                                                                // retention was too short
	ErrEmpty           = errors.New("nothing that a journal could be recovered from")                                                        // see Recover
	ErrNotEmpty        = errors.New("the data directory holds a journal already")                                                            // see Recover
	errAttempt         = errors.New("an attempt needs a reference of 1 to 32 characters, a wallet, and no code of the customer's")           // Draft
	errRefund          = errors.New("a refund needs its reference and the payment's identifier, and is of no practice sale")                 // Draft
	errNoPayment       = errors.New("a payment needs its identifier and its sale's")                                                         // Draft
	errOwnFact         = errors.New("only the journal itself writes this kind of entry")                                                     // Draft
	errBodyFields      = errors.New("salt, evidence and sealing key are the journal's own")                                                  // Draft
	errSealTo          = errors.New("evidence needs a key to seal it to, and the other way")                                                 // Draft
)

// StoppedError is what every write returns after an I/O error, until Reopen: the disk, or the second medium,
// did not do what it was asked, and what it holds now must be read again before anything is sold.
type StoppedError struct {
	Cause error // the first thing that went wrong
}

// Error says that the journal has stopped, and why.
func (e *StoppedError) Error() string { return fmt.Sprintf("%v: %v", ErrStopped, e.Cause) }

// Unwrap gives ErrStopped and the cause.
func (e *StoppedError) Unwrap() []error { return []error{ErrStopped, e.Cause} }

// conflict is an entry that the projections refuse: nothing was written and the journal goes on.
func conflict(cause error, format string, args ...any) error {
	return payment.Errorf(payment.Conflict, "journal.Append", "%w: %s", cause, fmt.Sprintf(format, args...))
}

func invalid(format string, args ...any) error {
	return payment.Errorf(payment.Invalid, "journal.Append", format, args...)
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrCorrupt, fmt.Errorf(format, args...))
}

// stops says whether an error means that the disk can't be trusted any more. Of SQLite's own errors only a
// broken constraint and a busy or interrupted database leave everything as it was; what is neither SQLite's
// nor its connection's is an error of ours, made before anything was written.
func stops(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT:
			return false
		}
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, ErrCorrupt)
}
