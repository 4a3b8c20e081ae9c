package mqtt

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// TestTraps pins what the embedded server does with that which this package never sends. When one
// of these changes, a rule here may be dropped.
func TestTraps(t *testing.T) {
	tests := []struct {
		name string
		do   func(c paho.Client) paho.Token
	}{
		{"space in a topic ends the connection", func(c paho.Client) paho.Token { return c.Publish("t x", 1, false, "") }},
		{"DEL in a topic ends the connection", func(c paho.Client) paho.Token { return c.Publish("t\x7fx", 1, false, "") }},
		{"too large a message ends the connection", func(c paho.Client) paho.Token {
			return c.Publish("tx", 1, false, make([]byte, brokerMaxPayload+1))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lost := make(chan error, 1)
			c := raw(t, broker(t, BrokerConfig{}), func(o *paho.ClientOptions) {
				o.SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err })
			})
			tt.do(c)
			select {
			case <-lost:
			case <-time.After(patience):
				t.Error("the connection lived")
			}
		})
	}
}

// TestSharedSubscriptionTrap: it is granted, and nothing is delivered.
func TestSharedSubscriptionTrap(t *testing.T) {
	b := broker(t, BrokerConfig{})
	c := raw(t, b, nil)
	heard := make(chan string, 10)
	took := func(_ paho.Client, m paho.Message) { heard <- m.Topic() }
	for _, filter := range []string{"$share/g/tx", "end"} {
		if !c.Subscribe(filter, 1, took).WaitTimeout(patience) {
			t.Fatal("no SUBACK")
		}
	}
	lane := join(t, b.URL(), Config{}).waitUp(t)
	lane.say(t, "tx", 1, "")
	lane.say(t, "end", 1, "")
	if topic := <-heard; topic != "end" {
		t.Errorf("heard %s: shared subscriptions work now", topic)
	}
}

// raw is paho's client, with none of our rules.
func raw(t *testing.T, b *Broker, set func(*paho.ClientOptions)) paho.Client {
	t.Helper()
	o := paho.NewClientOptions().AddBroker(b.URL()).SetClientID("raw").SetProtocolVersion(4).SetAutoReconnect(false)
	if set != nil {
		set(o)
	}
	c := paho.NewClient(o)
	if token := c.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("connect: %v", token.Error())
	}
	t.Cleanup(func() { c.Disconnect(10) })
	return c
}

// TestRefusedSubscription: SUBACK 0x80 is no error to paho, and is one here. The link is not up
// before all is granted.
func TestRefusedSubscription(t *testing.T) {
	url := broker(t, BrokerConfig{Users: []User{{Credential{"lane", "pw"}, Rights{Subscribe: []string{"mine"}}}}}).URL()
	lane := join(t, url, Config{Username: "lane", Password: "pw", Subscriptions: []Subscription{{"mine", 1}, {"others", 1}}})
	for range 3 {
		state := lane.next(t)
		var refused *RefusedError
		if state.up || !errors.As(state.err, &refused) {
			t.Fatalf("got up %t, %v, want a RefusedError", state.up, state.err)
		}
		if refused.Filter != "others" || refused.Answer != 0x80 {
			t.Errorf("got %+v, want others refused with 0x80", refused)
		}
	}
	join(t, url, Config{Username: "lane", Password: "pw", Subscriptions: on("mine")}).waitUp(t)
}

// TestBadBroker: a broker that breaks the protocol costs its connection and nothing else. Only here
// is the broker played: none that we know does any of this.
func TestBadBroker(t *testing.T) {
	suback := func(m *packets.SubscribePacket, codes ...byte) packets.ControlPacket {
		p := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
		p.MessageID, p.ReturnCodes = m.MessageID, codes
		return p
	}
	tests := []struct {
		name string
		play func(c net.Conn, m packets.ControlPacket)
		want string
	}{
		{"less than asked for", func(c net.Conn, m packets.ControlPacket) {
			if m, ok := m.(*packets.SubscribePacket); ok {
				_ = suback(m, 0).Write(c)
			}
		}, "granted QoS 0 instead of 1"},
		{"more codes than filters", func(c net.Conn, m packets.ControlPacket) {
			if m, ok := m.(*packets.SubscribePacket); ok {
				_ = suback(m, 1, 1).Write(c)
			}
		}, "SUBACK of 4 bytes"},
		{"no SUBACK", func(net.Conn, packets.ControlPacket) {}, "no SUBACK in time"},
		{"PUBACK for a SUBSCRIBE", func(c net.Conn, m packets.ControlPacket) {
			if m, ok := m.(*packets.SubscribePacket); ok {
				p := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
				p.MessageID = m.MessageID
				_ = p.Write(c)
			}
		}, "granted QoS 0 instead of 1"},
		{"a message of 256 MiB", func(c net.Conn, m packets.ControlPacket) {
			_, _ = c.Write([]byte{packets.Publish << 4, 0xff, 0xff, 0xff, 0x7f})
		}, "at most"},
		{"not MQTT", func(c net.Conn, m packets.ControlPacket) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n")) }, "lost"},
		{"a refusal that nobody has heard of", nil, "lost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lane := join(t, played(t, tt.play), Config{Subscriptions: on("tx"), Timeout: time.Second})
			for range 2 {
				state := lane.next(t)
				if state.up {
					t.Fatal("the link is up")
				}
				if tt.want != "lost" && !strings.Contains(state.err.Error(), tt.want) {
					t.Errorf("got %v, want an error with %q", state.err, tt.want)
				}
			}
		})
	}
}

// played accepts clients and answers what follows CONNECT with play; nil is a CONNACK with a code
// that MQTT does not have.
func played(t *testing.T, play func(net.Conn, packets.ControlPacket)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	serve := func(c net.Conn) {
		defer c.Close()
		for {
			m, err := packets.ReadPacket(c)
			if err != nil {
				return
			}
			if _, ok := m.(*packets.ConnectPacket); ok {
				ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
				if play == nil {
					ack.ReturnCode = 0x42
				}
				_ = ack.Write(c)
				continue
			}
			if play != nil {
				play(c, m)
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return "mqtt://" + l.Addr().String()
}
