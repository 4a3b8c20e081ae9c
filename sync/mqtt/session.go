package mqtt

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// goodbye is how long a clean end may take before it becomes an unclean one.
const goodbye = time.Second

// inboxPatience is how long the network waits for a place in a full inbox. Long enough for an owner
// that works and is behind; short enough for a ping's answer to come in time behind a few such waits.
const inboxPatience = 250 * time.Millisecond

// errNoPuback ends a connection whose broker takes messages and does not answer.
var errNoPuback = errors.New("the broker did not acknowledge a message in time")

// A session is one connection, from dial to end, on a paho client of its own. paho's reconnecting
// is off: after a reconnect it reports success for messages before any PUBACK, and sends a refused
// message again for ever. A paho client is not used twice either: it may still be busy ending.
type session struct {
	c     *Client
	paho  paho.Client
	wire  *wire         // set when connected
	calm  func() bool   // stops ctx from ending the wire without a goodbye; set with wire
	lost  chan error    // paho's reason, at most one
	slots chan struct{} // one per message in flight
	hand  chan struct{} // held while one message is handed to paho: keeps the callers' order

	mu     sync.Mutex
	failed error // our reason for ending the session; nil: not ours
}

// open connects to one broker and subscribes. The session it returns is up.
func (c *Client) open(ctx context.Context, a address) (*session, error) {
	s := &session{
		c: c, lost: make(chan error, 1),
		slots: make(chan struct{}, c.cfg.InFlight), hand: make(chan struct{}, 1),
	}
	s.paho = paho.NewClient(s.options(ctx, a))
	token := s.paho.Connect()
	<-token.Done() // ends with ctx and by the timeouts of dial and handshake
	if s.calm != nil {
		s.calm()
	}
	if err := token.Error(); err != nil {
		return nil, fmt.Errorf("mqtt: connect to %s: %w", a, err)
	}
	for _, sub := range c.cfg.Subscriptions {
		if err := s.subscribe(ctx, sub); err != nil {
			s.close()
			return nil, fmt.Errorf("mqtt: subscribe to %s at %s: %w", sub.Filter, a, err)
		}
	}
	return s, nil
}

func (s *session) options(ctx context.Context, a address) *paho.ClientOptions {
	cfg := &s.c.cfg
	o := paho.NewClientOptions()
	o.AddBroker(a.String())
	o.SetClientID(cfg.ClientID)
	o.SetUsername(cfg.Username)
	o.SetPassword(cfg.Password)
	o.SetProtocolVersion(4) // 3.1.1, and no falling back to 3.1
	o.SetCleanSession(true)
	o.SetAutoReconnect(false)
	o.SetConnectRetry(false)
	o.SetStore(paho.NewMemoryStore())
	o.SetKeepAlive(cfg.KeepAlive)
	o.SetPingTimeout(min(cfg.Timeout, cfg.KeepAlive))
	o.SetConnectTimeout(cfg.Timeout)
	o.SetWriteTimeout(cfg.Timeout)
	o.SetDefaultPublishHandler(s.receive)
	o.SetAutoAckDisabled(true) // deliver does, when the owner has the message
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { s.lost <- err })
	o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		w, err := dial(ctx, cfg, a)
		if err != nil {
			return nil, err
		}
		s.wire = w
		s.calm = context.AfterFunc(ctx, func() { _ = w.Close() }) // wakes the handshake that follows
		return w, nil
	})
	return o
}

// receive runs in paho's one reading goroutine, and must not wait for long: behind it are the
// PUBACKs and pings of this connection, and the owner that does not empty its inbox may be waiting
// in Publish for just these.
func (s *session) receive(_ paho.Client, m paho.Message) {
	s.c.received.Add(1)
	msg := message{m.Topic(), m.Payload(), m.Retained(), m.Ack}
	if msg.old {
		s.c.retained.Add(1)
	}
	select {
	case s.c.inbox <- msg:
		return
	default:
	}
	timeout := time.NewTimer(inboxPatience)
	defer timeout.Stop()
	select {
	case s.c.inbox <- msg:
	case <-timeout.C:
		s.c.dropped.Add(1)
	case <-s.wire.ended:
		s.c.dropped.Add(1)
	}
}

// subscribe makes one subscription. A refusal is no error to paho: it stands in the SUBACK.
func (s *session) subscribe(ctx context.Context, sub Subscription) error {
	token := s.paho.Subscribe(sub.Filter, sub.QoS, nil).(*paho.SubscribeToken)
	timeout := time.NewTimer(s.c.cfg.Timeout)
	defer timeout.Stop()
	select {
	case <-token.Done():
	case <-s.wire.ended:
		return s.reason()
	case <-timeout.C:
		return errors.New("no SUBACK in time")
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := token.Error(); err != nil {
		return cmp.Or(s.wire.why(), err) // the reason before its consequence
	}
	if granted := token.Result()[sub.Filter]; granted != sub.QoS {
		return &RefusedError{Filter: sub.Filter, Asked: sub.QoS, Answer: granted}
	}
	return nil
}

// publish hands one message to paho and waits for its PUBACK (QoS 1) or the socket (QoS 0).
func (s *session) publish(ctx context.Context, topic string, qos byte, payload []byte) error {
	result, err := s.send(ctx, topic, qos, payload)
	if err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-s.wire.ended: // paho may still wait for a socket that is gone
		return ErrUncertain
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUncertain, ctx.Err())
	}
}

// send queues one message for paho as soon as there is a place for it. What becomes of it comes through
// result.
func (s *session) send(ctx context.Context, topic string, qos byte, payload []byte) (result <-chan error, err error) {
	if err := s.take(ctx, s.slots); err != nil {
		return nil, err
	}
	if err := s.take(ctx, s.hand); err != nil {
		<-s.slots
		return nil, err
	}
	done := make(chan error, 1)
	payload = bytes.Clone(payload) // paho may write it after ctx has ended and the caller gone on
	go func() {
		defer func() { <-s.slots }()
		token := s.paho.Publish(topic, qos, false, payload) // waits for the socket, at most Timeout
		<-s.hand
		err := s.await(token)
		if err == nil {
			s.c.published.Add(1)
		}
		done <- err
	}()
	return done, nil
}

// take gets a place in sem unless the session or ctx ends first; then nothing was sent.
func (s *session) take(ctx context.Context, sem chan struct{}) error {
	select {
	case sem <- struct{}{}:
		return nil
	case <-s.wire.ended:
		return ErrDown
	case <-ctx.Done():
		return fmt.Errorf("mqtt: not sent: %w", ctx.Err())
	}
}

// await waits for paho's word. Its success is true here: only a reconnect makes it false.
func (s *session) await(token paho.Token) error {
	timeout := time.NewTimer(s.c.cfg.AckTimeout)
	defer timeout.Stop()
	select {
	case <-token.Done():
		if err := token.Error(); err != nil {
			return fmt.Errorf("%w: %w", ErrUncertain, err)
		}
		return nil
	case <-s.wire.ended:
		return ErrUncertain
	case <-timeout.C:
		s.fail(errNoPuback)
		return fmt.Errorf("%w: %w", ErrUncertain, errNoPuback)
	}
}

// fail ends the session for a reason of ours.
func (s *session) fail(err error) {
	s.mu.Lock()
	if s.failed == nil {
		s.failed = err
	}
	s.mu.Unlock()
	_ = s.wire.Close()
}

// close says goodbye if the line still carries it, and waits until paho has stopped.
func (s *session) close() {
	s.paho.Disconnect(uint(goodbye / time.Millisecond))
	_ = s.wire.Close() // in case paho did not come so far
}

// drain waits until no publish of this session is under way, and lets no other begin.
func (s *session) drain() {
	for range cap(s.slots) {
		s.slots <- struct{}{}
	}
}

// reason says why the session ended: what we found, what the socket said, or what paho said.
func (s *session) reason() error {
	s.mu.Lock()
	failed := s.failed
	s.mu.Unlock()
	if failed != nil {
		return failed
	}
	if err := s.wire.why(); err != nil {
		return err
	}
	select {
	case err := <-s.lost:
		return err
	case <-time.After(goodbye):
		return errors.New("the connection ended")
	}
}
