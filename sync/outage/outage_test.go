package outage

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// patience ends a test that hangs; nothing waits that long when all is well.
const patience = 10 * time.Second

// echo is a target that sends back what it gets, and half-closes when its client does.
func echo(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func start(t testing.TB, target string) *Proxy {
	t.Helper()
	p, err := Start(Config{Listen: "127.0.0.1:0", Target: target})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func dial(t testing.TB, p *Proxy) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

func say(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatalf("write %q: %v", text, err)
	}
}

func hear(t testing.TB, c net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("waiting for %q: %v", text, err)
	}
	if string(got) != text {
		t.Fatalf("heard %q, want %q", got, text)
	}
}

// hearNothing listens a little while. It can miss a byte that is late, never invent one.
func hearNothing(t testing.TB, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	n, err := c.Read(make([]byte, 1))
	if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("heard %d bytes (%v), want silence", n, err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
}

// hearEnd wants the connection to be over, by reset or by end of stream.
func hearEnd(t testing.TB, c net.Conn) {
	t.Helper()
	rest, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection is still open")
	}
	if len(rest) > 0 {
		t.Fatalf("heard %q after the end", rest)
	}
}

// refused wants a connection that ends at once; the reset may be faster than the dial.
func refused(t testing.TB, p *Proxy) {
	t.Helper()
	c, err := net.DialTimeout("tcp", p.Addr(), patience)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	hearEnd(t, c)
}

func TestForward(t *testing.T) {
	p := start(t, echo(t))
	c := dial(t, p)
	say(t, c, "hello")
	hear(t, c, "hello")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	hearEnd(t, c) // the half-close went through and came back
	s := p.Stats()
	if s.Up != 5 || s.Down != 5 || s.Accepted != 1 || s.Refused != 0 || s.Cut != 0 {
		t.Errorf("stats %+v, want 5 up, 5 down, 1 accepted", s)
	}
}

func TestCutAndRestore(t *testing.T) {
	p := start(t, echo(t))
	old := dial(t, p)
	say(t, old, "a")
	hear(t, old, "a")

	p.Cut()
	hearEnd(t, old)
	refused(t, p)

	p.Restore()
	fresh := dial(t, p)
	say(t, fresh, "b")
	hear(t, fresh, "b")
	if s := p.Stats(); s.Cut != 1 || s.Refused != 1 || s.Accepted != 3 || s.Open != 1 {
		t.Errorf("stats %+v, want 1 cut, 1 refused, 3 accepted, 1 open", s)
	}
}

func TestDrop(t *testing.T) {
	p := start(t, echo(t))
	old := dial(t, p)
	say(t, old, "a")
	hear(t, old, "a")
	p.Drop()
	hearEnd(t, old)
	fresh := dial(t, p)
	say(t, fresh, "b")
	hear(t, fresh, "b")
}

func TestBlackholeHoldsAndRestoreDelivers(t *testing.T) {
	p := start(t, echo(t))
	old := dial(t, p)
	say(t, old, "a")
	hear(t, old, "a")

	waitFor(t, func() bool { return p.Stats().Down == 1 }) // counted just after it was heard
	p.Blackhole()
	before := p.Stats()
	say(t, old, "held")
	fresh := dial(t, p) // accepted, and silent
	say(t, fresh, "new")
	hearNothing(t, old)
	hearNothing(t, fresh)
	if s := p.Stats(); s.Up != before.Up || s.Down != before.Down || s.Cut != 0 {
		t.Errorf("stats %+v, want no bytes since %+v", s, before)
	}

	p.Restore()
	hear(t, old, "held")
	hear(t, fresh, "new")
}

func TestBlackholeHidesTheEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := start(t, l.Addr().String())
	c := dial(t, p)
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()

	p.Blackhole()
	_ = c.SetLinger(0)
	_ = c.Close() // the client's machine died
	hearNothing(t, far)
	p.Restore()
	_ = far.SetReadDeadline(time.Now().Add(patience))
	hearEnd(t, far)
}

func TestDeafenLosesTheAnswer(t *testing.T) {
	p := start(t, echo(t))
	c := dial(t, p)
	say(t, c, "a")
	hear(t, c, "a")

	p.Deafen()
	say(t, c, "work")
	waitFor(t, func() bool { return p.Stats().Up == 5 }) // it was done
	hearNothing(t, c)                                    // and nobody says so
	p.Drop()
	hearEnd(t, c)
}

func TestCutAfter(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := start(t, l.Addr().String())
	p.CutAfter(7)
	c := dial(t, p)
	say(t, c, "0123456789")
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	_ = far.SetReadDeadline(time.Now().Add(patience))
	got, err := io.ReadAll(far)
	if errors.Is(err, os.ErrDeadlineExceeded) || !bytes.HasPrefix([]byte("0123456"), got) {
		t.Errorf("the target got %q (%v), want at most 0123456 and the end", got, err)
	}
	hearEnd(t, c)
	if s := p.Stats(); s.Up != 7 {
		t.Errorf("%d bytes went up, want 7", s.Up)
	}
	refused(t, p) // and it stays cut
	p.Restore()
	hearSomeone(t, l, p)
}

// hearSomeone shows that connections reach the target again.
func hearSomeone(t *testing.T, l net.Listener, p *Proxy) {
	t.Helper()
	c := dial(t, p)
	say(t, c, "again")
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	_ = far.SetReadDeadline(time.Now().Add(patience))
	hear(t, far, "again")
}

func TestDelay(t *testing.T) {
	const d = 20 * time.Millisecond
	p := start(t, echo(t))
	c := dial(t, p)
	say(t, c, "a")
	hear(t, c, "a")

	p.Delay(d)
	begin := time.Now()
	say(t, c, "b")
	hear(t, c, "b")
	if took := time.Since(begin); took < 2*d {
		t.Errorf("there and back took %v, want at least %v", took, 2*d)
	}
}

func TestTargetAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, l.Addr().String())
	_ = l.Close()
	refused(t, p)
	waitFor(t, func() bool { s := p.Stats(); return s.Refused == 1 && s.Open == 0 })
}

func TestStartRefuses(t *testing.T) {
	for _, c := range []Config{
		{Listen: "127.0.0.1:0", Target: "no-port"},
		{Listen: "127.0.0.1:not-a-port", Target: "127.0.0.1:1"},
	} {
		if p, err := Start(c); err == nil {
			_ = p.Close()
			t.Errorf("%+v: started, want an error", c)
		}
	}
}

func TestCloseTwiceLeavesNothing(t *testing.T) {
	target := echo(t)
	before := runtime.NumGoroutine()
	p := start(t, target)
	c := dial(t, p)
	say(t, c, "a")
	hear(t, c, "a")
	p.Blackhole()
	waiting := dial(t, p)
	waitFor(t, func() bool { return p.Stats().Open == 2 })
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	hearEnd(t, c)
	hearEnd(t, waiting)
	waitFor(t, func() bool { return runtime.NumGoroutine() <= before })
}

// TestBytesArriveInOrder: whatever is done to the line, what comes out is what went in, up to
// where the connection was ended.
func TestBytesArriveInOrder(t *testing.T) {
	target := echo(t)
	rapid.Check(t, func(rt *rapid.T) {
		p := start(t, target)
		defer p.Close()
		c := dial(t, p)
		var sent []byte
		ended := false
		for i, n := 0, rapid.IntRange(1, 12).Draw(rt, "steps"); i < n && !ended; i++ {
			switch rapid.SampledFrom([]string{"say", "say", "say", "black", "deaf", "restore", "delay", "drop"}).Draw(rt, "step") {
			case "say":
				b := rapid.SliceOfN(rapid.Byte(), 1, 2000).Draw(rt, "bytes")
				if _, err := c.Write(b); err != nil {
					rt.Fatal(err)
				}
				sent = append(sent, b...)
			case "black":
				p.Blackhole()
			case "deaf":
				p.Deafen()
			case "restore":
				p.Restore()
			case "delay":
				p.Delay(time.Duration(rapid.IntRange(0, 3).Draw(rt, "ms")) * time.Millisecond)
			case "drop":
				p.Drop()
				ended = true
			}
		}
		p.Restore()
		_ = c.CloseWrite() // fails when dropped
		got, err := io.ReadAll(c)
		if !ended && (err != nil || !bytes.Equal(got, sent)) {
			rt.Fatalf("got %d bytes (%v), want the %d sent", len(got), err, len(sent))
		}
		if !bytes.HasPrefix(sent, got) {
			rt.Fatal("got bytes that were not sent")
		}
	})
}

// waitFor polls a condition that has no event of its own.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick, late := time.NewTicker(time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("waited in vain")
		}
	}
}

// TestRestoreAfterTheFuse: a Restore that comes when the last bytes are still being written is the
// last word.
func TestRestoreAfterTheFuse(t *testing.T) {
	p := start(t, echo(t))
	for range 500 {
		p.CutAfter(1)
		if struck, err := net.Dial("tcp", p.Addr()); err == nil { // or struck by what was left of the last round
			defer struck.Close()
			_, _ = struck.Write([]byte("a")) // may be on its way by now, or not
		}
		p.Restore()
		c := dial(t, p)
		for range 3 {
			say(t, c, "b")
			hear(t, c, "b")
		}
		_ = c.Close()
	}
}
