package hq

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"tilld/agent/disk"
	"tilld/sync/mqtt"
	"tilld/sync/wire"
)

// TestReserve: below the reserve HQ records and acknowledges nothing and cuts no batch, and says so in the log, in
// /healthz, on the console and as a metric. Above it all goes on by itself.
func TestReserve(t *testing.T) {
	r := newRunning(t)
	l := r.lane("S001", "L1")
	p := r.chain.Phone()
	l.Sell(p, 100)
	r.sendAll(l)
	held := l.Last()
	get := func(path string) (int, string) {
		resp, err := http.Get("http://" + r.Addr() + path)
		r.must(err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		r.must(err)
		return resp.StatusCode, string(b)
	}
	if code, text := get("/healthz"); code != http.StatusOK {
		t.Fatalf("with room: %d %s", code, text)
	}

	var free atomic.Uint64
	free.Store(disk.MinRoom - 1)
	r.room.mu.Lock()
	r.room.disks.Free = func(string) (uint64, error) { return free.Load(), nil }
	r.room.mu.Unlock()
	r.until("HQ sees that there is no room", func() bool { code, _ := get("/healthz"); return code == http.StatusServiceUnavailable })
	l.Sell(p, 200)
	for _, b := range l.Batches(held, 100) {
		msg, err := wire.EncodeBatch(b)
		r.must(err)
		r.send(l, msg)
	}
	r.until("what comes is turned away", func() bool { return r.ingest.Stats().Failed > 0 })
	got, err := r.Books.Terminal(r.Context(), l.ID)
	r.must(err)
	if n := len(got.Epochs); n == 0 || got.Epochs[n-1].Held != held {
		t.Errorf("recorded below the reserve: %+v", got.Epochs)
	}
	if _, err := r.settler.CutNow(r.Context()); !errors.Is(err, disk.ErrNoRoom) {
		t.Errorf("cutting a batch: %v", err)
	}
	if _, text := get("/healthz"); !strings.Contains(text, "disk is full") {
		t.Errorf("/healthz: %s", text)
	}
	if _, text := get("/metrics"); !strings.Contains(text, "\ntilld_hq_healthy 0\n") || !strings.Contains(text, "\ntilld_hq_disk_free_bytes ") {
		t.Error("no metric tells")
	}
	for _, want := range []string{`level=ERROR msg="no room on HQ's disk`, `level=ERROR msg="disk full: nothing is recorded`} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log does not say %s:\n%s", want, r.log)
		}
	}

	free.Store(disk.MinRoom)
	r.until("HQ sees that there is room", func() bool { return r.room.lacks() == nil })
	r.sendAll(l)
	if code, text := get("/healthz"); code != http.StatusOK {
		t.Errorf("with room again: %d %s", code, text)
	}
}

// TestLookAtBroker: a broker that takes nothing ends HQ when there is room, and only then: before, a new start would
// meet the same disk.
func TestLookAtBroker(t *testing.T) {
	r := newRunning(t)
	var free uint64
	n := &Node{Office: r.Office, log: r.Node.log, ingest: r.ingest}
	n.room.disks = disk.Disks{Dirs: []string{t.TempDir()}, Probe: probeFile, Free: func(string) (uint64, error) { return free, nil }}
	var err error
	n.broker, err = mqtt.StartBroker(mqtt.BrokerConfig{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"})
	r.must(err)
	n.broker.Close()
	r.must(n.look())
	free = disk.MinRoom
	if err := n.look(); !errors.Is(err, errBrokerStore) {
		t.Errorf("with room: %v", err)
	}
}
