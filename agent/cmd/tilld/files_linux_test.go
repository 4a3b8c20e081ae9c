package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// limitFiles sets what a process may have open; what it has open stays.
func (s *stage) limitFiles(pid int, most uint64) {
	s.Helper()
	var now unix.Rlimit
	s.must(unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &now))
	s.must(unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: now.Max}, nil))
}

// The limits: nothing more, for standard input and outputs take it all up, and enough.
const (
	noFiles = 3
	enough  = 1024
)

// cpu is what a process has used of a processor.
func (s *stage) cpu(pid int) time.Duration {
	s.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	s.must(err)
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var user, system time.Duration // hundredths of a second
	_, err = fmt.Sscan(f[11]+" "+f[12], &user, &system)
	s.must(err)
	return (user + system) * 10 * time.Millisecond
}

// calm lets a while pass, in which a process that can do nothing must neither be busy nor fill its log.
func (s *stage) calm(d time.Duration, pid int, log *lockedBuffer) {
	s.Helper()
	used, lines := s.cpu(pid), strings.Count(log.String(), "\n")
	<-time.After(d)
	if used = s.cpu(pid) - used; used > d/3 {
		s.Errorf("%v of a processor in %v", used, d)
	}
	if n := strings.Count(log.String(), "\n") - lines; n > 3*int(d/time.Second) {
		s.Errorf("%d lines logged in %v:\n%s", n, d, tail(log.String()))
	}
}

// knock asks to be let in by somebody who has no connection yet, and does not wait.
func (s *stage) knock(url string) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	go func() {
		if resp, err := client.Get(url + "/healthz"); err == nil {
			resp.Body.Close()
		}
	}()
}

const tooMany = "too many open files" // EMFILE, as the system says it

// TestLaneOutOfFiles: a lane that can open no file nor connection any more. What has a connection goes on to sell,
// durably; the line to HQ, once lost, can't come back, and the log says why. With files again everything arrives.
func TestLaneOutOfFiles(t *testing.T) {
	s := newStage(t, 1, roomy)
	l, p := s.lanes[0], s.phone()
	pid := l.cmd.Process.Pid
	s.online(l)
	s.sell(l, p, 100) // by a connection of the shop's own program, which stays
	s.drained()
	s.limitFiles(pid, noFiles)
	s.sell(l, p, 20)
	s.line.Cut()
	s.sell(l, p, 3)
	s.line.Restore()
	for range 3 {
		s.knock("http://" + l.pages)
	}
	s.until("the lane says why nobody gets in, and why there is no line", func() bool {
		log := l.log.String()
		return strings.Contains(log, "nobody new can connect") && strings.Contains(log, "mqtt: no connection") && strings.Count(log, tooMany) >= 2
	})
	s.calm(10*time.Second, pid, l.log)
	if n := strings.Count(l.log.String(), "nobody new can connect"); n > 2 { // a minute apart
		t.Errorf("said %d times", n)
	}
	s.limitFiles(pid, enough)
	s.drained()
	s.sell(l, p, 4)
	s.drained()
	s.until("HQ has posted everything", func() bool { n, sum := s.cutAll(); return n == 4 && sum == 127 })
	l.end()
	s.hq.end()
}

// TestHQOutOfFiles: the same at HQ. Lanes sell on, and nothing is acknowledged that is not kept. Its broker's store
// keeps the error, which is the reason for one new start; then everything arrives.
func TestHQOutOfFiles(t *testing.T) {
	s := newStage(t, 2, roomy)
	a, b, p := s.lanes[0], s.lanes[1], s.phone()
	s.hq.end()
	hq := keep(t, s.hq.args, func() {})
	s.hq.log = hq.log // what a wait that fails shows
	s.healthy(s.hqURL)
	s.online(a)
	s.online(b)
	s.sell(a, p, 100)
	s.drained()
	hq.mu.Lock()
	pid := hq.cmd.Process.Pid
	hq.mu.Unlock()
	s.limitFiles(pid, noFiles)
	s.sell(a, p, 20)
	s.sell(b, p, 3)
	s.line.Cut() // no lane can come back
	s.sell(a, p, 4)
	s.line.Restore()
	s.knock(s.hqURL)
	s.until("HQ says why", func() bool { return strings.Contains(hq.log.String(), tooMany) })
	if hq.lives() == 1 {
		s.calm(10*time.Second, pid, hq.log)
	}
	s.sell(b, p, 5)
	if hq.lives() == 1 {
		s.limitFiles(pid, enough)
	}
	s.drained()
	s.healthy(s.hqURL)
	s.until("HQ has posted everything", func() bool { n, sum := s.cutAll(); return n == 5 && sum == 132 })
	if n := hq.lives(); n > 2 {
		t.Errorf("HQ was started %d times:\n%s", n, tail(hq.log.String()))
	}
	a.end()
	b.end()
	hq.stop()
}
