//go:build linux

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tilld/sync/simdisk"
)

// TestHQFull: HQ's disk takes nothing more, though it says that it has room, and lanes go on selling. /healthz says
// why HQ does not do its work. With room again everything arrives by itself: the broker's store, which keeps its
// error, is the reason for one new start.
func TestHQFull(t *testing.T) {
	s := &stage{TB: t, profile: "generic", dir: t.TempDir(), outside: true}
	data := filepath.Join(s.dir, "hq")
	s.must(os.Mkdir(data, 0o700))
	d := simdisk.New()
	mount, err := d.Mount(data)
	s.must(err)
	t.Cleanup(func() { _ = mount.Unmount() }) // of a test that failed before it did so itself
	s.setUp(1, roomy)
	l, p := s.lanes[0], s.phone()
	s.hq.end()
	hq := keep(t, s.hq.args, func() {})
	s.healthy(s.hqURL)
	s.online(l)
	s.sell(l, p, 200)
	s.drained()

	d.Plan(simdisk.Plan{Chosen: func(o simdisk.Op) bool { return o.Kind == simdisk.Write }, At: 1, Fault: simdisk.NoSpace})
	for range 3 {
		s.sell(l, p, 11)
	}
	s.until("the broker's store fails", func() bool { return strings.Contains(hq.log.String(), "failed to store") })
	s.until("HQ says why", func() bool {
		var why []byte
		return s.ask("GET", "/healthz", &why) == http.StatusServiceUnavailable && strings.Contains(string(why), "disk is full")
	})
	if n := s.metric(l, "tilld_lane_entries_unacknowledged"); n == 0 {
		t.Error("entries were acknowledged that nothing keeps")
	}
	d.Resume()
	s.drained()
	s.healthy(s.hqURL)
	if n := hq.lives(); n != 2 {
		t.Errorf("HQ was started %d times, want 2:\n%s", n, tail(hq.log.String()))
	}
	for _, want := range []string{`level=ERROR msg="no room on HQ's disk`, "the broker's store failed, and the disk takes files now"} {
		if !strings.Contains(hq.log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, tail(hq.log.String()))
		}
	}
	l.end()
	hq.stop()
	s.must(mount.Unmount())
}
