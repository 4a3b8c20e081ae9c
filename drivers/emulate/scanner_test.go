//go:build unix

package emulate

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tilld/drivers/port"
)

func plugIn(t *testing.T, opt Options) *Scanner {
	t.Helper()
	s, err := NewScanner(filepath.Join(t.TempDir(), "by-id", "usb-Emulated_Scanner-if00"), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func open(t *testing.T, s *Scanner) port.Port {
	t.Helper()
	p, err := port.Open(port.Spec{Path: s.Link()}, port.Settings{Baud: 115200}, port.Options{LockDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// read reads exactly n bytes.
func read(t *testing.T, p port.Port, n int) []byte {
	t.Helper()
	var got []byte
	buf := make([]byte, n)
	for len(got) < n {
		m, err := p.Read(buf[:n-len(got)])
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(got), err)
		}
		got = append(got, buf[:m]...)
	}
	return got
}

func TestSendArrivesUnchanged(t *testing.T) {
	s := plugIn(t, Options{Prefix: "\x02]Q1", Suffix: "\r\n"})
	p := open(t, s)
	if p.Device() != s.Device() {
		t.Errorf("the lane has %s open, the scanner is %s", p.Device(), s.Device())
	}
	if err := s.Send("hello"); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, p, 11), []byte("\x02]Q1hello\r\n"); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	every := make([]byte, 256) // no byte is a command to the terminal
	for i := range every {
		every[i] = byte(i)
	}
	if err := s.SendRaw(every); err != nil {
		t.Fatal(err)
	}
	if got := read(t, p, len(every)); !bytes.Equal(got, every) {
		t.Errorf("raw bytes came as %x", got)
	}
}

func TestChunksWaitForTheClock(t *testing.T) {
	asked := make(chan time.Duration)
	tick := make(chan time.Time)
	s := plugIn(t, Options{Chunk: 2, Delay: 7 * time.Millisecond, After: func(d time.Duration) <-chan time.Time {
		asked <- d
		return tick
	}})
	p := open(t, s)
	sent := make(chan error, 1)
	go func() { sent <- s.Send("abcd") }()
	for _, want := range []string{"ab", "cd"} {
		if got := string(read(t, p, 2)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if d := <-asked; d != 7*time.Millisecond {
			t.Errorf("waits %v between chunks", d)
		}
		tick <- time.Time{}
	}
	if got := string(read(t, p, 1)); got != "\r" {
		t.Errorf("ends with %q", got)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestUnplugAndReplug(t *testing.T) {
	s := plugIn(t, Options{})
	p := open(t, s)
	first := s.Device()
	if err := s.Unplug(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Read(make([]byte, 8)); !errors.Is(err, port.ErrUnplugged) {
		t.Errorf("read says %v, want unplugged", err)
	}
	if err := s.Send("x"); !errors.Is(err, ErrUnplugged) {
		t.Errorf("send says %v, want unplugged", err)
	}
	if _, err := os.Lstat(s.Link()); !errors.Is(err, os.ErrNotExist) || s.Plugged() {
		t.Errorf("link: %v, plugged: %v", err, s.Plugged())
	}
	if err := s.Unplug(); err != nil {
		t.Errorf("unplugged twice: %v", err)
	}
	p.Close()
	if err := s.Replug(); err != nil {
		t.Fatal(err)
	}
	if s.Device() == first || !s.Plugged() {
		t.Errorf("back as %s, was %s", s.Device(), first)
	}
	p = open(t, s)
	if err := s.Send("back"); err != nil {
		t.Fatal(err)
	}
	if got := string(read(t, p, 5)); got != "back\r" {
		t.Errorf("got %q", got)
	}
}

func TestUnplugEndsABlockedSend(t *testing.T) {
	s := plugIn(t, Options{Chunk: 512})
	open(t, s) // and nobody reads
	sent := make(chan error, 1)
	go func() { sent <- s.SendRaw(make([]byte, 1<<20)) }()
	if err := s.Unplug(); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; !errors.Is(err, ErrUnplugged) {
		t.Errorf("got %v", err)
	}
}

func TestSendersTakeTurns(t *testing.T) {
	s := plugIn(t, Options{Chunk: 1})
	p := open(t, s)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := s.Send("0123456789"); err != nil {
				t.Error(err)
			}
		})
	}
	if got, want := string(read(t, p, 8*11)), strings.Repeat("0123456789\r", 8); got != want {
		t.Errorf("codes are mixed: %q", got)
	}
	all.Wait()
}

func TestClosedForGood(t *testing.T) {
	s := plugIn(t, Options{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Replug(); !errors.Is(err, ErrUnplugged) {
		t.Errorf("plugged in again after Close: %v", err)
	}
}

func TestTheLinkIsGuarded(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "journal.db")
	if err := os.WriteFile(file, []byte("money"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewScanner(file, Options{}); err == nil {
		t.Error("a file that is no link was replaced")
	}
	stale := filepath.Join(dir, "stale")
	if err := os.Symlink("/dev/pts/no-more", stale); err != nil {
		t.Fatal(err)
	}
	s, err := NewScanner(stale, Options{})
	if err != nil {
		t.Fatalf("an old link is in the way: %v", err)
	}
	// Somebody else's link at our place is left alone.
	if err := os.Remove(stale); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", stale); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(stale); err != nil || target != "/dev/null" {
		t.Errorf("link is %q, %v", target, err)
	}
}

func TestExclusiveModeDoesNotOutliveItsHolder(t *testing.T) {
	s := plugIn(t, Options{})
	lane, err := os.OpenFile(s.Device(), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lane.Close()
	if err := unix.IoctlSetInt(int(lane.Fd()), unix.TIOCEXCL, 0); err != nil {
		t.Fatal(err)
	}
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-poll.C {
		exclusive, err := unix.IoctlGetInt(int(lane.Fd()), unix.TIOCGEXCL)
		if err != nil {
			t.Fatal(err)
		}
		if exclusive == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the device stays exclusive")
		}
	}
}
