package ingest

import (
	"context"
	"errors"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// write is the writer: it groups what was verified and commits it, until ctx ends or the ledger stops.
func (g *Ingest) write(ctx context.Context) error {
	from := collector{g: g}
	for {
		group, err := from.next(ctx)
		if err != nil {
			return err
		}
		if err := g.commit(ctx, group); err != nil {
			return err
		}
		for _, it := range group {
			g.express.past(it.terminal(), it.quick)
		}
	}
}

// commit records a group in one transaction and lets the answers go. When it fails each item gets one of its
// own, so that one that can't be recorded does not hold up the others; that one is not answered, and stays at
// its lane. A full disk takes none of them, and says so once.
func (g *Ingest) commit(ctx context.Context, group []*item) error {
	err := g.record(ctx, group)
	if err == nil {
		g.failing.Store(nil)
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	g.failing.Store(&err)
	switch {
	case errors.Is(err, ledger.ErrStopped):
		return err
	case errors.Is(err, ledger.ErrFull):
		g.count.failed.Add(uint64(len(group)))
		g.log.error(ctx, "disk full: nothing is recorded or acknowledged", "error", err.Error())
		for _, it := range group {
			it.finish()
		}
		return nil
	case len(group) > 1:
		for _, it := range group {
			if err := g.commit(ctx, []*item{it}); err != nil {
				return err
			}
		}
		return nil
	}
	g.count.failed.Add(1)
	g.log.warn(ctx, "message not recorded", "terminal", group[0].terminal().String(), "error", err.Error())
	group[0].finish()
	return nil
}

func (it *item) terminal() payment.ID {
	if it.arrival != nil {
		return it.arrival.Batch.Terminal
	}
	return it.beat.Terminal
}

func (it *item) finish() {
	if it.done != nil {
		close(it.done)
	}
}

func (g *Ingest) record(ctx context.Context, group []*item) error {
	var arrivals []*ledger.Arrival
	var beats []*wire.Beat
	for _, it := range group {
		if it.arrival != nil {
			arrivals = append(arrivals, it.arrival)
		} else {
			beats = append(beats, it.beat)
		}
	}
	toArrivals, toBeats, err := g.cfg.Ledger.Record(ctx, arrivals, beats)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	g.count.commits.Add(1)
	for _, it := range group {
		if it.arrival != nil && !it.arrival.NewKey.IsZero() {
			g.keys.forget(it.terminal())
		}
		it.finish()
	}
	g.answerArrivals(ctx, arrivals, toArrivals)
	g.answerBeats(ctx, beats, toBeats)
	return nil
}

// answerArrivals lets an acknowledgement go for each epoch, the latest of the group: it is cumulative.
func (g *Ingest) answerArrivals(ctx context.Context, arrivals []*ledger.Arrival, answers []ledger.Answer) {
	type key struct {
		terminal payment.ID
		epoch    uint64
		branch   int64
		shown    bool
	}
	latest := map[key]int{}
	var order []answer
	put := func(k key, a answer) {
		if at, again := latest[k]; again {
			order[at] = a
			return
		}
		latest[k] = len(order)
		order = append(order, a)
	}
	stored := false
	for i, ans := range answers {
		b := arrivals[i].Batch
		g.countOutcome(ctx, b, &ans)
		stored = stored || ans.Stored > 0
		if ans.Shown != nil {
			put(key{b.Terminal, b.Epoch, ans.Shown.Branch, true}, answer{terminal: b.Terminal, epoch: b.Epoch, place: *ans.Shown})
		}
		for _, p := range ans.Places {
			put(key{b.Terminal, b.Epoch, p.Branch, false},
				answer{terminal: b.Terminal, epoch: b.Epoch, place: p, resend: ans.Outcome == ledger.Gap || ans.Outcome == ledger.Unrelated})
		}
	}
	for _, a := range order {
		g.answer(a)
	}
	if stored {
		g.wakePoster()
	}
}

func (g *Ingest) countOutcome(ctx context.Context, b *wire.Batch, ans *ledger.Answer) {
	g.count.stored.Add(uint64(ans.Stored))
	g.alarm(ctx, ans.Alarms)
	switch ans.Outcome {
	case ledger.Created:
	case ledger.Exists:
		g.count.repeats.Add(1)
	case ledger.Gap:
		g.count.gaps.Add(1)
	case ledger.Conflict:
		g.count.forks.Add(1)
	case ledger.WrongKey:
		g.count.wrongKey.Add(1)
		g.log.warn(ctx, "batch signed by a key that is not in force", "terminal", b.Terminal.String(), "seq", b.First)
	default:
		g.count.refused.Add(1)
		g.log.warn(ctx, "batch not placed", "terminal", b.Terminal.String(), "seq", b.First, "outcome", string(ans.Outcome))
	}
}

// answerBeats answers every beat, for each asks a question of its own, and sends the papers that it lacks. A
// replayed beat gets an answer, which nobody waits for, and no papers.
func (g *Ingest) answerBeats(ctx context.Context, beats []*wire.Beat, answers []ledger.Answer) {
	for i, ans := range answers {
		b := beats[i]
		g.count.beats.Add(1)
		g.alarm(ctx, ans.Alarms)
		for j, p := range ans.Places {
			a := answer{terminal: b.Terminal, epoch: b.Epoch, place: p, echo: b.Challenge, resend: p.Acked < b.Acked, results: p.Results}
			if ans.Fresh && j == 0 {
				a.beat = b
			}
			g.answer(a)
		}
	}
}

func (g *Ingest) wakePoster() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}
