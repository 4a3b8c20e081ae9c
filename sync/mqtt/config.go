package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// minKeepAlive: a server waits half as long again, which NATS cuts to whole seconds: after one second
// of silence it would be gone at the very moment that the ping is sent.
const minKeepAlive = 2 * time.Second

// Config of a Client. Zero values of the optional fields mean what each says.
type Config struct {
	// Brokers are mqtt://host[:1883] or mqtts://host[:8883], tried in turn: after a failure comes
	// the next, after all of them a pause. At least one.
	Brokers []string

	// ClientID is 1 to 64 of A-Z a-z 0-9 - _, and unique at the broker, which throws out the first
	// of two clients with the same. The same after a restart: a broker remembers each it has seen.
	ClientID string

	TLS      *tls.Config // for mqtts:// (see TLSFiles); nil: the system's roots, no client certificate
	Username string      // "" is none
	Password string      // never logged

	// AllowPlaintext permits mqtt:// to other machines, for networks that encrypt below (a VPN).
	AllowPlaintext bool

	// Subscriptions are made anew on each connection, before it counts as up.
	Subscriptions []Subscription

	// OnMessage takes the messages, one at a time, in the order in which they came, and may keep
	// payload. The PUBACK of a QoS 1 message goes when OnMessage returns, so that the broker's
	// window holds back what a slow owner can't take. (Mosquitto 2.0.11 oversteps its window.) When
	// Inbox messages wait, the network waits a quarter of a second for a place; then the message
	// is dropped and counted in Stats. It may call Publish. Messages may come shortly before
	// OnState says that the link is up.
	OnMessage func(topic string, payload []byte)

	// OnState hears of the link: true when it is up with all subscriptions granted, false with the
	// reason when it is lost or an attempt failed (so false may follow false). It is called from
	// Run, one at a time; the next attempt waits for it. It may call Publish. nil: nobody asks.
	OnState func(up bool, reason error)

	Log *slog.Logger // nil: silent

	Inbox    int // messages between the network and OnMessage; 0: 256
	InFlight int // QoS 1 messages without PUBACK at one time; 0: 16

	KeepAlive  time.Duration // silence after which the broker is pinged; whole seconds from 2; 0: 20 s
	Timeout    time.Duration // for connecting, a write, a SUBACK, and, unless KeepAlive is less, a ping's answer; 0: 10 s
	AckTimeout time.Duration // a PUBACK later than this costs the connection; 0: 30 s

	Backoff func(pauses int) time.Duration                                    // nil: Backoff
	Now     func() time.Time                                                  // nil: time.Now
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error) // nil: net.Dialer
}

// A Subscription is a topic filter and the quality of service asked for: 0 or 1.
type Subscription struct {
	Filter string
	QoS    byte
}

// prepare checks c, fills in what is zero and parses the addresses.
func (c *Config) prepare() ([]address, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.defaults()
	var all []address
	for _, b := range c.Brokers {
		a, err := parseAddress(b)
		if err != nil {
			return nil, err
		}
		if !a.tls && !c.AllowPlaintext && !isLoopback(a.host) {
			return nil, fmt.Errorf("%w: %s", ErrPlaintext, a)
		}
		all = append(all, a)
	}
	return all, nil
}

func (c *Config) check() error {
	if err := checkClientID(c.ClientID); err != nil {
		return err
	}
	for _, s := range c.Subscriptions {
		if err := checkFilter(s.Filter); err != nil {
			return err
		}
		if s.QoS > 1 {
			return fmt.Errorf("%w, not %d (filter %s)", ErrQoS, s.QoS, s.Filter)
		}
	}
	switch {
	case len(c.Brokers) == 0:
		return errors.New("mqtt: no broker")
	case len(c.Subscriptions) > 0 && c.OnMessage == nil:
		return errors.New("mqtt: subscriptions without OnMessage")
	case c.Password != "" && c.Username == "":
		return errors.New("mqtt: password without user name") // not allowed by MQTT 3.1.1, 3.1.2.9
	case c.Inbox < 0 || c.InFlight < 0 || c.InFlight > 1000:
		return errors.New("mqtt: inbox is 1 or more, in flight 1 to 1000")
	case c.KeepAlive != 0 && (c.KeepAlive < minKeepAlive || c.KeepAlive > time.Hour) || c.KeepAlive%time.Second != 0:
		return fmt.Errorf("mqtt: keep alive %v: want whole seconds, %v to an hour", c.KeepAlive, minKeepAlive)
	case c.Timeout < 0 || c.AckTimeout < 0:
		return errors.New("mqtt: negative timeout")
	}
	return nil
}

func (c *Config) defaults() {
	setDefault(&c.Inbox, 256)
	setDefault(&c.InFlight, 16)
	setDefault(&c.KeepAlive, 20*time.Second)
	setDefault(&c.Timeout, 10*time.Second)
	setDefault(&c.AckTimeout, 30*time.Second)
	if c.OnState == nil {
		c.OnState = func(bool, error) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Backoff == nil {
		c.Backoff = Backoff
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
