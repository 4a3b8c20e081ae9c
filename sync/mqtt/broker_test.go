package mqtt

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

func TestStartBrokerRefuses(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		spoil func(c *BrokerConfig)
		want  string
	}{
		{"no store", func(c *BrokerConfig) { c.StoreDir = "" }, "store directory"},
		{"store is a file", func(c *BrokerConfig) { c.StoreDir = file }, file},
		{"store in a file", func(c *BrokerConfig) { c.StoreDir = filepath.Join(file, "x") }, file},
		{"port taken", func(c *BrokerConfig) { c.Listen = busy.Addr().String() }, "address already in use"},
		{"no port", func(c *BrokerConfig) { c.Listen = "127.0.0.1" }, "missing port"},
		{"port out of range", func(c *BrokerConfig) { c.Listen = "127.0.0.1:65536" }, "0 to 65535"},
		{"plaintext beyond this machine", func(c *BrokerConfig) { c.Listen = "0.0.0.0:0" }, ErrPlaintext.Error()},
		{"plaintext on all addresses", func(c *BrokerConfig) { c.Listen = ":0" }, ErrPlaintext.Error()},
		{"user without password", func(c *BrokerConfig) { c.Users = []User{{Credential: Credential{Name: "lane"}}} }, "a password"},
		{"two of a name", func(c *BrokerConfig) {
			c.Users = []User{{Credential: Credential{"a", "b"}}, {Credential: Credential{"a", "c"}}}
		}, "of its own"},
		{"rights that are none", func(c *BrokerConfig) { c.Guests.Publish = []string{"a b"} }, ErrTopic.Error()},
		{"a user's rights that are none", func(c *BrokerConfig) {
			c.Users = []User{{Credential{"a", "b"}, Rights{Subscribe: []string{"$MQTT/#"}}}}
		}, ErrTopic.Error()},
		{"anybody, beyond this machine", func(c *BrokerConfig) { c.Listen, c.AllowPlaintext = "0.0.0.0:0", true }, ErrAnonymous.Error()},
		{"anybody, beyond this machine, over TLS", func(c *BrokerConfig) { c.Listen, c.TLS = "[::]:0", &tls.Config{} }, ErrAnonymous.Error()},
		{"negative store", func(c *BrokerConfig) { c.MaxStore = -1 }, "negative"},
	}
	before := runtime.NumGoroutine()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := BrokerConfig{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"}
			tt.spoil(&c)
			b, err := StartBroker(c)
			if err == nil {
				b.Close()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
	waitFor(t, "what half started to end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestBrokerCloses(t *testing.T) {
	before := runtime.NumGoroutine()
	b := broker(t, BrokerConfig{})
	if err := b.Healthy(); err != nil {
		t.Error(err)
	}
	lane := join(t, b.URL(), Config{Subscriptions: on("tx")}).waitUp(t)
	lane.say(t, "tx", 1, "a")
	lane.leave(t)
	b.Close()
	b.Close()
	if b.Healthy() == nil {
		t.Error("closed and healthy")
	}
	if c, err := net.Dial("tcp", b.Addr()); err == nil {
		c.Close()
		t.Error("the port still answers")
	}
	waitFor(t, "all goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}

// TestStoreOff: when the server switches its store off (it does so for a full disk), Healthy says so.
func TestStoreOff(t *testing.T) {
	b := broker(t, BrokerConfig{})
	if err := b.server.DisableJetStream(); err != nil {
		t.Fatal(err)
	}
	if b.Healthy() == nil {
		t.Error("healthy without a store")
	}
}

// TestStreamInTheMaking: a stream has its directory before it is one; a broker that makes streams for its first
// client is well.
func TestStreamInTheMaking(t *testing.T) {
	c := BrokerConfig{StoreDir: t.TempDir()}
	b := broker(t, c)
	join(t, b.URL(), Config{Subscriptions: on("tx")}).waitUp(t)
	if err := os.Mkdir(filepath.Join(c.StoreDir, "jetstream", "$G", "streams", "another"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := b.Healthy(); err != nil {
		t.Error(err)
	}
}

func TestStoreIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	broker(t, BrokerConfig{StoreDir: dir})
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("store made with mode %v, want 0700", info.Mode().Perm())
	}
}

// TestStoreLimit: a full store turns publishers away, and takes messages again when it has room.
func TestStoreLimit(t *testing.T) {
	b := broker(t, BrokerConfig{MaxStore: 4 << 20})
	gate := make(chan struct{})
	var open sync.Once
	release := func() { open.Do(func() { close(gate) }) }
	hq := join(t, b.URL(), Config{Subscriptions: on("tx"), OnMessage: func(string, []byte) { <-gate }}).waitUp(t)
	t.Cleanup(release)
	lane := join(t, b.URL(), Config{}).waitUp(t)
	big := make([]byte, MaxMessage)
	taken := 0
	for lane.Publish(t.Context(), "tx", 1, big) == nil {
		if taken++; taken > 100 {
			t.Fatal("the store has no limit")
		}
	}
	release()
	waitFor(t, "room in the store", func() bool { return lane.Publish(t.Context(), "tx", 1, big) == nil })
	if err := b.Healthy(); err != nil {
		t.Error(err)
	}
	if hq.Stats().Dropped != 0 {
		t.Error("the reader lost messages")
	}
}

// TestBrokerLog: what the server says goes to the log, under one message, without passwords.
func TestBrokerLog(t *testing.T) {
	var log bytes.Buffer
	b := broker(t, BrokerConfig{
		Users: []User{{Credential{"lane", "right"}, everything}},
		Log:   slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	join(t, b.URL(), Config{Username: "lane", Password: "hidden"}).waitDown(t)
	join(t, b.URL(), Config{Username: "lane", Password: "right"}).waitUp(t)
	b.Close()
	for _, want := range []string{"level=DEBUG", "level=ERROR", brokerSays} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("nothing with %s in the log:\n%s", want, log.String())
		}
	}
	for _, secret := range []string{"right", "hidden"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("a password is in the log")
		}
	}
}

// TestBrokerLogIsBounded: who reaches the port can't fill the disk with what the server says of him.
func TestBrokerLogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := newBrokerLog(slog.New(slog.NewTextHandler(&out, nil)))
		for range 1000 {
			log.Errorf("Publish Violation")
			log.Warnf("a warning")
		}
		if n := strings.Count(out.String(), "\n"); n != complaintsAtOnce {
			t.Errorf("%d lines", n)
		}
		out.Reset()
		<-time.After(complaintEvery)
		log.Errorf("again")
		if got := out.String(); !strings.Contains(got, "text=again unsaid=1950") {
			t.Errorf("said %q", got)
		}
	})
}

// envBroker makes this test binary be a broker on the store directory it names; envForget is its
// BrokerConfig.forget.
const (
	envBroker = "TILLD_TEST_BROKER"
	envForget = "TILLD_TEST_FORGET"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envBroker); dir != "" {
		forget, _ := time.ParseDuration(os.Getenv(envForget)) // 0 on error: the default
		b, err := StartBroker(BrokerConfig{StoreDir: dir, Listen: "127.0.0.1:0", Guests: everything, forget: forget})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(b.Addr())
		_, _ = io.Copy(io.Discard, os.Stdin) // until killed, or until the test is gone
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestBrokerKilled: after kill -9 a broker starts on what it left, and keeps messages neither for a
// reader that comes back (its session is a new one) nor, for long, for one that doesn't.
func TestBrokerKilled(t *testing.T) {
	for _, back := range []bool{true, false} {
		t.Run(fmt.Sprintf("reader comes back %t", back), func(t *testing.T) {
			t.Parallel()
			dir, forget := t.TempDir(), time.Hour
			if !back {
				forget = 100 * time.Millisecond
			}
			id := killBroker(t, dir, forget)
			if !back {
				id = "another"
			}
			b := broker(t, BrokerConfig{StoreDir: dir})
			if back && stored(t, b) == 0 {
				t.Fatal("the killed broker left nothing, so that this shows nothing")
			}
			next := join(t, b.URL(), Config{ClientID: id, Subscriptions: on("other")}).waitUp(t)
			for range 50 {
				next.say(t, "tx", 1, "after")
			}
			waitFor(t, "an empty store", func() bool { return stored(t, b) == 0 })
		})
	}
}

// killBroker has a broker of its own process on dir killed while a reader is behind. It returns the
// reader's client ID. forget is part of what the broker has on disk about the reader.
func killBroker(t *testing.T, dir string, forget time.Duration) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), envBroker+"="+dir, envForget+"="+forget.String())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var addr string
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		t.Fatal(err)
	}
	gate := make(chan struct{})
	reader := join(t, "mqtt://"+addr, Config{Subscriptions: on("tx"), OnMessage: func(string, []byte) { <-gate }}).waitUp(t)
	lane := join(t, "mqtt://"+addr, Config{}).waitUp(t)
	for range 50 {
		lane.say(t, "tx", 1, "before")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // "signal: killed"
	close(gate)
	reader.leave(t)
	lane.leave(t)
	return reader.cfg.ClientID
}

// stored counts the messages that the broker keeps for readers.
func stored(t *testing.T, b *Broker) uint64 {
	t.Helper()
	js, err := b.server.Jsz(&server.JSzOptions{Accounts: true, Streams: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range js.AccountDetails {
		for _, stream := range account.Streams {
			if stream.Name == "$MQTT_msgs" {
				return stream.State.Msgs
			}
		}
	}
	t.Fatal("no stream $MQTT_msgs")
	return 0
}
