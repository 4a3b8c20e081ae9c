//go:build unix

package files

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrLocked says that another process works in the directory.
var ErrLocked = errors.New("in use by another process")

// Lock takes a directory for this process alone, by a lock file that ends with the process. The release
// gives it back.
func Lock(path string) (release func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("%s: %w", path, ErrLocked)
		}
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}
