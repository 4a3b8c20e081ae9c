package hq

import (
	"context"
	"errors"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ledger"
)

// standsFor is how long posting may fail before people are told: what fails once is tried again at once.
const standsFor = 10 * time.Second

// standstill is since when nothing is posted, and why; the zero time while all is well. It looks well from outside: what
// lanes send is stored and acknowledged.
func (n *Node) standstill() (since time.Time, why string) {
	since, err := n.ingest.Posting()
	return standing(since, err, n.now())
}

// standing leaves out what may pass, and a full disk, which is told of by itself.
func standing(since time.Time, err error, now time.Time) (time.Time, string) {
	if err == nil || errors.Is(err, ledger.ErrFull) || now.Sub(since) < standsFor {
		return time.Time{}, ""
	}
	return since, err.Error()
}

// decider is the ledger for whoever decides by hand: not before the books have what was settled, for a decision made without it
// could pay a second time.
type decider struct {
	*ledger.Store
	catchUp func(context.Context) error
}

// Resolve is the ledger's. A payment.Error of the code Retry: the books lack a batch that was settled.
func (s decider) Resolve(ctx context.Context, ids []payment.ID, to ledger.Decision, who, why string) error {
	if err := s.catchUp(ctx); err != nil {
		return payment.Errorf(payment.Retry, "hq.Resolve", "HQ's books lack what has been settled, so nothing can be decided yet: %w", err)
	}
	return s.Store.Resolve(ctx, ids, to, who, why)
}
