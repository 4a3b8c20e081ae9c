package mqtt

import (
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// TestBrokerTakesNoMessageThatClientsRefuse: a message too large for our clients, kept for all to come, would throw
// every lane off the broker, at each connection again. The broker must not take it; the largest that we send it
// must.
func TestBrokerTakesNoMessageThatClientsRefuse(t *testing.T) {
	b := broker(t, BrokerConfig{})
	reader := join(t, b.URL(), Config{Subscriptions: on("#")}).waitUp(t)
	const around = 2 + len("all") + 2 // of the payload in its packet: the topic with its length, the packet's ID
	for size, what := range map[int]string{
		maxPacket - around + 1: "the smallest that a client refuses",
		2 * maxPacket:          "one that is far too large",
	} {
		lost := make(chan struct{})
		attacker := raw(t, b, func(o *paho.ClientOptions) {
			o.SetConnectionLostHandler(func(paho.Client, error) { close(lost) })
		})
		attacker.Publish("all", 1, true, make([]byte, size))
		select {
		case <-lost:
		case <-time.After(patience):
			t.Fatalf("the broker took %s", what)
		}
	}
	topic, largest := strings.Repeat("x", maxTopic), strings.Repeat("y", MaxMessage)
	for _, p := range []*party{reader, join(t, b.URL(), Config{Subscriptions: on("#")}).waitUp(t)} {
		p.say(t, topic, 1, largest)
		p.hear(t, topic, largest)
		if s := p.Stats(); s.Connects != 1 || s.Retained != 0 {
			t.Errorf("stats %+v", s)
		}
	}
}
