package ingest

import (
	"slices"
	"sync"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// maxErased bounds how many epochs of one terminal are kept: those that its beats spoke of last.
const maxErased = 8

// erased is what the terminals say of bodies that they don't have any more, in beats that they signed. That a
// body is missing in a batch says nothing, for anybody on the way can leave it out. It need not outlive a
// session: a lane whose batch was not taken sends a beat before it sends the batch again.
type erased struct {
	mu        sync.Mutex
	terminals map[payment.ID][]erasedEpoch
}

type erasedEpoch struct{ epoch, upTo uint64 }

// note takes what a beat says. What was erased stays so: a beat that is sent again takes nothing back.
func (x *erased) note(b *wire.Beat) {
	if b.Erased == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.terminals == nil {
		x.terminals = map[payment.ID][]erasedEpoch{}
	}
	list := x.terminals[b.Terminal]
	upTo := b.Erased
	if i := slices.IndexFunc(list, func(e erasedEpoch) bool { return e.epoch == b.Epoch }); i >= 0 {
		upTo = max(upTo, list[i].upTo)
		list = slices.Delete(list, i, i+1)
	}
	list = append(list, erasedEpoch{b.Epoch, upTo})
	x.terminals[b.Terminal] = list[max(0, len(list)-maxErased):]
}

// upTo is the last entry of an epoch that may come without its body; 0: none may.
func (x *erased) upTo(terminal payment.ID, epoch uint64) uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.terminals[terminal] {
		if e.epoch == epoch {
			return e.upTo
		}
	}
	return 0
}
