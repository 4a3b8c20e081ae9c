package mqtt

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"tilld/sync/outage"
)

// patience ends a test that hangs; nothing waits that long when all is well.
const patience = 20 * time.Second

// never is how long a test listens for what must not come. It can miss, and never invents.
const never = 50 * time.Millisecond

type state struct {
	up  bool
	err error
}

// A party is a Client that runs, with what it has heard.
type party struct {
	*Client
	states chan state
	heard  chan message
	stop   context.CancelFunc
	done   chan struct{}
}

var parties atomic.Int64

// join starts a client; what cfg leaves open is set for a test on url.
func join(t testing.TB, url string, cfg Config) *party {
	t.Helper()
	p := &party{states: make(chan state, 1000), heard: make(chan message, 10000), done: make(chan struct{})}
	setDefault(&cfg.ClientID, fmt.Sprintf("party-%d", parties.Add(1)))
	if cfg.Brokers == nil {
		cfg.Brokers = []string{url}
	}
	if cfg.Backoff == nil {
		cfg.Backoff = func(int) time.Duration { return 5 * time.Millisecond }
	}
	if cfg.OnMessage == nil {
		cfg.OnMessage = func(topic string, payload []byte) { p.heard <- message{topic: topic, payload: payload} }
	}
	if cfg.OnState == nil {
		cfg.OnState = func(up bool, err error) {
			select {
			case p.states <- state{up, err}:
			default: // a test that does not look
			}
		}
	}
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.Client = c
	ctx, cancel := context.WithCancel(t.Context())
	p.stop = cancel
	go func() {
		defer close(p.done)
		if err := c.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(func() { p.leave(t) })
	return p
}

// leave ends Run and waits for it.
func (p *party) leave(t testing.TB) {
	t.Helper()
	p.stop()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatal("Run did not end")
	}
}

// waitUp waits for the link, passing over failures.
func (p *party) waitUp(t testing.TB) *party {
	t.Helper()
	for !p.next(t).up {
	}
	return p
}

// waitDown waits for the link's end and returns the reason.
func (p *party) waitDown(t testing.TB) error {
	t.Helper()
	for {
		if s := p.next(t); !s.up {
			return s.err
		}
	}
}

func (p *party) next(t testing.TB) state {
	t.Helper()
	select {
	case s := <-p.states:
		return s
	case <-time.After(patience):
		t.Fatal("the link did not change")
		return state{}
	}
}

func (p *party) say(t testing.TB, topic string, qos byte, payload string) {
	t.Helper()
	if err := p.Publish(t.Context(), topic, qos, []byte(payload)); err != nil {
		t.Fatalf("publish on %s: %v", topic, err)
	}
}

func (p *party) hear(t testing.TB, topic, payload string) {
	t.Helper()
	select {
	case m := <-p.heard:
		if m.topic != topic || string(m.payload) != payload {
			t.Fatalf("heard %q (%d bytes) on %s, want %q (%d bytes) on %s", short(string(m.payload)), len(m.payload), m.topic, short(payload), len(payload), topic)
		}
	case <-time.After(patience):
		t.Fatalf("did not hear %q on %s", short(payload), topic)
	}
}

func (p *party) hearNothing(t testing.TB) {
	t.Helper()
	select {
	case m := <-p.heard:
		t.Fatalf("heard %q on %s, want nothing", short(string(m.payload)), m.topic)
	case <-time.After(never):
	}
}

func short(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

func on(filter string) []Subscription { return []Subscription{{filter, 1}} }

// everything is what a broker without rights would give.
var everything = Rights{Publish: []string{"#"}, Subscribe: []string{"#"}}

// broker starts an embedded broker on a free port, where everybody may everything unless c says otherwise.
func broker(t testing.TB, c BrokerConfig) *Broker {
	t.Helper()
	if c.Users == nil && c.Guests.Publish == nil && c.Guests.Subscribe == nil {
		c.Guests = everything
	}
	setDefault(&c.StoreDir, t.TempDir())
	setDefault(&c.Listen, "127.0.0.1:0")
	b, err := StartBroker(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// behind puts a breakable line before a broker.
func behind(t testing.TB, target string) (*outage.Proxy, string) {
	t.Helper()
	p, err := outage.Start(outage.Config{Listen: "127.0.0.1:0", Target: target})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p, "mqtt://" + p.Addr()
}

func wantErr(t testing.TB, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

// waitFor polls a condition that has no event of its own.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick, late := time.NewTicker(time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
