package sim

import (
	"os"
	"strings"
	"testing"
)

// openFiles are the files of a run that are still open.
func openFiles(t *testing.T, base string) (n int) {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if name, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(name, base) {
			n++
		}
	}
	return n
}

// TestNothingStaysOpen: a lane tries for ever to reopen its journal on a disk that fails; it must not run out of
// files before somebody mends that.
func TestNothingStaysOpen(t *testing.T) {
	base := room(t)
	for _, kind := range []Kind{LaneDisk, HQDisk} {
		for _, how := range []DiskFault{FailOn, Full, FailOnce, KillWithin} {
			plan := PlanOf(4)
			plan.Incidents = []Incident{{Kind: kind, How: how, Arg: 5, For: plan.Span}}
			if _, err := run(t, base, plan, Bug{}, nil); err != nil {
				t.Errorf("%s, %s: %v", kind, how, err)
			}
			if n := openFiles(t, base); n > 0 {
				t.Errorf("%s, %s: %d files are open behind the run", kind, how, n)
			}
		}
	}
}
