package sim

import (
	"errors"
	"syscall"
)

// shelf is the disk under HQ's archive of batches: its steps are files', not a database's.
type shelf struct {
	o      *office
	fault  DiskFault // to come
	after  int       // steps before it
	bad    error     // that has come to stay
	last   bool      // the step that is done now is the last
	failed bool      // a step has failed since the program began
	Steps  int
}

var errShelf = errors.New("archive: the process is dead")

// step is asked before each step of the archive.
func (s *shelf) step(string, string) error {
	s.Steps++
	if s.last {
		s.last = false
		s.o.w.must(s.o.disk.Kill())
	}
	if s.o.disk.Dead() {
		return errShelf
	}
	if s.bad != nil {
		s.failed = true
		return s.bad
	}
	if s.fault == "" {
		return nil
	}
	if s.after > 0 {
		s.after--
		return nil
	}
	f := s.fault
	s.fault = ""
	switch f {
	case KillBefore:
		s.o.w.must(s.o.disk.Kill())
		return errShelf
	case KillAfter:
		s.last = true
		return nil
	case FailOn:
		s.bad = syscall.EIO
	case Full:
		s.bad = syscall.ENOSPC
	}
	s.failed = true
	if s.bad != nil {
		return s.bad
	}
	return syscall.EIO
}

// mend takes faults that stay away, and those to come.
func (s *shelf) mend() { s.fault, s.bad, s.last = "", nil, false }
