package ingest

import (
	"context"
	"sync"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// registry keeps the terminals' keys at hand. What it says may be a little old: the ledger decides again, in
// the transaction, which key is in force.
type registry struct {
	ledger Ledger
	now    func() time.Time
	mu     sync.Mutex
	known  map[payment.ID]terminalKeys
	told   map[payment.ID]tellings // see sayWhere
}

// tellings are how often a terminal was told where HQ stands, since a moment.
type tellings struct {
	since time.Time
	n     int
}

type terminalKeys struct {
	keys []ledger.Key // none: not enrolled
	at   time.Time
}

const (
	tellEvery    = 5 * time.Second
	tellMost     = 16          // within tellEvery: each of a terminal's epochs asks
	keysFor      = time.Second // how long an answer of the ledger is good: other processes enrol terminals
	maxTerminals = 1 << 17     // more than a chain has; beyond it the registry begins anew
)

func newRegistry(l Ledger, now func() time.Time) *registry {
	return &registry{ledger: l, now: now, known: map[payment.ID]terminalKeys{}, told: map[payment.ID]tellings{}}
}

// of is a terminal's keys, the newest first; none for one that is not enrolled.
func (r *registry) of(ctx context.Context, id payment.ID) ([]ledger.Key, error) {
	now := r.now()
	r.mu.Lock()
	got, ok := r.known[id]
	r.mu.Unlock()
	if age := now.Sub(got.at); ok && age >= 0 && age < keysFor {
		return got.keys, nil
	}
	keys, err := r.ledger.Keys(ctx, id)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxTerminals {
		clear(r.known)
	}
	r.known[id] = terminalKeys{keys, now}
	return keys, nil
}

// forget makes the next question go to the ledger.
func (r *registry) forget(id payment.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, id)
}

// mayTell says whether a terminal has not been told too often lately where HQ stands, and notes that it is told.
func (r *registry) mayTell(id payment.ID) bool {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.told[id]
	if age := now.Sub(t.since); age < 0 || age >= tellEvery {
		t = tellings{since: now}
	}
	if t.n == tellMost {
		return false
	}
	if len(r.told) >= maxTerminals {
		clear(r.told)
	}
	t.n++
	r.told[id] = t
	return true
}

// present are the keys that a beat may be signed with.
func present(keys []ledger.Key) wire.Keys {
	return func(id wire.KID) []wire.PublicKey {
		var fit []wire.PublicKey
		for _, k := range keys {
			if !k.Retired && k.Key.KID() == id {
				fit = append(fit, k.Key)
			}
		}
		return fit
	}
}
