//go:build linux

package simdisk

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "modernc.org/sqlite"
)

// envDatabase makes this test's binary a process that works on a database.
const envDatabase = "TILLD_SIMDISK_DATABASE"

func TestMain(m *testing.M) {
	if path := os.Getenv(envDatabase); path != "" {
		if err := work(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// rig is a mounted disk.
type rig struct {
	*testing.T
	*Disk
	dir string
	m   *Mount
}

func mounted(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, Disk: New(), dir: t.TempDir()}
	r.mount()
	t.Cleanup(func() { r.must(r.m.Unmount()) })
	return r
}

func (r *rig) mount() {
	r.Helper()
	var err error
	r.m, err = r.Disk.Mount(r.dir)
	r.must(err)
}

// cut takes the power away and starts again.
func (r *rig) cut(seed uint64) {
	r.Helper()
	r.must(r.m.Unmount())
	r.Cut(rand.New(rand.NewPCG(seed, 0)))
	r.mount()
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) open(name string) *os.File {
	r.Helper()
	f, err := os.OpenFile(r.path(name), os.O_RDWR|os.O_CREATE, 0o600)
	r.must(err)
	return f
}

func (r *rig) syncDir(name string) error {
	d, err := os.Open(r.path(name))
	r.must(err)
	return errors.Join(d.Sync(), d.Close())
}

// put writes a file, syncing what is asked for.
func (r *rig) put(name, text string, sync, syncDir bool) {
	r.Helper()
	f := r.open(name)
	_, err := f.WriteString(text)
	r.must(err)
	if sync {
		r.must(f.Sync())
	}
	r.must(f.Close())
	if syncDir {
		r.must(r.syncDir(filepath.Dir(name)))
	}
}

// read gives a file's text; "-" when it is not there.
func (r *rig) read(name string) string {
	r.Helper()
	b, err := os.ReadFile(r.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return "-"
	}
	r.must(err)
	return string(b)
}

// outcomes cuts the power so often after the same story, and counts what a file is afterwards.
func outcomes(t *testing.T, story func(*rig), name string) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for seed := range uint64(40) {
		r := mounted(t)
		story(r)
		r.cut(seed)
		seen[r.read(name)]++
	}
	return seen
}

// TestCut: what was synced is there, what was not may be, and a name is only there for sure when its directory
// was synced.
func TestCut(t *testing.T) {
	tests := []struct {
		name  string
		story func(*rig)
		file  string
		want  []string // every one of these is seen, and no other
	}{
		{"all synced", func(r *rig) { r.put("a", "one", true, true) }, "a", []string{"one"}},
		{"name not synced", func(r *rig) { r.put("a", "one", true, false) }, "a", []string{"one", "-"}},
		{"bytes not synced", func(r *rig) { r.put("a", "one", false, true) }, "a", []string{"", "\x00\x00\x00", "one"}},
		{"written over", func(r *rig) { r.put("a", "one", true, true); r.put("a", "two", false, false) }, "a", []string{"one", "two"}},
		{"renamed", func(r *rig) {
			r.put("a", "one", true, true)
			r.put("b", "two", true, true)
			r.must(os.Rename(r.path("b"), r.path("a")))
		}, "a", []string{"one", "two"}},
		{"renamed and synced", func(r *rig) {
			r.put("a", "one", true, true)
			r.put("b", "two", true, false)
			r.must(os.Rename(r.path("b"), r.path("a")))
			r.must(r.syncDir("."))
		}, "a", []string{"two"}},
		{"removed", func(r *rig) { r.put("a", "one", true, true); r.must(os.Remove(r.path("a"))) }, "a", []string{"one", "-"}},
		{"in a directory that is not synced", func(r *rig) {
			r.must(os.Mkdir(r.path("d"), 0o700))
			r.put("d/a", "one", true, true)
		}, "d/a", []string{"one", "-"}},
		{"cut short", func(r *rig) { r.put("a", "one", true, true); r.must(os.Truncate(r.path("a"), 1)) }, "a", []string{"one", "o", "o\x00\x00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen := outcomes(t, tt.story, tt.file)
			for _, text := range tt.want {
				if seen[text] == 0 {
					t.Errorf("never %q", text)
				}
				delete(seen, text)
			}
			if len(seen) > 0 {
				t.Errorf("and even %v", seen)
			}
		})
	}
}

// TestTear: pages that were not synced survive apart from each other, and in pieces of a sector.
func TestTear(t *testing.T) {
	old, fresh := strings.Repeat("o", 8*pageSize), strings.Repeat("n", 8*pageSize)
	reordered, torn := 0, 0
	for seed := range uint64(60) {
		c := newContent()
		c.write(0, []byte(old))
		c.sync()
		c.write(0, []byte(fresh))
		c.survive(newLuck(rand.New(rand.NewPCG(seed, 0))))
		for p := range 8 {
			page := c.live[p*pageSize : (p+1)*pageSize]
			for at := 0; at < pageSize; at += sectorSize {
				if s := string(page[at : at+sectorSize]); s != old[:sectorSize] && s != fresh[:sectorSize] {
					t.Fatal("a sector is torn")
				}
			}
			switch {
			case bytes.Contains(page, []byte("on")) || bytes.Contains(page, []byte("no")):
				torn++
			case p > 0 && page[0] == 'n' && c.live[0] == 'o':
				reordered++
			}
		}
	}
	if torn == 0 || reordered == 0 {
		t.Errorf("%d torn pages, %d before an earlier one", torn, reordered)
	}
}

// TestFailedSync: what a failed sync did not write, a later one does not write either, though it says so.
func TestFailedSync(t *testing.T) {
	r := mounted(t)
	r.put("a", "one", true, true)
	f := r.open("a")
	_, err := f.WriteAt([]byte("two"), 0)
	r.must(err)
	r.Plan(Plan{At: 1, Fault: FailOnce, Chosen: func(o Op) bool { return o.Kind == Sync }})
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync: %v", err)
	}
	r.must(f.Sync())
	r.must(f.Close())
	if got := r.read("a"); got != "two" {
		t.Errorf("before the cut %q is read", got)
	}
	for seed := uint64(0); ; seed++ {
		twin := r.Clone()
		twin.Cut(rand.New(rand.NewPCG(seed, 0)))
		if string(twin.root.dir.live["a"].file.live) == "one" {
			return
		}
		if seed == 100 {
			t.Fatal("the second sync made it durable")
		}
	}
}

func TestFaults(t *testing.T) {
	tests := []struct {
		fault Fault
		at    int
		want  []error // of: write, sync, write, sync, remove
	}{
		{None, 0, []error{nil, nil, nil, nil, nil}},
		{FailOnce, 2, []error{nil, syscall.EIO, nil, nil, nil}},
		{FailOn, 3, []error{nil, nil, syscall.EIO, syscall.EIO, syscall.EIO}},
		{NoSpace, 1, []error{syscall.ENOSPC, nil, syscall.ENOSPC, nil, nil}},
		{NoSpace, 2, []error{nil, syscall.ENOSPC, syscall.ENOSPC, nil, nil}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s at %d", tt.fault, tt.at), func(t *testing.T) {
			r := mounted(t)
			f := r.open("a")
			defer f.Close()
			r.Plan(Plan{At: tt.at, Fault: tt.fault})
			write := func() error { _, err := f.Write([]byte("x")); return err }
			for i, step := range []func() error{write, f.Sync, write, f.Sync, func() error { return os.Remove(r.path("a")) }} {
				if err := step(); !errors.Is(err, tt.want[i]) {
					t.Errorf("step %d: %v, want %v", i+1, err, tt.want[i])
				}
			}
			if n := r.Counted(); n != 5 {
				t.Errorf("%d operations counted", n)
			}
			if op, hit := r.Hit(); hit != (tt.at > 0) {
				t.Errorf("hit: %v", op)
			}
			r.Resume()
			r.put("b", "y", true, true)
		})
	}
}

// work sells to a database until it is killed, and prints each row that is committed.
func work(path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma="+os.Getenv("TILLD_SIMDISK_SYNC"))
	if err != nil {
		return err
	}
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY)"); err != nil {
		return err
	}
	var n int
	if err := db.QueryRow("SELECT coalesce(max(n), 0) FROM t").Scan(&n); err != nil {
		return err
	}
	fmt.Println("found", n)
	for {
		if err := db.QueryRow("INSERT INTO t DEFAULT VALUES RETURNING n").Scan(&n); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// life is one process on the database; it says how far it saw the table at its start, and at its end. An error
// is what it says of a database that it can't use.
func (r *rig) life(settings string) (found, last int, err error) {
	r.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envDatabase+"="+r.path("test.db"), "TILLD_SIMDISK_SYNC="+settings)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	r.must(err)
	r.must(cmd.Start())
	text, err := io.ReadAll(out)
	r.must(err)
	_ = cmd.Wait() // it was killed; what it says is looked at below
	if _, hit := r.Hit(); !hit || errs.Len() > 0 {
		return 0, 0, fmt.Errorf("the process ended by itself: %s", &errs)
	}
	for line := range strings.Lines(string(text)) {
		var n int
		if _, err := fmt.Sscanf(line, "found %d\n", &n); err == nil {
			found = n
		} else if _, err := fmt.Sscanf(line, "%d\n", &n); err == nil && strings.HasSuffix(line, "\n") {
			last = n
		}
	}
	return found, max(last, found), nil
}

// TestDatabase: SQLite works on the disk, its shared memory too; killed at an operation it loses nothing, nor
// does a power cut take what was committed. With the syncs off it does, and so the disk can catch it.
func TestDatabase(t *testing.T) {
	tests := []struct {
		name, settings string
		cut, loses     bool
	}{
		{"killed", "synchronous(FULL)", false, false},
		{"power cut", "synchronous(FULL)", true, false},
		{"killed without syncs", "synchronous(OFF)", false, false},
		{"power cut without syncs", "synchronous(OFF)", true, true},
		{"power cut with syncs at checkpoints only", "synchronous(NORMAL)", true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := mounted(t)
			last, lost := 0, 0
			for seed := range uint64(8) {
				r.Plan(Plan{At: 60 + int(seed)*7, Fault: Kill, Chosen: func(o Op) bool { return !strings.HasSuffix(o.Path, "-shm") }})
				found, now, err := r.life(tt.settings)
				if err != nil && !tt.loses {
					t.Fatal(err)
				}
				if err != nil || found < last {
					lost++
					break
				}
				last = now
				if r.Resume(); tt.cut {
					r.cut(seed)
				}
			}
			if (lost > 0) != tt.loses {
				t.Errorf("%d rows, lost %d times", last, lost)
			}
		})
	}
}
