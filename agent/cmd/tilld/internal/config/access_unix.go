//go:build unix

package config

import (
	"os"
	"syscall"
)

// sameDisk says whether two files are in one file system, as far as they are there.
func sameDisk(a, b string) bool {
	device := func(path string) (uint64, bool) {
		info, err := os.Stat(path)
		if err != nil {
			return 0, false
		}
		s, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return 0, false
		}
		return uint64(s.Dev), true
	}
	x, okX := device(a)
	y, okY := device(b)
	return okX && okY && x == y
}
