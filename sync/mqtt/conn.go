package mqtt

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A wire is the client's network connection. paho closes it as the first step when a connection
// ends, whatever the reason, and waits for our handler only after that: ended is what wakes the
// handler and everybody who waits for an answer.
type wire struct {
	net.Conn
	in      *bufio.Reader // paho reads headers byte by byte
	timeout time.Duration // for each write; a peer that is gone must not hold us for ever
	guard   guard
	ended   chan struct{}

	writing sync.Mutex // keeps a write and its deadline together: paho pings from another goroutine
	mu      sync.Mutex
	reason  error // of the first read or write that failed by itself
	closed  bool
}

// dial connects and does the TLS handshake, within timeout and while ctx lives.
func dial(ctx context.Context, c *Config, a address) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	conn, err := c.Dial(ctx, "tcp", a.hostport)
	if err != nil {
		return nil, err
	}
	if a.tls {
		t := tls.Client(conn, tlsFor(c.TLS, a.host))
		if err := t.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("TLS: %w", err)
		}
		conn = t
	}
	return &wire{Conn: conn, in: bufio.NewReaderSize(conn, 16<<10), timeout: c.Timeout, ended: make(chan struct{})}, nil
}

func tlsFor(c *tls.Config, host string) *tls.Config {
	if c == nil {
		c = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if c.ServerName == "" {
		c = c.Clone()
		c.ServerName = host
	}
	return c
}

// Read passes on what the guard lets through.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.in.Read(p)
	if bad := w.guard.check(p[:n]); bad != nil {
		n, err = 0, bad
	}
	w.note(err)
	return n, err
}

// Write writes within the timeout.
func (w *wire) Write(p []byte) (int, error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	err := w.Conn.SetWriteDeadline(time.Now().Add(w.timeout))
	n := 0
	if err == nil {
		n, err = w.Conn.Write(p)
	}
	w.note(err)
	return n, err
}

// SetWriteDeadline does nothing: Write sets its own, and paho would clear it under another write.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// Close ends the connection; again does nothing.
func (w *wire) Close() error {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	if !first {
		return nil
	}
	close(w.ended) // first: closing TLS may take seconds
	return w.Conn.Close()
}

// note keeps the first failure that was not our own Close.
func (w *wire) note(err error) {
	if err == nil {
		return
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the broker closed the connection")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reason == nil && !w.closed {
		w.reason = err
	}
}

// why is the first failure; nil when the connection was closed on this side.
func (w *wire) why() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reason
}
