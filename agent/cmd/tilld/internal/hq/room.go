package hq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tilld/agent/disk"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// lookEvery is how often HQ looks at its disk and at its broker's store.
const lookEvery = 2 * time.Second

// probeFile is the file in the data directory with which a disk is tried that had no room.
const probeFile = "hq.probe"

// errBrokerStore ends HQ, to be started again by whoever watches over it: the broker's store keeps the error of a
// disk that was full, or of a process that could open no more files, and lanes would send in vain for ever.
var errBrokerStore = errors.New("the broker's store failed, and the disk takes files now: HQ ends and must be started again")

// room remembers what the disk said last.
type room struct {
	mu    sync.Mutex
	disks disk.Disks
	why   error // nil: there is room
}

func (r *room) lacks() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

// ask asks the disk: by what it says is free while all is well, by writing when it was not.
func (r *room) ask(write bool) (was, is error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was = r.why
	if write || was != nil {
		r.why = r.disks.Try()
	} else {
		r.why = r.disks.Room()
	}
	return was, r.why
}

// gated is the ledger for ingest: while there is no room beyond the reserve nothing is recorded, hence nothing
// acknowledged, and lanes keep what they have.
type gated struct {
	*ledger.Store
	lacks func() error
}

// Record is the ledger's.
func (g gated) Record(ctx context.Context, arrivals []*ledger.Arrival, beats []*wire.Beat) (a, b []ledger.Answer, err error) {
	if err := g.lacks(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ledger.ErrFull, err)
	}
	return g.Store.Record(ctx, arrivals, beats)
}

// Judge is the ledger's.
func (g gated) Judge(ctx context.Context, work []ledger.Judgement) ([]ledger.Verdict, error) {
	if err := g.lacks(); err != nil {
		return nil, fmt.Errorf("%w: %w", ledger.ErrFull, err)
	}
	return g.Store.Judge(ctx, work)
}

// watch looks at disk and broker until ctx ends, or until only a new start helps.
func (n *Node) watch(ctx context.Context) error {
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	for {
		if err := n.look(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		}
	}
}

// look says once that there is no room, and that it is over.
func (n *Node) look() error {
	store := n.brokerHealth()
	was, is := n.room.ask(store != nil || errors.Is(n.ingest.Healthy(), ledger.ErrFull))
	switch {
	case is != nil && was == nil:
		n.log.Error("no room on HQ's disk; nothing is recorded or acknowledged until there is", "error", is)
	case is == nil && was != nil:
		n.log.Warn("there is room on HQ's disk again")
	}
	if store != nil && is == nil {
		return fmt.Errorf("%w: %w", errBrokerStore, store)
	}
	return nil
}

// brokerHealth is that of HQ's own broker; of somebody else's nothing is known.
func (n *Node) brokerHealth() error {
	if n.broker == nil {
		return nil
	}
	return n.broker.Healthy()
}

// health is why HQ does not do its work, in words for anybody who reaches the port; the log says more.
func (n *Node) health() string {
	switch {
	case n.room.lacks() != nil:
		return "HQ's disk is full or nearly so: nothing is recorded or acknowledged"
	case n.brokerHealth() != nil:
		return "HQ's broker can't store messages"
	case n.ingest.Healthy() != nil:
		return "the ledger did not take what came last"
	}
	return ""
}

// addHealthMetrics tells of room, and whether HQ does its work.
func (n *Node) addHealthMetrics(r *prometheus.Registry) {
	gauge := func(name, help string, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tilld", Subsystem: "hq", Name: name, Help: help}, value))
	}
	gauge("healthy", "1 while HQ records what lanes send; 0 as /healthz answers 503.", func() float64 {
		if n.health() != "" {
			return 0
		}
		return 1
	})
	gauge("posting_failed_seconds", "For how long nothing could be posted; 0 while it can. Lanes' entries are stored and acknowledged meanwhile.", func() float64 {
		since, _ := n.standstill()
		if since.IsZero() {
			return 0
		}
		return n.now().Sub(since).Seconds()
	})
	gauge("disk_free_bytes", "Bytes that may still be written to HQ's data directory; -1: unknown. Below 33554432 HQ records nothing.", func() float64 {
		free, err := disk.Free(n.cfg.Data)
		if err != nil {
			return -1
		}
		return float64(free)
	})
}
