//go:build unix

package port

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"

	"tilld/drivers/emulate"
)

var wire = Settings{Baud: 115200}

func plugIn(t *testing.T) *emulate.Scanner {
	t.Helper()
	s, err := emulate.NewScanner(filepath.Join(t.TempDir(), "scanner"), emulate.Options{})
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

func mustOpen(t *testing.T, path string, opt Options) Port {
	t.Helper()
	p, err := Open(Spec{Path: path}, wire, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestReadWhatTheDeviceSends(t *testing.T) {
	s := plugIn(t)
	if err := s.Send("before anybody listened"); err != nil {
		t.Fatal(err)
	}
	p := mustOpen(t, s.Link(), Options{LockDir: t.TempDir()})
	if err := s.Send("now"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if _, err := io.ReadFull(p, got); err != nil || string(got) != "now\r" {
		t.Fatalf("got %q, %v", got, err)
	}
	if n, err := p.Read(nil); n != 0 || err != nil {
		t.Errorf("an empty read says %d, %v", n, err)
	}
	if n, err := p.Write([]byte("\x07")); n != 1 || err != nil {
		t.Errorf("a write says %d, %v", n, err)
	}
}

func TestCloseWakesARead(t *testing.T) {
	p := mustOpen(t, plugIn(t).Link(), Options{LockDir: t.TempDir()})
	read := make(chan error, 1)
	go func() {
		_, err := p.Read(make([]byte, 8))
		read <- err
	}()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, ErrClosed) {
		t.Errorf("read says %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := p.Write([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("write says %v", err)
	}
}

func TestUnplugEndsARead(t *testing.T) {
	s := plugIn(t)
	p := mustOpen(t, s.Link(), Options{LockDir: t.TempDir()})
	read := make(chan error, 1)
	go func() {
		_, err := p.Read(make([]byte, 8))
		read <- err
	}()
	if err := s.Unplug(); err != nil {
		t.Fatal(err)
	}
	for i, err := range []error{<-read, func() error { _, err := p.Read(make([]byte, 8)); return err }()} {
		if !errors.Is(err, ErrUnplugged) || errors.Is(err, ErrClosed) {
			t.Errorf("read %d says %v", i, err)
		}
	}
	if _, err := p.Write([]byte("x")); !errors.Is(err, ErrUnplugged) {
		t.Errorf("write says %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestOneDeviceOneUser(t *testing.T) {
	s, locks := plugIn(t), t.TempDir()
	other := filepath.Join(t.TempDir(), "by-path")
	if err := os.Symlink(s.Device(), other); err != nil {
		t.Fatal(err)
	}
	p := mustOpen(t, s.Link(), Options{LockDir: locks})
	for _, path := range []string{s.Link(), other, s.Device()} {
		if _, err := Open(Spec{Path: path}, wire, Options{LockDir: locks}); !errors.Is(err, ErrBusy) {
			t.Errorf("second user by %s: %v", path, err)
		}
	}
	p.Close()
	mustOpen(t, other, Options{LockDir: locks})
}

func TestOpenRefuses(t *testing.T) {
	opt := Options{LockDir: t.TempDir()}
	tests := []struct {
		name string
		spec Spec
		set  Settings
		want error
	}{
		{"nothing named", Spec{}, wire, ErrNotFound},
		{"not there", Spec{Path: "/dev/serial/by-id/none"}, wire, ErrNotFound},
		{"no terminal", Spec{Path: "/dev/null"}, wire, ErrNotSerial},
		{"a folder", Spec{Path: "/tmp"}, wire, ErrNotSerial},
		{"no such USB device", Spec{USB: []USBID{{0xffff, 0xfffe}}}, wire, ErrNotFound},
		{"no baud", Spec{Path: "/dev/null"}, Settings{}, ErrNotSerial},
		{"parity", Spec{Path: "/dev/null"}, Settings{Baud: 9600, Parity: "maybe"}, ErrNotSerial},
		{"stop bits", Spec{Path: "/dev/null"}, Settings{Baud: 9600, StopBits: 3}, ErrNotSerial},
		{"data bits", Spec{Path: plugIn(t).Link()}, Settings{Baud: 9600, DataBits: 9}, ErrNotSerial},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Open(tt.spec, tt.set, opt)
			if !errors.Is(err, tt.want) || Kind(err) != tt.want || p != nil {
				t.Errorf("got %v, %v; want %v", p, err, tt.want)
			}
		})
	}
	// A refused device is not left locked.
	l, err := lockDevice(opt.LockDir, "/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	l.release()
}

func TestEverySettingOpens(t *testing.T) {
	s, opt := plugIn(t), Options{LockDir: t.TempDir()}
	for _, set := range []Settings{
		{Baud: 9600, DataBits: 7, Parity: ParityEven, StopBits: 2},
		{Baud: 921600, DataBits: 8, Parity: ParityOdd, StopBits: 1},
		{Baud: 1200, Parity: ParityNone},
	} {
		p, err := Open(Spec{Path: s.Link()}, set, opt)
		if err != nil {
			t.Errorf("%+v: %v", set, err)
			continue
		}
		p.Close()
	}
}

// TestManyOpenFiles: beyond descriptor 1023 the serial package panics; a busy HQ machine must get an error instead.
func TestManyOpenFiles(t *testing.T) {
	s := plugIn(t)
	var open []*os.File
	defer func() {
		for _, f := range open {
			f.Close()
		}
	}()
	for range 1100 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, f)
	}
	p := mustOpen(t, s.Link(), Options{LockDir: t.TempDir()})
	if _, err := p.Read(make([]byte, 8)); !errors.Is(err, ErrTooManyFiles) {
		t.Errorf("got %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// slowDevice times out before it has something, and its writes block until the output buffer is reset.
type slowDevice struct {
	device
	timeouts int
	writing  chan struct{}
	reset    chan struct{}
}

func (d *slowDevice) Read(b []byte) (int, error) {
	if d.timeouts--; d.timeouts >= 0 {
		return 0, nil
	}
	return copy(b, "late"), nil
}

func (d *slowDevice) Write(b []byte) (int, error) {
	close(d.writing)
	<-d.reset
	return len(b), nil
}

func (d *slowDevice) ResetOutputBuffer() error { close(d.reset); return nil }
func (d *slowDevice) Close() error             { return nil }

func newSlow(t *testing.T) (*slowDevice, *serialPort) {
	t.Helper()
	l, err := lockDevice(t.TempDir(), "/dev/slow")
	if err != nil {
		t.Fatal(err)
	}
	d := &slowDevice{writing: make(chan struct{}), reset: make(chan struct{})}
	return d, newSerialPort(d, "/dev/slow", l)
}

func TestTimeoutsStayInside(t *testing.T) {
	d, p := newSlow(t)
	d.timeouts = 5
	b := make([]byte, 8)
	if n, err := p.Read(b); err != nil || string(b[:n]) != "late" {
		t.Errorf("got %q, %v", b[:n], err)
	}
}

func TestCloseEndsABlockedWrite(t *testing.T) {
	d, p := newSlow(t)
	wrote := make(chan error, 1)
	sent := 0
	go func() {
		n, err := p.Write([]byte(strings.Repeat("x", 3*writeChunk)))
		sent = n
		wrote <- err
	}()
	<-d.writing
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; !errors.Is(err, ErrClosed) || sent != writeChunk {
		t.Errorf("sent %d, %v", sent, err)
	}
}

// TestCloseIsNotHeldByABlockedWrite: the other side of this terminal takes nothing, and the system has no way to wake
// the writer.
func TestCloseIsNotHeldByABlockedWrite(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	p := mustOpen(t, slave.Name(), Options{LockDir: t.TempDir()})
	wrote := make(chan error, 1)
	go func() {
		_, err := p.Write(make([]byte, 1<<20))
		wrote <- err
	}()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := master.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}
