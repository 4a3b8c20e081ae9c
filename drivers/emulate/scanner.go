// Package emulate plays counter devices on pseudo-terminals, for demonstrations, rehearsals and tests: the lane opens
// them through the same serial driver, lock and profile as a real device.
//
// A pseudo-terminal is not a wire: it has no baud rate, no modem lines and no USB identity. Unplugging and coming
// back under another name are played as the kernel does it, by a hang-up and by a stable link whose target changes.
package emulate

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// ErrUnplugged is returned for sending from a scanner that is unplugged, or gets unplugged meanwhile.
var ErrUnplugged = errors.New("the emulated scanner is unplugged")

// Options say how the emulated scanner has been set up. The zero value sends each code in one piece with CR behind.
type Options struct {
	Prefix string                               // sent in front of each code: "\x02", "]Q1"
	Suffix string                               // sent behind each code; empty means "\r"
	Chunk  int                                  // bytes sent at a time; 0 means all at once
	Delay  time.Duration                        // pause between chunks
	After  func(time.Duration) <-chan time.Time // the clock of Delay; nil means time.After
}

// Scanner is an emulated barcode scanner. Its methods may be called from any goroutine.
type Scanner struct {
	link string
	opt  Options

	sending sync.Mutex // one code at a time, as a scanner does

	mu      sync.Mutex
	pty     *terminal // nil while unplugged
	last    string    // the device name it had most recently
	retired bool
}

// NewScanner plugs in a scanner under a stable name: link becomes a symbolic link to its device, like those in
// /dev/serial/by-id. Missing folders are made; an old link is replaced, any other file at that place is an error.
// Close it to free the device.
func NewScanner(link string, opt Options) (*Scanner, error) {
	if opt.Suffix == "" {
		opt.Suffix = "\r"
	}
	if opt.After == nil {
		opt.After = time.After
	}
	link, err := filepath.Abs(link)
	if err != nil {
		return nil, fmt.Errorf("emulated scanner: %w", err)
	}
	if info, err := os.Lstat(link); err == nil && info.Mode().Type() != os.ModeSymlink {
		return nil, fmt.Errorf("emulated scanner: %s is there and is no symbolic link", link)
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return nil, fmt.Errorf("emulated scanner: %w", err)
	}
	s := &Scanner{link: link, opt: opt}
	if err := s.Replug(); err != nil {
		return nil, err
	}
	return s, nil
}

// Link is the stable name to configure.
func (s *Scanner) Link() string { return s.link }

// Device is the name of the pseudo-terminal, or of the last one while unplugged.
func (s *Scanner) Device() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Plugged tells whether the scanner is plugged in.
func (s *Scanner) Plugged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pty != nil
}

// Send sends one code as a real scanner would, with prefix and suffix. It returns when the system has all of it,
// which is not yet when the lane has read it.
func (s *Scanner) Send(code string) error {
	return s.SendRaw([]byte(s.opt.Prefix + code + s.opt.Suffix))
}

// SendRaw sends exactly these bytes, in the chunks and with the pauses that are set.
func (s *Scanner) SendRaw(b []byte) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.mu.Lock()
	pty := s.pty
	s.mu.Unlock()
	if pty == nil {
		return ErrUnplugged
	}
	size := s.opt.Chunk
	if size <= 0 {
		size = len(b)
	}
	for len(b) > 0 {
		n := min(size, len(b))
		if _, err := pty.master.Write(b[:n]); err != nil {
			return ErrUnplugged // nothing else ends a write to a pseudo-terminal
		}
		if b = b[n:]; len(b) == 0 || s.opt.Delay <= 0 {
			continue
		}
		select {
		case <-s.opt.After(s.opt.Delay):
		case <-pty.gone:
			return ErrUnplugged
		}
	}
	return nil
}

// Unplug pulls the cable: whoever has the device open is hung up, what it had not read is lost, and the link
// disappears. A Send that is under way ends with ErrUnplugged.
func (s *Scanner) Unplug() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unplug()
}

func (s *Scanner) unplug() error {
	if s.pty == nil {
		return nil
	}
	// The link goes first: once the device is closed its name can belong to somebody else's terminal.
	err := s.unlink()
	s.pty.close()
	s.pty = nil
	return err
}

// unlink removes the link unless it has come to point elsewhere.
func (s *Scanner) unlink() error {
	target, err := os.Readlink(s.link)
	if err != nil || target != s.pty.name {
		return nil
	}
	if err := os.Remove(s.link); err != nil {
		return fmt.Errorf("emulated scanner: %w", err)
	}
	return nil
}

// Replug plugs the scanner in again (pulling it out first if need be): a new device, under another name than it had
// last, and the link to it.
func (s *Scanner) Replug() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retired {
		return ErrUnplugged
	}
	if err := s.unplug(); err != nil {
		return err
	}
	pty, err := openOther(s.last)
	if err != nil {
		return fmt.Errorf("emulated scanner: %w", err)
	}
	if err := relink(pty.name, s.link); err != nil {
		pty.close()
		return fmt.Errorf("emulated scanner: %w", err)
	}
	s.pty, s.last = pty, pty.name
	return nil
}

// Close unplugs the scanner for good.
func (s *Scanner) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
	return s.unplug()
}

// openOther opens a pseudo-terminal whose name is not last: the system gives the lowest free number, which is often
// the one that has just been given back.
func openOther(last string) (*terminal, error) {
	var same []*terminal
	defer func() {
		for _, t := range same {
			t.close()
		}
	}()
	for range 8 {
		t, err := openTerminal()
		if err != nil {
			return nil, err
		}
		if t.name != last {
			return t, nil
		}
		same = append(same, t)
	}
	return nil, fmt.Errorf("no pseudo-terminal but %s to be had", last)
}

// relink points link at target in one step, so that nobody finds it missing or half made.
func relink(target, link string) error {
	dir, err := os.MkdirTemp(filepath.Dir(link), ".emulate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tmp := filepath.Join(dir, "link")
	if err := os.Symlink(target, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, link)
}

// drain throws away what the lane writes to the scanner, so that its writes never block.
func drain(r io.Reader) { _, _ = io.Copy(io.Discard, r) }
