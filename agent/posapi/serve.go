package posapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// ErrNotLoopback reports a listener that other machines could reach.
var ErrNotLoopback = errors.New("the POS API is for this machine alone: the address must be a loopback one")

// Bounds of a connection.
const (
	headerLimit   = 10 * time.Second
	requestLimit  = 30 * time.Second // from its first byte to the answer's last; a stream is not bound by it
	idleLimit     = 2 * time.Minute
	maxHeader     = 16 << 10
	shutdownLimit = 5 * time.Second
)

// Serve answers requests until ctx is done; then it ends the event streams, lets requests under way finish for
// a few seconds and returns ctx's error. It closes the listener, and refuses one off loopback.
func (a *API) Serve(ctx context.Context, ln net.Listener) error {
	if tcp, ok := ln.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return errors.Join(fmt.Errorf("%s: %w", ln.Addr(), ErrNotLoopback), ln.Close())
	}
	srv := &http.Server{
		Handler: a, ReadHeaderTimeout: headerLimit, ReadTimeout: requestLimit, WriteTimeout: requestLimit, IdleTimeout: idleLimit,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelError),
	}
	srv.RegisterOnShutdown(a.EndStreams)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	select {
	case err := <-done:
		return fmt.Errorf("serving the POS API: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		return errors.Join(ctx.Err(), srv.Close())
	}
	return ctx.Err()
}

// EndStreams ends the event streams, those of now and those to come. A server of the caller's own calls it
// when it begins to shut down, since streams would not end by themselves.
func (a *API) EndStreams() { a.end() }
