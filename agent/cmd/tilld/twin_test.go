package main

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tilld/drivers/emulate"
)

const saysTwice = "journal exists twice"

// copyLane makes another till of a lane's data directory, as somebody does who sets up a spare machine from a
// back-up. The lane must not run.
func (s *stage) copyLane(l *laneProcess, name string) *laneProcess {
	s.Helper()
	twin := &laneProcess{name: name, store: l.store, dir: filepath.Join(s.dir, name), pages: freeAddr(s.TB), pos: freeAddr(s.TB)}
	s.must(os.CopyFS(twin.dir, os.DirFS(l.dir)))
	s.must(filepath.WalkDir(twin.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600) // CopyFS does not keep it
	}))
	link := filepath.Join(s.dir, name+"-scanner")
	var err error
	twin.scanner, err = emulate.NewScanner(link, emulate.Options{})
	s.must(err)
	s.Cleanup(func() { _ = twin.scanner.Close() })
	conf, err := os.ReadFile(filepath.Join(s.dir, l.name+".toml"))
	s.must(err)
	text := strings.NewReplacer(l.dir, twin.dir, filepath.Join(s.dir, l.name+"-scanner"), link, l.pages, twin.pages, l.pos, twin.pos).Replace(string(conf))
	twin.process = &process{t: s.TB, args: []string{"lane", "-c", s.file(name+".toml", text)}, log: &lockedBuffer{}}
	return twin
}

// TestATillThatLivesTwice: a till's data directory is copied, and both sell on. HQ raises the alarm, both tills
// say so to whoever stands there and sell on within their right, and it ends when somebody has dealt with it.
func TestATillThatLivesTwice(t *testing.T) {
	s := newStage(t, 1, roomy)
	one := s.lanes[0]
	s.online(one)
	s.sell(one, s.phone(), 1000)
	s.drained()
	one.end()
	two := s.copyLane(one, "L1copy")
	one.begin()
	s.ready(one)
	s.sell(one, s.phone(), 2000)
	s.drained()
	two.begin()
	t.Cleanup(two.kill)
	s.lanes = append(s.lanes, two)
	s.ready(two)

	const alarms = "terminal_twice"
	s.until("HQ finds out that two tills are alive", func() bool { return len(s.exceptions(alarms)) > 0 })
	for _, l := range s.lanes {
		s.shows(l, saysTwice, true)
		s.sell(l, s.phone(), 300)
	}
	if x := s.exceptions(alarms)[0]; x.State != "open" || x.Owner != "operations" || x.Lane != "L1" {
		t.Errorf("%+v", x)
	}
	var terminals struct {
		Items []struct {
			Twice bool `json:"alive_twice"`
		} `json:"items"`
	}
	if code := s.ask("GET", "/v1/terminals", &terminals); code != http.StatusOK || len(terminals.Items) != 1 || !terminals.Items[0].Twice {
		t.Errorf("terminals: %d, %+v", code, terminals)
	}
	if out := s.cli("hq", "terminal", "list", "--data", filepath.Join(s.dir, "hq")); !strings.Contains(out, "ALIVE TWICE") {
		t.Errorf("terminal list: %s", out)
	}
	if log := s.hq.log.String(); !strings.Contains(log, "kind=terminal_twice") {
		t.Errorf("HQ's log:\n%s", tail(log))
	}
	s.drained() // of both tills, whoever has the line

	two.end()
	s.lanes = s.lanes[:1]
	s.drained()
	for _, x := range s.exceptions(alarms, "epoch_sibling", "epoch_forked") {
		if x.State == "open" {
			s.decide(x, "noted", "the copy was switched off")
		}
	}
	s.shows(one, saysTwice, false)
	s.settledOnce(4, 3600)
	s.closeStage()
	s.cli("hq", "check", "--data", filepath.Join(s.dir, "hq"))
}

// decide decides an exception by HQ's API.
func (s *stage) decide(x exception, outcome, why string) {
	s.Helper()
	req, err := http.NewRequest("POST", s.hqURL+"/v1/exceptions/"+x.ID+"/resolve", strings.NewReader(fmt.Sprintf(`{"outcome":%q,"why":%q}`, outcome, why)))
	s.must(err)
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	if code := s.send(req, nil); code != http.StatusOK {
		s.Fatalf("deciding %+v: %d", x, code)
	}
}
