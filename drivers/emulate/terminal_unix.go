//go:build unix

package emulate

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/creack/pty"
	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// terminal is one pseudo-terminal: the master is the scanner's side, name the lane's.
type terminal struct {
	name   string
	master *os.File
	slave  *os.File
	gone   chan struct{} // closed with it
	once   sync.Once
}

func openTerminal() (*terminal, error) {
	m, slave, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	master, err := pollable(m)
	if err == nil {
		err = makeRaw(slave.Name())
	}
	if err != nil {
		m.Close()
		slave.Close()
		return nil, err
	}
	t := &terminal{name: slave.Name(), master: master, slave: slave, gone: make(chan struct{})}
	go drain(master)
	go t.share()
	return t, nil
}

// pollable gives the master to Go's poller, so that Close wakes a blocked Write. The pty package leaves the file in
// blocking mode, in which Close would wait for the write instead.
func pollable(m *os.File) (*os.File, error) {
	fd := int(m.Fd())
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("pseudo-terminal %s: %w", m.Name(), err)
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("pseudo-terminal %s: %w", m.Name(), err)
	}
	if err := m.Close(); err != nil {
		return nil, fmt.Errorf("pseudo-terminal %s: %w", m.Name(), err)
	}
	return os.NewFile(uintptr(dup), m.Name()), nil
}

// makeRaw puts the line into raw mode at once: until the lane opens it, it would echo codes back and turn CR into LF.
// The settings live as long as the terminal.
func makeRaw(name string) error {
	p, err := serial.Open(name, &serial.Mode{BaudRate: 115200, DataBits: 8})
	if err != nil {
		return fmt.Errorf("pseudo-terminal %s: %w", name, err)
	}
	if err := p.Close(); err != nil {
		return fmt.Errorf("pseudo-terminal %s: %w", name, err)
	}
	return nil
}

// share keeps the kernel's exclusive mode off the device. A serial port loses that mode with its last user; a
// pseudo-terminal does not, and after a lane was killed no lane but root's could open the scanner again.
func (t *terminal) share() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	defer t.slave.Close()
	for {
		select {
		case <-t.gone:
			return
		case <-tick.C:
			_ = unix.IoctlSetInt(int(t.slave.Fd()), unix.TIOCNXCL, 0) // the worst is that it stays exclusive
		}
	}
}

func (t *terminal) close() {
	t.once.Do(func() {
		close(t.gone)
		_ = t.master.Close() // the hang-up; there is nothing to flush
	})
}
