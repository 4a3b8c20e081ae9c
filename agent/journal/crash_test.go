//go:build unix

package journal

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// The environment of a test binary that plays a lane's process.
const (
	envDir   = "TILLD_JOURNAL_TEST_DIR"
	envFirst = "TILLD_JOURNAL_TEST_FIRST" // number of its first sale
)

func init() {
	roles["append"] = func() error { return (&child{T: &testing.T{}}).play((*child).sellOn) }
	roles["limit"] = func() error { return (&child{T: &testing.T{}}).play((*child).limit) }
}

// child is the journal in a process of its own. Every line that it prints is something that it would have
// shown to a cashier.
type child struct {
	*testing.T // for the helpers; a failure in it ends the process
	j          *Journal
	sale       int
}

func childConfig(t testing.TB, dir string) Config {
	cfg := config(t, dir+"/data")
	cfg.Second = dir
	return cfg
}

func (c *child) play(part func(*child) error) (err error) {
	if c.sale, err = strconv.Atoi(os.Getenv(envFirst)); err != nil {
		return err
	}
	if c.j, err = Open(ctx, childConfig(c, os.Getenv(envDir))); err != nil {
		return err
	}
	return part(c)
}

// sellOn sells until the process is killed.
func (c *child) sellOn() error {
	for {
		if err := c.step(); err != nil {
			return err
		}
	}
}

// sell pays one sale and says so.
func (c *child) sell() ([]Record, error) {
	c.sale++
	r, err := c.j.Append(ctx, opened(c.sale, 100), approved(c, c.sale, 100, byte(c.sale%5+1), uint64(c.sale)))
	if err != nil {
		return nil, err
	}
	return r, show(r...)
}

func show(list ...Record) error {
	for _, r := range list {
		if _, err := fmt.Printf("%d %d %x\n", r.Entry.Epoch, r.Entry.Seq, r.Hash); err != nil {
			return err
		}
	}
	return nil
}

// step does what a lane does, with the rarer things now and then, so that the kill finds each of them.
func (c *child) step() error {
	r, err := c.sell()
	if err != nil {
		return err
	}
	switch c.sale % 12 {
	case 3, 9:
		_, err = c.j.Acknowledge(ctx, ackFor(r[1], 1), nil)
	case 2, 8:
		n := c.sale + 50_000 // of this process alone: the next one begins 100,000 sales later
		if r, err = c.j.Append(ctx, opened(n, 100), asked(n, n, 1, 100)); err == nil {
			err = show(r...)
		}
		end := []func(sale, pay, n int, amount int64) Draft{authorised, declined, reversed}[c.sale/2%3]
		if err == nil {
			r, err = c.j.Append(ctx, end(n, n, 1, 100))
		}
		if err == nil {
			err = show(r...)
		}
	case 5:
		if _, err = c.j.Acknowledge(ctx, ackFor(r[1], 1), nil); err == nil {
			err = c.j.EraseBody(ctx, r[1].Entry.Epoch, r[1].Entry.Seq)
		}
	case 7:
		_, err = c.j.Prune(ctx, Retention{Entries: today.Next(), Bodies: today})
	case 11:
		var first Record
		if first, err = c.j.NewEpoch(ctx, payment.CauseFork); err == nil {
			err = show(first)
		}
	}
	return err
}

// limit meets a full disk: no file may grow beyond a limit that is lifted later.
func (c *child) limit() error {
	if _, err := c.sell(); err != nil {
		return err
	}
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	small := unix.Rlimit{Cur: 256 << 10, Max: was.Max}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &small); err != nil {
		return err
	}
	var err error
	for i := 0; err == nil && i < 10_000; i++ {
		_, err = c.sell()
	}
	if !errors.Is(err, ErrStopped) {
		return fmt.Errorf("on a full disk: %w", err)
	}
	if _, err := c.j.NextBatch(ctx, c.j.currentEpoch(), 0, 1, 1); !errors.Is(err, ErrStopped) {
		return fmt.Errorf("reading for HQ on a full disk: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	found, err := c.j.Reopen(ctx)
	if err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	if err := show(found...); err != nil {
		return err
	}
	for range 3 {
		if _, err := c.sell(); err != nil {
			return err
		}
	}
	return c.j.Close()
}

// start runs a child and gives what it prints.
func start(t *testing.T, role, dir string, first int) (*exec.Cmd, *bufio.Reader, *strings.Builder) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envRole+"="+role, envDir+"="+dir, envFirst+"="+strconv.Itoa(first))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewReader(out), &stderr
}

// killRounds says how often TestKill kills; TILLD_KILL_ROUNDS asks for more, which prove more and take longer.
func killRounds(t *testing.T) int {
	t.Helper()
	s := os.Getenv("TILLD_KILL_ROUNDS")
	if s == "" {
		return 20
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKill: a lane's process is killed at any moment. What it had shown is there when the next one starts,
// in the journal and on the second medium; the chain holds, and nothing is there twice.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	shown := map[wire.Name]string{}
	for round := range killRounds(t) {
		cmd, out, stderr := start(t, "append", dir, round*1_000_000)
		wanted := 1 + rng.IntN(60)
		for seen := 0; ; {
			line, err := out.ReadString('\n')
			if errors.Is(err, io.EOF) { // a line that was cut off was not shown
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			note(t, shown, line)
			if seen++; seen == wanted {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
			t.Fatalf("the lane ended by itself: %v %s", err, stderr)
		}
		nothingLost(t, dir, shown)
	}
}

// readShown notes every line of a child until it ends.
func readShown(t *testing.T, out *bufio.Reader, shown map[wire.Name]string) {
	t.Helper()
	for {
		line, err := out.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		note(t, shown, line)
	}
}

func note(t *testing.T, shown map[wire.Name]string, line string) {
	t.Helper()
	var n wire.Name
	var hash string
	if _, err := fmt.Sscanf(line, "%d %d %s", &n.Epoch, &n.Seq, &hash); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if was, ok := shown[n]; ok && was != hash {
		t.Fatalf("two entries under %s", n)
	}
	shown[n] = hash
}

// nothingLost opens what a child left behind.
func nothingLost(t *testing.T, dir string, shown map[wire.Name]string) {
	t.Helper()
	j := mustOpen(t, childConfig(t, dir))
	there := map[wire.Name]string{}
	for row, err := range rows(ctx, j.store.readers.QueryContext, Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		there[wire.Name{Epoch: row.Epoch, Seq: row.Seq}] = hex.EncodeToString(row.Hash)
	}
	pruned := map[uint64]uint64{}
	for _, e := range mustState(t, j).Epochs {
		pruned[e.Epoch] = e.Pruned
	}
	for n, hash := range shown {
		if there[n] != hash && n.Seq > pruned[n.Epoch] {
			t.Errorf("%s was shown, and is lost", n)
		}
	}
	sameSecond(t, j)
	verifyCopy(t, j)
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	cmd, out, stderr := start(t, "limit", dir, 0)
	shown := map[wire.Name]string{}
	readShown(t, out, shown)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	if len(shown) < 10 {
		t.Errorf("only %d entries before the disk was full", len(shown))
	}
	nothingLost(t, dir, shown)
}
