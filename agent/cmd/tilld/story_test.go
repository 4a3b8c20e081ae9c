package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
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
		Cause string `json:"cause"`
		Date  string `json:"settlement_date"`
		Count uint64 `json:"count"`
		Sum   int64  `json:"sum"`
	} `json:"items"`
	Next string `json:"next"`
}

// TestStory is the main job, end to end, on real parts: two lanes take payments through serial ports, HQ is
// cut off, they sell on, HQ returns, and one batch balances. The processes say all that they can, which is no code.
func TestStory(t *testing.T) {
	s := &stage{TB: t, profile: "generic", dir: t.TempDir(), ids: payment.NewIDs(time.Now, rand.Reader), level: "debug"}
	s.setUp(2, roomy)
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
	sum, count = sum+s.sellAfterBadCodes(s.lanes[0], 1500), count+1
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
	s.sameTwice()
	var exceptions struct {
		Items []json.RawMessage `json:"items"`
	}
	if code := s.ask("GET", "/v1/exceptions", &exceptions); code != http.StatusOK || exceptions.Items == nil || len(exceptions.Items) != 0 {
		t.Errorf("exceptions: %d, %s", code, exceptions.Items)
	}
	for _, l := range s.lanes {
		l.end()
	}
	s.hq.end()
	s.cli("hq", "check", "--data", s.dir+"/hq")
	s.noCodes()
}

// sellAfterBadCodes sells to a customer who shows a screenshot and half a code first.
func (s *stage) sellAfterBadCodes(l *laneProcess, amount int64) int64 {
	s.Helper()
	p := s.phone()
	sale := s.open(l, amount)
	s.must(l.scanner.Send(p.oldCode()))
	s.pause(blankingOver)
	code := p.code()
	s.must(l.scanner.Send(code[:len(code)/2]))
	s.pause(blankingOver)
	s.hold(l, p, &sale)
	if code := s.call(l, "POST", "/v1/sales/"+sale.ID+"/complete", nil, &sale); code != http.StatusOK {
		s.Fatalf("%s: completing a sale: %d", l.name, code)
	}
	return amount
}

// sameTwice pulls every batch twice, as JSON and as CSV.
func (s *stage) sameTwice() {
	s.Helper()
	var list settlements
	if code := s.ask("GET", "/v1/settlements", &list); code != http.StatusOK || len(list.Items) == 0 {
		s.Fatalf("listing batches: %d, %d of them", code, len(list.Items))
	}
	for _, b := range list.Items {
		for form, says := range map[string]string{"": b.ID, ".csv": "batch,settlement_date,"} {
			one, two := s.pull("/v1/settlements/"+b.ID+form), s.pull("/v1/settlements/"+b.ID+form)
			if !bytes.Equal(one, two) || !bytes.Contains(one, []byte(says)) || form == "" && !json.Valid(one) {
				s.Errorf("batch %s%s was not the same bytes twice:\n%s\n%s", b.ID, form, one, two)
			}
		}
	}
}

// pull fetches what must be there.
func (s *stage) pull(path string) (body []byte) {
	s.Helper()
	if code := s.ask("GET", path, &body); code != http.StatusOK {
		s.Fatalf("%s: %d\n%s", path, code, body)
	}
	return body
}

// noCodes looks for what phones have shown in all that the processes have said.
func (s *stage) noCodes() {
	s.Helper()
	logs := map[string]string{"HQ": s.hq.log.String()}
	for _, l := range s.lanes {
		logs[l.name] = l.log.String()
	}
	for name, log := range logs {
		if !strings.Contains(log, "level=INFO") && !strings.Contains(log, "level=DEBUG") {
			s.Errorf("%s said nothing:\n%s", name, tail(log))
		}
		for _, code := range s.shown.codes {
			if part := code[10:40]; strings.Contains(log, part) {
				s.Errorf("%s logs a customer's code, %s", name, part)
			}
		}
	}
}
