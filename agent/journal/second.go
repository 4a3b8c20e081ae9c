package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tilld/agent/payment"
)

// second is the copy of the journal on another disk: an append-only file of envelopes and bodies, synced
// before Append returns. The journal itself is the truth; opening makes this file agree with it.
type second struct {
	path string
	open func(string) (file, error)
	f    file
	size int64

	synced int64 // size that is surely on the disk

	unmarked int  // records since the last mark
	last     mark // the last record
}

// mark is a place in the file from which opening need not read further back: a record, and what it holds.
// It lies in the journal's meta table, and is only believed when the file has that record there.
type mark struct {
	offset int64
	epoch  uint64
	seq    uint64
}

// markEvery bounds how many records opening reads.
const markEvery = 256

func (m mark) bytes() []byte {
	b := counterBytes(uint64(m.offset))
	b = binary.BigEndian.AppendUint64(b, m.epoch)
	return binary.BigEndian.AppendUint64(b, m.seq)
}

func parseMark(b []byte) (mark, bool) {
	if len(b) != 24 {
		return mark{}, false
	}
	n := func(i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }
	return mark{int64(n(0)), n(1), n(2)}, true
}

// append writes records and syncs them.
func (s *second) append(list []written) error {
	var b []byte
	last := s.last
	for i := range list {
		r := &list[i].Record
		last = mark{s.size + int64(len(b)), r.Entry.Epoch, r.Entry.Seq}
		b = appendRecord(b, r.Envelope, r.Body)
	}
	if err := s.write(b); err != nil {
		return err
	}
	s.last = last
	s.unmarked += len(list)
	return nil
}

func (s *second) write(b []byte) error {
	if _, err := s.f.WriteAt(b, s.size); err != nil {
		return fmt.Errorf("writing the second medium: %w", err)
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("syncing the second medium: %w", err)
	}
	s.size += int64(len(b))
	s.synced = s.size
	return nil
}

func (s *second) close() error { return s.f.Close() }

// markSecond notes now and then, in the transaction of the next entry, how far the second medium is synced.
func (j *Journal) markSecond(ctx context.Context, s *store) error {
	if j.second == nil || j.second.unmarked < markEvery {
		return nil
	}
	j.second.unmarked = 0
	return s.setMeta(ctx, metaSecond, j.second.last.bytes())
}

// openSecond opens the second medium and makes it agree with the journal: a torn end is cut off, what it
// lacks is added. One that has more than the journal is refused (ErrSecondAhead): then the journal's disk
// was replaced or put back, and to sell on would give two entries one name.
func (j *Journal) openSecond(ctx context.Context) error {
	if j.cfg.Second == "" {
		return nil
	}
	if info, err := os.Stat(j.cfg.Second); err != nil || !info.IsDir() { // not made: an unmounted disk must not be taken for an empty one
		return fmt.Errorf("the second medium %s is not there: %w", j.cfg.Second, errors.Join(ErrSecond, err))
	}
	if sameDisk(j.cfg.Second, j.cfg.Dir) {
		j.cfg.Log.Warn("second medium on the same disk as the journal", "terminal", j.cfg.Terminal.String(), "path", j.cfg.Second)
	}
	s := &second{path: secondPath(&j.cfg), open: j.cfg.openFile, synced: j.synced}
	if err := s.openFile(j.cfg.Terminal); err != nil {
		return err
	}
	j.second = s
	if err := s.distrust(j.synced); err != nil {
		return err
	}
	if err := j.agree(ctx, s); err != nil {
		return fmt.Errorf("the second medium %s: %w", s.path, err)
	}
	return nil
}

func secondPath(c *Config) string { return filepath.Join(c.Second, SecondFile) }

// openFile opens the file, or begins it. A file shorter than its head was never written to.
func (s *second) openFile(terminal payment.ID) error {
	f, err := s.open(s.path)
	if err != nil {
		return fmt.Errorf("opening the second medium: %w", err)
	}
	s.f = f
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("opening the second medium: %w", err), f.Close())
	}
	s.size = info.Size()
	if s.size < secondHeader {
		err = s.begin(terminal)
	} else {
		err = checkHeader(f, terminal)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the second medium %s: %w", s.path, err), f.Close())
	}
	return nil
}

func (s *second) begin(terminal payment.ID) error {
	if err := s.f.Truncate(0); err != nil {
		return err
	}
	s.size = 0
	if err := s.write(encodeHeader(terminal)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(s.path))
}

func checkHeader(f file, want payment.ID) error {
	got, err := readHeader(f)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%w: %s, not %s", ErrOtherTerminal, got, want)
	}
	return nil
}

// distrust makes what is read be what is on the disk. What a write or sync that failed left behind is cut
// off, to be written anew: it may be in memory only, and would never get to the disk. What a crash left in
// memory is synced.
func (s *second) distrust(synced int64) error {
	if synced > secondHeader && synced < s.size {
		return s.cut(synced)
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("syncing the second medium: %w", err)
	}
	s.synced = s.size
	return nil
}

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
