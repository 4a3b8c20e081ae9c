package mqtt

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// Errors of Publish. Neither they nor nil say anything about HQ.
var (
	// ErrDown: there is no connection and nothing was sent. OnState says when to try again.
	ErrDown = errors.New("mqtt: no connection to the broker")

	// ErrUncertain: the message may or may not have reached the broker.
	ErrUncertain = errors.New("mqtt: unknown whether the broker has the message")
)

// A RefusedError is a subscription that the broker did not grant as asked. Less than was asked for
// is refused too: without QoS 1 the broker drops what it can't deliver at once.
type RefusedError struct {
	Filter string
	Asked  byte // quality of service
	Answer byte // the code in the SUBACK: 0x80 is no, else the quality granted
}

func (e *RefusedError) Error() string {
	if e.Answer == 0x80 {
		return fmt.Sprintf("mqtt: the broker refused the subscription to %s", e.Filter)
	}
	return fmt.Sprintf("mqtt: the broker granted QoS %d instead of %d for %s", e.Answer, e.Asked, e.Filter)
}

// Log keys.
const (
	keyBroker   = "broker"
	keyReason   = "reason"
	keyFailures = "failures"
)

// A Client keeps one connection to one of several brokers. It connects while Run runs; Publish may
// be called from any goroutine at any time.
type Client struct {
	cfg     Config
	brokers []address
	inbox   chan message
	started atomic.Bool
	current atomic.Pointer[session] // nil while down

	connects, received, dropped, retained, published atomic.Int64
}

// A message is what came in.
type message struct {
	topic   string
	payload []byte
	old     bool   // a broker had kept it from before we subscribed
	ack     func() // sends the PUBACK; nothing for QoS 0, or when the session is over
}

// Stats counts since NewClient.
type Stats struct {
	Up        bool
	Connects  int64 // times the link came up
	Received  int64 // messages read from the network
	Dropped   int64 // of these, given up because the inbox was full
	Retained  int64 // of these, ignored: nobody of ours has a broker keep a message for those to come
	Published int64 // messages that a broker has acknowledged (QoS 1) or the socket has taken
}

// NewClient checks the configuration. It does not connect.
func NewClient(cfg Config) (*Client, error) {
	brokers, err := cfg.prepare()
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, brokers: brokers, inbox: make(chan message, cfg.Inbox)}, nil
}

// Run connects, and connects again whenever the connection ends, until ctx does. It then says
// goodbye to the broker and returns nil when nothing of it runs any more, OnMessage included.
// A Client runs once.
func (c *Client) Run(ctx context.Context) error {
	if c.started.Swap(true) {
		return errors.New("mqtt: Run called twice")
	}
	var running sync.WaitGroup
	defer running.Wait()
	over := make(chan struct{})
	defer close(over)
	running.Go(func() { c.deliver(over) })

	for next, failures, pauses := 0, 0, 0; ctx.Err() == nil; next++ {
		lasted, err := c.runOnce(ctx, c.brokers[next%len(c.brokers)], &running)
		if ctx.Err() != nil {
			break
		}
		if lasted >= stableAfter {
			failures, pauses = 0, 0
		}
		c.report(err, failures)
		if lasted > 0 || (next+1)%len(c.brokers) == 0 { // a broker that was not there: the next at once
			pause(ctx, c.cfg.Backoff(pauses)) // not failures: three brokers are not to be waited for three times as long
			pauses++
		}
		failures++
	}
	return nil
}

// runOnce has one connection from dial to end. It returns how long it was up, and why it ended.
func (c *Client) runOnce(ctx context.Context, a address, running *sync.WaitGroup) (lasted time.Duration, err error) {
	s, err := c.open(ctx, a)
	if err != nil {
		return 0, err
	}
	since := c.cfg.Now()
	c.connects.Add(1)
	c.current.Store(s)
	c.cfg.Log.Info("mqtt: connected", keyBroker, a.String())
	c.cfg.OnState(true, nil)

	select {
	case <-s.wire.ended:
	case <-ctx.Done():
	}
	c.current.Store(nil)
	s.close()
	running.Go(s.drain)
	if ctx.Err() != nil {
		return 0, nil
	}
	return max(c.cfg.Now().Sub(since), 1), fmt.Errorf("mqtt: connection to %s lost: %w", a, s.reason())
}

// report tells the owner of every failure and the log of the 1st, 2nd, 4th, 8th ... in a row.
func (c *Client) report(err error, failures int) {
	if n := failures + 1; bits.OnesCount(uint(n)) == 1 {
		c.cfg.Log.Warn("mqtt: no connection", keyReason, err, keyFailures, n)
	}
	c.cfg.OnState(false, err)
}

// deliver hands messages to the owner, one at a time, until over closes.
func (c *Client) deliver(over <-chan struct{}) {
	for {
		select {
		case m := <-c.inbox:
			if !m.old {
				c.cfg.OnMessage(m.topic, m.payload)
			}
			m.ack()
		case <-over:
			return
		}
	}
}

// Publish sends one message and waits until the broker has acknowledged it (QoS 1) or the socket
// has taken it (QoS 0), or ctx ends. What one caller publishes one after the other with the same QoS
// stays in order; QoS 0 may overtake QoS 1.
//
// nil proves nothing about HQ: see the package comment. ErrDown, ErrTooLarge, ErrTopic and ErrQoS
// mean that nothing was sent; the last three, that it never can be. payload may be used again when
// Publish returns.
func (c *Client) Publish(ctx context.Context, topic string, qos byte, payload []byte) error {
	s, err := c.session(topic, qos, payload)
	if err != nil {
		return err
	}
	return s.publish(ctx, topic, qos, payload)
}

// Send is Publish without the wait for the broker's word: it waits only for a place among the messages in
// flight. It is for those who have a word of HQ's to wait for. The order and the errors are Publish's, but for
// ErrUncertain: a message that was lost behind nil is told by OnState, or by nobody.
func (c *Client) Send(ctx context.Context, topic string, qos byte, payload []byte) error {
	s, err := c.session(topic, qos, payload)
	if err != nil {
		return err
	}
	_, err = s.send(ctx, topic, qos, payload)
	return err
}

// session is the one that could carry the message.
func (c *Client) session(topic string, qos byte, payload []byte) (*session, error) {
	if err := checkMessage(topic, qos, payload); err != nil {
		return nil, err
	}
	if s := c.current.Load(); s != nil {
		return s, nil
	}
	return nil, ErrDown
}

// errElsewhere ends a connection whose owner wants another broker.
var errElsewhere = errors.New("nobody answered through this broker")

// Elsewhere ends the present connection, if there is one, and has Run go on to the next broker: for an owner who
// hears nothing on a link that is up. A node of a cluster that has lost the others looks well from here, and so
// does a broker that HQ is not connected to. With one address it connects again, since a cluster can be behind it.
func (c *Client) Elsewhere() {
	if s := c.current.Load(); s != nil {
		s.fail(errElsewhere)
	}
}

// Stats returns the counters.
func (c *Client) Stats() Stats {
	return Stats{
		Up: c.current.Load() != nil, Connects: c.connects.Load(), Received: c.received.Load(),
		Dropped: c.dropped.Load(), Retained: c.retained.Load(), Published: c.published.Load(),
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
