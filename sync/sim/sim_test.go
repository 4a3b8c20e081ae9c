package sim

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"tilld/sync/ledger"
)

var (
	simSeed  = flag.Uint64("sim.seed", 0, "run this seed alone, and tell what happens")
	simFirst = flag.Uint64("sim.first", 1, "the first seed")
	simSeeds = flag.Uint64("sim.seeds", 500, "how many seeds")
	simHunt  = flag.Bool("sim.hunt", false, "look for the first seed, up to -sim.seeds, that finds each deliberate bug")
	simLog   = flag.Bool("sim.log", false, "with -sim.seed: the programs' logs too")
)

// room is a directory in memory where there is one: nothing here is to outlive a run.
func room(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("/dev/shm"); err != nil {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "tilld-sim-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func run(t *testing.T, base string, plan Plan, bug Bug, out io.Writer) (Result, error) {
	t.Helper()
	dir := filepath.Join(base, fmt.Sprint(plan.Seed))
	defer os.RemoveAll(dir)
	o := Options{Dir: dir, Bug: bug, Out: out}
	if *simLog {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return Run(t, plan, o)
}

// TestSim runs seeds.
func TestSim(t *testing.T) {
	base := room(t)
	if *simSeed != 0 {
		plan := PlanOf(*simSeed)
		fmt.Println(plan.String())
		r, err := run(t, base, plan, Bug{}, os.Stdout)
		fmt.Printf("%+v\n", r)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	began := time.Now()
	var sum total
	for seed := *simFirst; seed < *simFirst+*simSeeds; seed++ {
		plan := PlanOf(seed)
		r, err := run(t, base, plan, Bug{}, nil)
		if err != nil {
			t.Errorf("seed %d: %v\nagain: go test ./sync/sim -run 'TestSim$' -sim.seed=%d\n%s", seed, err, seed, plan.String())
			if sum.failed++; sum.failed > 20 {
				t.Fatal("enough")
			}
		}
		sum.add(&r)
	}
	t.Logf("%d seeds from %d in %v: %s", *simSeeds, *simFirst, time.Since(began).Round(time.Millisecond), &sum)
}

// total adds up runs.
type total struct {
	Result
	failed int
}

func (s *total) add(r *Result) {
	s.ShopTime += r.ShopTime
	s.Shown += r.Shown
	s.Voided += r.Voided
	s.Settled += r.Settled
	s.Suspended += r.Suspended
	s.Lost += r.Lost
	s.Forks += r.Forks
	s.Recovered += r.Recovered
	s.Unseen += r.Unseen
	s.Messages.Sent += r.Messages.Sent
	s.Messages.Lost += r.Messages.Lost
	s.Messages.Damaged += r.Messages.Damaged
	s.Messages.Replayed += r.Messages.Replayed
	if s.Exceptions == nil {
		s.Exceptions = map[ledger.Kind]int{}
	}
	for k, n := range r.Exceptions {
		s.Exceptions[k] += n
	}
}

func (s *total) String() string {
	return fmt.Sprintf("%.1f shop-days; %d payments shown (%d after a restart), %d settled, %d voided, %d in suspense, %d gone with a disk; %d unseen; %d forks; "+
		"%d messages sent, %d lost, %d damaged, %d replayed; exceptions %v", s.ShopTime.Hours()/24, s.Shown, s.Recovered, s.Settled, s.Voided, s.Suspended, s.Lost,
		s.Unseen, s.Forks, s.Messages.Sent, s.Messages.Lost, s.Messages.Damaged, s.Messages.Replayed, s.Exceptions)
}

// TestMain gives the runs more memory between collections: they are short, and there are many.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
