// Package outage breaks a TCP connection on purpose: a proxy that cuts, holds, delays and resets.
//
// It stands between a lane and its broker in the demo, in a rehearsal at a shop before opening
// day, and in tests. It never invents, changes or reorders a byte: like a bad line, it only keeps
// bytes back or ends the connection. So whatever goes wrong behind it could go wrong in the field.
package outage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialTimeout = 10 * time.Second      // how long a client waits for a target that does not answer
	acceptPause = 10 * time.Millisecond // between failed accepts
)

// Config says where a Proxy stands.
type Config struct {
	Listen string // host:port to listen on; port 0 takes any free one
	Target string // host:port to forward to; it need not be up yet
}

// A Proxy forwards TCP connections until it is told to break them. All methods may be called at
// any time from any goroutine.
type Proxy struct {
	target   string
	listener net.Listener
	ctx      context.Context // ends a dial in progress on Close
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu      sync.Mutex
	mode    mode
	delay   time.Duration
	fuse    int64         // bytes towards the target until a cut; below zero: none
	changed chan struct{} // closed and replaced whenever mode changes
	links   map[*link]struct{}
	closed  bool

	up, down, accepted, refused, cut atomic.Int64
}

// mode is what the proxy does with bytes.
type mode uint8

const (
	forwarding mode = iota
	cutting         // no connections at all
	deaf            // what the target sends is held
	black           // what either side sends is held
)

// Stats counts since the start.
type Stats struct {
	Up       int64 // bytes written towards the target
	Down     int64 // bytes written towards clients
	Accepted int64 // connections taken
	Refused  int64 // connections reset at once, while cut or because the target was away
	Cut      int64 // connections that were open and ended by the proxy
	Open     int   // connections now
}

// Start listens and forwards. Errors name the address.
func Start(c Config) (*Proxy, error) {
	if _, _, err := net.SplitHostPort(c.Target); err != nil {
		return nil, fmt.Errorf("outage: target %q: %w", c.Target, err)
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("outage: listen on %q: %w", c.Listen, err)
	}
	p := &Proxy{target: c.Target, listener: l, fuse: -1, changed: make(chan struct{}), links: map[*link]struct{}{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.running.Go(p.accept)
	return p, nil
}

// Addr is where clients connect to, with the port that was taken.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut resets every connection, and every new one, until Restore. The port stays bound, so that
// nobody else can take it meanwhile; a client sees "connection reset" rather than "refused".
func (p *Proxy) Cut() { p.set(cutting) }

// Blackhole keeps connections open and accepts new ones, and forwards nothing: the half-open case,
// a line that is dead with nobody told. As with a real line, what was held flows after Restore, to
// whoever is still there.
func (p *Proxy) Blackhole() { p.set(black) }

// Deafen holds what the target sends while clients' bytes still arrive: the answer that gets lost
// after the work was done.
func (p *Proxy) Deafen() { p.set(deaf) }

// Restore ends Cut, Blackhole and Deafen, and a CutAfter that has not yet struck. It leaves Delay.
func (p *Proxy) Restore() { p.set(forwarding) }

// Drop resets every connection that is open. New ones are served: a router that forgot its table.
func (p *Proxy) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropAll(nil)
}

// CutAfter cuts, as Cut does, when n more bytes have gone towards the target: in the middle of a
// message, if n is chosen so. The n bytes are written; whether the target reads them before it
// sees the reset is up to TCP.
func (p *Proxy) CutAfter(n int64) {
	p.mu.Lock()
	p.fuse = n
	p.mu.Unlock()
	if n <= 0 {
		p.Cut()
	}
}

// Delay adds d to the way of every byte, in each direction, from now on; zero is none. Throughput
// falls to at most 2 MiB per d and connection, which is what a link holds in flight.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = max(d, 0)
}

// Stats returns the counters.
func (p *Proxy) Stats() Stats {
	p.mu.Lock()
	open := len(p.links)
	p.mu.Unlock()
	return Stats{
		Up: p.up.Load(), Down: p.down.Load(), Open: open,
		Accepted: p.accepted.Load(), Refused: p.refused.Load(), Cut: p.cut.Load(),
	}
}

// Close stops listening, resets what is open and waits until nothing runs any more. Calling it
// again does nothing.
func (p *Proxy) Close() error {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	p.dropAll(nil)
	p.mu.Unlock()
	var err error
	if first {
		err = p.listener.Close()
	}
	p.cancel()
	p.running.Wait()
	return err
}

func (p *Proxy) set(m mode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.switchTo(m, nil)
}

// switchTo changes the mode. Of the open links, spared is not reset. The caller holds mu.
func (p *Proxy) switchTo(m mode, spared *link) {
	p.mode = m
	p.fuse = -1
	close(p.changed)
	p.changed = make(chan struct{})
	if m == cutting {
		p.dropAll(spared)
	}
}

// dropAll resets the open links but one. The caller holds mu.
func (p *Proxy) dropAll(spared *link) {
	for l := range p.links {
		if l != spared {
			p.drop(l)
			delete(p.links, l)
		}
	}
}

// drop resets a link by the proxy's will.
func (p *Proxy) drop(l *link) {
	if l.reset() {
		p.cut.Add(1)
	}
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // this one client is gone, or the process is out of files for a moment
			select {
			case <-time.After(acceptPause):
			case <-p.ctx.Done():
			}
			continue
		}
		p.accepted.Add(1)
		l := newLink(p, conn.(*net.TCPConn))
		if !p.add(l) {
			p.refused.Add(1)
			l.reset()
			continue
		}
		p.running.Go(l.run)
	}
}

// add registers l unless the proxy is cut or closed. Under the same lock as Cut, so that no
// connection slips past one.
func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.mode == cutting {
		return false
	}
	p.links[l] = struct{}{}
	return true
}

func (p *Proxy) remove(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// due is when bytes read now may go on.
func (p *Proxy) due() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Add(p.delay)
}

// state returns whether bytes may flow in a direction, and a channel that closes when that changes.
func (p *Proxy) state(up bool) (open bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mode == forwarding || (p.mode == deaf && up), p.changed
}

// burn takes n bytes of l off the fuse. It returns how many of them may still be written, and
// whether they are the last: then the proxy is cut from this moment, so that a Restore that comes
// while they are being written stays the last word, and only l itself is left to be reset.
func (p *Proxy) burn(l *link, n int) (allowed int, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fuse < 0 {
		return n, false
	}
	allowed = int(min(int64(n), p.fuse))
	p.fuse -= int64(allowed)
	if p.fuse > 0 {
		return allowed, false
	}
	p.switchTo(cutting, l)
	return allowed, true
}
