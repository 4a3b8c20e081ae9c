//go:build unix

package disk

import (
	"errors"

	"golang.org/x/sys/unix"
)

// isFull says that a disk, a quota or a limit takes no more.
func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG)
}
