package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tilld/agent/disk"
)

// agree finds the file's last whole record, and goes on from the entry that it holds.
func (j *Journal) agree(ctx context.Context, s *second) error {
	last, err := s.findEnd(ctx, j.store)
	if err != nil {
		return err
	}
	dirty, err := j.store.number(ctx, metaSecondStale)
	if err != nil {
		return err
	}
	after, known, err := j.store.posOf(ctx, last)
	switch {
	case err != nil:
		return err
	case !known:
		return fmt.Errorf("%w: it ends with entry %d of epoch %016x", ErrSecondAhead, last.Seq, last.Epoch)
	case dirty != 0 || after < 0:
		return j.rewriteSecond(ctx)
	}
	return s.catchUp(ctx, j.store, after)
}

// findEnd reads from the last mark to the end, cuts off what is torn, and returns the last record's row,
// nil when there is none.
func (s *second) findEnd(ctx context.Context, db *store) (*Row, error) {
	offset, err := s.start(ctx, db)
	if err != nil {
		return nil, err
	}
	var last *stored
	for {
		r, err := readRecord(s.f, offset, s.size)
		if errors.Is(err, io.EOF) {
			break
		}
		if _, torn := errors.AsType[*Damage](err); torn {
			if err := s.cut(offset); err != nil {
				return nil, err
			}
			break
		}
		if err != nil {
			return nil, err
		}
		last, offset = &r, r.end
	}
	if last == nil {
		return nil, nil
	}
	row, err := last.row()
	s.last = mark{last.offset, row.Epoch, row.Seq}
	return &row, err
}

// cut ends the file at an offset.
func (s *second) cut(offset int64) error {
	if err := s.f.Truncate(offset); err != nil {
		return fmt.Errorf("cutting the second medium: %w", err)
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("cutting the second medium: %w", err)
	}
	s.size, s.synced = offset, offset
	return nil
}

// start is where to read from: the mark, when the file has that record there, else the first record.
func (s *second) start(ctx context.Context, db *store) (int64, error) {
	raw, err := db.meta(ctx, metaSecond)
	if err != nil {
		return 0, err
	}
	m, ok := parseMark(raw)
	if !ok || m.offset < secondHeader || m.offset >= s.size {
		return secondHeader, nil
	}
	r, err := readRecord(s.f, m.offset, s.size)
	if err != nil {
		return secondHeader, nil // the file was made anew; reading it whole is only slower
	}
	row, err := r.row()
	if err != nil || row.Epoch != m.epoch || row.Seq != m.seq {
		return secondHeader, nil
	}
	return m.offset, nil
}

// posOf finds the entry that a row holds. A position of -1 says that it has been pruned, known is false when
// the journal never had it.
func (s *store) posOf(ctx context.Context, r *Row) (pos int64, known bool, err error) {
	if r == nil {
		return 0, true, nil
	}
	var hash []byte
	err = s.row(ctx, `SELECT pos, hash FROM entry WHERE epoch = ? AND seq = ?`, []any{int64(r.Epoch), int64(r.Seq)}, &pos, &hash)
	if err == nil {
		return pos, bytes.Equal(hash, r.Hash), nil
	}
	if !isNoRows(err) {
		return 0, false, err
	}
	var n int
	err = s.row(ctx, `SELECT count(*) FROM epoch WHERE epoch = ? AND pruned >= ?`, []any{int64(r.Epoch), int64(r.Seq)}, &n)
	return -1, n > 0, err
}

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
	if err := disk.SyncDir(filepath.Dir(old.path)); err != nil {
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
