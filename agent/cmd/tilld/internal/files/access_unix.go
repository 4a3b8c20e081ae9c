//go:build unix

package files

import (
	"os"

	"golang.org/x/sys/unix"
)

// Writable says why this user may not read and write there; of a directory, why not make files in it.
func Writable(path string) error {
	mode := uint32(unix.R_OK | unix.W_OK)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		mode |= unix.X_OK
	}
	return unix.Access(path, mode)
}
