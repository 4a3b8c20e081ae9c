package serve

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// wire is a listener in memory, so that time can be a test's own.
type wire struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newWire() *wire { return &wire{make(chan net.Conn), make(chan struct{})} }

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error   { close(w.closed); return nil }
func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

// ask sends a request and returns the answer, or why there is none.
func (w *wire) ask(accept string) <-chan answer {
	near, far := net.Pipe()
	w.conns <- far
	got := make(chan answer, 1)
	go func() {
		defer near.Close()
		if _, err := io.WriteString(near, "GET / HTTP/1.1\r\nHost: lane\r\nAccept: "+accept+"\r\n\r\n"); err != nil {
			got <- answer{err: err}
			return
		}
		resp, err := http.ReadResponse(bufio.NewReader(near), nil)
		if err != nil {
			got <- answer{err: err}
			return
		}
		got <- answer{status: resp.StatusCode}
	}()
	return got
}

type answer struct {
	status int
	err    error
}

func TestEnd(t *testing.T) {
	tests := []struct {
		name   string
		accept string
		work   time.Duration // that the handler takes after the end, unless its context ends
		status int           // 0: cut
		after  time.Duration // until HTTP returns
	}{
		{"a request under way finishes", "application/json", 2 * time.Second, http.StatusOK, 2 * time.Second},
		{"a request without an end is cut", "*/*", time.Hour, 0, grace},
		{"a live view ends at once", "text/event-stream", time.Hour, http.StatusGone, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire()
				ctx, cancel := context.WithCancel(t.Context())
				begun := make(chan struct{})
				h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					close(begun)
					<-ctx.Done()
					select {
					case <-r.Context().Done():
						rw.WriteHeader(http.StatusGone)
					case <-time.After(tt.work):
					}
				})
				done := make(chan error, 1)
				go func() { done <- HTTP(ctx, w, h) }()
				got := w.ask(tt.accept)
				<-begun
				cancel()
				at := time.Now()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Errorf("it ends with %v", err)
				}
				// Shutdown looks for the end of requests in growing intervals of up to half a second.
				if took := time.Since(at); took < tt.after || took > tt.after+600*time.Millisecond {
					t.Errorf("it ends after %v, want %v", took, tt.after)
				}
				if a := <-got; a.status != tt.status || (a.err != nil) != (tt.status == 0) {
					t.Errorf("answer %+v, want %d", a, tt.status)
				}
			})
		})
	}
}

func TestListenerThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := HTTP(t.Context(), failed{w}, http.NotFoundHandler()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
}

// failed is closed already, and may be closed again.
type failed struct{ *wire }

func (failed) Close() error { return nil }
