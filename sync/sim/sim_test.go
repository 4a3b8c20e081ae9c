package sim

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"tilld/sync/ledger"
)

var (
	simSeed  = flag.Uint64("sim.seed", 0, "run this seed alone, and tell what happens")
	simFirst = flag.Uint64("sim.first", 1, "the first seed")
	simSeeds = flag.Uint64("sim.seeds", 500, "how many seeds")
	simPart  = flag.Bool("sim.part", false, "run the seeds in this very process")
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
	return runWith(t, base, plan, Options{Bug: bug, Out: out})
}

func runWith(t *testing.T, base string, plan Plan, o Options) (Result, error) {
	t.Helper()
	o.Dir = filepath.Join(base, fmt.Sprint(plan.Seed))
	defer os.RemoveAll(o.Dir)
	if *simLog {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return Run(t, plan, o)
}

// TestSim runs seeds: as many at a time, each in a process of its own, as there are processors, for a run has
// all of the process's randomness to itself.
func TestSim(t *testing.T) {
	switch {
	case *simSeed != 0:
		again(t, *simSeed)
	case *simPart:
		part(t)
	default:
		parts(t)
	}
}

// again runs one seed and tells what happens.
func again(t *testing.T, seed uint64) {
	plan := PlanOf(seed)
	fmt.Println(plan.String())
	r, err := run(t, room(t), plan, Bug{}, os.Stdout)
	fmt.Printf("%+v\n", r)
	if err != nil {
		t.Fatal(err)
	}
}

// mark begins the line with which a part tells its total.
const mark = "total: "

// part runs a range of seeds in this process.
func part(t *testing.T) {
	base := room(t)
	var sum total
	for seed := *simFirst; seed < *simFirst+*simSeeds; seed++ {
		plan := PlanOf(seed)
		r, err := run(t, base, plan, Bug{}, nil)
		if err != nil {
			fmt.Printf("seed %d: %v\nagain: go test ./sync/sim -run 'TestSim$' -sim.seed=%d\n%s\n", seed, err, seed, plan.String())
			sum.Failed++
		}
		sum.add(&r)
	}
	line, err := json.Marshal(&sum)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("%s%s\n", mark, line)
}

// parts has the seeds run.
func parts(t *testing.T) {
	began := time.Now()
	n := uint64(min(runtime.GOMAXPROCS(0), int(*simSeeds)))
	outs := make([]bytes.Buffer, n)
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		first, end := *simFirst+*simSeeds*i/n, *simFirst+*simSeeds*(i+1)/n
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSim$", "-test.timeout=0", "-sim.part",
			fmt.Sprintf("-sim.first=%d", first), fmt.Sprintf("-sim.seeds=%d", end-first))
		cmd.Stdout, cmd.Stderr = &outs[i], &outs[i]
		all.Go(func() { errs[i] = cmd.Run() })
	}
	all.Wait()
	var sum total
	for i := range outs {
		told, line, ended := strings.Cut(outs[i].String(), mark)
		var one total
		if err := json.NewDecoder(strings.NewReader(line)).Decode(&one); !ended || err != nil || errs[i] != nil {
			t.Errorf("part %d ended with %v, %v", i, errs[i], err)
		}
		if one.Failed > 0 || !ended {
			t.Error(told)
		}
		sum.add(&one.Result)
		sum.Failed += one.Failed
	}
	t.Logf("%d seeds from %d in %v: %s", *simSeeds, *simFirst, time.Since(began).Round(time.Second), &sum)
	if sum.Failed > 0 {
		t.Errorf("%d seeds failed", sum.Failed)
	}
}

// total adds up runs.
type total struct {
	Result
	Failed int
}

func (s *total) add(r *Result) {
	s.ShopTime += r.ShopTime
	s.Shown += r.Shown
	s.Voided += r.Voided
	s.Settled += r.Settled
	s.Suspended += r.Suspended
	s.Lost += r.Lost
	s.Named += r.Named
	s.Decided += r.Decided
	s.Blinks += r.Blinks
	s.Pruned += r.Pruned
	s.Policies += r.Policies
	s.Forks += r.Forks
	s.Recovered += r.Recovered
	s.Unseen += r.Unseen
	s.Charged += r.Charged
	s.Uncharged += r.Uncharged
	s.Silent += r.Silent
	s.Forgotten += r.Forgotten
	s.LateCharges += r.LateCharges
	s.AfterCancel += r.AfterCancel
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
	return fmt.Sprintf("%.1f shop-days; %d payments shown (%d of them after a restart), %d settled, %d voided, %d in suspense, %d written off, %d gone with a disk (%d of them missed by number); "+
		"%d that nobody saw, %d deaths between a commit and the screen; %d policies, %d entries let go; %d forks; %d messages sent, %d lost, %d damaged, %d replayed; "+
		"an operator charged %d customers whose payment is posted, %d that HQ names, %d that a restored HQ and a lost disk forgot, and %d attempts came to nothing (%d charges were late, %d came after a cancel); exceptions %v", s.ShopTime.Hours()/24, s.Shown, s.Recovered,
		s.Settled, s.Voided, s.Suspended, s.Decided, s.Lost, s.Named, s.Unseen, s.Blinks, s.Policies, s.Pruned, s.Forks, s.Messages.Sent, s.Messages.Lost, s.Messages.Damaged, s.Messages.Replayed,
		s.Charged, s.Silent, s.Forgotten, s.Uncharged, s.LateCharges, s.AfterCancel, s.Exceptions)
}

// TestAgain wants a seed to do again what it did.
func TestAgain(t *testing.T) {
	base := room(t)
	for seed := uint64(1); seed <= 8; seed++ {
		one, err := run(t, base, PlanOf(seed), Bug{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		two, err := run(t, base, PlanOf(seed), Bug{}, nil)
		if err != nil || one.Trace != two.Trace || one.Messages != two.Messages {
			t.Errorf("seed %d: %+v, then %+v, %v", seed, one, two, err)
		}
	}
}

// TestCalm wants, where nothing goes wrong, everything settled and nothing else.
func TestCalm(t *testing.T) {
	base := room(t)
	for seed := uint64(1); seed <= 10; seed++ {
		plan := Calm(seed, rand.New(rand.NewPCG(seed, 0)))
		r, err := run(t, base, plan, Bug{}, nil)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if spent := r.Exceptions[ledger.SpentTwice]; r.Shown == 0 || r.Settled+r.Voided+r.Suspended != r.Shown || r.Suspended != spent ||
			r.Lost+r.Forks+r.Unseen > 0 || len(r.Exceptions) > 1 || len(r.Exceptions) == 1 && spent == 0 {
			t.Errorf("seed %d: %+v", seed, r)
		}
	}
}

// TestMain gives the runs more memory between collections: they are short, and there are many.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
