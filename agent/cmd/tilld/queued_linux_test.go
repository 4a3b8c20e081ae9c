package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"tilld/drivers/emulate"
	"tilld/sync/outage"
)

// TestQueued: a lane that was alone for long. TILLD_QUEUED_SALES sales of three entries each (1,000 unless set;
// 33,334 are 100,000 entries) wait in its journal. The real process, as the kernel counts it, never takes more than
// 64 MiB: neither while it starts without a line nor while it drains.
func TestQueued(t *testing.T) {
	const most = 64 // MiB
	n := 1000
	if text := os.Getenv("TILLD_QUEUED_SALES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			t.Fatalf("TILLD_QUEUED_SALES=%q", text)
		}
	}
	d := newDrain(t, n)
	s := &stage{TB: t, dir: d.root}
	broker, api := freeAddr(t), freeAddr(t)
	s.token = s.cli("hq", "token", "add", "--data", d.data(), "--scope", "finance", "tester")
	s.hqURL = "http://" + api
	s.hq = s.start("hq", "-c", s.file("hq.toml", d.hqFile(broker, api)))
	s.healthy(s.hqURL)
	var err error
	s.line, err = outage.Start(outage.Config{Listen: "127.0.0.1:0", Target: broker})
	s.must(err)
	t.Cleanup(func() { s.must(s.line.Close()) })
	s.line.Cut()
	l := &laneProcess{name: "L1", store: d.store, dir: d.dir, pages: freeAddr(t), pos: freeAddr(t)}
	l.scanner, err = emulate.NewScanner(filepath.Join(s.dir, "scanner"), emulate.Options{})
	s.must(err)
	t.Cleanup(func() { _ = l.scanner.Close() })
	s.lanes = append(s.lanes, l)
	l.process = s.start("lane", "-c", s.file("lane.toml", fmt.Sprintf("data = %q\n[scanner]\npath = %q\nprofile = \"generic\"\nlocks = %q\n[broker]\naddresses = [%q]\n[listen]\npages = %q\npos = %q\n[log]\nlevel = \"warn\"\n",
		l.dir, filepath.Join(s.dir, "scanner"), s.dir, "mqtt://"+s.line.Addr(), l.pages, l.pos)))
	s.ready(l)
	bound := func(when string) {
		t.Helper()
		peak := l.memory("VmHWM")
		t.Logf("%d entries queued, %s: %.1f MiB, at most %.1f", d.last, when, l.memory("VmRSS"), peak)
		if peak > most {
			t.Errorf("%s: the lane took %.1f MiB", when, peak)
		}
	}
	bound("started")
	if left := s.metric(l, "tilld_lane_entries_unacknowledged"); left < float64(d.last) {
		t.Fatalf("%v entries wait, want %d", left, d.last)
	}
	s.line.Restore()
	for was := float64(-1); was != 0; { // each hundred entries have the patience of one wait
		s.until("the lane drains", func() bool {
			left := s.metric(l, "tilld_lane_entries_unacknowledged")
			moved := left >= 0 && left != was
			if moved {
				was = left
			}
			return moved
		})
	}
	bound("drained")
	s.until("HQ has posted everything", func() bool { count, sum := s.cutAll(); return count == uint64(n) && sum == d.used.Sum })
	l.end()
	s.hq.end()
}
