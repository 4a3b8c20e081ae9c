package journal

import (
	"context"
	"fmt"
	"iter"

	"tilld/agent/payment"
)

// rebuild computes the projections of signed entries once more, in a database of its own, to be held against
// those that a journal has stored. The entries may be all that a journal holds, or those from somewhere on.
type rebuild struct {
	store   *store
	project projector
	mark    int64 // the stored projections have seen entries up to here
	behind  int64 // entries behind the mark
	epochs  []rebuiltEpoch
	cuts    cuts
	pos     int64        // of the last entry seen
	last    payment.Date // the highest business date seen
	// erased are the business dates with bodies that are erased: what their accounts spent can't be told.
	erased map[payment.Date]bool
}

// rebuiltEpoch is an epoch as the journal has it, and the part of it that was gone through.
type rebuiltEpoch struct {
	Epoch
	gone   uint64 // entries up to here were not gone through
	erased uint64 // highest sequence whose body is erased
}

// cuts are the dates before which retention has taken something away; 0: nothing.
type cuts struct{ bodies, counters payment.Date }

func newRebuild(ctx context.Context, version int64, epochs []Epoch, mark int64, cuts cuts) (*rebuild, error) {
	s, err := openScratch(ctx, version)
	if err != nil {
		return nil, err
	}
	r := &rebuild{
		store: s, mark: mark, cuts: cuts, erased: map[payment.Date]bool{},
		project: projector{store: s, version: version, replay: true, countersFrom: cuts.counters},
	}
	for _, e := range epochs {
		r.epochs = append(r.epochs, rebuiltEpoch{Epoch: e, gone: e.Last}) // until a row of it comes
		// What counts as exposure hangs on the cursor.
		_, err = s.exec(ctx, `INSERT INTO epoch (epoch, last, head, acked) VALUES (?, ?, ?, ?)`,
			int64(e.Epoch), int64(e.Last), orEmpty(e.Head), int64(e.Acked))
		if err != nil {
			break
		}
	}
	if err == nil {
		_, err = s.exec(ctx, "BEGIN")
	}
	if err != nil {
		_ = s.close() // it was never anything
		return nil, corrupt("its epochs can't be: %w", err)
	}
	return r, nil
}

// close lets the rebuilt projections go.
func (r *rebuild) close() error { return r.store.close() }

// epoch finds an epoch; those that the journal does not list are a fault that is found elsewhere.
func (r *rebuild) epoch(epoch uint64) *rebuiltEpoch {
	for i := range r.epochs {
		if r.epochs[i].Epoch.Epoch == epoch {
			return &r.epochs[i]
		}
	}
	return &rebuiltEpoch{}
}

// take goes through a row that was verified.
func (r *rebuild) take(ctx context.Context, row *Row) error {
	e := r.epoch(row.Epoch)
	e.gone = min(e.gone, row.Seq-1)
	if row.HasBody && row.Body == nil {
		e.erased = row.Seq
		r.erased[row.BusinessDate] = true
	}
	r.pos, r.last = row.Pos, max(r.last, row.BusinessDate)
	if row.Pos > r.mark {
		r.behind++
		return nil
	}
	w, err := row.written()
	if err != nil {
		return err
	}
	return r.project.apply(ctx, &w)
}

// whole says whether every entry there ever was has been gone through.
func (r *rebuild) whole() bool {
	for i := range r.epochs {
		if r.epochs[i].gone > 0 {
			return false
		}
	}
	return true
}

// goneBehind says whether entries of an epoch that follows were not gone through.
func (r *rebuild) goneBehind(epoch uint64) bool {
	found := false
	for i := range r.epochs {
		if found && r.epochs[i].gone > 0 {
			return true
		}
		found = found || r.epochs[i].Epoch.Epoch == epoch
	}
	return false
}

// verified passes rows through a verification and takes each that holds.
func (r *rebuild) verified(ctx context.Context, list iter.Seq2[Row, error], trust Trust) (Report, error) {
	return VerifyAll(func(yield func(Row, error) bool) {
		for row, err := range list {
			if !yield(row, err) || err != nil {
				return
			}
			if err := r.take(ctx, &row); err != nil {
				yield(Row{}, fmt.Errorf("computing the projections once more: %w", err))
				return
			}
		}
	}, trust)
}
