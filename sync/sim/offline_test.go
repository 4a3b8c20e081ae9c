package sim

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"testing/cryptotest"
	"time"
)

// TestThreeDaysOffline: the line of every lane is down for three days, with customers all the time. What is sold
// gets less by the hours since HQ's last word, as its policy says, and then nothing is; everything that was sold is
// settled when the line is back, and the lanes sell as before.
func TestThreeDaysOffline(t *testing.T) {
	const seed, from, back, span = 1, 2 * time.Hour, 74 * time.Hour, 80 * time.Hour
	cryptotest.SetGlobalRandom(t, seed)
	plan := Calm(seed, rand.New(rand.NewPCG(seed, 0)))
	plan.Lanes, plan.Phones, plan.Sales, plan.Span = 2, 30, 400, span
	plan.Share, plan.ShareCount, plan.Quiet, plan.Tick = 1_000_000, 10_000, 2*time.Minute, time.Hour
	for lane := range plan.Lanes {
		plan.Incidents = append(plan.Incidents, Incident{At: from, Kind: LineDown, Lane: lane, For: back - from})
	}
	w := newWorld(t, plan, Options{Dir: filepath.Join(room(t), "offline")})
	defer w.close()
	w.open()
	w.play()
	tiers := w.chain.Doc.Terms(store, "1").Tiers
	full, small := tiers.FullFor.Duration(), tiers.SmallFor.Duration()
	if full != 4*time.Hour || small != 24*time.Hour {
		t.Fatalf("the policy's hours are %v and %v", full, small)
	}
	count := map[string]int{}
	for _, p := range w.truth.payments {
		since := p.at.Sub(w.start.Add(from)) // HQ's last word is at most a few minutes older
		switch {
		case since < 0:
			count["before"]++
		case since < full:
			count["full"]++
		case since < small:
			count["small"]++
			if p.amount > w.chain.Doc.Caps.Small {
				t.Errorf("%d sold %v after HQ's last word", p.amount, since)
			}
		case since < back-from:
			t.Errorf("%d sold %v after HQ's last word", p.amount, since)
		default:
			count["after"]++
		}
	}
	for _, when := range []string{"before", "full", "small", "after"} {
		if count[when] == 0 {
			t.Errorf("nothing was sold in the hours called %q: %v", when, count)
		}
	}
	r := w.settleAndCheck()
	if r.Settled != r.Shown-r.Voided-r.Suspended || r.Shown != len(w.truth.payments) || r.Lost > 0 { // a code can pay at two lanes
		t.Errorf("%d shown, %d voided, %d settled, %d in suspense, %d lost", r.Shown, r.Voided, r.Settled, r.Suspended, r.Lost)
	}
	t.Logf("sold %v; %d settled", count, r.Settled)
}
