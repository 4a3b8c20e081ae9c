package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// dirLock keeps a second lane out of a data directory. The lock is on a file of its own and never on the
// database: SQLite's locks are the process's, and closing any other handle on its file would drop them.
type dirLock struct{ f *os.File }

// lockDir takes the lock or says who holds it (ErrLocked). The operating system drops it with the process,
// however that ends; the file stays.
func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, LockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data directory: %w", err)
	}
	if err := flock(f); err != nil {
		err = lockError(path, err)
		return nil, errors.Join(err, f.Close())
	}
	if err := writeHolder(f); err != nil {
		return nil, errors.Join(fmt.Errorf("locking the data directory: %w", err), f.Close())
	}
	return &dirLock{f}, nil
}

func lockError(path string, err error) error {
	if !errors.Is(err, errHeld) {
		return fmt.Errorf("locking %s: %w", path, err)
	}
	holder, readErr := os.ReadFile(path)
	if readErr != nil || len(holder) == 0 {
		holder = []byte("another process")
	}
	return fmt.Errorf("%w: %s is held by %s", ErrLocked, path, strings.TrimSpace(string(holder)))
}

// writeHolder notes who holds the lock, for the one who is refused.
func writeHolder(f *os.File) error {
	host, err := os.Hostname()
	if err != nil {
		host = "an unnamed host"
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(fmt.Appendf(nil, "process %d on %s\n", os.Getpid(), host), 0)
	return err
}

// unlock gives the directory back.
func (l *dirLock) unlock() error { return l.f.Close() }
