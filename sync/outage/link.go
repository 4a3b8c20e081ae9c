package outage

import (
	"io"
	"net"
	"sync"
	"time"
)

// A chunk is as much as one read takes; depth of them are in flight per direction.
const (
	chunkSize = 32 << 10
	depth     = 64
)

// A chunk is what one read gave and when it may go on. Empty data is the sender's end of stream.
type chunk struct {
	data []byte
	due  time.Time
}

// A link is one client's connection and, once dialled, its twin to the target.
type link struct {
	p      *Proxy
	client *net.TCPConn
	done   chan struct{} // closed by reset

	mu     sync.Mutex
	target *net.TCPConn // nil until dialled
	ended  bool
}

func newLink(p *Proxy, client *net.TCPConn) *link {
	return &link{p: p, client: client, done: make(chan struct{})}
}

// reset ends both connections at once with a TCP reset, so that neither side waits for a timeout.
// It says whether they were open.
func (l *link) reset() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.ended = true
	close(l.done)
	for _, c := range []*net.TCPConn{l.client, l.target} {
		if c != nil {
			_ = c.SetLinger(0) // a reset is what is wanted; without it, closing will do
			_ = c.Close()
		}
	}
	return true
}

// run dials the target and pumps until both directions have ended.
func (l *link) run() {
	defer l.p.remove(l)
	defer l.reset()
	if !l.pass(true) { // a dead line does not carry the handshake either
		return
	}
	if !l.dial() {
		l.p.refused.Add(1)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.pump(l.target, l.client, true) })
	both.Go(func() { l.pump(l.client, l.target, false) })
	both.Wait()
}

func (l *link) dial() bool {
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(l.p.ctx, "tcp", l.p.target)
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended { // cut while dialling
		_ = conn.Close()
		return false
	}
	l.target = conn.(*net.TCPConn)
	return true
}

// pump carries one direction. A reader and a writer with a queue between them, so that a delay
// moves bytes in time without slowing them down.
func (l *link) pump(dst, src *net.TCPConn, up bool) {
	queue := make(chan chunk, depth)
	var reader sync.WaitGroup
	reader.Go(func() { l.read(src, queue) })
	if !l.write(dst, queue, up) {
		l.pass(up) // a dead line does not carry the news of an end either
		l.reset()  // wakes the reader, and tells the other side
	}
	reader.Wait()
}

// read fills the queue until the sender ends its stream or the link is reset.
func (l *link) read(src *net.TCPConn, queue chan<- chunk) {
	defer close(queue)
	for {
		buf := make([]byte, chunkSize)
		n, err := src.Read(buf)
		if n > 0 {
			select {
			case queue <- chunk{buf[:n], l.p.due()}:
			case <-l.done:
				return
			}
		}
		if err == io.EOF {
			select {
			case queue <- chunk{nil, l.p.due()}:
			case <-l.done:
			}
			return
		}
		if err != nil {
			return
		}
	}
}

// write empties the queue. It reports whether the stream ended as its sender meant it to.
func (l *link) write(dst *net.TCPConn, queue <-chan chunk, up bool) bool {
	for c := range queue {
		if !l.sleepUntil(c.due) || !l.pass(up) {
			return false
		}
		if c.data == nil {
			return dst.CloseWrite() == nil
		}
		if !l.send(dst, c.data, up) {
			return false
		}
	}
	return false
}

// send writes data and counts it, ending in the middle when the fuse says so.
func (l *link) send(dst *net.TCPConn, data []byte, up bool) bool {
	count, last := &l.p.down, false
	if up {
		count = &l.p.up
		var allowed int
		allowed, last = l.p.burn(l, len(data))
		data = data[:allowed]
	}
	n, err := dst.Write(data)
	count.Add(int64(n))
	if last {
		l.p.drop(l)
	}
	return err == nil && !last
}

// pass waits until bytes may flow in this direction; false when the link was reset meanwhile.
func (l *link) pass(up bool) bool {
	for {
		open, changed := l.p.state(up)
		if open {
			return true
		}
		select {
		case <-changed:
		case <-l.done:
			return false
		}
	}
}

func (l *link) sleepUntil(due time.Time) bool {
	wait := time.Until(due)
	if wait <= 0 {
		return true
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.done:
		return false
	}
}
