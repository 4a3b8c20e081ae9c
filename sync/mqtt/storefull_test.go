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

// TestStoreFull: a store that a write failed in takes nothing more, however much room there is again. Healthy says
// so, and a broker that is started anew on the same store is well.
func TestStoreFull(t *testing.T) {
	if os.Getenv(envFull) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestStoreFull$", "-test.v", "-test.timeout=2m")
		cmd.Env = append(os.Environ(), envFull+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
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

	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the broker to say that its disk is full", func() bool {
		_ = lane.Send(t.Context(), "tx", 1, []byte("during")) // nobody promises anything
		return b.Healthy() != nil
	})
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
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
