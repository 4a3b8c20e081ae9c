// Package outbox is the journal as the uplink sees it: which of the journal's answers are for the uplink, and
// which of its errors end it.
//
// A reader would easily get this wrong: an acknowledgement that the journal refuses is no error here. It
// contradicts itself or our entries, so it moves nothing and the way to HQ stays open; only a journal that has
// stopped or closed ends the uplink.
package outbox

import (
	"context"
	"errors"
	"log/slog"

	"tilld/agent/journal"
	"tilld/sync/uplink"
	"tilld/sync/wire"
)

// Outbox is a journal's. Make it with New; the uplink calls everything else.
type Outbox struct {
	journal *journal.Journal
	log     *slog.Logger
}

// New is the outbox of a journal.
func New(j *journal.Journal, log *slog.Logger) Outbox { return Outbox{j, log} }

// State is where the journal stands.
func (o Outbox) State(ctx context.Context) (uplink.State, error) {
	s, err := o.journal.State(ctx)
	if err != nil {
		return uplink.State{}, err
	}
	u := uplink.State{Current: s.Current.Epoch, Last: s.Current.Last, Head: s.Current.Head, HQEpoch: s.HQEpoch}
	for _, e := range s.Epochs {
		u.Epochs = append(u.Epochs, uplink.Epoch{Epoch: e.Epoch, Last: e.Last, Acked: e.Acked, HQEpoch: e.HQEpoch, Erased: e.Erased})
	}
	return u, nil
}

// Batch is the next entries of an epoch.
func (o Outbox) Batch(ctx context.Context, epoch, after uint64, maxEntries, maxBytes int) (*wire.Batch, error) {
	return o.journal.NextBatch(ctx, epoch, after, maxEntries, maxBytes)
}

// Acknowledge moves the cursor, when the journal finds that the answer is about its own entries.
func (o Outbox) Acknowledge(ctx context.Context, a *wire.Ack, sealed []byte) (uplink.Verdict, error) {
	r, err := o.journal.Acknowledge(ctx, a, sealed)
	if err != nil {
		// An answer that contradicts itself is no fault of the journal's; a stop is.
		if errors.Is(err, journal.ErrStopped) || errors.Is(err, journal.ErrClosed) {
			return uplink.Verdict{}, err
		}
		o.log.Warn("an acknowledgement was refused", "seq", a.Acked, "error", err)
		return uplink.Verdict{Ignore: true}, ctx.Err()
	}
	if r.Lost > 0 {
		o.log.Error("a restored HQ asks for entries that have been pruned here", "count", r.Lost)
	}
	return uplink.Verdict{Moved: r.Moved > 0 || r.Rewound > 0, Acked: r.Acked, Ignore: !r.Taken, Fork: r.Fork, Lost: r.Behind}, nil
}

// NextBeat numbers a beat.
func (o Outbox) NextBeat(ctx context.Context, wall int64) (uint64, error) {
	return o.journal.NextBeat(ctx, wall)
}
