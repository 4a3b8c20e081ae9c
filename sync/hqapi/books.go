package hqapi

import (
	"context"
	"io"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/settle"
)

// Books is HQ's ledger as the API uses it (*ledger.Store). A thing that is not there is a payment.Error with
// the code NotFound. Positions rise along a list, and rows keep theirs for one HQ epoch.
type Books interface {
	HQEpoch(ctx context.Context) (uint64, error)
	// Token finds a token by the hash of its secret, whether or not it may still be used.
	Token(ctx context.Context, hash [32]byte) (ledger.Token, error)

	Batches(ctx context.Context, after uint64, limit int) ([]ledger.BatchRef, error)
	Batch(ctx context.Context, id payment.ID) (ledger.BatchRef, error)
	// Payment gives every record under the identifier, the first that was judged first.
	Payment(ctx context.Context, id payment.ID) ([]ledger.Payment, error)
	Terminals(ctx context.Context, after uint64, limit int) ([]ledger.TerminalStatus, error)
	Terminal(ctx context.Context, id payment.ID) (ledger.TerminalStatus, error)
	Exceptions(ctx context.Context, f ledger.ExceptionFilter, after uint64, limit int) ([]ledger.Exception, error)
	Exception(ctx context.Context, id payment.ID) (ledger.Exception, error)
	// Figures lists sales figures, which only ever grow in number.
	Figures(ctx context.Context, want ledger.FigureFilter, after uint64, limit int) ([]ledger.Figure, error)
	Figure(ctx context.Context, pos uint64) (ledger.Figure, error)
	Lines(ctx context.Context, f *ledger.Figure) ([]payment.Article, error)
	// Points lists what a loyalty programme's members earned; that only ever grows, too.
	Points(ctx context.Context, programme string, after uint64, limit int) ([]ledger.Point, error)
	Point(ctx context.Context, pos uint64) (ledger.Point, error)
	Tenders(ctx context.Context, f *ledger.Figure) ([]payment.Tender, error)
	DateClosed(ctx context.Context, want ledger.FigureFilter) (bool, error)
	// Resolve decides exceptions for good; one that is decided already is a payment.Conflict.
	Resolve(ctx context.Context, ids []payment.ID, to ledger.Decision, who, why string) error
}

// Archive holds the bytes of batches (*settle.Archive).
type Archive interface {
	Open(id payment.ID, form settle.Form) (io.ReadSeekCloser, error)
	Load(id payment.ID) (*settle.Batch, error)
}

// Cutter cuts batches on demand (*settle.Settler).
type Cutter interface {
	CutNow(ctx context.Context, accounts ...settle.Account) ([]settle.Ref, error)
}

var (
	_ Books   = (*ledger.Store)(nil)
	_ Archive = (*settle.Archive)(nil)
	_ Cutter  = (*settle.Settler)(nil)
)
