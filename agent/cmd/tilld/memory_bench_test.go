package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tilld/agent/policy"
)

// BenchmarkMemory states what a lane and an HQ (with its broker) hold in memory, as the kernel counts it: idle, and
// after TILLD_MEMORY_PAYMENTS (500 unless set; the README's figure is of 10,000) that came through the scanner's
// port, were completed, acknowledged and posted. The peak is the most that there ever was.
func BenchmarkMemory(b *testing.B) {
	n := 500
	if text := os.Getenv("TILLD_MEMORY_PAYMENTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			b.Fatalf("TILLD_MEMORY_PAYMENTS=%q", text)
		}
	}
	for b.Loop() {
		s := newStageWith(b, 1, quickProfile(b), func(d *policy.Document) {
			roomy(d)
			d.Default = policy.StoreDefault{Cap: 1_000_000_000, Lanes: 1, Sum: 1_000_000_000, Count: 1_000_000}
		})
		l := s.lanes[0]
		s.online(l)
		report := func(when string) {
			for name, p := range map[string]*process{"lane": l.process, "hq": s.hq} {
				b.ReportMetric(p.memory("VmRSS"), name+"-"+when+"-MB")
			}
		}
		report("idle")
		s.many(l, n)
		s.drained()
		s.until("HQ has posted everything", func() bool { posted, _ := s.cutAll(); return posted == uint64(n) })
		report("after")
		for name, p := range map[string]*process{"lane": l.process, "hq": s.hq} {
			b.ReportMetric(p.memory("VmHWM"), name+"-peak-MB")
		}
		l.end()
		s.hq.end()
	}
}

// quickProfile is the generic scanner without its pause between two codes.
func quickProfile(b *testing.B) string {
	b.Helper()
	text, err := os.ReadFile("../../../firmware-configs/generic.toml")
	if err != nil {
		b.Fatal(err)
	}
	quick := strings.Replace(string(text), `blanking  = "300ms"`, `blanking  = "0s"`, 1)
	if quick == string(text) {
		b.Fatal("the generic profile has no such blanking time any more")
	}
	path := filepath.Join(b.TempDir(), "quick.toml")
	if err := os.WriteFile(path, []byte(strings.Replace(quick, `"generic"`, `"quick"`, 1)), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// many lets customers pay one after the other, each twenty times.
func (s *stage) many(l *laneProcess, n int) {
	s.Helper()
	var p *phone
	for i := range n {
		if i%20 == 0 {
			p = s.phone()
		}
		sale := s.open(l, 100)
		s.must(l.scanner.Send(p.code()))
		tick := time.NewTicker(2 * time.Millisecond)
		for end := time.Now().Add(patience); sale.State != "paid"; <-tick.C {
			if s.call(l, "GET", "/v1/sales/"+sale.ID, nil, &sale) != http.StatusOK || time.Now().After(end) {
				s.Fatalf("sale %d is %s\n%s", i, sale.State, s.laneLogs())
			}
		}
		tick.Stop()
		if code := s.call(l, "POST", "/v1/sales/"+sale.ID+"/complete", nil, &sale); code != http.StatusOK {
			s.Fatalf("completing sale %d: %d", i, code)
		}
	}
}

// memory is a line of /proc/PID/status, in MB.
func (p *process) memory(line string) float64 {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		var kB float64
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			if _, err := fmt.Sscan(rest, &kB); err != nil {
				p.t.Fatal(err)
			}
			return kB / 1024
		}
	}
	p.t.Fatalf("no %s in the kernel's word", line)
	return 0
}
