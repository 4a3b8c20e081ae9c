//go:build linux || darwin || freebsd

package journal

import "golang.org/x/sys/unix"

// freeBytes is what this user may still write under a directory.
func freeBytes(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return uint64(max(st.Bavail, 0)) * uint64(st.Bsize), nil
}
