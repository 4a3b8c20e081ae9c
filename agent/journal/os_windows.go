package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// errHeld says that somebody else holds the lock.
var errHeld = errors.New("held")

// lockOffset is far behind the holder's name: Windows keeps others from reading what is locked.
const lockOffset = 1 << 30

// flock locks one byte of the open file, so that another handle in this process is refused as well.
func flock(f *os.File) error {
	at := &windows.Overlapped{Offset: lockOffset}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errHeld
	}
	return err
}

// checkPrivate does nothing: the mode bits say nothing on Windows. The data directory's access list must
// name the service's user alone.
func checkPrivate(fs.FileInfo) error { return nil }

// sameDisk says whether two paths lie on one volume.
func sameDisk(a, b string) bool {
	absA, errA := filepath.Abs(a)
	absB, errB := filepath.Abs(b)
	return errA == nil && errB == nil && filepath.VolumeName(absA) == filepath.VolumeName(absB)
}
