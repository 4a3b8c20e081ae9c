package ingest

import (
	"context"
	"errors"
	"sync"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// remindEvery is how often one terminal is reminded.
const remindEvery = 30 * time.Second

// reminded remembers when terminals were, so that whoever writes rubbish to the broker makes HQ sign no more.
type reminded struct {
	mu   sync.Mutex
	last map[payment.ID]time.Time
}

func (r *reminded) due(id payment.ID, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := now.Sub(r.last[id]); d >= 0 && d < remindEvery {
		return false
	}
	if r.last == nil || len(r.last) >= maxTerminals {
		r.last = map[payment.ID]time.Time{}
	}
	r.last[id] = now
	return true
}

// remind tells a terminal where HQ stands though its message is signed by a key that HQ does not know: an HQ that
// was restored from a backup may have forgotten the change of key, and the lane sends it again only when it
// learns how far HQ went back. The answer says nothing but what is so, and is believed for HQ's signature alone,
// so it may go out to a message of anybody's.
func (g *Ingest) remind(ctx context.Context, terminal payment.ID, cause error) error {
	if !errors.Is(cause, wire.ErrUnknownKey) || !g.reminded.due(terminal, g.cfg.Now()) {
		return nil
	}
	stands, err := g.cfg.Ledger.Forgotten(ctx, terminal)
	if err != nil {
		return err
	}
	for _, s := range stands {
		g.answer(answer{terminal: terminal, epoch: s.Epoch, place: s.Place, resend: true})
	}
	return nil
}
