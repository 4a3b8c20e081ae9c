package authorise

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"tilld/sync/operator"
)

// silentAfter is how many calls in a row bring no answer before an operator counts as silent: one that is lost, or one
// whose charge took too long, is an ordinary thing.
const silentAfter = 3

// downFor is how long lanes are told of a silent operator after the last call that it left unanswered. Lanes that were
// told don't ask, and so nobody would find out that it answers again: behind this one of them tries.
const downFor = time.Minute

// health is what came of the calls to one wallet's operator.
type health struct {
	mu    sync.Mutex
	fails int       // calls in a row without an answer
	since time.Time // the first of them
	last  time.Time // the last call that ended
	why   string    // the last of them
}

// Health is how it stands with one wallet's operator, as far as calls tell.
type Health struct {
	Wallet string
	Silent bool      // the last calls brought no answer
	Since  time.Time // when the first of these ended; zero while it answers
	Last   time.Time // when the last call ended; zero: there was none since the start
	Why    string    // why the last one brought none; it names no code and no credential
}

// heard notes what a call brought.
func (d *Desk) heard(wallet string, a *operator.Answer) {
	h := d.health[wallet]
	none := a.Err != nil && (a.Outcome == operator.Unknown || a.Outcome == operator.NotSent)
	if h == nil || none && errors.Is(a.Err, operator.ErrAsk) {
		return // what could not be asked says nothing of who was to be asked
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := d.now()
	h.last = now
	if !none {
		if h.fails >= silentAfter {
			d.Log.Info("the wallet's operator answers again", "wallet", wallet, "silent_for", now.Sub(h.since))
		}
		h.fails, h.since, h.why = 0, time.Time{}, ""
		return
	}
	if h.fails++; h.fails == 1 {
		h.since = now
	}
	h.why = a.Err.Error()
	if h.fails == silentAfter {
		d.Log.Warn("the wallet's operator does not answer", "wallet", wallet, "error", h.why)
	}
}

// Health returns how it stands with the operators, by wallet.
func (d *Desk) Health() []Health {
	var list []Health
	for _, wallet := range slices.Sorted(maps.Keys(d.health)) {
		h := d.health[wallet]
		h.mu.Lock()
		one := Health{Wallet: wallet, Last: h.last}
		if h.fails >= silentAfter {
			one.Silent, one.Since, one.Why = true, h.since, h.why
		}
		h.mu.Unlock()
		list = append(list, one)
	}
	return list
}

// Down are the wallets, in order, that a lane had better not try just now: their operator is silent, and was so a
// moment ago.
func (d *Desk) Down() (wallets []string) {
	now := d.now()
	for _, h := range d.Health() {
		if h.Silent && now.Sub(h.Last) < downFor {
			wallets = append(wallets, h.Wallet)
		}
	}
	return wallets
}

// counts count how often attempts came into a state.
type counts struct {
	mu  sync.Mutex
	all map[Count]uint64
}

// Count names what is counted.
type Count struct {
	Wallet string // "": one that no operator is asked for
	State  State
}

func (d *Desk) count(a *Attempt) {
	c := Count{State: a.State}
	if d.Operators[a.Wallet] != nil { // lanes may ask for whatever they like
		c.Wallet = a.Wallet
	}
	d.counts.mu.Lock()
	defer d.counts.mu.Unlock()
	if d.counts.all == nil {
		d.counts.all = map[Count]uint64{}
	}
	d.counts.all[c]++
}

// Counts returns how often an attempt came into each state since the start, by this desk's doing. An attempt is counted
// in each state that it came through.
func (d *Desk) Counts() map[Count]uint64 {
	d.counts.mu.Lock()
	defer d.counts.mu.Unlock()
	return maps.Clone(d.counts.all)
}

// Troubles are all that an attempt can have, but NoTrouble.
func Troubles() (list []Trouble) {
	for t := NoTrouble + 1; t < troubleEnd; t++ {
		list = append(list, t)
	}
	return list
}
