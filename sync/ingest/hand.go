package ingest

import (
	"context"
	"errors"
	"fmt"
)

// Hand drives an Ingest in one goroutine, in an order that its owner decides, where Run lets its stages race:
// for whoever must have the same history every time. The work is that of Run's stages. An Ingest has either
// Run or a Hand.
type Hand struct{ g *Ingest }

// ByHand makes an Ingest that is driven by hand. It has one verifier, so that Handle's queue has one order;
// Handle must not be called more often than the queue is long without a Record in between.
func ByHand(ctx context.Context, cfg Config) (*Hand, error) {
	cfg.Workers = 1
	g, err := New(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Hand{g}, nil
}

// Ingest is what is driven.
func (h *Hand) Ingest() *Ingest { return h.g }

// Hello says hello to every lane.
func (h *Hand) Hello(ctx context.Context) error { return h.g.hello(ctx) }

// Record verifies what Handle has queued and records it, as many messages in one transaction as Run would put
// there. Answers wait for Answer. An error is the ledger's: it must be opened again.
func (h *Hand) Record(ctx context.Context) error {
	var group []*item
	var entries, bytes int
	commit := func() error {
		if len(group) == 0 {
			return nil
		}
		err := h.g.commit(ctx, group)
		group, entries, bytes = nil, 0, 0
		return err
	}
	for len(h.g.inbox[0]) > 0 {
		m := <-h.g.inbox[0]
		h.g.express.past(m.terminal, m.quick)
		it, err := h.g.check(ctx, m)
		if err != nil {
			return err
		}
		if it == nil {
			continue
		}
		group, bytes = append(group, it), bytes+it.size
		newKey := false
		if it.arrival != nil {
			entries += len(it.arrival.Hashes)
			newKey = !it.arrival.NewKey.IsZero() // the next message is signed by a key that is known only then
		}
		if newKey || entries >= h.g.cfg.GroupEntries || bytes >= h.g.cfg.GroupBytes {
			if err := commit(); err != nil {
				return err
			}
		}
	}
	return commit()
}

// Answer signs and sends what is to be answered.
func (h *Hand) Answer(ctx context.Context) error {
	for len(h.g.answers) > 0 {
		a := <-h.g.answers
		if err := h.g.sendAnswer(ctx, &a); err != nil {
			return err
		}
	}
	return nil
}

// Judge judges one transaction's worth of what is stored, and says whether there was anything.
func (h *Hand) Judge(ctx context.Context) (more bool, err error) {
	r, err := h.g.nextRound(ctx, nil)
	if err != nil || r == nil {
		return false, err
	}
	moved, err := h.g.finish(ctx, r)
	if err == nil && moved {
		err = fmt.Errorf("judging by hand: %w", errMovedByHand)
	}
	return err == nil, err
}

// errMovedByHand reports a second worker where there can be none.
var errMovedByHand = errors.New("somebody else judged the same entries")
