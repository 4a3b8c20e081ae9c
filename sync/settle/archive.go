package settle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tilld/agent/payment"
)

// Errors of Archive. Match with errors.Is.
var (
	ErrNotArchived = errors.New("no such batch in the archive")
	ErrArchived    = errors.New("the archive holds other bytes under this batch's identifier")
)

// Form is one of the files that a batch is kept as.
type Form string

// The forms.
const (
	FormJSON     Form = "batch.json"
	FormCSV      Form = "batch.csv"
	FormManifest Form = "manifest.json"
)

// Archive keeps the bytes of batches in a directory apart from the ledger, so that a batch which somebody
// may have seen outlives the ledger's loss. A batch is there whole or not at all: its files are written
// and synced in a directory of their own, which is then given its name.
//
//	DIR/2026-11-22/01M808…/batch.json  batch.csv  manifest.json
//	DIR/2026-11-22/.new-01M808…/       what a crash left; OpenArchive sweeps it
type Archive struct {
	dir    string
	before func(op, path string) error // called before each step on the disk; for tests
}

const unfinished = ".new-"

// OpenArchive makes the directory when it is not there, and sweeps what a crash left unfinished. One
// process at a time may write to it.
func OpenArchive(dir string) (*Archive, error) {
	a := &Archive{dir: filepath.Clean(dir), before: func(string, string) error { return nil }}
	if err := a.create(); err != nil {
		return nil, fmt.Errorf("opening the archive: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(globSafe(a.dir), "*", unfinished+"*"))
	if err != nil {
		return nil, fmt.Errorf("opening the archive: %w", err)
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return nil, fmt.Errorf("sweeping the archive: %w", err)
		}
	}
	return a, nil
}

// globSafe keeps the characters of a path from being taken for a pattern.
func globSafe(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// Before has f called before each step on the disk (mkdir, create, write, sync, rename, remove) with the path that it
// is about; an error of f is the step's, and the step is not done. It is how tests bring about what disks do. Call it
// before the archive is used.
func (a *Archive) Before(f func(op, path string) error) { a.before = f }

// Put archives a batch. When it returns nil the bytes survive a power cut. The same batch again is nil as
// well; another one under the same identifier is ErrArchived and changes nothing.
func (a *Archive) Put(b *Batch) error {
	files, err := filesOf(b)
	if err != nil {
		return err
	}
	final := a.path(b.ID)
	if _, err := os.Lstat(final); errors.Is(err, fs.ErrNotExist) {
		err = a.write(final, files)
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := same(final, files); err != nil {
		return fmt.Errorf("archiving %s: %w", b.Key, err)
	}
	// A crash may have come between the rename and its sync.
	return a.syncAbove(final)
}

// path is where a batch lies: its settlement date is in its identifier.
func (a *Archive) path(id payment.ID) string {
	return filepath.Join(a.dir, payment.DateOf(id.Time()).String(), id.String())
}

// Open gives the archived bytes of a batch in one form, raw. The caller closes it. A batch that is not
// there is ErrNotArchived.
func (a *Archive) Open(id payment.ID, form Form) (io.ReadSeekCloser, error) {
	f, err := os.Open(filepath.Join(a.path(id), string(form)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotArchived, id)
	}
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return f, nil
}

// Load reads a batch back and checks it against its content hash.
func (a *Archive) Load(id payment.ID) (*Batch, error) {
	f, err := a.Open(id, FormJSON)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	b, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("archive: %s: %w", id, err)
	}
	if b.ID != id {
		return nil, fmt.Errorf("archive: %s: %w: it is %s", id, ErrBatch, b.ID)
	}
	return b, nil
}

// List names the batches in the archive, by settlement date. A directory in it that can't be read is an error: who took it for an
// empty one would settle twice.
func (a *Archive) List() ([]payment.ID, error) {
	dates, err := os.ReadDir(a.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	var ids []payment.ID
	for _, date := range dates {
		if _, err := payment.ParseDate(date.Name()); err != nil {
			continue
		}
		batches, err := os.ReadDir(filepath.Join(a.dir, date.Name()))
		if err != nil {
			return nil, fmt.Errorf("archive: %w", err)
		}
		for _, b := range batches {
			if id, err := payment.ParseID(b.Name()); err == nil && a.path(id) == filepath.Join(a.dir, date.Name(), b.Name()) {
				ids = append(ids, id)
			}
		}
	}
	slices.SortFunc(ids, compareID)
	return ids, nil
}
