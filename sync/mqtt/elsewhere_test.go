package mqtt

import (
	"errors"
	"testing"
	"time"

	"tilld/sync/outage"
)

// TestElsewhere: an owner who hears nothing goes on to the next broker, in turn, and comes back to the first.
func TestElsewhere(t *testing.T) {
	a, b := broker(t, BrokerConfig{}), broker(t, BrokerConfig{})
	lane := join(t, "", Config{Brokers: []string{a.URL(), b.URL()}, Subscriptions: on("word")}).waitUp(t)
	hq := join(t, b.URL(), Config{}).waitUp(t)
	hq.say(t, "word", 1, "not heard")
	lane.Elsewhere()
	if err := lane.waitDown(t); !errors.Is(err, errElsewhere) {
		t.Errorf("lost with %v", err)
	}
	lane.waitUp(t)
	hq.say(t, "word", 1, "heard")
	lane.hear(t, "word", "heard")
	lane.Elsewhere()
	lane.waitUp(t)
	join(t, a.URL(), Config{}).waitUp(t).say(t, "word", 1, "at the first")
	lane.hear(t, "word", "at the first")
}

// TestFrozenBroker: a broker that stands still with its connections open is given up after the keep-alive and as
// much again, and the next one is taken.
func TestFrozenBroker(t *testing.T) {
	a, b := broker(t, BrokerConfig{}), broker(t, BrokerConfig{})
	line, err := outage.Start(outage.Config{Listen: "127.0.0.1:0", Target: a.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = line.Close() })
	lane := join(t, "", Config{Brokers: []string{"mqtt://" + line.Addr(), b.URL()}, KeepAlive: minKeepAlive, Subscriptions: on("word")}).waitUp(t)
	line.Blackhole()
	began := time.Now()
	lane.waitDown(t)
	if took := time.Since(began); took > 4*minKeepAlive {
		t.Errorf("given up after %v, with a keep-alive of %v", took, minKeepAlive)
	}
	lane.waitUp(t)
	join(t, b.URL(), Config{}).waitUp(t).say(t, "word", 1, "heard")
	lane.hear(t, "word", "heard")
}
