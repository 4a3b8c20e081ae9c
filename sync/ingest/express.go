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
	began    time.Time
	last     atomic.Int64 // when the newest sale of a lane that sells came: ns after began; 0: none yet

	mu   sync.Mutex
	slow map[payment.ID]int // messages in the ordinary queues, until they are recorded
}

func (x *express) open(workers, queue int) {
	for range workers {
		x.inbox = append(x.inbox, make(chan message, queue))
	}
	x.began, x.verified, x.slow = time.Now(), make(chan *item, queue), map[payment.ID]int{}
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

// Every transaction holds up those behind it until its end. While lanes that sell send their sales they are kept as
// short as pays for a sync of the disk; while all that comes in is backlog they may be long.
const (
	selling   = time.Second // since a sale came by the express queue
	shortPost = 64          // entries judged in one transaction meanwhile
	shortKeep = 400         // entries recorded in one
)

// saw notes that a lane that sells has sent a sale.
func (x *express) saw() { x.last.Store(max(1, int64(time.Since(x.began)))) }

// short bounds how many entries go into one transaction, of which there may be most.
func (x *express) short(most, short int) int {
	if last := x.last.Load(); last > 0 && time.Since(x.began)-time.Duration(last) < selling {
		return min(most, short)
	}
	return most
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
