package mqtt

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestCutInTheMiddle: the line breaks inside a message. That is never a success, the broker never
// sees a part, and the next message goes.
func TestCutInTheMiddle(t *testing.T) {
	b := broker(t, BrokerConfig{})
	hq := join(t, b.URL(), Config{Subscriptions: on("tx")}).waitUp(t)
	proxy, url := behind(t, b.Addr())
	lane := join(t, url, Config{}).waitUp(t)
	big := strings.Repeat("x", MaxMessage)
	for _, n := range []int64{1, 2, 1000, MaxMessage / 2, MaxMessage} {
		proxy.CutAfter(n)
		wantErr(t, lane.Publish(t.Context(), "tx", 1, []byte(big)), ErrUncertain)
		lane.waitDown(t)
		proxy.Restore()
		lane.waitUp(t)
		lane.say(t, "tx", 1, "small")
		hq.hear(t, "tx", "small")
	}
}

// TestPubackLost: the broker has the message and its word is lost. After AckTimeout the link is
// given up, with the reason, and Publish says that it does not know.
func TestPubackLost(t *testing.T) {
	b := broker(t, BrokerConfig{})
	hq := join(t, b.URL(), Config{Subscriptions: on("tx")}).waitUp(t)
	proxy, url := behind(t, b.Addr())
	lane := join(t, url, Config{AckTimeout: 100 * time.Millisecond}).waitUp(t)
	proxy.Deafen()
	wantErr(t, lane.Publish(t.Context(), "tx", 1, []byte("sale")), ErrUncertain)
	hq.hear(t, "tx", "sale")
	wantErr(t, lane.waitDown(t), errNoPuback)
	proxy.Restore()
	lane.waitUp(t)
	hq.hearNothing(t) // nobody but the caller sends it again
}

// TestSend: whoever waits for HQ's word does not wait for the broker's, but for a place among the messages in
// flight; and a broker that takes messages and says nothing is given up all the same.
func TestSend(t *testing.T) {
	b := broker(t, BrokerConfig{})
	hq := join(t, b.URL(), Config{Subscriptions: on("tx")}).waitUp(t)
	proxy, url := behind(t, b.Addr())
	lane := join(t, url, Config{InFlight: 2, AckTimeout: 100 * time.Millisecond}).waitUp(t)
	proxy.Deafen()
	for _, sale := range []string{"a", "b"} {
		wantErr(t, lane.Send(t.Context(), "tx", 1, []byte(sale)), nil)
		hq.hear(t, "tx", sale)
	}
	wantErr(t, lane.Send(t.Context(), "tx", 1, []byte("c")), ErrDown) // no place until the session was given up
	wantErr(t, lane.waitDown(t), errNoPuback)
	wantErr(t, lane.Send(t.Context(), "t x", 1, nil), ErrTopic)
	if n := lane.Stats().Published; n != 0 {
		t.Errorf("%d messages are said to have been acknowledged", n)
	}
}

// TestHalfOpen: a line that is dead with nobody told is noticed by the ping.
func TestHalfOpen(t *testing.T) {
	proxy, url := behind(t, broker(t, BrokerConfig{}).Addr())
	lane := join(t, url, Config{KeepAlive: minKeepAlive, Timeout: 200 * time.Millisecond}).waitUp(t)
	proxy.Blackhole()
	if err := lane.waitDown(t); !strings.Contains(err.Error(), "pingresp not received") {
		t.Errorf("lost with %v, want the ping's answer missed", err)
	}
	proxy.Restore()
	lane.waitUp(t)
}

// TestStuckWrite: a line that takes no more bytes holds nobody longer than Timeout, pings included.
func TestStuckWrite(t *testing.T) {
	proxy, url := behind(t, broker(t, BrokerConfig{}).Addr())
	lane := join(t, url, Config{InFlight: 100, KeepAlive: time.Hour, Timeout: 500 * time.Millisecond}).waitUp(t)
	proxy.Blackhole()
	results := make(chan error, 64)
	for range cap(results) { // 32 MiB: more than sockets and proxy hold
		go func() { results <- lane.Publish(t.Context(), "tx", 1, make([]byte, MaxMessage)) }()
	}
	for range cap(results) {
		if err := <-results; !errors.Is(err, ErrUncertain) && !errors.Is(err, ErrDown) {
			t.Fatalf("publish: %v", err)
		}
	}
	if err := lane.waitDown(t); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("lost with %v, want a timeout", err)
	}
	if lane.Stats().Up {
		t.Error("down and up")
	}
	proxy.Restore()
	lane.waitUp(t)
}

// TestBrokenUnderLoad: when the line breaks, everybody in Publish hears at once, although paho may
// go on waiting for its socket for all of Timeout; and a client that is told to end leaves no
// goroutine behind.
func TestBrokenUnderLoad(t *testing.T) {
	proxy, url := behind(t, broker(t, BrokerConfig{}).Addr())
	join(t, url, Config{Subscriptions: on("tx")}).waitUp(t).leave(t) // the broker's own are made with its first client
	proxy.Drop()
	waitFor(t, "a quiet line", func() bool { return proxy.Stats().Open == 0 })
	before := runtime.NumGoroutine()
	lane := join(t, url, Config{Subscriptions: on("tx"), Timeout: 3 * time.Second}).waitUp(t)
	for range 30 {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { _ = lane.Publish(t.Context(), "tx", 1, make([]byte, MaxMessage)) }) // may or may not
		}
		begin := time.Now()
		proxy.Drop()
		all.Wait()
		if took := time.Since(begin); took > lane.cfg.Timeout*2/3 {
			t.Fatalf("Publish returned %v after the end of the line", took)
		}
		lane.waitUp(t)
	}
	lane.leave(t)
	proxy.Drop()
	waitFor(t, "all goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}

// TestResubscribes: after every kind of break the subscriptions are there again before the link
// counts as up.
func TestResubscribes(t *testing.T) {
	b := broker(t, BrokerConfig{})
	proxy, url := behind(t, b.Addr())
	hq := join(t, b.URL(), Config{}).waitUp(t)
	lane := join(t, url, Config{Subscriptions: []Subscription{{"ack/1", 1}, {"hello", 0}}}).waitUp(t)
	for i := range 5 {
		proxy.Drop()
		lane.waitDown(t)
		lane.waitUp(t)
		hq.say(t, "ack/1", 1, fmt.Sprint(i))
		lane.hear(t, "ack/1", fmt.Sprint(i))
		hq.say(t, "hello", 0, fmt.Sprint(i))
		lane.hear(t, "hello", fmt.Sprint(i))
	}
}

// TestNoFalseSuccess: whatever happens to the line, a message whose Publish returned nil with QoS 1
// was with the broker, whole; and what arrives was sent, in order but for repeats of the caller's.
func TestNoFalseSuccess(t *testing.T) {
	b := broker(t, BrokerConfig{})
	rapid.Check(t, func(rt *rapid.T) {
		topic := fmt.Sprintf("tx/%d", parties.Add(1))
		watcher := join(t, b.URL(), Config{Subscriptions: on(topic)}).waitUp(t)
		defer watcher.leave(t)
		proxy, url := behind(t, b.Addr())
		defer proxy.Close()
		lane := join(t, url, Config{AckTimeout: 50 * time.Millisecond}).waitUp(t)
		defer lane.leave(t)

		var acknowledged []string
		for i := range rapid.IntRange(1, 20).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"publish", "publish", "publish", "drop", "cut", "in the middle", "deaf", "black", "restore"}).Draw(rt, "step") {
			case "publish":
				text := fmt.Sprintf("%05d", i) + strings.Repeat("x", rapid.IntRange(0, 3000).Draw(rt, "size"))
				switch err := lane.Publish(t.Context(), topic, 1, []byte(text)); {
				case err == nil:
					acknowledged = append(acknowledged, text)
				case !errors.Is(err, ErrDown) && !errors.Is(err, ErrUncertain):
					rt.Fatalf("publish: %v", err)
				}
			case "drop":
				proxy.Drop()
			case "cut":
				proxy.Cut()
			case "in the middle":
				proxy.CutAfter(int64(rapid.IntRange(1, 4000).Draw(rt, "bytes")))
			case "deaf":
				proxy.Deafen()
			case "black":
				proxy.Blackhole()
			case "restore":
				proxy.Restore()
			}
		}
		proxy.Drop() // what is held must not come later than the mark
		proxy.Restore()
		waitFor(t, "the link", func() bool { return lane.Publish(t.Context(), topic, 1, []byte("mark")) == nil })
		got := map[string]bool{}
		for last := ""; ; {
			m := <-watcher.heard
			text := string(m.payload)
			if text == "mark" {
				break
			}
			if text < last {
				rt.Fatalf("%s came after %s", short(text), short(last))
			}
			last, got[text] = text, true
		}
		for _, text := range acknowledged {
			if !got[text] {
				rt.Fatalf("%s was acknowledged and did not arrive", short(text))
			}
		}
	})
}
