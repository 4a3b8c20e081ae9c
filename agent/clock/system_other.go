//go:build !linux

package clock

import (
	"fmt"
	"runtime"
)

// System fails: a lane needs a clock that counts sleep and that nobody can set, and tilld knows how to ask
// Linux alone for one.
func System() (Source, error) {
	return Source{}, fmt.Errorf("a lane runs on Linux: no boot-time clock is known on %s", runtime.GOOS)
}
