package serve

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// poor is a listener of a machine that has no file descriptors until a moment.
type poor struct {
	net.Listener
	until time.Time
	err   error
	tries int
}

func (p *poor) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7801} }
func (p *poor) Close() error   { return nil }

func (p *poor) Accept() (net.Conn, error) {
	p.tries++
	if time.Now().Before(p.until) {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", p.err)}
	}
	c, _ := net.Pipe()
	return c, nil
}

func TestPatient(t *testing.T) {
	for _, tt := range []struct {
		err   error
		lines int
		tries int
	}{{syscall.EMFILE, 5, 301}, {syscall.ENFILE, 5, 301}, {syscall.EINVAL, 0, 1}} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			p := &poor{until: time.Now().Add(5 * time.Minute), err: tt.err}
			c, err := Patient(p, slog.New(slog.NewTextHandler(&log, nil))).Accept()
			if waits := tt.lines > 0; waits != (err == nil) || waits != (c != nil) {
				t.Errorf("%v: %v", tt.err, err)
			}
			if n := strings.Count(log.String(), "nobody new can connect"); n != tt.lines || p.tries != tt.tries {
				t.Errorf("%v: %d tries, %d lines:\n%s", tt.err, p.tries, n, log.String())
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		l := Patient(&poor{until: time.Now().Add(time.Hour), err: syscall.EMFILE}, slog.New(slog.DiscardHandler))
		done := make(chan error)
		go func() { _, err := l.Accept(); done <- err }()
		synctest.Wait()
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}
