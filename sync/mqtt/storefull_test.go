//go:build unix

package mqtt

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// envFull makes this test binary meet a full disk: no file may grow beyond a limit, which is a process's.
const envFull = "TILLD_TEST_FULL_STORE"

// apart runs the test that asks in a process of its own, whose limits it may change; it reports whether this is it.
func apart(t *testing.T) bool {
	t.Helper()
	if os.Getenv(envFull) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), envFull+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// limit sets one of the process's limits, and returns the function that takes it back.
func limit(t *testing.T, which int, to uint64) (again func()) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(which, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(which, &unix.Rlimit{Cur: to, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(which, &was); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStoreFull: a store that a write failed in takes nothing more, however much room there is again. Healthy says
// so, and a broker that is started anew on the same store is well.
func TestStoreFull(t *testing.T) {
	if !apart(t) {
		return
	}
	c := BrokerConfig{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"}
	b := broker(t, c)
	hq := join(t, b.URL(), Config{Subscriptions: on("tx")}).waitUp(t)
	lane := join(t, b.URL(), Config{}).waitUp(t)
	lane.say(t, "tx", 1, "before")
	hq.hear(t, "tx", "before")
	if err := b.Healthy(); err != nil {
		t.Fatal(err)
	}

	again := limit(t, unix.RLIMIT_FSIZE, 1)
	waitFor(t, "the broker to say that its disk is full", func() bool {
		_ = lane.Send(t.Context(), "tx", 1, []byte("during")) // nobody promises anything
		return b.Healthy() != nil
	})
	again()
	if err := b.Healthy(); !errors.Is(err, ErrStore) {
		t.Errorf("with room again: %v, want ErrStore", err)
	}
	lane.leave(t)
	hq.leave(t)
	b.Close()

	b = broker(t, c)
	hq = join(t, b.URL(), Config{Subscriptions: on("tx")}).waitUp(t)
	lane = join(t, b.URL(), Config{}).waitUp(t)
	lane.say(t, "tx", 1, "after")
	hq.hear(t, "tx", "after")
	if err := b.Healthy(); err != nil {
		t.Errorf("started anew: %v", err)
	}
}

// TestStoreBrokenByLeaving: a client leaves while the process can open no more files, and its session can't be deleted.
// The store keeps that error too, and nobody of that name comes in any more, though the server's own report finds
// nothing wrong.
func TestStoreBrokenByLeaving(t *testing.T) {
	if !apart(t) {
		return
	}
	c := BrokerConfig{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"}
	b := broker(t, c)
	lane := join(t, b.URL(), Config{ClientID: "lane"}).waitUp(t)
	again := limit(t, unix.RLIMIT_NOFILE, 3) // what is open stays
	lane.leave(t)
	waitFor(t, "the broker to say that its store failed", func() bool { return b.Healthy() != nil })
	again()
	if err := b.Healthy(); !errors.Is(err, ErrStore) {
		t.Errorf("with files again: %v, want ErrStore", err)
	}
	b.Close()
	join(t, broker(t, c).URL(), Config{ClientID: "lane"}).waitUp(t).leave(t)
}

// TestStoreErrorIsNoClients: the words by which a store's end is known are not taken from a client's name.
func TestStoreErrorIsNoClients(t *testing.T) {
	l := newBrokerLog(nil)
	l.Errorf(`127.0.0.1:1 - mid:1 - "JetStream critical write error: %%v" - %s`, "Filestore [x] Critical write error: %v")
	l.Errorf("%s", "JetStream critical write error: x")
	if why := l.broken.Load(); why != nil {
		t.Errorf("a client broke the store: %s", *why)
	}
	for _, format := range []string{
		"Filestore [$MQTT_sess] Critical write error: %v",            // filestore.go of nats-server v2
		"JetStream stream '%s > %s' critical write error: %v",        // stream.go
		"JetStream consumer '%s > %s > %s' critical write error: %v", // jetstream_cluster.go
	} {
		if !isStoreError(format) {
			t.Errorf("not known: %s", format)
		}
	}
}
