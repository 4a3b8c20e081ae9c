package settle

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"tilld/agent/payment"
)

// Books is the ledger as Ahead needs it.
type Books interface {
	// HasBatch says whether a batch is committed.
	HasBatch(ctx context.Context, id payment.ID) (bool, error)
	// Predates says whether the ledger is an older state of the one that the batch was cut of, though in its HQ
	// epoch: it was put back, and has not been declared restored.
	Predates(ctx context.Context, b *Head) (bool, error)
}

// Ahead lists the archived batches that prove that the ledger was put back to an older state in silence: HQ must
// not speak to any lane before it was declared restored. A batch that a crash left in the archive alone, or that
// a declared restore lost, proves nothing and is not among them: the Settler brings it in.
func Ahead(ctx context.Context, books Books, a *Archive) ([]Head, error) {
	pending, err := pending(ctx, books, a)
	if err != nil {
		return nil, fmt.Errorf("comparing the archive with the ledger: %w", err)
	}
	var ahead []Head
	for _, h := range pending {
		older, err := books.Predates(ctx, &h)
		if err != nil {
			return nil, fmt.Errorf("comparing batch %s with the ledger: %w", h.ID, err)
		}
		if older {
			ahead = append(ahead, h)
		}
	}
	return ahead, nil
}

// pending lists the archived batches that the ledger does not have, in the order in which they were cut.
func pending(ctx context.Context, books interface {
	HasBatch(context.Context, payment.ID) (bool, error)
}, a *Archive) ([]Head, error) {
	ids, err := a.List()
	if err != nil {
		return nil, err
	}
	var pending []Head
	for _, id := range ids {
		held, err := books.HasBatch(ctx, id)
		if err != nil {
			return nil, err
		}
		if held {
			continue
		}
		b, err := a.Load(id)
		if err != nil {
			return nil, err
		}
		pending = append(pending, b.Head)
	}
	slices.SortFunc(pending, func(a, b Head) int {
		return cmp.Or(cmp.Compare(a.CutAt, b.CutAt), cmp.Compare(a.Number, b.Number), compareID(a.ID, b.ID))
	})
	return pending, nil
}

// ReadArchive gives an archive to read while another process may be writing to it: nothing is made or swept. A
// directory that is not there is an empty archive.
func ReadArchive(dir string) *Archive {
	return &Archive{dir: filepath.Clean(dir), before: func(string, string) error { return os.ErrPermission }}
}
