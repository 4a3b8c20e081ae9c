package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// secondChunk is how much is written to the second medium at a time when much is.
const secondChunk = 1 << 20

// catchUp adds what the file lacks: all entries behind a position.
func (s *second) catchUp(ctx context.Context, db *store, after int64) error {
	var b []byte
	for row, err := range rows(ctx, db.readers.QueryContext, Filter{after: after}) {
		if err != nil {
			return err
		}
		s.last = mark{s.size + int64(len(b)), row.Epoch, row.Seq}
		s.unmarked++
		if b = appendRecord(b, row.Envelope, row.Body); len(b) >= secondChunk {
			if err := s.write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	if len(b) == 0 {
		return nil
	}
	return s.write(b)
}

// rewriteSecond makes the file anew from the journal, so that what was pruned or erased is gone there too,
// and puts it into the place of the old one.
func (j *Journal) rewriteSecond(ctx context.Context) error {
	old := j.second
	fresh := &second{path: old.path + ".new", open: old.open}
	if err := os.Remove(fresh.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("writing the second medium anew: %w", err)
	}
	if err := fresh.openFile(j.cfg.Terminal); err != nil {
		return err
	}
	if err := fresh.catchUp(ctx, j.store, 0); err != nil {
		return errors.Join(err, fresh.close())
	}
	if err := errors.Join(fresh.close(), old.close()); err != nil { // some systems rename no open file
		return fmt.Errorf("writing the second medium anew: %w", err)
	}
	if err := os.Rename(fresh.path, old.path); err != nil {
		return fmt.Errorf("writing the second medium anew: %w", err)
	}
	if err := syncDir(filepath.Dir(old.path)); err != nil {
		return fmt.Errorf("writing the second medium anew: %w", err)
	}
	f, err := old.open(old.path)
	if err != nil {
		return fmt.Errorf("writing the second medium anew: %w", err)
	}
	fresh.path, fresh.f = old.path, f
	j.second = fresh
	return j.transact(ctx, func(ctx context.Context, s *store) error {
		if err := s.setNumber(ctx, metaSecondStale, 0); err != nil {
			return err
		}
		fresh.unmarked = 0
		return s.setMeta(ctx, metaSecond, fresh.last.bytes())
	})
}
