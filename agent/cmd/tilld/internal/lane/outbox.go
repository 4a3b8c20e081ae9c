package lane

import (
	"context"
	"errors"
	"log/slog"

	"tilld/agent/journal"
	"tilld/sync/uplink"
	"tilld/sync/wire"
)

// outbox is the journal as the uplink sees it.
type outbox struct {
	journal *journal.Journal
	log     *slog.Logger
}

func (o outbox) State(ctx context.Context) (uplink.State, error) {
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

func (o outbox) Batch(ctx context.Context, epoch, after uint64, maxEntries, maxBytes int) (*wire.Batch, error) {
	return o.journal.NextBatch(ctx, epoch, after, maxEntries, maxBytes)
}

func (o outbox) Acknowledge(ctx context.Context, a *wire.Ack, sealed []byte) (uplink.Verdict, error) {
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

func (o outbox) NextBeat(ctx context.Context, wall int64) (uint64, error) {
	return o.journal.NextBeat(ctx, wall)
}
