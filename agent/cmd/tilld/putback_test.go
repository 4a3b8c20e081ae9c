package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// books is HQ's ledger; HQ must not run.
func (s *stage) books() string { return filepath.Join(s.dir, "hq", "ledger.db") }

// keepBooks reads HQ's ledger for a restore, with everything in it: HQ has closed it.
func (s *stage) keepBooks() []byte {
	s.Helper()
	b, err := os.ReadFile(s.books())
	s.must(err)
	return b
}

// putBack puts an old ledger in the place of HQ's.
func (s *stage) putBack(old []byte) {
	s.Helper()
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(s.books() + suffix); err != nil && !os.IsNotExist(err) {
			s.Fatal(err)
		}
	}
	s.must(os.WriteFile(s.books(), old, 0o600))
}

// restartHQ ends HQ, does something while it is down and starts it again.
func (s *stage) restartHQ(meanwhile func()) {
	s.Helper()
	s.hq.end()
	meanwhile()
	s.hq.begin()
	s.healthy(s.hqURL)
}

// exception is one as HQ's API lists it.
type exception struct {
	ID         string `json:"id"`
	Kind       string `json:"kind"`
	Owner      string `json:"owner"`
	State      string `json:"state"`
	Lane       string `json:"lane"`
	Detail     string `json:"detail"`
	ResolvedBy string `json:"resolved_by"`
}

// exceptions lists HQ's exceptions of some kinds.
func (s *stage) exceptions(kinds ...string) (list []exception) {
	s.Helper()
	for _, kind := range kinds {
		var page struct {
			Items []exception `json:"items"`
		}
		if code := s.ask("GET", "/v1/exceptions?limit=100&kind="+kind, &page); code != http.StatusOK {
			s.Fatalf("listing exceptions: %d", code)
		}
		list = append(list, page.Items...)
	}
	return list
}

// screen is what the cashier's page of a lane shows now; empty when it can't be had.
func (s *stage) screen(l *laneProcess) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+l.pages+"/live", nil)
	s.must(err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var b strings.Builder
	for r := bufio.NewReader(resp.Body); ; {
		line, err := r.ReadString('\n')
		if b.WriteString(line); err != nil || line == "\n" && b.Len() > 1 {
			return b.String()
		}
	}
}

// shows waits until a lane's page says something, or does not say it any more.
func (s *stage) shows(l *laneProcess, text string, want bool) {
	s.Helper()
	s.until(fmt.Sprintf("%s says %q: %v", l.name, text, want), func() bool {
		page := s.screen(l)
		return page != "" && strings.Contains(page, text) == want
	})
}

const saysLost = "Head office has lost entries"

// TestBooksPutBackInSilence: an operator puts an old ledger.db back and starts HQ, without a word. Everybody is
// told, lanes sell on, and after 'tilld hq restored' everything is there again.
func TestBooksPutBackInSilence(t *testing.T) {
	s := newStage(t, 2, roomy)
	data := filepath.Join(s.dir, "hq")
	var count uint64
	var sum int64
	trade := func(n int) {
		t.Helper()
		for i := range n {
			for _, l := range s.lanes {
				amount := int64(1000 + i)
				s.sell(l, s.phone(), amount)
				count, sum = count+1, sum+amount
			}
		}
	}
	for _, l := range s.lanes {
		s.online(l)
	}
	trade(1)
	s.drained()
	var old []byte
	s.restartHQ(func() { old = s.keepBooks() })
	trade(3)
	s.drained() // acknowledged, all of it
	s.restartHQ(func() { s.putBack(old) })

	var lost []exception
	s.until("HQ names both lanes", func() bool { lost = s.exceptions("hq_lost"); return len(lost) == 2 })
	for _, x := range lost {
		if x.State != "open" || x.Owner != "operations" || !strings.Contains(x.Detail, "tilld hq restored") {
			t.Errorf("%+v", x)
		}
	}
	if log := s.hq.log.String(); strings.Count(log, "kind=hq_lost") != 2 || !strings.Contains(log, "level=ERROR") {
		t.Errorf("HQ's log:\n%s", tail(log))
	}
	for _, l := range s.lanes {
		s.shows(l, saysLost, true)
		if got := s.metric(l, "tilld_lane_hq_lost"); got != 1 {
			t.Errorf("%s: the gauge says %v", l.name, got)
		}
	}
	trade(1) // within their right
	if code, out, _ := tilld(t, "hq", "check", "--data", data); code != exitNegative || strings.Count(out, "LOST: entries ") != 2 || !strings.Contains(out, "tilld hq restored") {
		t.Errorf("hq check: exit %d\n%s", code, out)
	}
	if got := s.exceptions("hq_lost"); len(got) != 2 {
		t.Errorf("named again: %+v", got)
	}

	s.restartHQ(func() { s.cli("hq", "restored", "--data", data) })
	s.drained()
	for _, l := range s.lanes {
		s.shows(l, saysLost, false)
	}
	s.until("the exceptions have ended by themselves", func() bool {
		open := 0
		for _, x := range s.exceptions("hq_lost") {
			if x.State == "open" || x.ResolvedBy != "tilld" {
				open++
			}
		}
		return open == 0
	})
	s.settledOnce(count, sum)
	s.closeStage()
	if out := s.cli("hq", "check", "--data", data); strings.Contains(out, "LOST") || !strings.Contains(out, "All is well") {
		t.Errorf("hq check:\n%s", out)
	}
}

// settledOnce waits until HQ has settled just so much.
func (s *stage) settledOnce(count uint64, sum int64) {
	s.Helper()
	s.until("HQ has settled everything", func() bool {
		n, minor := s.cutAll()
		if minor > sum || n > count {
			s.Fatalf("settled %d payments of %d, more than %d of %d", n, minor, count, sum)
		}
		return n == count && minor == sum
	})
}

func (s *stage) closeStage() {
	s.Helper()
	for _, l := range s.lanes {
		l.end()
	}
	s.hq.end()
}

// TestArchiveOutlivesTheBooks: the books are put back behind a settlement that they don't know. HQ does not speak
// to any lane until it was declared restored, and nothing is settled twice.
func TestArchiveOutlivesTheBooks(t *testing.T) {
	s := newStage(t, 1, roomy)
	l, data := s.lanes[0], filepath.Join(s.dir, "hq")
	s.online(l)
	s.sell(l, s.phone(), 1000)
	s.drained()
	var old []byte
	s.restartHQ(func() { old = s.keepBooks() })
	s.sell(l, s.phone(), 2000)
	s.drained()
	s.settledOnce(2, 3000)
	s.hq.end()
	s.putBack(old)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var errs bytes.Buffer
	code := run(ctx, []string{"hq", "-c", filepath.Join(s.dir, "hq.toml")}, streams{strings.NewReader(""), io.Discard, &errs})
	if code != exitFailure || !strings.Contains(errs.String(), "tilld hq restored --data "+data) || strings.Count(errs.String(), "\n") != 1 {
		t.Fatalf("HQ on books that were put back: exit %d: %s", code, errs.String())
	}
	if code, out, _ := tilld(t, "hq", "check", "--data", data); code != exitNegative || !strings.Contains(out, "LOST: the books in ") {
		t.Errorf("hq check: exit %d\n%s", code, out)
	}

	s.cli("hq", "restored", "--data", data)
	s.hq.begin()
	s.healthy(s.hqURL)
	s.sell(l, s.phone(), 4000)
	s.drained()
	s.settledOnce(3, 7000)
	if got := s.exceptions("hq_lost"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	s.closeStage()
	s.cli("hq", "check", "--data", data)
}
