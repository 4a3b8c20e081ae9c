//go:build linux && !race

// The race detector makes a process ten times slower to start, and these tests start hundreds: `make test` runs
// them without it.

package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"tilld/sync/simdisk"
	"tilld/sync/wire"
)

// The environment of these tests, and of a lane's process in them.
const (
	envSecond    = "TILLD_JOURNAL_TEST_SECOND" // where the second medium is mounted; empty: there is none
	envPowerCuts = "TILLD_POWER_CUTS"          // how often the power is cut; `make soak` asks for more
	envPowerSeed = "TILLD_POWER_SEED"          // of the run that is to be repeated
)

func init() {
	roles["power"] = func() error { return powerChild((*child).sellOn) }
	roles["look"] = func() error { return powerChild(nil) }
}

// powerChild is a lane's process on a simulated disk. It opens what the power cut left, says what is there
// ("have", "pruned", then "ready"), verifies all of it, and goes on selling.
func powerChild(then func(*child) error) (err error) {
	c, t := &child{T: &testing.T{}}, fatal{}
	if c.sale, err = strconv.Atoi(os.Getenv(envFirst)); err != nil {
		return err
	}
	cfg := childConfig(t, os.Getenv(envDir))
	cfg.Second = os.Getenv(envSecond)
	if c.j, err = Open(ctx, cfg); err != nil {
		return err
	}
	if err := c.have(); err != nil {
		return err
	}
	if cfg.Second != "" {
		sameSecond(t, c.j)
	}
	if then != nil {
		return then(c)
	}
	verifyCopy(t, c.j)
	return nil
}

// fatal is a process that ends where a test would.
type fatal struct{ testing.TB }

func (fatal) Helper() {}

func (fatal) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}

func (f fatal) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }
func (f fatal) Errorf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }

func (c *child) have() error {
	for row, err := range rows(ctx, c.j.store.readers.QueryContext, Filter{}) {
		if err != nil {
			return err
		}
		if _, err := fmt.Printf("have %d %d %x\n", row.Epoch, row.Seq, row.Hash); err != nil {
			return err
		}
	}
	s, err := c.j.State(ctx)
	if err != nil {
		return err
	}
	for _, e := range s.Epochs {
		if _, err := fmt.Printf("pruned %d %d\n", e.Epoch, e.Pruned); err != nil {
			return err
		}
	}
	_, err = fmt.Println("ready")
	return err
}

// till is a lane on two simulated disks.
type till struct {
	testing.TB
	rng     *rand.Rand
	main    medium
	second  *medium // nil: none
	shown   map[wire.Name]string
	lies    func(simdisk.Op) bool
	process int
	hits    map[simdisk.Kind]int
}

type medium struct {
	disk *simdisk.Disk
	dir  string
}

func newTill(t testing.TB, rng *rand.Rand, second bool) *till {
	l := &till{TB: t, rng: rng, main: medium{simdisk.New(), t.TempDir()}, shown: map[wire.Name]string{}, hits: map[simdisk.Kind]int{}}
	if second {
		l.second = &medium{simdisk.New(), t.TempDir()}
	}
	return l
}

// durable leaves out what means nothing after a power cut: SQLite's shared memory and the lock.
func durable(o simdisk.Op) bool {
	return !strings.HasSuffix(o.Path, "-shm") && !strings.HasSuffix(o.Path, LockFile)
}

// life runs a process on the disks until the power goes, at an operation of one of them. Without the cut it is
// only killed, and what it wrote is seen by the next one, synced or not. At 0 it only looks.
// What is wrong with what it finds is the error.
func (l *till) life(at int, cut bool) (err error) {
	l.Helper()
	media, hit := []*medium{&l.main}, &l.main
	if l.second != nil {
		if media = append(media, l.second); at > 0 && l.rng.IntN(4) == 0 {
			hit, at = l.second, 1+at/8 // it sees fewer operations
		}
	}
	role := "power"
	if at == 0 {
		role = "look"
	}
	env := []string{envRole + "=" + role, envDir + "=" + l.main.dir, envFirst + "=" + strconv.Itoa(l.process*100_000)}
	l.process++
	for _, m := range media {
		plan := simdisk.Plan{Chosen: durable, Lies: l.lies}
		if m == hit && at > 0 {
			plan.At, plan.Fault = at, []simdisk.Fault{simdisk.Kill, simdisk.Tear}[l.rng.IntN(2)]
		}
		m.disk.Plan(plan)
		mount, err := m.disk.Mount(m.dir)
		if err != nil {
			l.Fatal(err)
		}
		defer func() {
			if err := mount.Unmount(); err != nil {
				l.Fatal(err)
			}
			if cut {
				m.disk.Cut(l.rng)
			} else {
				m.disk.Resume()
			}
		}()
	}
	if l.second != nil {
		env = append(env, envSecond+"="+l.second.dir)
	}
	if err := l.talk(env); err != nil {
		return err
	}
	op, gone := hit.disk.Hit()
	l.hits[op.Kind]++
	if at > 0 && !gone {
		return fmt.Errorf("the process ended by itself")
	}
	return nil
}

// talk runs the process and holds what it finds against what was shown.
func (l *till) talk(env []string) error {
	life, end := context.WithTimeout(l.Context(), 20*time.Second) // what is slow is only found by a test that ends
	defer end()
	cmd := exec.CommandContext(life, os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		l.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.Fatal(err)
	}
	err = l.read(bufio.NewReader(out))
	if _, rest := io.Copy(io.Discard, out); rest != nil {
		l.Fatal(rest)
	}
	_ = cmd.Wait() // killed, mostly; whether it should have been is asked by life
	if life.Err() != nil {
		return errors.New("the process hung")
	}
	if err == nil && stderr.Len() > 0 {
		err = fmt.Errorf("the process says: %s", &stderr)
	}
	return err
}

// read takes what the process says; a line that was cut off was not said.
func (l *till) read(out *bufio.Reader) error {
	have, pruned := map[wire.Name]string{}, map[uint64]uint64{}
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			return nil
		}
		var n wire.Name
		var hash string
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "have":
			_, err = fmt.Sscanf(rest, "%d %d %s", &n.Epoch, &n.Seq, &hash)
			have[n] = hash
		case "pruned":
			_, err = fmt.Sscanf(rest, "%d %d", &n.Epoch, &n.Seq)
			pruned[n.Epoch] = n.Seq
		case "ready\n":
			err = l.compare(have, pruned)
		default:
			_, err = fmt.Sscanf(line, "%d %d %s", &n.Epoch, &n.Seq, &hash)
			l.shown[n] = hash
		}
		if err != nil {
			return err
		}
	}
}

func (l *till) compare(have map[wire.Name]string, pruned map[uint64]uint64) error {
	for n, hash := range l.shown {
		if n.Seq > pruned[n.Epoch] && have[n] != hash {
			return fmt.Errorf("%s was shown as %s, and is %q now", n, hash, have[n])
		}
	}
	return nil
}

// powerRun cuts the power so often, in shops of a few cuts each, and returns the first thing that is wrong.
func powerRun(t testing.TB, rng *rand.Rand, cuts int, second bool, lies func(simdisk.Op) bool) error {
	t.Helper()
	hits, entries := map[simdisk.Kind]int{}, 0
	for cut := 0; cut < cuts; {
		l := newTill(t, rng, second)
		l.lies = lies
		for range 6 {
			most := []int{20, 60, 150, 400}[rng.IntN(4)]
			power := rng.IntN(3) > 0
			if err := l.life(1+rng.IntN(most), power); err != nil {
				return fmt.Errorf("cut %d: %w", cut, err)
			}
			if power {
				cut++
			}
		}
		if err := l.life(0, true); err != nil {
			return fmt.Errorf("after cut %d: %w", cut, err)
		}
		for kind, n := range l.hits {
			hits[kind] += n
		}
		entries += len(l.shown)
	}
	t.Logf("the power went at %v; %d entries were shown", hits, entries)
	return nil
}

// powerSeed is the run's seed, which a failing run prints.
func powerSeed(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv(envPowerSeed); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("again with %s=%d", envPowerSeed, seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func powerCuts(t testing.TB, least int) int {
	t.Helper()
	s := os.Getenv(envPowerCuts)
	if s == "" {
		return least
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPowerCut: whatever a power cut leaves of what was not synced, everything that was shown is there, whole,
// on both media, and the chain verifies.
func TestPowerCut(t *testing.T) {
	for _, second := range []bool{false, true} {
		t.Run(map[bool]string{false: "one disk", true: "with a second medium"}[second], func(t *testing.T) {
			if err := powerRun(t, powerSeed(t), powerCuts(t, 30), second, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPowerCutAfterKill: a process is killed at each of its first operations, the next one sells and then the
// power goes. What the first one made and did not sync is the second one's business.
func TestPowerCutAfterKill(t *testing.T) {
	rng := powerSeed(t)
	for at := 1; at <= 70; at++ {
		l := newTill(t, rng, at%2 == 0)
		for _, life := range []struct {
			at  int
			cut bool
		}{{at, false}, {60, true}, {0, true}} {
			if err := l.life(life.at, life.cut); err != nil {
				t.Fatalf("killed at %d, then at %d: %v", at, life.at, err)
			}
		}
	}
}

// TestPowerCutCaught: the test above can fail. On a disk that skips the syncs of files, or those of
// directories, something that was shown is lost.
func TestPowerCutCaught(t *testing.T) {
	for _, kind := range []simdisk.Kind{simdisk.Sync, simdisk.SyncDir} {
		t.Run(string(kind), func(t *testing.T) {
			err := powerRun(t, powerSeed(t), 60, true, func(o simdisk.Op) bool { return o.Kind == kind })
			if err == nil {
				t.Fatal("a disk that lies was not caught")
			}
			t.Log(err)
		})
	}
}
