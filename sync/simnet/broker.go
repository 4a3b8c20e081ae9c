package simnet

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
)

// ErrDown reports a message that could not be handed over.
var ErrDown = errors.New("no connection to the broker")

// remembered is how many messages a broker can bring back.
const remembered = 512

// Broker carries messages between its clients.
type Broker struct {
	loop    *Loop
	random  *rand.Rand
	faults  Faults
	life    int // of the broker; what an earlier one carried is gone
	clients []*Client
	last    map[string]time.Time // by topic: when the last message comes that was not late
	meddler func(topic string, payload []byte)
	past    []message // a ring
	at      int
	stats   Stats
}

type message struct {
	topic   string
	payload []byte
}

// NewBroker is a broker without clients and faults.
func NewBroker(loop *Loop, random *rand.Rand) *Broker {
	return &Broker{loop: loop, random: random, last: map[string]time.Time{}}
}

// SetFaults changes how badly messages are carried from now on.
func (b *Broker) SetFaults(f Faults) { b.faults = f }

// SetMeddler puts somebody between the clients: what they send comes to him alone, and nothing is heard but what he
// brings by Inject. nil: nobody.
func (b *Broker) SetMeddler(f func(topic string, payload []byte)) { b.meddler = f }

// Stats counts since the start.
func (b *Broker) Stats() Stats { return b.stats }

// Client is one connection to the broker, which can be lost and come back.
type Client struct {
	broker  *Broker
	filters []string
	hear    func(topic string, payload []byte)
	life    int // 0: not connected
	lives   int
}

// Client adds a client, not connected, that hears what its filters match. "+" is any one level.
func (b *Broker) Client(hear func(topic string, payload []byte), filters ...string) *Client {
	c := &Client{broker: b, filters: filters, hear: hear}
	b.clients = append(b.clients, c)
	return c
}

// Up connects the client: a new, clean session.
func (c *Client) Up() { c.lives++; c.life = c.lives }

// Down ends the session; what was on its way to the client is gone.
func (c *Client) Down() { c.life = 0 }

// Connected says whether there is a session.
func (c *Client) Connected() bool { return c.life != 0 }

// Leave takes the client away for good.
func (c *Client) Leave() {
	c.Down()
	for i, other := range c.broker.clients {
		if other == c {
			c.broker.clients = append(c.broker.clients[:i:i], c.broker.clients[i+1:]...)
			return
		}
	}
}

// Send hands a message over, as sync/uplink wants it done.
func (c *Client) Send(_ context.Context, topic string, _ byte, payload []byte) error {
	b := c.broker
	if c.life == 0 || hit(b.random, b.faults.Refuse) {
		b.stats.Refused++
		return ErrDown
	}
	b.stats.Sent++
	if b.meddler != nil {
		b.meddler(topic, payload)
		return nil
	}
	b.carry(topic, payload)
	return nil
}

// Publish hands a message over, as sync/ingest wants it done.
func (c *Client) Publish(ctx context.Context, topic string, qos byte, payload []byte) error {
	return c.Send(ctx, topic, qos, payload)
}

// Inject brings a message that no client sent.
func (b *Broker) Inject(topic string, payload []byte) { b.deliver(b.life, message{topic, payload}) }

// Restart is the broker's end and new beginning: what it carried is gone, and so are all sessions.
func (b *Broker) Restart() {
	b.life++
	for _, c := range b.clients {
		c.Down()
	}
}

// Replay brings old messages back, in any order, within a time.
func (b *Broker) Replay(n int, within time.Duration) {
	for range min(n, len(b.past)) {
		m := b.past[b.random.IntN(len(b.past))]
		b.stats.Replayed++
		b.later(random(b.random, within), m)
	}
}

func (b *Broker) carry(topic string, payload []byte) {
	f := &b.faults
	m := message{topic, payload}
	before := b.remember(m)
	if hit(b.random, f.Replay) {
		b.Replay(1, f.Slow)
	}
	if hit(b.random, f.Lose) {
		b.stats.Lost++
		return
	}
	times := 1
	if hit(b.random, f.Repeat) {
		times++
		b.stats.Repeated++
	}
	for range times {
		one := m
		if hit(b.random, f.Damage) {
			one.payload = damage(b.random, payload, before.payload)
			b.stats.Damaged++
		}
		if hit(b.random, f.Misroute) && before.topic != "" {
			one.topic = before.topic
			b.stats.Misrouted++
		}
		b.later(b.delay(one.topic), one)
	}
}

// delay is how long one message is on its way. What is not late stays in order.
func (b *Broker) delay(topic string) time.Duration {
	f := &b.faults
	if hit(b.random, f.Late) {
		return random(b.random, f.Slow)
	}
	now := b.loop.Now()
	at := now.Add(random(b.random, f.Quick))
	if at.Before(b.last[topic]) {
		at = b.last[topic]
	}
	b.last[topic] = at
	return at.Sub(now)
}

// remember keeps a message for later, and returns one that was kept before.
func (b *Broker) remember(m message) (before message) {
	if n := len(b.past); n > 0 {
		before = b.past[b.random.IntN(n)]
	}
	if len(b.past) < remembered {
		b.past = append(b.past, m)
		return before
	}
	b.past[b.at%remembered] = m
	b.at++
	return before
}

func (b *Broker) later(d time.Duration, m message) {
	life := b.life
	b.loop.After(d, func() { b.deliver(life, m) })
}

// deliver brings a message to whoever listens then, each by an event of its own.
func (b *Broker) deliver(life int, m message) {
	heard := false
	for _, c := range b.clients {
		if life != b.life || c.life == 0 || !c.wants(m.topic) {
			continue
		}
		heard = true
		session := c.life
		b.loop.After(0, func() {
			if c.life == session {
				b.stats.Delivered++
				c.hear(m.topic, m.payload)
			}
		})
	}
	if !heard {
		b.stats.Unheard++
	}
}

func (c *Client) wants(topic string) bool {
	for _, f := range c.filters {
		if matches(f, topic) {
			return true
		}
	}
	return false
}

func matches(filter, topic string) bool {
	f, t := strings.Split(filter, "/"), strings.Split(topic, "/")
	if len(f) != len(t) {
		return false
	}
	for i := range f {
		if f[i] != "+" && f[i] != t[i] {
			return false
		}
	}
	return true
}
