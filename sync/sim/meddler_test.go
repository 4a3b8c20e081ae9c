package sim

import (
	"context"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest"
	"tilld/sync/ledger"
)

// meddled is how often somebody meddles with messages, in all; `make soak` sets a million.
func meddled(t *testing.T) int {
	t.Helper()
	text := os.Getenv("TILLD_MEDDLED")
	if text == "" {
		return 20_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("TILLD_MEDDLED=%q", text)
	}
	return n
}

// A run has this many, so that replays are of one history that is long enough.
const meddledRun = 10_000

// TestMeddler has somebody hold the broker who drops, delays, repeats, alters, splices and forges messages both ways, while
// programs die and HQ is put back. No lane takes a word that HQ has not said to it or lets go of what HQ does not hold,
// HQ holds nothing that no lane wrote, and what was shown is settled once.
func TestMeddler(t *testing.T) {
	base := room(t)
	all := map[string]int{}
	sum, want := 0, meddled(t)
	var total Result
	var seeds []uint64
	for seed := range meddledSeeds(*simFirst) {
		if sum >= want {
			break
		}
		seeds = append(seeds, seed)
		plan := meddledPlan(seed)
		r, err := runMeddled(t, base, plan, Bug{})
		if err != nil {
			t.Errorf("%v\nagain: TILLD_MEDDLED=%d go test ./sync/sim -run 'TestMeddler$' -sim.first=%d\n%s", err, meddledRun, seed, plan.String())
		}
		for k, n := range r.Meddled {
			all[k] += n
			sum += n
		}
		if err != nil {
			sum += meddledRun
		}
		total.Shown, total.Settled, total.Acked, total.Refused = total.Shown+r.Shown, total.Settled+r.Settled, total.Acked+r.Acked, total.Refused+r.Refused
		if len(seeds)%10 == 0 {
			t.Logf("%d seeds, %d messages", len(seeds), sum)
		}
	}
	t.Logf("seeds %d: %d messages dropped, delayed, brought again, altered or forged; lanes refused %d and took %d acknowledgements; %d payments shown, %d settled",
		seeds, sum, total.Refused, total.Acked, total.Shown, total.Settled)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		t.Logf("%8d %s", all[k], k)
	}
}

// meddledSeeds are those that once failed, and then all from first on.
func meddledSeeds(first uint64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, seed := range []uint64{
			1002, // an answer of a restored HQ came late, and was taken for the proof that HQ had lost something
		} {
			if !yield(seed) {
				return
			}
		}
		for seed := first; yield(seed); seed++ {
		}
	}
}

// meddledPlan is a quiet morning but for a few deaths, and HQ put back in every other seed.
func meddledPlan(seed uint64) Plan {
	plan := Calm(seed, rand.New(rand.NewPCG(seed, 0)))
	plan.Lanes, plan.Phones, plan.Sales, plan.Span = 3, 8, 100, 6*time.Hour
	plan.Share, plan.ShareCount = 400_000, 400
	plan.Quiet, plan.Slowest, plan.HQAway, plan.Away = 2*time.Minute, 2*time.Minute, time.Minute, time.Minute
	plan.Incidents = []Incident{
		{At: 30 * time.Minute, Kind: HQKill}, {At: 50 * time.Minute, Kind: LaneKill}, {At: 80 * time.Minute, Kind: HQCut},
		{At: 2 * time.Hour, Kind: HQBackup}, {At: 4 * time.Hour, Kind: LaneKill, Lane: 1}, {At: 5 * time.Hour, Kind: HQCut},
	}
	if seed%2 == 0 {
		plan.Incidents = append(plan.Incidents, Incident{At: 3 * time.Hour, Kind: HQPutBack})
	}
	return plan
}

func runMeddled(t *testing.T, base string, plan Plan, bug Bug) (Result, error) {
	t.Helper()
	return runWith(t, base, plan, Options{Bug: bug, Meddled: meddledRun})
}

// TestMeddlerIsDangerous: he gets through where a check is missing.
func TestMeddlerIsDangerous(t *testing.T) {
	base := room(t)
	for _, bug := range []Bug{
		{Name: "a lane believes whoever signs", Keys: believeAll},
		{Name: "HQ takes one terminal's key for another's", Ledger: func(o *office, s *ledger.Store) ingest.Ledger { return &trusting{s, o} }},
	} {
		if _, err := runMeddled(t, base, meddledPlan(1), bug); err == nil {
			t.Errorf("%s, and nothing came of it", bug.Name)
		} else {
			t.Logf("%s: %v", bug.Name, err)
		}
	}
}

// trusting takes the stolen till's key for every terminal's.
type trusting struct {
	*ledger.Store
	o *office
}

func (l *trusting) Keys(ctx context.Context, id payment.ID) ([]ledger.Key, error) {
	own, err := l.Store.Keys(ctx, id)
	if err != nil {
		return nil, err
	}
	stolen, err := l.Store.Keys(ctx, l.o.w.meddler.insider)
	return append(own, stolen...), err
}
