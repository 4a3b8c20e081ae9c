// Package hq is head office's console: which lanes are behind, what became of a payment, the settlement
// batches and the exceptions that somebody must decide.
//
// It shows what an Office says and knows no ledger. A reader would easily get this wrong: roles are looked
// up again for every request and every push of a live view, never taken from the session, so that a secret
// that is revoked shows nothing more at once.
//
// The console is for loopback or TLS; the server that it is registered with sees to that.
package hq

import (
	"context"
	"io"
	"time"

	"tilld/agent/payment"
)

// Role is something that a signed-in person may do. Every role may see everything.
type Role string

// The roles. They are the scopes of HQ's API tokens.
const (
	Read       Role = "read"
	Finance    Role = "finance"    // cut batches, decide exceptions
	Operations Role = "operations" // note exceptions that operations owns and in which no money waits
)

// OwnerOperations is the owner of exceptions that are about machines.
const OwnerOperations = "operations"

// Auth knows who may sign in. Its answer to a wrong secret, and to a person whose right has ended, is a
// payment.Error with the code Unauthorized.
type Auth interface {
	// Check says whose secret it is. Who is how decisions name the person, and the key of Roles.
	Check(ctx context.Context, secret string) (who string, roles []string, err error)
	// Roles says what a person who signed in may do now.
	Roles(ctx context.Context, who string) ([]string, error)
}

// Office is HQ as the console needs it. Errors are payment.Errors whose messages may be shown. Lists have
// the newest first and begin behind a cursor of the list before (empty: at the newest), which is the
// Office's own; one from nowhere is payment.Invalid.
type Office interface {
	Overview(ctx context.Context) (Overview, error)
	// Terminals lists terminals by store and lane.
	Terminals(ctx context.Context, q TerminalQuery) (TerminalList, error)
	Payments(ctx context.Context, q PaymentQuery) (PaymentList, error)
	// Payment gives every record under the identifier, the first that was judged first; NotFound for none.
	Payment(ctx context.Context, id payment.ID) ([]Payment, error)
	Batches(ctx context.Context, q BatchQuery) (BatchList, error)
	// Batch gives a batch with up to limit of its lines, from the one at the given place (0: the first).
	Batch(ctx context.Context, id payment.ID, from, limit int) (BatchDetail, error)
	// Archived opens the archived bytes of a batch in a form: the same bytes as the API's, each time.
	Archived(ctx context.Context, id payment.ID, form Form) (io.ReadCloser, error)
	Exceptions(ctx context.Context, q ExceptionQuery) (ExceptionList, error)
	Exception(ctx context.Context, id payment.ID) (Exception, error)

	OnlineOffice

	// Resolve decides an exception, once, in a person's name.
	Resolve(ctx context.Context, who string, id payment.ID, outcome Outcome, why string) error
	// CutNow cuts batches of what is there and says how many it made; with nothing to settle none.
	CutNow(ctx context.Context, who string) (int, error)
}

// Lately is how long a lane may be silent before it counts as one that is not heard.
const Lately = 2 * time.Minute

// FindBack is how far back payments are looked for by the end of their identifiers, which no index leads to.
const FindBack = 90 * 24 * time.Hour

// Form is a file that a batch is archived as. It is the end of the file's name.
type Form string

// The forms.
const (
	JSON Form = "json"
	CSV  Form = "csv"
)

// Outcome is what an exception comes to.
type Outcome string

// The outcomes. The first two are for exceptions in which money waits, the last for all others.
const (
	Receivable Outcome = "receivable" // the wallet pays, as if nothing had been wrong
	Loss       Outcome = "loss"       // written off to the loss account of the kind
	Noted      Outcome = "noted"      // seen
)
