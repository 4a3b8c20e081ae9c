package hqapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// ErrPlain reports an address off loopback without TLS. Tokens and figures would go over it in the clear.
var ErrPlain = errors.New("off loopback the API needs TLS")

// Bounds of a connection.
const (
	readTimeout     = 30 * time.Second
	writeTimeout    = 5 * time.Minute // the largest batch over a slow line
	idleTimeout     = 2 * time.Minute
	maxHeaderBytes  = 16 << 10
	shutdownTimeout = 5 * time.Second
)

// Listen opens the address, and refuses one off loopback (a name that means any interface among them)
// when there is no TLS.
func Listen(addr string, secure *tls.Config) (net.Listener, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("API address %s: %w", addr, err)
	}
	if secure == nil && !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("API address %s: %w", addr, ErrPlain)
	}
	ln, err := net.ListenTCP("tcp", tcp)
	if err != nil {
		return nil, fmt.Errorf("API address %s: %w", addr, err)
	}
	return ln, nil
}

// Serve answers requests until ctx is done, then lets those under way finish for a few seconds. It closes
// the listener, and refuses one off loopback when there is no TLS.
func (a *API) Serve(ctx context.Context, ln net.Listener, secure *tls.Config) error {
	if secure == nil && !onLoopback(ln.Addr()) {
		return errors.Join(fmt.Errorf("API address %s: %w", ln.Addr(), ErrPlain), ln.Close())
	}
	srv := &http.Server{
		Handler: a, ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, TLSConfig: atLeast12(secure),
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	done := make(chan error, 1)
	go func() {
		if secure != nil {
			done <- srv.ServeTLS(ln, "", "")
		} else {
			done <- srv.Serve(ln)
		}
	}()
	select {
	case err := <-done:
		return fmt.Errorf("serving the API: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		return errors.Join(ctx.Err(), srv.Close())
	}
	return ctx.Err()
}

func atLeast12(secure *tls.Config) *tls.Config {
	if secure == nil {
		return nil
	}
	c := secure.Clone()
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	return c
}

func onLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
