package sim

import (
	"errors"

	"tilld/agent/journal"
	"tilld/sync/wire"
)

// shelved is the beginning of an epoch as HQ got it, in messages: the reference needs it when the lane has let go
// of it.
type shelved struct {
	last     uint64
	messages [][]byte
}

// retain lets retention work, and wants nothing to go that HQ has not acknowledged.
func (p *program) retain() {
	w := p.w
	if v := p.lane.View(); v.Day == 0 || v.Day == p.kept || p.journal.Stopped() != nil {
		return
	}
	p.keepForReference()
	w.bug.retains(p)
	done, err := p.lane.Retain(w.ctx, p.kept)
	if p.disk.Dead() {
		return
	}
	if err != nil {
		if p.disk.bad == "" && !p.disk.refused && !errors.Is(err, journal.ErrStopped) {
			w.fail("lane %s: retention: %v", p.name, err)
		}
		return
	}
	if p.kept = done; p.journal.Stopped() == nil {
		p.judgeRetention()
	}
}

func (p *program) judgeRetention() {
	w := p.w
	st, err := p.journal.State(w.ctx)
	w.must(err)
	for _, e := range st.Epochs {
		if e.Pruned == 0 {
			continue
		}
		w.trace("lane %s has let go of entries up to %d of epoch %016x", p.name, e.Pruned, e.Epoch)
		w.truth.pruned += int(e.Pruned)
		for _, a := range p.memory.approvals {
			if a.name.Epoch == e.Epoch && a.name.Seq <= e.Pruned && a.name.Seq > w.truth.stored[wire.Name{Terminal: p.id, Epoch: e.Epoch}] {
				w.fail("lane %s let go of payment %s (entry %d), which HQ has never recorded", p.name, a.id, a.name.Seq)
			}
		}
	}
}

// keepForReference writes down what is acknowledged.
func (p *program) keepForReference() {
	w := p.w
	st, err := p.journal.State(w.ctx)
	w.must(err)
	for _, e := range st.Epochs {
		old := p.shelf[e.Epoch]
		if old == nil {
			old = &shelved{}
			p.shelf[e.Epoch] = old
		}
		for old.last < e.Acked && old.last >= e.Pruned {
			b, err := p.journal.NextBatch(w.ctx, e.Epoch, old.last, int(min(e.Acked-old.last, 100)), 1<<20)
			w.must(err)
			msg, err := wire.EncodeBatch(b)
			w.must(err)
			old.last, old.messages = b.Last(), append(old.messages, msg)
		}
	}
}
