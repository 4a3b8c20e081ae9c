package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"tilld/agent/journal"
	"tilld/agent/payment"
)

// killRounds is how often a process is killed; `make soak` sets more.
func killRounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("TILLD_KILL_ROUNDS")
	if text == "" {
		return 50
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("TILLD_KILL_ROUNDS=%q", text)
	}
	return n
}

// seen is what people were shown: payments that a lane's API called paid.
type seen struct {
	mu   sync.Mutex
	paid map[string]int64 // payment -> amount
}

func (s *seen) note(sale saleView) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range sale.Payments {
		s.paid[p.ID] = p.Amount.Minor
	}
}

func (s *seen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.paid)
}

// TestKill kills lanes and HQ with SIGKILL at random moments of a busy day, cuts the line now and then, and
// then holds what was shown against what was journalled and what was settled: nothing lost, nothing doubled.
func TestKill(t *testing.T) {
	rounds := killRounds(t)
	s := newStage(t, 2, roomy)
	for _, l := range s.lanes {
		s.online(l)
	}
	shown := &seen{paid: map[string]int64{}}
	ctx, stop := context.WithCancel(t.Context())
	var traffic sync.WaitGroup
	for _, l := range s.lanes {
		traffic.Go(func() { s.trade(ctx, l, shown) })
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	killed := s.killAll(rnd, rounds, shown)
	before := shown.count()
	t.Logf("killed %v; %d payments were shown as paid before the last kill", killed, before)
	if least := (rounds + 2) / 3; before < least { // else most kills met processes that had not begun
		t.Errorf("%d payments were shown as paid before the last of %d kills, want %d", before, rounds, least)
	}
	s.healthy(s.hqURL)
	for _, l := range s.lanes {
		s.healthy("http://" + l.pages)
	}
	s.until("sales go on after the last kill", func() bool { return shown.count() >= before+4 })
	stop()
	traffic.Wait()
	s.drained()
	s.audit(shown)
}

// killAll kills so many processes, HQ and each lane in turn by chance, and cuts the line now and then between two
// kills. Every few kills it lets a sale be paid first: kills that only ever meet a start show little.
func (s *stage) killAll(rnd *rand.Rand, kills int, shown *seen) map[string]int {
	s.Helper()
	killed := map[string]int{}
	for kill := range kills {
		if kill%10 == 9 { // a journal verifies while its lane writes
			s.cli("journal", "verify", "--data", s.lanes[0].dir)
		}
		if kill%3 == 0 {
			before := shown.count()
			s.until("a payment between two kills", func() bool { return shown.count() > before })
		}
		if rnd.IntN(7) == 0 {
			s.line.Cut()
			s.pause(time.Duration(rnd.IntN(200)) * time.Millisecond)
			s.line.Restore()
			killed["the line"]++
		}
		s.pause(time.Duration(rnd.IntN(300)) * time.Millisecond)
		victim, name := s.hq, "HQ"
		if n := rnd.IntN(7); n >= 3 {
			l := s.lanes[n%len(s.lanes)]
			victim, name = l.process, l.name
		}
		victim.kill()
		victim.begin()
		killed[name]++
	}
	return killed
}

// pause lets the traffic run; it waits for nothing.
func (s *stage) pause(d time.Duration) { <-time.After(d) }

// trade sells until ctx ends, whatever dies meanwhile.
func (s *stage) trade(ctx context.Context, l *laneProcess, shown *seen) {
	var p *phone
	for n := 0; ctx.Err() == nil; n++ {
		if n%200 == 0 {
			p = s.phone() // an account takes 50,000 a day
		}
		sale, ok := s.tryOpen(ctx, l, fmt.Sprintf("%s-%d", l.name, n), 100+int64(n%50))
		if !ok {
			continue
		}
		code, again := p.code(), time.Now()
		for sale.State == "open" && ctx.Err() == nil {
			if s.call(l, "GET", "/v1/sales/"+sale.ID, nil, &sale) != http.StatusOK {
				s.pause(20 * time.Millisecond)
				continue
			}
			if sale.State == "open" && !time.Now().Before(again) {
				if err := l.scanner.Send(code); err != nil {
					s.Errorf("%s: %v", l.name, err)
					return
				}
				again = time.Now().Add(400 * time.Millisecond)
			}
			s.pause(10 * time.Millisecond)
		}
		if sale.State == "paid" || sale.State == "completed" {
			shown.note(sale)
			s.call(l, "POST", "/v1/sales/"+sale.ID+"/complete", nil, &sale) // a lane that died is told again below
		}
	}
	s.closeOpen(l)
}

// tryOpen opens a sale under a key, asking again while the lane is dead. A sale of the same key that the
// lane had cancelled when it came back is given up.
func (s *stage) tryOpen(ctx context.Context, l *laneProcess, key string, amount int64) (saleView, bool) {
	var sale saleView
	body := map[string]any{"total": map[string]any{"minor": amount, "currency": "JPY"}}
	for ctx.Err() == nil {
		switch code := s.callKey(l, key, body, &sale); code {
		case http.StatusCreated, http.StatusOK:
			return sale, sale.State == "open"
		case http.StatusConflict: // an earlier sale is open still
			s.closeOpen(l)
		}
		s.pause(20 * time.Millisecond)
	}
	return sale, false
}

// closeOpen cancels the sale that waits at a lane, if one does.
func (s *stage) closeOpen(l *laneProcess) {
	var status struct {
		Sale string `json:"sale"`
	}
	if s.call(l, "GET", "/v1/lane", nil, &status) == http.StatusOK && status.Sale != "" {
		s.call(l, "POST", "/v1/sales/"+status.Sale+"/cancel", nil, nil)
	}
}

// audit ends the lanes and holds their journals against HQ's books and what was shown.
func (s *stage) audit(shown *seen) {
	s.Helper()
	approved := map[string]int64{}
	for _, l := range s.lanes {
		l.end()
		s.cli("journal", "verify", "--data", l.dir)
		for id, amount := range s.approvals(l) {
			approved[id] = amount
		}
	}
	for id, amount := range shown.paid {
		if approved[id] != amount {
			s.Errorf("payment %s of %d was shown as paid, and the journal has %d", id, amount, approved[id])
		}
	}
	var sum int64
	for _, amount := range approved {
		sum += amount
	}
	s.until("HQ has settled every approval", func() bool { n, minor := s.cutAll(); return n == uint64(len(approved)) && minor == sum })
	for _, id := range slices.Sorted(maps.Keys(approved)) {
		var p struct {
			State   string `json:"state"`
			Amount  struct{ Minor int64 }
			Settled []struct{ Amount int64 } `json:"settled"`
		}
		if code := s.ask("GET", "/v1/payments/"+id, &p); code != http.StatusOK {
			s.Errorf("payment %s at HQ: %d", id, code)
			continue
		}
		if p.State != "posted" || p.Amount.Minor != approved[id] || len(p.Settled) != 1 || p.Settled[0].Amount != approved[id] {
			s.Errorf("payment %s of %d at HQ: %+v", id, approved[id], p)
		}
	}
	s.hq.end()
	s.cli("hq", "check", "--data", filepath.Join(s.dir, "hq"))
}

// cutAll cuts what there is to cut and returns what all batches come to.
func (s *stage) cutAll() (count uint64, minor int64) {
	s.Helper()
	if code := s.ask("POST", "/v1/settlements", nil); code >= 300 {
		s.Fatalf("cutting: %d", code)
	}
	for after := ""; ; {
		var page settlements
		if code := s.ask("GET", "/v1/settlements?after="+after, &page); code != http.StatusOK {
			s.Fatalf("listing batches: %d", code)
		}
		for _, b := range page.Items {
			count, minor = count+b.Count, minor+b.Sum
		}
		if len(page.Items) == 0 || page.Next == "" || page.Next == after {
			return count, minor
		}
		after = page.Next
	}
}

// approvals are the payments in a lane's journal, read from its file.
func (s *stage) approvals(l *laneProcess) map[string]int64 {
	s.Helper()
	c, err := journal.OpenCopy(s.Context(), filepath.Join(l.dir, journal.DatabaseFile))
	s.must(err)
	defer c.Close()
	all := map[string]int64{}
	for row, err := range c.Rows(s.Context(), journal.Filter{Kind: payment.KindApproved}) {
		s.must(err)
		v, err := row.View()
		s.must(err)
		f := v.Fact.(*payment.Approved)
		all[row.Payment.String()] = f.Amount.Minor
	}
	return all
}
