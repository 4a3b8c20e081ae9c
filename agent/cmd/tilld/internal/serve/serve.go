// Package serve runs an HTTP server for as long as a context lives.
//
// The end of the context ends only the live views at once, which would go on for ever: any other request that
// is under way may finish, so its own context lives on. What the handlers use must therefore be closed after
// HTTP has returned, and not when the context ends.
package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// grace is how long requests may take to finish.
const grace = 3 * time.Second

const maxHeader = 64 << 10

// HTTP answers on a listener until ctx ends, lets requests that are under way finish for a moment, and returns
// ctx's error. It closes the listener.
func HTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: endViews(ctx, h), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader,
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := srv.Shutdown(late); err != nil {
		return errors.Join(ctx.Err(), srv.Close()) // what is not done by now is cut
	}
	return ctx.Err()
}

// endViews ends live views with ctx. A browser's EventSource says that it wants one.
func endViews(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
			view, cancel := context.WithCancel(r.Context())
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			r = r.WithContext(view)
		}
		next.ServeHTTP(w, r)
	})
}
