package operator

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func newClient(t *testing.T, url string) *Client {
	t.Helper()
	c, err := NewClient(Reach{BaseURL: url}, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestOwnConnection: no request shares its connection with another, whose late answer could be taken for its own.
func TestOwnConnection(t *testing.T) {
	var conns atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("asks for a compressed body")
		}
		_, _ = w.Write([]byte("{}"))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c := newClient(t, s.URL)
	for range 5 {
		if r, err := c.Do(t.Context(), Request{Method: "GET", Path: "/a?b=c"}); err != nil || r.Status != 200 || string(r.Body) != "{}" {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if conns.Load() != 5 {
		t.Errorf("%d connections for 5 requests", conns.Load())
	}
}

// TestBody: an answer is whole and of at most MaxBody bytes, or none.
func TestBody(t *testing.T) {
	for n, want := range map[int]error{0: nil, MaxBody: nil, MaxBody + 1: ErrTooLong, 8 * MaxBody: ErrTooLong} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, n))
		}))
		r, err := newClient(t, s.URL).Do(t.Context(), Request{Method: "GET"})
		if !errors.Is(err, want) || err == nil && len(r.Body) != n || err != nil && errors.Is(err, ErrNotSent) {
			t.Errorf("%d bytes: %d, %v", n, len(r.Body), err)
		}
		s.Close()
	}
}

// TestWire: what is no HTTP, or less of it than was said, is no answer; the error quotes nothing of it.
func TestWire(t *testing.T) {
	for name, said := range map[string]string{
		"no HTTP":             "s3cret s3cret s3cret\r\n\r\n",
		"nothing":             "",
		"less than was said":  "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ns3cret",
		"a broken chunk":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ns3cret\r\n",
		"a foul header":       "HTTP/1.1 200 OK\r\ns3cret\r\n\r\n",
		"a foul length":       "HTTP/1.1 200 OK\r\nContent-Length: s3cret\r\n\r\n",
		"headers without end": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("s3cret", MaxBody) + "\r\n\r\n",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 4096)
			_, _ = conn.Read(buf) // the request, or enough of it
			_, _ = io.WriteString(conn, said)
			_ = conn.Close()
		}()
		_, err = newClient(t, "http://"+l.Addr().String()).Do(t.Context(), Request{Method: "POST", Body: []byte("{}")})
		if err == nil || errors.Is(err, ErrNotSent) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
		_ = l.Close()
	}
}

// TestHandshake: a peer that takes the connection and never greets gets nothing of the request.
func TestHandshake(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c, err := NewClient(Reach{BaseURL: "https://" + l.Addr().String(), Timeout: 200 * time.Millisecond}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(t.Context(), Request{Method: "POST", Body: []byte("s3cret")})
	if !errors.Is(err, ErrNotSent) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestNonce(t *testing.T) {
	c, err := NewClient(Reach{BaseURL: "https://a", Random: strings.NewReader(strings.Repeat("a", 16) + strings.Repeat("b", 16))}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	one, err1 := c.Nonce()
	two, err2 := c.Nonce()
	if one != strings.Repeat("61", 16) || two != strings.Repeat("62", 16) || err1 != nil || err2 != nil {
		t.Errorf("%q, %q, %v, %v", one, two, err1, err2)
	}
	if _, err := c.Nonce(); !errors.Is(err, ErrNotSent) {
		t.Errorf("without randomness: %v", err)
	}
}

func TestTakenBack(t *testing.T) {
	for now, want := range map[Outcome]Outcome{Paid: TooLate, Refunded: TooLate, Declined: Reversed, Reversed: Reversed, NotSent: Unknown,
		Unknown: Unknown, Confirming: Confirming, Absent: Absent, TooLate: TooLate} {
		if got := TakenBack(Answer{Outcome: now, Why: NoFunds}); got.Outcome != want || want == Reversed && now == Declined && got.Why != NoReason {
			t.Errorf("%s: %s because of %q", now, got.Outcome, got.Why)
		}
	}
}
