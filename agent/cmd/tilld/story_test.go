package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"tilld/agent/policy"
)

// roomy lets a lane sell a day's worth offline.
func roomy(d *policy.Document) {
	d.Caps = policy.Caps{Payment: 20_000, AccountDay: 100_000, Unbound: 5_000, Small: 5_000}
	d.Default = policy.StoreDefault{Cap: 4_000_000, Lanes: 4, Sum: 1_000_000, Count: 2000}
}

// settlements is GET /v1/settlements.
type settlements struct {
	Items []struct {
		ID    string `json:"id"`
		Count uint64 `json:"count"`
		Sum   int64  `json:"sum"`
	} `json:"items"`
	Next string `json:"next"`
}

// TestStory is the main job, end to end, on real parts: two lanes take payments through serial ports, HQ is
// cut off, they sell on, HQ returns, and one batch balances.
func TestStory(t *testing.T) {
	s := newStage(t, 2, roomy)
	var sum int64
	var count uint64
	sell := func(lane int, amount int64) {
		t.Helper()
		s.sell(s.lanes[lane], s.phone(), amount)
		sum += amount
		count++
	}
	for i, l := range s.lanes {
		s.online(l)
		sell(i, 1000+int64(i))
	}
	s.drained()

	s.line.Cut()
	for i := range 20 {
		sell(i%2, 100+int64(i))
	}
	if got := s.metric(s.lanes[0], "tilld_lane_entries_unacknowledged"); got < 20 {
		t.Errorf("%v entries wait at the lane during the outage", got)
	}
	s.line.Restore()
	s.drained()

	s.until("HQ has posted everything", func() bool {
		n, minor := s.cutAll()
		if minor > sum || n > count {
			t.Fatalf("settled %d payments of %d, more than %d of %d", n, minor, count, sum)
		}
		return n == count && minor == sum
	})
	var list settlements
	s.ask("GET", "/v1/settlements", &list)
	for _, b := range list.Items {
		var one, two, csv []byte
		s.ask("GET", "/v1/settlements/"+b.ID, &one)
		s.ask("GET", "/v1/settlements/"+b.ID, &two)
		if code := s.ask("GET", "/v1/settlements/"+b.ID+".csv", &csv); code != http.StatusOK || len(csv) == 0 {
			t.Errorf("batch %s as CSV: %d", b.ID, code)
		}
		if !bytes.Equal(one, two) || !json.Valid(one) {
			t.Errorf("batch %s was not the same bytes twice", b.ID)
		}
	}
	var exceptions struct {
		Items []json.RawMessage `json:"items"`
	}
	if s.ask("GET", "/v1/exceptions", &exceptions); len(exceptions.Items) != 0 {
		t.Errorf("exceptions: %s", exceptions.Items)
	}
	for _, l := range s.lanes {
		l.end()
	}
	s.hq.end()
	s.cli("hq", "check", "--data", s.dir+"/hq")
}
