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

	"tilld/agent/disk"
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

// openFile opens the file, or begins it. A file without a head was never written to: a power cut leaves a
// shorter one, or one that is as long and holds nothing but zeros. Its name is made durable each time, since who
// made it may have been killed before that.
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
	headless := s.size < secondHeader
	if s.size == secondHeader {
		headless, err = isZero(f, secondHeader)
	}
	switch {
	case err != nil:
	case headless:
		err = s.begin(terminal)
	default:
		err = checkHeader(f, terminal)
	}
	if err == nil {
		err = disk.SyncDir(filepath.Dir(s.path))
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
	return s.write(encodeHeader(terminal))
}

// isZero says whether the first n bytes are all zero.
func isZero(r io.ReaderAt, n int) (bool, error) {
	b := make([]byte, n)
	if _, err := r.ReadAt(b, 0); err != nil {
		return false, err
	}
	return bytes.Equal(b, make([]byte, n)), nil
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
