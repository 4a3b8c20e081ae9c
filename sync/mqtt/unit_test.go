package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"pgregory.net/rapid"
)

func TestTopics(t *testing.T) {
	tests := []struct {
		text          string
		topic, filter bool
	}{
		{"tx", true, true},
		{"tx/07/store-1/lane_2", true, true},
		{"/leading", true, true},
		{"trailing/", true, true},
		{"a//b", true, true},
		{"日本/店", true, true},
		{"with.dot*and>", true, true},
		{strings.Repeat("x", maxTopic), true, true},
		{"tx/+/ack", false, true},
		{"+", false, true},
		{"#", false, true},
		{"tx/#", false, true},
		{"tx/#/ack", false, false},
		{"tx#", false, false},
		{"tx+/a", false, false},
		{"", false, false},
		{"t x", false, false},
		{"t\tx", false, false},
		{"t\x7fx", false, false},
		{"t\u3000x", false, false},
		{"t\x00x", false, false},
		{"t\xff", false, false},
		{"$SYS/broker", false, false},
		{"$share/g/tx", false, false},
		{strings.Repeat("x", maxTopic+1), false, false},
	}
	for _, tt := range tests {
		if err := checkTopic(tt.text); (err == nil) != tt.topic || err != nil && !errors.Is(err, ErrTopic) {
			t.Errorf("topic %q: %v, want accepted %t", tt.text, err, tt.topic)
		}
		if err := checkFilter(tt.text); (err == nil) != tt.filter || err != nil && !errors.Is(err, ErrTopic) {
			t.Errorf("filter %q: %v, want accepted %t", tt.text, err, tt.filter)
		}
	}
}

// TestTopicsTravel: every topic that checkTopic accepts goes through a broker and comes out the same.
func TestTopicsTravel(t *testing.T) {
	b := broker(t, BrokerConfig{})
	p := join(t, b.URL(), Config{Subscriptions: on("#")}).waitUp(t)
	rapid.Check(t, func(rt *rapid.T) {
		topic := rapid.OneOf(
			rapid.StringN(1, 20, 60),
			rapid.StringOfN(rapid.SampledFrom([]rune("ab/.*>$-é")), 1, 12, -1),
		).Filter(func(s string) bool { return checkTopic(s) == nil }).Draw(rt, "topic")
		qos := rapid.ByteRange(0, 1).Draw(rt, "qos")
		p.say(t, topic, qos, "x")
		p.hear(t, topic, "x")
	})
	if n := p.Stats().Connects; n != 1 {
		t.Errorf("connected %d times", n)
	}
}

// FuzzTopic: checkTopic accepts nothing that a broker would take for a filter or break on, and
// every accepted topic is a filter too.
func FuzzTopic(f *testing.F) {
	for _, seed := range []string{"tx/1", "t x", "#", "a/+/b", "$x", "\xff", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if checkTopic(text) != nil {
			return
		}
		if strings.ContainsAny(text, "+# \t\r\n\f\x00\x7f") || text == "" || len(text) > 65535 {
			t.Errorf("accepted %q", text)
		}
		if err := checkFilter(text); err != nil {
			t.Errorf("%q is a topic and no filter: %v", text, err)
		}
	})
}

func TestAddresses(t *testing.T) {
	tests := []struct{ text, want string }{ // "" is refused
		{"mqtt://127.0.0.1", "mqtt://127.0.0.1:1883"},
		{"mqtt://hq.example:1884", "mqtt://hq.example:1884"},
		{"mqtt://hq.example/", "mqtt://hq.example:1883"},
		{"mqtts://hq.example", "mqtts://hq.example:8883"},
		{"mqtts://[::1]", "mqtts://[::1]:8883"},
		{"", ""},
		{"hq.example:1883", ""},
		{"tcp://hq.example", ""},
		{"mqtt://", ""},
		{"mqtt://:1883", ""},
		{"mqtt://hq.example:0", ""},
		{"mqtt://hq.example:65536", ""},
		{"mqtt://hq.example/topic", ""},
		{"mqtt://hq.example?x=1", ""},
		{"mqtt://hq.example#x", ""},
		{"mqtt://lane:hidden@hq.example", ""},
		{"mqtt://hq example", ""},
		{"mqtt://hq%20example", ""},
		{"mqtt://[fe80::1%25lo]", ""},
	}
	for _, tt := range tests {
		a, err := parseAddress(tt.text)
		if (err == nil) != (tt.want != "") || err == nil && a.String() != tt.want {
			t.Errorf("%q: %s, %v, want %q", tt.text, a, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

// FuzzAddress: an accepted address, written out, is accepted again and means the same.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"mqtt://a", "mqtts://[::1]:1", "mqtt://a:b@c", "mqtt://a%20b", "mqtt://[fe80::1%25lo]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAddress(text)
		if err != nil {
			return
		}
		again, err := parseAddress(a.String())
		if err != nil || again != a {
			t.Errorf("%q became %q, which became %q (%v)", text, a, again, err)
		}
	})
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.1.2.3": true, "::1": true,
		"": false, "0.0.0.0": false, "::": false, "192.168.1.1": false, "localhost.example": false, "hq": false,
	} {
		if isLoopback(host) != want {
			t.Errorf("%q: loopback %t, want %t", host, !want, want)
		}
	}
}

func TestBackoff(t *testing.T) {
	for failures, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		want *= time.Second
		if got := backoff(failures, 0); got != want {
			t.Errorf("after %d failures at most %v, want %v", failures, got, want)
		}
		if got := backoff(failures, 0.999999); got < want/2 || got > want/2+time.Millisecond {
			t.Errorf("after %d failures at least %v, want about %v", failures, got, want/2)
		}
	}
	for _, failures := range []int{-1, 1 << 40} {
		if got := Backoff(failures); got < backoffFirst/2 || got > backoffMost {
			t.Errorf("Backoff(%d) is %v", failures, got)
		}
	}
}

// TestGuardSplits: the guard sees the same boundaries however the bytes are cut up.
func TestGuardSplits(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		stream := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(rt, "stream")
		if rapid.Bool().Draw(rt, "sane") {
			stream = saneStream(rt)
		}
		var whole, parts guard
		want := whole.check(stream)
		var got error
		for rest := stream; len(rest) > 0 && got == nil; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "part")
			got = parts.check(rest[:n])
			rest = rest[n:]
		}
		if (want == nil) != (got == nil) || got == nil && whole != parts {
			rt.Fatalf("in one piece %v %+v, in parts %v %+v", want, whole, got, parts)
		}
	})
}

// saneStream is what paho itself writes.
func saneStream(rt *rapid.T) []byte {
	var b bytes.Buffer
	for range rapid.IntRange(0, 5).Draw(rt, "packets") {
		p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		p.TopicName = "tx"
		p.Payload = make([]byte, rapid.SampledFrom([]int{0, 1, 120, 130, 20000}).Draw(rt, "size"))
		if err := p.Write(&b); err != nil {
			rt.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestGuardPasses(t *testing.T) {
	var g guard
	var b bytes.Buffer
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload = strings.Repeat("x", maxTopic), make([]byte, MaxMessage)
	s := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
	s.ReturnCodes = []byte{0x80}
	for _, m := range []packets.ControlPacket{p, s, packets.NewControlPacket(packets.Pingresp), p} {
		if err := m.Write(&b); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.check(b.Bytes()); err != nil || g.header != 0 || g.body != 0 {
		t.Errorf("%v, %+v, want all packets to end", err, g)
	}
}

// FuzzInbound: what the guard lets through paho reads without panic, packet by packet.
func FuzzInbound(f *testing.F) {
	f.Add([]byte{0x20, 2, 0, 0, 0x90, 3, 0, 1, 1, 0xd0, 0})
	f.Add([]byte{0x30, 5, 0, 2, 't', 'x', 1})
	f.Add([]byte{0x90, 4, 0, 1, 1, 1})
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, stream []byte) {
		var g guard
		if g.check(stream) != nil {
			return
		}
		r := bytes.NewReader(stream)
		for {
			m, err := packets.ReadPacket(r)
			if err != nil {
				break
			}
			if s, ok := m.(*packets.SubackPacket); ok && len(s.ReturnCodes) > 1 {
				t.Fatalf("SUBACK with %d codes", len(s.ReturnCodes))
			}
		}
	})
}

func TestRefusedErrorSays(t *testing.T) {
	for want, e := range map[string]RefusedError{
		"refused the subscription to tx":    {Filter: "tx", Asked: 1, Answer: 0x80},
		"granted QoS 0 instead of 1 for tx": {Filter: "tx", Asked: 1, Answer: 0},
	} {
		if !strings.Contains(fmt.Sprint(&e), want) {
			t.Errorf("%v does not say %q", &e, want)
		}
	}
}
