package mqtt

import (
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A road is a broker that the same client must do with: the embedded one, and one of others' making.
type road struct {
	name  string
	start func(t *testing.T) (url string, restart func())
}

var roads = []road{
	{"embedded", func(t *testing.T) (string, func()) {
		c := BrokerConfig{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"}
		b := broker(t, c)
		c.Listen = b.Addr()
		return b.URL(), func() { b.Close(); b = broker(t, c) }
	}},
	{"mosquitto", mosquitto},
}

// mosquitto runs Debian's broker with its defaults but for the address.
func mosquitto(t *testing.T) (string, func()) {
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto" // not everybody's PATH has sbin
	}
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(conf, []byte("listener "+port+" 127.0.0.1\nallow_anonymous true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func() (stop func()) {
		cmd := exec.Command(path, "-c", conf)
		if err := cmd.Start(); err != nil {
			t.Fatalf("%v (make deps installs it)", err)
		}
		return func() {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		}
	}
	stop := start()
	t.Cleanup(func() { stop() })
	return "mqtt://" + addr, func() { stop(); stop = start() }
}

// freeAddr is an address to listen on in a moment, below the ports that the kernel gives to outgoing connections:
// one of these could take it meanwhile.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+mathrand.IntN(10_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// TestRoads is what uplink and ingest rely on, whatever the broker.
func TestRoads(t *testing.T) {
	tests := []struct {
		name string
		run  func(t *testing.T, url string, restart func())
	}{
		{"there and back", thereAndBack},
		{"order", order},
		{"largest message", largest},
		{"slow reader", slowReader},
		{"nothing is kept for who is away", nothingKept},
		{"one client per ID", onePerID},
		{"broker restarts", restarts},
	}
	for _, r := range roads {
		for _, tt := range tests {
			t.Run(r.name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				url, restart := r.start(t)
				tt.run(t, url, restart)
			})
		}
	}
}

func thereAndBack(t *testing.T, url string, _ func()) {
	hq := join(t, url, Config{Subscriptions: on("t/+/tx")}).waitUp(t)
	lane := join(t, url, Config{Subscriptions: []Subscription{{"t/7/ack", 0}, {"all", 1}}}).waitUp(t)
	for qos := range byte(2) {
		lane.say(t, "t/7/tx", qos, "sale")
		hq.hear(t, "t/7/tx", "sale")
		hq.say(t, "t/7/ack", qos, "receipt")
		lane.hear(t, "t/7/ack", "receipt")
	}
	hq.say(t, "all", 1, "")
	lane.hear(t, "all", "")
	hq.say(t, "t/8/ack", 1, "not for you")
	hq.say(t, "elsewhere", 1, "for nobody") // acknowledged all the same
	lane.hearNothing(t)
}

// order holds within one quality of service: NATS delivers QoS 0 past the QoS 1 that waits for disk.
func order(t *testing.T, url string, _ func()) {
	hq := join(t, url, Config{Subscriptions: on("tx/#")}).waitUp(t)
	lane := join(t, url, Config{}).waitUp(t)
	for qos := range byte(2) {
		for i := range 500 {
			lane.say(t, "tx/1", qos, fmt.Sprint(i))
		}
		for i := range 500 {
			hq.hear(t, "tx/1", fmt.Sprint(i))
		}
	}
	for i := range 500 {
		wantErr(t, lane.Send(t.Context(), "tx/1", 1, []byte(fmt.Sprint(i))), nil)
	}
	for i := range 500 {
		hq.hear(t, "tx/1", fmt.Sprint(i))
	}
}

func largest(t *testing.T, url string, _ func()) {
	hq := join(t, url, Config{Subscriptions: on("tx")}).waitUp(t)
	lane := join(t, url, Config{}).waitUp(t)
	big := strings.Repeat("x", MaxMessage)
	wantErr(t, lane.Publish(t.Context(), "tx", 1, []byte(big+"x")), ErrTooLarge)
	lane.say(t, "tx", 1, big)
	hq.hear(t, "tx", big)
	if n := lane.Stats().Connects; n != 1 {
		t.Errorf("connected %d times: the refused message reached the broker", n)
	}
}

// slowReader: a reader that is behind holds the broker back by its PUBACKs, and loses nothing.
func slowReader(t *testing.T, url string, _ func()) {
	const n = 800 // Mosquitto queues 1000 for a client, and then drops
	gate, got := make(chan struct{}), make(chan string, n)
	hq := join(t, url, Config{Subscriptions: on("tx"), OnMessage: func(_ string, p []byte) {
		<-gate
		got <- string(p)
	}}).waitUp(t)
	lane := join(t, url, Config{}).waitUp(t)
	for i := range n {
		lane.say(t, "tx", 1, fmt.Sprint(i))
	}
	if got := hq.Stats().Received; got > brokerMaxUnacked { // Mosquitto's window is 20
		t.Errorf("%d messages came to a reader that acknowledged none", got)
	}
	close(gate)
	for i := range n {
		select {
		case s := <-got:
			if s != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", s, i)
			}
		case <-time.After(patience):
			t.Fatalf("message %d did not come", i)
		}
	}
	if s := hq.Stats(); s.Dropped != 0 || s.Connects != 1 {
		t.Errorf("stats %+v, want nothing dropped and one connection", s)
	}
}

func nothingKept(t *testing.T, url string, _ func()) {
	cfg := Config{ClientID: "hq", Subscriptions: on("tx")}
	join(t, url, cfg).waitUp(t).leave(t)
	lane := join(t, url, Config{}).waitUp(t)
	lane.say(t, "tx", 1, "while away")
	hq := join(t, url, cfg).waitUp(t)
	lane.say(t, "tx", 1, "now")
	hq.hear(t, "tx", "now")
}

func onePerID(t *testing.T, url string, _ func()) {
	first := join(t, url, Config{ClientID: "lane"}).waitUp(t)
	second := join(t, url, Config{ClientID: "lane"}).waitUp(t)
	if err := first.waitDown(t); err == nil {
		t.Error("thrown out without a reason")
	}
	second.stop()
}

func restarts(t *testing.T, url string, restart func()) {
	hq := join(t, url, Config{Subscriptions: on("tx")}).waitUp(t)
	lane := join(t, url, Config{}).waitUp(t)
	for i := range 3 {
		restart()
		if hq.waitDown(t) == nil || lane.waitDown(t) == nil {
			t.Error("down without a reason")
		}
		hq.waitUp(t)
		lane.waitUp(t)
		lane.say(t, "tx", 1, fmt.Sprint(i))
		hq.hear(t, "tx", fmt.Sprint(i))
	}
}
