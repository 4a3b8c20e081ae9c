package ingest

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// Ledger is what ingest needs of HQ's books; *ledger.Store has it.
type Ledger interface {
	HQEpoch(context.Context) (uint64, error)
	Keys(context.Context, payment.ID) ([]ledger.Key, error)
	Record(context.Context, []*ledger.Arrival, []*wire.Beat) (toArrivals, toBeats []ledger.Answer, err error)
	Places(ctx context.Context, terminal payment.ID, epoch uint64) ([]ledger.Place, error)
	Backlogs(ctx context.Context, after int64, limit int) ([]ledger.Backlog, error)
	Entries(ctx context.Context, branch int64, after uint64, limit int) ([]ledger.Held, error)
	Judge(context.Context, []ledger.Judgement) ([]ledger.Verdict, error)
	Newest(context.Context, ledger.DocumentKind) (uint64, error)
	Document(ctx context.Context, kind ledger.DocumentKind, version uint64) (ledger.Document, error)
	Documents(context.Context, ledger.DocumentKind) ([]ledger.Document, error)
	Terminal(ctx context.Context, id payment.ID) (ledger.TerminalStatus, error)
	NewestBefore(ctx context.Context, kind ledger.DocumentKind, at time.Time) (uint64, error)
}

// Publisher sends a message to lanes. An error is counted and no more: whatever is lost is asked for again.
type Publisher interface {
	Publish(ctx context.Context, topic string, qos byte, payload []byte) error
}

// Config is all that an Ingest needs. Every field without a default named here must be set.
type Config struct {
	Ledger  Ledger
	Publish Publisher
	Linked  func() bool                       // whether anything can leave now; nil: always. See LinkUp
	Root    wire.PublicKey                    // of the chain: the archived trust bundles must be its word
	Signer  func() *wire.Signer               // signs Hello and Ack now
	Unseal  func(wire.KID) *wire.ConfidantKey // HQ's sealing keys, those of the past too; nil: no such key
	// CatchUp brings the books after what has been settled: nothing is judged until it returned nil. It is asked each
	// time, and costs nothing then. nil: there is nothing to catch up with.
	CatchUp func(context.Context) error
	// OnAttempts hears that attempts at online payments may have changed in the books (authorise.Desk.Stir). It is called
	// often, and must not block. nil: nobody does.
	OnAttempts func()
	Now        func() time.Time // HQ's clock
	Random     io.Reader        // crypto/rand.Reader outside tests
	Log        *slog.Logger

	Workers int // verifiers, and examiners of evidence; 0: as many as processors
	Queue   int // messages waiting at each verifier, and verified ones at the writer; 0: 256

	GroupEntries int           // most entries in one transaction, for whose end all others wait; 0: 2,000
	GroupBytes   int           // most bytes of messages in one; 0: 16 MiB
	Linger       time.Duration // longest wait for more before a commit; 0: 2 ms

	PostEntries int           // most entries judged in one transaction, during which nothing is recorded; 0: 500
	PostLane    int           // most of one history in it, so that a lane with a long backlog leaves room; 0: all
	PostEvery   time.Duration // how often to look for what waits, though nobody woke the poster; 0: 5 s
	HelloEvery  time.Duration // 0: 30 s
}

func (c *Config) defaults(processors int) {
	if c.Linked == nil {
		c.Linked = func() bool { return true }
	}
	if c.CatchUp == nil {
		c.CatchUp = func(context.Context) error { return nil }
	}
	c.Workers = cmp.Or(c.Workers, processors)
	c.Queue = cmp.Or(c.Queue, 256)
	c.GroupEntries = cmp.Or(c.GroupEntries, 2_000)
	c.GroupBytes = cmp.Or(c.GroupBytes, 16<<20)
	c.Linger = cmp.Or(c.Linger, 2*time.Millisecond)
	c.PostEntries = cmp.Or(c.PostEntries, 500)
	c.PostLane = cmp.Or(c.PostLane, c.PostEntries)
	c.PostEvery = cmp.Or(c.PostEvery, 5*time.Second)
	c.HelloEvery = cmp.Or(c.HelloEvery, 30*time.Second)
}
