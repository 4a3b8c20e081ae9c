//go:build linux && !race

// The race detector makes a process ten times slower to start, and these tests start hundreds: `make test` runs
// them without it.

package ingest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger/ledgertest"
	"tilld/sync/simdisk"
	"tilld/sync/wire"
)

const (
	envPowerCuts = "TILLD_POWER_CUTS" // how often the power is cut; `make soak` asks for more
	envPowerSeed = "TILLD_POWER_SEED" // of the run that is to be repeated
)

// office is an HQ on a simulated disk, seen from outside: what it was heard to say must stay true.
type office struct {
	testing.TB
	rng      *mathrand.Rand
	disk     *simdisk.Disk
	dir      string
	story    string // file
	lies     func(simdisk.Op) bool
	only     simdisk.Kind // of operation, that is counted; "": all
	enrolled map[string]bool
	acked    map[string]uint64
	batches  map[string]string // by identifier: hash of its bytes
	done     string
}

// newStory lets lanes sell, with a void, a change of key and a closed day, and writes down what they send.
func newStory(t testing.TB) (file string, sum int64) {
	t.Helper()
	c := ingesttest.NewChain(t)
	var err error
	if c.Ack, err = wire.NewSigner(childAck, nil); err != nil {
		t.Fatal(err)
	}
	if c.Seal, err = wire.ParseConfidantKey(childSeal); err != nil {
		t.Fatal(err)
	}
	c.Trust, c.Doc.Version = c.NewTrust(1), 1
	c.Doc.Wallets = append(c.Doc.Wallets, ingesttest.OnlineWallet)
	s := powerStory{Root: c.Root.Public().Bytes(), Policy: c.SignedPolicy(), Trust: c.SignedTrust()}
	for i := range 2 {
		l := c.Lane("s1", fmt.Sprint(i))
		p := c.Phone()
		for n := range 10 {
			l.Sell(p, int64(100+n))
			sum += int64(100 + n)
		}
		l.Void(l.Sell(p, 77))
		online := sellOnline(&s, l)
		sum += online
		l.ChangeKey()
		l.CloseDay()
		pl := powerLane{Terminal: ledgertest.TerminalOf(l), Key: l.Key.Public().Bytes(), Epoch: l.Epoch}
		for _, b := range l.Batches(0, 4) {
			raw, err := wire.EncodeBatch(b)
			if err != nil {
				t.Fatal(err)
			}
			pl.Messages = append(pl.Messages, raw)
		}
		s.Lanes = append(s.Lanes, pl)
	}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "story.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, sum
}

// sellOnline has a lane sell online. Of some attempts HQ knew that they are paid when the entry came, of some it asks then.
func sellOnline(s *powerStory, l *ingesttest.Lane) (sum int64) {
	for n, known := range []bool{true, false, true, false, true, false} {
		a := l.Ask(int64(1000 + n))
		if known {
			s.Asked = append(s.Asked, powerTried{a.Ref, a.Payment, a.Sale, l.ID, l.Store, l.Name, a.Amount})
		}
		switch n / 2 {
		case 0:
			l.Authorise(a)
			s.Kept, sum = append(s.Kept, a.Ref), sum+a.Amount
		case 1:
			l.VoidOnline(l.Authorise(a))
			s.Back = append(s.Back, a.Ref)
		case 2:
			l.GiveUp(a)
			s.Back = append(s.Back, a.Ref)
		}
	}
	return sum
}

func newOffice(t testing.TB, rng *mathrand.Rand, story string) *office {
	return &office{TB: t, rng: rng, disk: simdisk.New(), dir: t.TempDir(), story: story,
		enrolled: map[string]bool{}, acked: map[string]uint64{}, batches: map[string]string{}}
}

// life runs HQ until an operation of the disk, or to the end of the story; then the power goes, or it was only
// killed. What is wrong is the error.
func (o *office) life(at int, cut bool) (count int, err error) {
	o.Helper()
	fault := []simdisk.Fault{simdisk.Kill, simdisk.Tear}[o.rng.IntN(2)]
	o.disk.Plan(simdisk.Plan{At: at, Fault: fault, Lies: o.lies, Chosen: func(op simdisk.Op) bool {
		return !strings.HasSuffix(op.Path, "-shm") && (o.only == "" || o.only == op.Kind)
	}})
	m, err := o.disk.Mount(o.dir)
	if err != nil {
		o.Fatal(err)
	}
	err = o.talk()
	count = o.disk.Counted()
	if _, hit := o.disk.Hit(); err == nil && !hit && o.done == "" {
		err = errors.New("HQ ended by itself")
	}
	if err := m.Unmount(); err != nil {
		o.Fatal(err)
	}
	if o.disk.Resume(); cut {
		o.disk.Cut(o.rng)
	}
	return count, err
}

func (o *office) talk() error {
	life, end := context.WithTimeout(o.Context(), 20*time.Second)
	defer end()
	cmd := exec.CommandContext(life, os.Args[0])
	cmd.Env = append(os.Environ(), envPowerDir+"="+o.dir, envPowerStory+"="+o.story)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		o.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		o.Fatal(err)
	}
	o.done = ""
	err = o.read(bufio.NewReader(out))
	if _, rest := io.Copy(io.Discard, out); rest != nil {
		o.Fatal(rest)
	}
	_ = cmd.Wait() // killed, mostly; whether it should have been is asked by life
	switch {
	case life.Err() != nil:
		return errors.New("HQ hung")
	case err == nil && stderr.Len() > 0:
		return fmt.Errorf("HQ says: %s", &stderr)
	}
	return err
}

// read takes what HQ says; a line that was cut off was not said.
func (o *office) read(out *bufio.Reader) error {
	have, known, batches := map[string]uint64{}, map[string]bool{}, map[string]string{}
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			return nil
		}
		f := strings.Fields(line)
		switch f[0] {
		case "have", "acked":
			seq, err := strconv.ParseUint(f[2], 10, 64)
			if err != nil {
				return err
			}
			if f[0] == "have" {
				have[f[1]] = seq
				break
			}
			o.acked[f[1]] = max(o.acked[f[1]], seq)
		case "known":
			known[f[1]] = true
		case "enrolled":
			o.enrolled[f[1]] = true
		case "batch":
			if was, ok := o.batches[f[1]]; ok && was != f[2] {
				return fmt.Errorf("batch %s had other bytes", f[1])
			}
			o.batches[f[1]], batches[f[1]] = f[2], f[2]
		case "ready":
			if err := o.compare(have, known, batches); err != nil {
				return err
			}
		case "done":
			o.done = f[1] + " " + f[2]
		}
	}
}

func (o *office) compare(have map[string]uint64, known map[string]bool, batches map[string]string) error {
	for id := range o.enrolled {
		if !known[id] {
			return fmt.Errorf("terminal %s was enrolled, and is not known", id)
		}
	}
	for id, seq := range o.acked {
		if have[id] < seq {
			return fmt.Errorf("%d entries of terminal %s were acknowledged, and %d are there", seq, id, have[id])
		}
	}
	for id := range o.batches {
		if batches[id] == "" {
			return fmt.Errorf("batch %s was visible, and is gone", id)
		}
	}
	return nil
}

// powerRun cuts the power so often, in one HQ after the other, and returns the first thing that is wrong.
func powerRun(t testing.TB, rng *mathrand.Rand, cuts int, lies func(simdisk.Op) bool) error {
	t.Helper()
	story, sum := newStory(t)
	whole, err := newOffice(t, rng, story).life(0, true)
	if err != nil {
		return fmt.Errorf("undisturbed: %w", err)
	}
	for cut := 0; cut < cuts; {
		o := newOffice(t, rng, story)
		o.lies = lies
		for range 6 {
			most := []int{60, whole / 3, whole}[rng.IntN(3)]
			power := rng.IntN(3) > 0
			if _, err := o.life(1+rng.IntN(most), power); err != nil {
				return fmt.Errorf("cut %d: %w", cut, err)
			}
			if power {
				cut++
			}
		}
		for range 2 { // the second one only looks
			if _, err := o.life(0, true); err != nil {
				return fmt.Errorf("after cut %d: %w", cut, err)
			}
			if want := fmt.Sprintf("%d %d", sum, sum); o.done != want {
				return fmt.Errorf("after cut %d: posted and settled are %s, want %s", cut, o.done, want)
			}
		}
	}
	t.Logf("%d operations undisturbed, %d cuts", whole, cuts)
	return nil
}

func powerSeed(t testing.TB) *mathrand.Rand {
	t.Helper()
	seed := mathrand.Uint64()
	if s := os.Getenv(envPowerSeed); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("again with %s=%d", envPowerSeed, seed)
	return mathrand.New(mathrand.NewPCG(seed, 0))
}

// TestPowerCut: whatever a power cut leaves of what was not synced, HQ holds every entry that it acknowledged,
// every batch that was visible is there with the same bytes, the books balance, and at the end everything is
// posted and settled once.
func TestPowerCut(t *testing.T) {
	cuts := 25
	if s := os.Getenv(envPowerCuts); s != "" {
		var err error
		if cuts, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := powerRun(t, powerSeed(t), cuts, nil); err != nil {
		t.Error(err)
	}
}

// TestPowerCutAfterKill: HQ is killed when it asks for a sync, the next one finds what was not synced and answers
// for it, and the power goes: before that one's first sync of a file, or at its end.
func TestPowerCutAfterKill(t *testing.T) {
	for _, tt := range []struct {
		kind   simdisk.Kind
		second int // sync at which the power goes; 0: at the end
	}{{simdisk.Sync, 1}, {simdisk.SyncDir, 0}} {
		t.Run(string(tt.kind), func(t *testing.T) {
			rng := powerSeed(t)
			story, _ := newStory(t)
			for at := 1; ; at += 1 + rng.IntN(at) {
				o := newOffice(t, rng, story)
				o.only = tt.kind
				if _, err := o.life(at, false); err != nil {
					t.Fatalf("killed at %d: %v", at, err)
				}
				if o.done != "" { // there are no more syncs
					return
				}
				for _, then := range []int{tt.second, 0} {
					if _, err := o.life(then, true); err != nil {
						t.Fatalf("killed at %d, then at %d: %v", at, then, err)
					}
				}
			}
		})
	}
}

// TestPowerCutCaught: the test above can fail. On a disk that skips the syncs of files, or those of
// directories, something that was said is untrue.
func TestPowerCutCaught(t *testing.T) {
	for _, kind := range []simdisk.Kind{simdisk.Sync, simdisk.SyncDir} {
		t.Run(string(kind), func(t *testing.T) {
			err := powerRun(t, powerSeed(t), 60, func(o simdisk.Op) bool { return o.Kind == kind })
			if err == nil {
				t.Fatal("a disk that lies was not caught")
			}
			t.Log(err)
		})
	}
}
