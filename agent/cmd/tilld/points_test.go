package main

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"

	"tilld/agent/policy"
)

// TestPointsStory: a nanaco card is read before one payment and after another, with the line down; when it is back HQ
// has counted the points once each, and the programme's operator gets them with the card's number. What is voided is
// taken back.
func TestPointsStory(t *testing.T) {
	const card = "7600123456789012"
	s := newStage(t, 1, func(d *policy.Document) {
		roomy(d)
		d.Features, d.Programmes = []string{policy.Points}, []policy.Programme{{Name: "nanaco", Points: 1, Per: 200}}
	})
	data := s.dir + "/hq"
	finance := s.token
	s.token = s.cli("hq", "token", "add", "--data", data, "--scope", "points", "nanaco")
	l, p := s.lanes[0], s.phone()
	s.online(l)
	s.line.Cut()
	complete := func(id string) {
		t.Helper()
		if code := s.call(l, "POST", "/v1/sales/"+id+"/complete", nil, nil); code != http.StatusOK {
			t.Fatalf("completing a sale: %d", code)
		}
	}
	read := func() {
		t.Helper()
		s.pause(blankingOver)
		s.must(l.scanner.Send(card))
		s.shows(l, `class="member"`, true)
		s.pause(blankingOver)
	}
	before := s.open(l, 1000)
	read()
	s.hold(l, p, &before)
	complete(before.ID)
	after := s.open(l, 450)
	s.hold(l, p, &after)
	read()
	complete(after.ID)
	s.sell(l, p, 300) // no card
	s.line.Restore()
	s.drained()
	var rows [][]string
	s.until("HQ has counted the points", func() bool {
		var raw []byte
		if code := s.ask("GET", "/v1/points?programme=nanaco", &raw); code != http.StatusOK {
			t.Fatalf("%d %s", code, raw)
		}
		var err error
		rows, err = csv.NewReader(strings.NewReader(string(raw))).ReadAll()
		s.must(err)
		return len(rows) == 3
	})
	for i, want := range []struct{ sale, points string }{{before.ID, "5"}, {after.ID, "2"}} {
		if r := rows[i+1]; r[2] != "earned" || r[3] != want.points || r[4] != card || r[7] != want.sale || r[5] != rows[1][5] {
			t.Errorf("%q, want %+v", r, want)
		}
	}
	if out := s.cli("hq", "forget", "--data", data, "--programme", "nanaco", "--member", rows[1][5], "--why", "asked"); !strings.Contains(out, "in 2 of 2 entries") {
		t.Error(out)
	}
	var raw []byte
	if code := s.ask("GET", "/v1/points?programme=nanaco", &raw); code != http.StatusOK || strings.Contains(string(raw), card) || strings.Count(string(raw), "earned") != 4 {
		t.Errorf("after the member was forgotten: %d\n%s", code, raw)
	}
	if code, _, _ := tilld(t, "hq", "forget", "--data", data, "--programme", "vpoint", "--member", rows[1][5], "--why", "asked"); code != 1 {
		t.Errorf("a stranger was forgotten: %d", code)
	}
	if code, _, _ := tilld(t, "hq", "forget", "--data", data, "--member", rows[1][5], "--why", "asked"); code != 2 {
		t.Errorf("no programme: %d", code)
	}
	s.token = finance
	if count, sum := s.cutAll(); count != 3 || sum != 1750 {
		t.Errorf("settled %d payments of %d: points are no money", count, sum)
	}
	l.end()
	s.hq.end()
	s.cli("hq", "check", "--data", data)
	s.cli("journal", "verify", l.dir, "--key", s.dir+"/"+l.name+".request")
}
