package serve

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// Pauses of a patient listener: between two tries, and between two lines in the log.
const (
	tryEvery = time.Second
	sayEvery = time.Minute
)

// Patient is a listener that waits out a machine's want of file descriptors or memory, and says so at once and then
// once a minute. http.Server waits too, but says it with each try, for ever.
func Patient(l net.Listener, log *slog.Logger) net.Listener {
	return &patient{Listener: l, log: log, closed: make(chan struct{}), now: time.Now, after: time.After}
}

type patient struct {
	net.Listener
	log   *slog.Logger
	now   func() time.Time
	after func(time.Duration) <-chan time.Time

	once   sync.Once
	closed chan struct{}

	// Accept's alone; it is called by one goroutine.
	said  time.Time
	tries int
}

// Accept waits for a connection.
func (p *patient) Accept() (net.Conn, error) {
	for {
		c, err := p.Listener.Accept()
		if err == nil || !passes(err) {
			return c, err
		}
		p.tries++
		if now := p.now(); now.Sub(p.said).Abs() >= sayEvery {
			p.log.Error("nobody new can connect; those who are connected are served", "address", p.Addr().String(), "error", err, "count", p.tries)
			p.said, p.tries = now, 0
		}
		select {
		case <-p.closed:
			return nil, net.ErrClosed
		case <-p.after(tryEvery):
		}
	}
}

// Close ends Accept.
func (p *patient) Close() error {
	p.once.Do(func() { close(p.closed) })
	return p.Listener.Close()
}

// passes says whether an error ends when somebody gives back what the machine is short of.
func passes(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
