package payment

import (
	"errors"
	"fmt"
)

// Code says what a caller can do about an Error.
type Code string

// The codes. Internal is what an unclassified error counts as: forgetting to classify must never look
// like the cashier's or the integrator's mistake.
const (
	Invalid      Code = "invalid"      // the input is wrong and will stay wrong
	NotFound     Code = "not_found"    // no such thing
	Conflict     Code = "conflict"     // the input contradicts what is on record
	NotAllowed   Code = "not_allowed"  // understood, and not allowed now
	Unauthorized Code = "unauthorized" // who asks is not known
	Forbidden    Code = "forbidden"    // who asks may not
	Retry        Code = "retry"        // try the same again later
	Internal     Code = "internal"     // our fault, or the machine's
)

// Error says which operation failed, what kind of failure it is, and what to tell the person.
type Error struct {
	Code Code
	Op   string // such as "journal.Append"
	Msg  string // for a screen or an API answer: no secrets, no SQL, no code digits
	Err  error  // for the log
}

// Errorf makes an Error whose message is for people; what %w wraps in it can be matched with errors.Is.
func Errorf(code Code, op, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Op: op, Msg: err.Error(), Err: err}
}

// Error is the text for a log.
func (e *Error) Error() string {
	if e.Err != nil && e.Err.Error() != e.Msg {
		return fmt.Sprintf("%s: %s: %s: %v", e.Op, e.Code, e.Msg, e.Err)
	}
	return fmt.Sprintf("%s: %s: %s", e.Op, e.Code, e.Msg)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf classifies any error; nil has no code, and a plain error is Internal.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// MessageOf is what may be shown to a person; for an unclassified error a neutral sentence.
func MessageOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Msg != "" {
		return e.Msg
	}
	return "something went wrong on this machine; see its log"
}
