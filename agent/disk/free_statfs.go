//go:build linux || darwin || freebsd

package disk

import "golang.org/x/sys/unix"

// Free is what this user may still write under a directory.
func Free(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return uint64(max(st.Bavail, 0)) * uint64(st.Bsize), nil
}
