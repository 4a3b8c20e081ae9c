package sim

import (
	"context"
	"time"

	"tilld/sync/ingest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// hearing is how far HQ was told that an epoch goes, and when.
type hearing struct {
	last uint64
	at   time.Time
}

// listener writes down what HQ has recorded of lanes' words about themselves.
type listener struct {
	ingest.Ledger
	tr *truth
}

func (tr *truth) listen(l ingest.Ledger) ingest.Ledger { return &listener{l, tr} }

// Record hands on, and notes what was told.
func (l *listener) Record(ctx context.Context, a []*ledger.Arrival, b []*wire.Beat) ([]ledger.Answer, []ledger.Answer, error) {
	x, y, err := l.Ledger.Record(ctx, a, b)
	if err == nil {
		for _, one := range a {
			epoch := wire.Name{Terminal: one.Batch.Terminal, Epoch: one.Batch.Epoch}
			l.tr.stored[epoch] = max(l.tr.stored[epoch], one.Batch.Last())
		}
		for _, one := range b {
			l.tr.hear(wire.Name{Terminal: one.Terminal, Epoch: one.Epoch}, one.Last)
		}
	}
	return x, y, err
}

func (tr *truth) hear(epoch wire.Name, last uint64) {
	list := tr.heard[epoch]
	if n := len(list); n == 0 || list[n-1].last < last {
		tr.heard[epoch] = append(list, hearing{last, tr.w.loop.Now()})
	}
}

// heardOf says whether HQ was told that an entry exists, and has not lost that.
func (tr *truth) heardOf(name wire.Name) bool {
	list := tr.heard[wire.Name{Terminal: name.Terminal, Epoch: name.Epoch}]
	return len(list) > 0 && list[len(list)-1].last >= name.Seq
}
