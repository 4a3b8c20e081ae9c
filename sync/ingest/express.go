package ingest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"tilld/agent/payment"
)

// quickSize bounds what goes by the express queues: a beat, or a batch with a sale or two. Lanes that empty a
// backlog send far larger ones.
const quickSize = 8 << 10

// express lets the few small messages of lanes that sell overtake the batches of lanes that come back with a
// backlog: sixty at once would otherwise hold up everybody for as long as all of theirs takes. A message never
// overtakes one of its own terminal, for entries come in order.
type express struct {
	on       atomic.Bool    // Run is there, which empties the queues
	inbox    []chan message // one for each verifier
	verified chan *item

	mu   sync.Mutex
	slow map[payment.ID]int // messages in the ordinary queues, until they are recorded
}

func (x *express) open(workers, queue int) {
	for range workers {
		x.inbox = append(x.inbox, make(chan message, queue))
	}
	x.verified, x.slow = make(chan *item, queue), map[payment.ID]int{}
}

// takes says whether a message goes by the express queue. Where it does not, past has to be called for it.
func (x *express) takes(m message) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.on.Load() && len(m.payload) <= quickSize && x.slow[m.terminal] == 0 {
		return true
	}
	x.slow[m.terminal]++
	return false
}

// past notes that a message is not in a queue any more.
func (x *express) past(terminal payment.ID, quick bool) {
	if quick {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.slow[terminal]--; x.slow[terminal] <= 0 {
		delete(x.slow, terminal)
	}
}

// fairTurn is one turn in so many in which both kinds of queue are as good: whoever floods HQ with small messages
// must not hold up the large ones for ever.
const fairTurn = 8

// nextMessage waits for a verifier's next message.
func (g *Ingest) nextMessage(ctx context.Context, n, turn int) (message, error) {
	if turn%fairTurn != 0 {
		select {
		case m := <-g.express.inbox[n]:
			return m, nil
		default:
		}
	}
	select {
	case <-ctx.Done():
		return message{}, ctx.Err()
	case m := <-g.express.inbox[n]:
		return m, nil
	case m := <-g.inbox[n]:
		return m, nil
	}
}

// gather waits for an item and takes what is there behind it, up to the group's limits. While more keeps
// coming in it waits a little, for a commit costs the same for one entry and for thousands.
func (g *Ingest) gather(ctx context.Context) ([]*item, error) {
	var group []*item
	var entries, bytes int
	full := func(it *item) bool {
		group, bytes = append(group, it), bytes+it.size
		if it.arrival != nil {
			entries += len(it.arrival.Hashes)
		}
		return entries >= g.cfg.GroupEntries || bytes >= g.cfg.GroupBytes
	}
	var linger <-chan time.Time
	for {
		var slow *item
		select {
		case it := <-g.express.verified:
			if full(it) {
				return group, nil
			}
		default:
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-linger:
				return group, nil
			case it := <-g.express.verified:
				if full(it) {
					return group, nil
				}
			case slow = <-g.verified:
			}
		}
		if slow != nil {
			// What its terminal sent before it by the express queue is there already, and goes first.
			for len(g.express.verified) > 0 {
				full(<-g.express.verified)
			}
			if full(slow) {
				return group, nil
			}
		}
		if linger == nil {
			timer := time.NewTimer(g.cfg.Linger)
			defer timer.Stop()
			linger = timer.C
		}
	}
}
