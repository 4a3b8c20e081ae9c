package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// post is the poster: it judges what is stored, whenever something was and now and then, until ctx ends.
func (g *Ingest) post(ctx context.Context) error {
	every := time.NewTicker(g.cfg.PostEvery)
	defer every.Stop()
	for {
		err := g.postAll(ctx)
		if err != nil && ctx.Err() != nil {
			return err
		}
		g.posts.tell(err, g.cfg.Now())
		if err != nil {
			if errors.Is(err, ledger.ErrStopped) {
				return err
			}
			say := g.log.warn
			if errors.Is(err, ledger.ErrFull) {
				say = g.log.error
			}
			say(ctx, "posting failed", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-g.wake:
		case <-every.C:
		}
	}
}

// round is one transaction's worth of examined entries, of each history a run.
type round struct {
	work []ledger.Judgement
	ends map[int64]uint64 // the last sequence of each run
}

// postAll judges everything that is stored. While one round is written the next is examined.
func (g *Ingest) postAll(ctx context.Context) error {
	r, err := g.nextRound(ctx, nil)
	for err == nil && r != nil {
		began, seen := time.Now(), g.drained.Load()
		type outcome struct {
			moved bool
			err   error
		}
		written := make(chan outcome, 1)
		go func() {
			moved, err := g.finish(ctx, r)
			written <- outcome{moved, err}
		}()
		next, nextErr := g.nextRound(ctx, r)
		o := <-written
		if err = errors.Join(o.err, nextErr); err != nil {
			return err
		}
		if o.moved || next == nil { // what was examined ahead may not follow any more; or it came too late
			next, err = g.nextRound(ctx, nil)
		}
		r = next
		if err == nil && r != nil {
			err = g.giveWay(ctx, time.Since(began), seen)
		}
	}
	return err
}

// While lanes empty their outboxes HQ's processors go to storing and acknowledging first: that gives lanes
// their right to sell offline back, and what is stored can be judged later. The poster has half of the processors
// then, or a part of the time of the only one. Live traffic, which comes in small batches, does not hold it up.
const (
	drainBatch = 50                     // entries, from which on a batch is of an outbox that is being emptied
	calm       = 100 * time.Millisecond // without such a batch, and the poster goes on
	leastShare = 5                      // the poster always has one part in so many of the time of a single processor
)

// giveWay takes half of the processors from the poster, or waits behind a round that took a while, as long as outboxes
// are being emptied: seen is how many such batches there had been when the round began.
func (g *Ingest) giveWay(ctx context.Context, took time.Duration, seen uint64) error {
	if g.cfg.Workers > 1 {
		g.examiners = g.cfg.Workers
		if g.drained.Load() != seen {
			g.examiners = g.cfg.Workers / 2
		}
		return nil
	}
	tick := time.NewTicker(calm)
	defer tick.Stop()
	for waited := time.Duration(0); waited < (leastShare-1)*took; waited += calm {
		now := g.drained.Load()
		if now == seen {
			return nil
		}
		seen = now
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// nextRound reads and examines a run of each history with a backlog, behind what another round is about to
// judge. It is nil when there is nothing.
func (g *Ingest) nextRound(ctx context.Context, ahead *round) (*round, error) {
	if err := g.cfg.CatchUp(ctx); err != nil {
		return nil, fmt.Errorf("the books lack what has been settled: %w", err)
	}
	most := g.express.short(g.cfg.PostEntries, shortPost)
	logs, err := g.backlogs(ctx, max(1, most/4))
	if err != nil || len(logs) == 0 {
		return nil, err
	}
	r := &round{ends: map[int64]uint64{}}
	var held []ledger.Held
	places := map[int64]place{}
	share := max(1, min(g.cfg.PostLane, most/len(logs)))
	for _, b := range logs {
		after := b.Judged
		if ahead != nil {
			after = max(after, ahead.ends[b.Branch])
		}
		if after >= b.Head {
			continue
		}
		entries, err := g.cfg.Ledger.Entries(ctx, b.Branch, after, share)
		if err != nil {
			return nil, err
		}
		if n := len(entries); n > 0 {
			held, places[b.Branch], r.ends[b.Branch] = append(held, entries...), place{b.Store, b.Lane}, entries[n-1].Name.Seq
		}
	}
	if len(held) == 0 {
		return nil, nil
	}
	r.work, err = g.examineAll(ctx, held, places)
	return r, err
}

// finish judges a round and tells the lanes. Moved says that another worker was there.
func (g *Ingest) finish(ctx context.Context, r *round) (moved bool, err error) {
	verdicts, err := g.judge(ctx, r.work)
	if errors.Is(err, ledger.ErrMoved) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, g.tell(ctx, verdicts)
}

// backlogs are the histories whose turn it is, at most so many: behind the one that was last, then from the start.
func (g *Ingest) backlogs(ctx context.Context, most int) ([]ledger.Backlog, error) {
	logs, err := g.cfg.Ledger.Backlogs(ctx, g.turn, most)
	if err == nil && len(logs) == 0 && g.turn > 0 {
		logs, err = g.cfg.Ledger.Backlogs(ctx, 0, most)
	}
	g.turn = 0
	if len(logs) == most {
		g.turn = logs[most-1].Branch
	}
	return logs, err
}

// examineAll examines entries on the processors that the poster has, in the order in which they are given.
func (g *Ingest) examineAll(ctx context.Context, held []ledger.Held, places map[int64]place) ([]ledger.Judgement, error) {
	work := make([]ledger.Judgement, len(held))
	var next atomic.Int64
	var failed error
	var once sync.Once
	var all sync.WaitGroup
	for range min(g.examiners, len(held)) {
		all.Go(func() {
			for last := time.Now(); ; {
				i := int(next.Add(1)) - 1
				if i >= len(held) {
					return
				}
				j, err := g.examine(ctx, &held[i], places[held[i].Branch])
				if err != nil {
					once.Do(func() { failed = err })
					next.Store(int64(len(held)))
					return
				}
				work[i] = j
				// Whoever carries messages waits for nothing but a processor, and each hop of an answer would
				// wait out a time slice behind all this arithmetic.
				runtime.Gosched()
				if time.Since(last) >= breathEvery {
					g.breath.take()
					last = time.Now()
				}
			}
		})
	}
	all.Wait()
	return work, failed
}

// judge posts the work in one transaction. When that fails it is taken apart, first by history and then by
// halves, until the entry is found that the books refuse; that one becomes an exception, and the rest flows.
func (g *Ingest) judge(ctx context.Context, work []ledger.Judgement) ([]ledger.Verdict, error) {
	verdicts, err := g.cfg.Ledger.Judge(ctx, work)
	switch {
	case err == nil:
		g.count.judged.Add(uint64(len(work)))
		g.count.exceptions.Add(uint64(len(verdicts)))
		g.tellPractice(ctx, work)
		g.tellAttempts(work)
		return verdicts, nil
	case !errors.Is(err, ledger.ErrRefused):
		return nil, err
	}
	g.count.postRetries.Add(1)
	g.log.warn(ctx, "entries not posted together", "error", err.Error())
	switch {
	case len(work) == 1 && work[0].Kind == ledger.Unpostable:
		return nil, err
	case len(work) == 1:
		return g.judge(ctx, []ledger.Judgement{unpostable(&work[0], err)})
	}
	at := split(work)
	for _, part := range [][]ledger.Judgement{work[:at], work[at:]} {
		v, err := g.judge(ctx, part)
		if err != nil {
			return verdicts, err
		}
		verdicts = append(verdicts, v...)
	}
	return verdicts, nil
}

// split cuts work between two histories where it can, for they don't depend on each other.
func split(work []ledger.Judgement) int {
	for i := range work {
		if work[i].Entry.Branch != work[0].Entry.Branch {
			return i
		}
	}
	return len(work) / 2
}

func unpostable(j *ledger.Judgement, cause error) ledger.Judgement {
	return ledger.Judgement{Entry: j.Entry, Kind: ledger.Unpostable, Detail: cause.Error()}
}

// maxTold bounds the results in one acknowledgement.
const maxTold = 500

// tell lets the lanes know of exceptions. What is simply posted they learn with the next acknowledgement.
func (g *Ingest) tell(ctx context.Context, verdicts []ledger.Verdict) error {
	type epoch struct {
		terminal payment.ID
		epoch    uint64
	}
	var order []epoch // in which they were judged
	byEpoch := map[epoch]map[int64][]wire.Result{}
	for _, v := range verdicts {
		if v.Status == wire.Recorded {
			continue // it tells HQ something, and the lane nothing
		}
		e := epoch{v.Name.Terminal, v.Name.Epoch}
		if byEpoch[e] == nil {
			byEpoch[e], order = map[int64][]wire.Result{}, append(order, e)
		}
		byEpoch[e][v.Branch] = append(byEpoch[e][v.Branch], wire.Result{Seq: v.Name.Seq, Status: v.Status, Reason: string(v.Kind)})
	}
	for _, e := range order {
		results := byEpoch[e]
		places, err := g.cfg.Ledger.Places(ctx, e.terminal, e.epoch)
		if err != nil {
			return err
		}
		for _, p := range places {
			for list := results[p.Branch]; len(list) > 0; {
				n := min(len(list), maxTold)
				g.answer(answer{terminal: e.terminal, epoch: e.epoch, place: p, results: list[:n]})
				list = list[n:]
			}
		}
	}
	return nil
}
