package mqtt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestNewClientRefuses(t *testing.T) {
	good := func() Config { return Config{Brokers: []string{"mqtt://127.0.0.1"}, ClientID: "lane-1"} }
	if _, err := NewClient(good()); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		spoil func(c *Config)
		want  string
	}{
		{"no broker", func(c *Config) { c.Brokers = nil }, "no broker"},
		{"no scheme", func(c *Config) { c.Brokers[0] = "127.0.0.1:1883" }, "broker address"},
		{"plaintext beyond this machine", func(c *Config) { c.Brokers[0] = "mqtt://hq.example" }, ErrPlaintext.Error()},
		{"no client ID", func(c *Config) { c.ClientID = "" }, "client ID"},
		{"client ID that NATS refuses", func(c *Config) { c.ClientID = "lane.1" }, "client ID"},
		{"client ID too long", func(c *Config) { c.ClientID = strings.Repeat("x", 65) }, "client ID"},
		{"shared subscription", func(c *Config) { c.Subscriptions = on("$share/g/tx") }, "$"},
		{"QoS 2", func(c *Config) { c.Subscriptions = []Subscription{{"tx", 2}} }, "0 or 1"},
		{"nobody to tell", func(c *Config) { c.Subscriptions = on("tx"); c.OnMessage = nil }, "OnMessage"},
		{"password alone", func(c *Config) { c.Password = "secret" }, "without user name"},
		{"a second to live", func(c *Config) { c.KeepAlive = time.Second }, "2s to an hour"},
		{"negative timeout", func(c *Config) { c.Timeout = -1 }, "negative"},
		{"negative inbox", func(c *Config) { c.Inbox = -1 }, "inbox"},
		{"too many in flight", func(c *Config) { c.InFlight = 70000 }, "in flight"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good()
			c.OnMessage = func(string, []byte) {}
			tt.spoil(&c)
			_, err := NewClient(c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestPlaintextByConsent(t *testing.T) {
	c := Config{Brokers: []string{"mqtt://hq.example"}, ClientID: "lane", AllowPlaintext: true}
	if _, err := NewClient(c); err != nil {
		t.Fatal(err)
	}
}

func TestRunsOnce(t *testing.T) {
	p := join(t, broker(t, BrokerConfig{}).URL(), Config{}).waitUp(t)
	if err := p.Run(t.Context()); err == nil {
		t.Error("Run ran twice")
	}
}

func TestPublishWhileDown(t *testing.T) {
	c, err := NewClient(Config{Brokers: []string{"mqtt://127.0.0.1"}, ClientID: "lane"})
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, c.Publish(t.Context(), "tx", 1, nil), ErrDown)
	wantErr(t, c.Publish(t.Context(), "t x", 1, nil), ErrTopic)
	wantErr(t, c.Publish(t.Context(), "tx", 2, nil), ErrQoS)
	wantErr(t, c.Publish(t.Context(), "tx", 1, make([]byte, MaxMessage+1)), ErrTooLarge)
}

func TestNextBroker(t *testing.T) {
	a, b := broker(t, BrokerConfig{}), broker(t, BrokerConfig{})
	nobody := "mqtt://" + freeAddr(t)
	p := join(t, "", Config{Brokers: []string{nobody, a.URL(), b.URL()}})
	if err := p.waitDown(t); !strings.Contains(err.Error(), nobody) {
		t.Errorf("first failure %v does not name %s", err, nobody)
	}
	p.waitUp(t)
	a.Close()
	p.waitUp(t)
	p.say(t, "tx", 1, "by the other way")
	b.Close()
	if err := p.waitDown(t); !strings.Contains(err.Error(), b.URL()) {
		t.Errorf("lost with %v, want %s named", err, b.URL())
	}
}

// TestPauses: the broker is not asked again without a pause, which grows while it fails, also when
// it lets the client in and throws it out.
func TestPauses(t *testing.T) {
	proxy, url := behind(t, broker(t, BrokerConfig{}).Addr())
	asked := make(chan int, 100)
	now := time.Now()
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	p := join(t, url, Config{Now: clock, Backoff: func(failures int) time.Duration { asked <- failures; return 0 }})
	for i := range 3 { // up and at once thrown out
		p.waitUp(t)
		proxy.Drop()
		if got := <-asked; got != i {
			t.Fatalf("pause after %d failures, want %d", got, i)
		}
	}
	p.waitUp(t)
	mu.Lock()
	now = now.Add(stableAfter)
	mu.Unlock()
	proxy.Drop()
	if got := <-asked; got != 0 {
		t.Errorf("pause after %d failures, want 0 after a long connection", got)
	}
}

func TestPublishEndsWithItsContext(t *testing.T) {
	proxy, url := behind(t, broker(t, BrokerConfig{}).Addr())
	p := join(t, url, Config{InFlight: 1}).waitUp(t)
	proxy.Deafen()
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	go func() { errs <- p.Publish(ctx, "tx", 1, []byte("a")) }()
	waitFor(t, "the message to go", func() bool { return proxy.Stats().Up > 100 || len(p.current.Load().slots) == 1 })
	go func() { errs <- p.Publish(ctx, "tx", 1, []byte("b")) }() // waits for a's PUBACK
	cancel()
	var uncertain int
	for range 2 {
		err := <-errs
		wantErr(t, err, context.Canceled)
		if errors.Is(err, ErrUncertain) {
			uncertain++
		}
	}
	if uncertain > 1 {
		t.Error("both messages are said to have left")
	}
}

// TestRunEndsWhileConnecting: a broker that accepts and says nothing does not hold Run.
func TestRunEndsWhileConnecting(t *testing.T) {
	proxy, url := behind(t, broker(t, BrokerConfig{}).Addr())
	proxy.Blackhole()
	p := join(t, url, Config{Timeout: time.Hour})
	waitFor(t, "the connection", func() bool { return proxy.Stats().Accepted == 1 })
	p.leave(t)
}

// TestRefusal: a broker that does not answer CONNECT is left for the next after Timeout.
func TestSilentBroker(t *testing.T) {
	proxy, dead := behind(t, broker(t, BrokerConfig{}).Addr())
	proxy.Blackhole()
	p := join(t, "", Config{Brokers: []string{dead, broker(t, BrokerConfig{}).URL()}, Timeout: 100 * time.Millisecond})
	if err := p.waitDown(t); !strings.Contains(err.Error(), dead) {
		t.Errorf("got %v, want %s named", err, dead)
	}
	p.waitUp(t)
}

// TestStall: an owner that takes nothing keeps its link; what finds no place is dropped and counted.
func TestStall(t *testing.T) {
	b := broker(t, BrokerConfig{})
	gate, got := make(chan struct{}), make(chan string, 100)
	cfg := Config{Inbox: 2, Subscriptions: on("tx"), KeepAlive: minKeepAlive, Timeout: time.Second}
	cfg.OnMessage = func(_ string, p []byte) { <-gate; got <- string(p) }
	hq := join(t, b.URL(), cfg).waitUp(t)
	lane := join(t, b.URL(), Config{}).waitUp(t)
	for i := range 6 {
		lane.say(t, "tx", 0, fmt.Sprint(i))
	}
	waitFor(t, "drops", func() bool { return hq.Stats().Dropped == 3 }) // one with the owner, two wait
	select {
	case s := <-hq.states:
		t.Errorf("the link changed: %t, %v", s.up, s.err)
	case <-time.After(2 * cfg.KeepAlive): // longer than a ping and its answer may take
	}
	close(gate)
	lane.say(t, "tx", 1, "last")
	for _, want := range []string{"0", "1", "2", "last"} {
		if s := <-got; s != want {
			t.Errorf("got %q, want %q", s, want)
		}
	}
}

// TestOwnerInPublish: an owner that waits for a PUBACK behind a full inbox is not locked out.
func TestOwnerInPublish(t *testing.T) {
	b := broker(t, BrokerConfig{})
	var hq *party
	ready, done := make(chan struct{}), make(chan error, 100)
	hq = join(t, b.URL(), Config{Inbox: 1, Subscriptions: on("ask"), OnMessage: func(_ string, p []byte) {
		<-ready
		done <- hq.Publish(t.Context(), "answer", 1, p)
	}})
	hq.waitUp(t)
	lane := join(t, b.URL(), Config{}).waitUp(t)
	for range 5 {
		lane.say(t, "ask", 0, "?")
	}
	waitFor(t, "a full inbox", func() bool { return hq.Stats().Received >= 3 })
	close(ready)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestPublishInCallbacks: the owner may answer from where it is told.
func TestPublishInCallbacks(t *testing.T) {
	b := broker(t, BrokerConfig{})
	lane := join(t, b.URL(), Config{Subscriptions: on("hello")}).waitUp(t)
	var hq *party
	ready := make(chan struct{})
	hq = join(t, b.URL(), Config{
		Subscriptions: on("ask"),
		OnState: func(up bool, _ error) {
			<-ready
			if up {
				_ = hq.Publish(context.Background(), "hello", 1, []byte("hq is here")) // the lane hears it
			}
		},
		OnMessage: func(_ string, p []byte) { _ = hq.Publish(context.Background(), "hello", 1, p) },
	})
	close(ready)
	lane.hear(t, "hello", "hq is here")
	for i := range 50 {
		lane.say(t, "ask", 1, fmt.Sprint(i))
	}
	for i := range 50 {
		lane.hear(t, "hello", fmt.Sprint(i))
	}
}

func TestPublishFromMany(t *testing.T) {
	b := broker(t, BrokerConfig{})
	hq := join(t, b.URL(), Config{Subscriptions: on("tx/#")}).waitUp(t)
	lane := join(t, b.URL(), Config{InFlight: 4}).waitUp(t)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 50 {
				lane.say(t, fmt.Sprintf("tx/%d", g), 1, fmt.Sprint(i))
			}
		})
	}
	all.Wait()
	next := map[string]int{}
	for range 8 * 50 {
		m := <-hq.heard
		if string(m.payload) != fmt.Sprint(next[m.topic]) {
			t.Fatalf("%s: got %s, want %d", m.topic, m.payload, next[m.topic])
		}
		next[m.topic]++
	}
	if n := lane.Stats().Published; n != 400 {
		t.Errorf("published %d, want 400", n)
	}
}

// TestLog: failures are logged now and then, and no secret ever.
func TestLog(t *testing.T) {
	b := broker(t, BrokerConfig{Users: []User{{Credential: Credential{"lane", "right"}}}})
	var log bytes.Buffer
	p := join(t, b.URL(), Config{Username: "lane", Password: "hidden", Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 20 {
		if err := p.waitDown(t); !strings.Contains(err.Error(), "bad user name or password") && !strings.Contains(err.Error(), "not Authorized") {
			t.Fatalf("refused with %v", err)
		}
	}
	p.leave(t)
	if n := strings.Count(log.String(), "no connection"); n < 5 || n > 6 { // 1, 2, 4, 8, 16 and perhaps 32
		t.Errorf("%d lines for 20 failures:\n%s", n, log.String())
	}
	if strings.Contains(log.String(), "hidden") {
		t.Error("the password is in the log")
	}
}
