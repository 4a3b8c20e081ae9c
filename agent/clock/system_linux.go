package clock

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bootIDFile names this start of the machine: a random UUID (proc(5), /proc/sys/kernel/random).
const bootIDFile = "/proc/sys/kernel/random/boot_id"

// System is the machine's own clocks. It fails where there is no boot-time clock, rather than let a lane
// run on a wall clock that anybody can set.
func System() (Source, error) {
	id, err := os.ReadFile(bootIDFile)
	if err != nil {
		return Source{}, fmt.Errorf("reading which start of the machine this is: %w", err)
	}
	name := strings.TrimSpace(string(id))
	if name == "" {
		return Source{}, fmt.Errorf("reading which start of the machine this is: %s is empty", bootIDFile)
	}
	if _, err := bootTime(); err != nil {
		return Source{}, err
	}
	return Source{Wall: time.Now, Boot: bootTime, BootID: name}, nil
}

// bootTime reads CLOCK_BOOTTIME (clock_gettime(2)): monotonic, not settable, and unlike CLOCK_MONOTONIC it
// goes on while the machine sleeps.
func bootTime() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("reading the boot-time clock: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
