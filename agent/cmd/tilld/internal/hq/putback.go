package hq

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"tilld/sync/settle"
)

// PutBackError reports books that were put back to an older state in silence. HQ does not run on them: every
// acknowledgement that it gave would make it harder to find out what was lost.
type PutBackError struct {
	Dir     string
	Batches []settle.Head // archived, and cut of postings that the books lack; the oldest first
}

func (e *PutBackError) Error() string {
	b := &e.Batches[0]
	s := fmt.Sprintf("the books in %s were put back to an older state: they lack what settlement batch %s of %s (%s) was cut of",
		e.Dir, b.ID, b.SettlementDate, b.Wallet)
	if n := len(e.Batches) - 1; n > 0 {
		s += fmt.Sprintf(", and %d more", n)
	}
	return s + fmt.Sprintf("; run \"tilld hq restored --data %s\" first: then lanes send again what is missing", e.Dir)
}

// CheckPutBack compares the books with the archive; a *PutBackError when they were put back in silence.
func (o *Office) CheckPutBack(ctx context.Context) error {
	list, err := settle.Ahead(ctx, o.Books, settle.ReadArchive(filepath.Join(o.Dir, archiveDir)))
	if err == nil && len(list) > 0 {
		err = &PutBackError{Dir: o.Dir, Batches: list}
	}
	return err
}

// sayLost says at the start what HQ knows that it has lost: whoever looks for a reason reads the log.
func (o *Office) sayLost(ctx context.Context, log *slog.Logger) error {
	lost, err := o.Books.Lost(ctx)
	if err != nil {
		return err
	}
	silent, awaited := 0, 0
	for _, l := range lost {
		if l.Restored {
			awaited++
		} else {
			silent++
		}
	}
	if silent > 0 {
		log.ErrorContext(ctx, "the books lack entries that HQ had acknowledged; stop HQ and run: tilld hq restored", "epochs", silent)
	}
	if awaited > 0 {
		log.WarnContext(ctx, "the books were restored; lanes have yet to send again what is missing", "epochs", awaited)
	}
	return nil
}

// openRevocations brings the books and the revocations beside them together, before anybody is answered.
func (o *Office) openRevocations(ctx context.Context, log *slog.Logger) error {
	again, err := o.RevokeAgain(ctx)
	if err != nil {
		return err
	}
	for _, r := range again {
		log.WarnContext(ctx, "the books had this alive again; it is revoked again", "kind", r.Kind, "id", r.ID.String())
	}
	if err := o.keepRevocations(ctx); err != nil { // no reason not to run: the books have them
		log.ErrorContext(ctx, "revocations are not kept beside the books", "error", err)
	}
	return nil
}
