package sim

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// diskBench is a table on a Disk, with the settings on which commits are durable.
type diskBench struct {
	*testing.T
	*Disk
	db *sql.DB
}

func newDiskBench(t *testing.T, seed uint64) *diskBench {
	d, err := NewDisk(filepath.Join(room(t), "disk"), rand.New(rand.NewPCG(seed, 0)))
	if err != nil {
		t.Fatal(err)
	}
	d.cuts = true
	b := &diskBench{T: t, Disk: d}
	t.Cleanup(func() { _ = b.db.Close(); d.Forget() })
	b.open()
	b.must(b.exec("CREATE TABLE row (n INTEGER PRIMARY KEY, text TEXT)"))
	return b
}

func (b *diskBench) must(err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

func (b *diskBench) open() {
	var err error
	b.db, err = sql.Open("sqlite", filepath.Join(b.Dir, "x.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	b.must(err)
	b.db.SetMaxOpenConns(1)
}

func (b *diskBench) exec(query string) error {
	_, err := b.db.ExecContext(context.Background(), query)
	return err
}

func (b *diskBench) insert(n int) error {
	return b.exec(fmt.Sprintf("INSERT INTO row VALUES (%d, printf('%%.*c', %d, 'x'))", n, 100+n*50))
}

// again is the next process, on what is left.
func (b *diskBench) again() (rows int) {
	b.Helper()
	_ = b.db.Close()
	b.Mend()
	b.must(b.Start(nil))
	b.open()
	var ok string
	b.must(b.db.QueryRow("PRAGMA integrity_check").Scan(&ok))
	b.must(b.db.QueryRow("SELECT count(*) FROM row").Scan(&rows))
	if ok != "ok" {
		b.Fatalf("what is left is no database: %s", ok)
	}
	return rows
}

// TestDiskKeepsWhatWasSynced lets the process die, or the power go, at every operation of some inserts.
func TestDiskKeepsWhatWasSynced(t *testing.T) {
	for _, fault := range []DiskFault{KillBefore, KillWithin, KillAfter, PowerOff} {
		died := 0
		for at := range 40 {
			b := newDiskBench(t, uint64(at))
			b.Plan(fault, at)
			told := 0
			for told < 10 && b.insert(told) == nil {
				told++
			}
			if b.Dead() {
				died++
			} else {
				b.must(b.Cut())
			}
			if rows := b.again(); rows != told && rows != told+1 {
				t.Errorf("%s at %d: %d rows are left of %d", fault, at, rows, told)
			}
			b.must(b.insert(100))
		}
		if died < 15 {
			t.Errorf("%s: the process died %d times of 40", fault, died)
		}
	}
}

// TestLyingDisk wants a disk whose syncs do nothing to lose something: the model can lose.
func TestLyingDisk(t *testing.T) {
	lost := false
	for seed := uint64(1); seed < 20 && !lost; seed++ {
		b := newDiskBench(t, seed)
		b.lies = true
		for n := range 5 {
			b.must(b.insert(n))
		}
		b.must(b.Cut())
		_ = b.db.Close()
		b.must(b.Start(nil))
		b.open()
		var rows int
		err := b.db.QueryRow("SELECT count(*) FROM row").Scan(&rows)
		lost = err != nil || rows < 5
	}
	if !lost {
		t.Error("nothing that was not synced is ever lost")
	}
}

// TestDiskErrors: errors once and for good, room that is missing and comes back, an image of another time.
func TestDiskErrors(t *testing.T) {
	b := newDiskBench(t, 1)
	b.must(b.insert(1))
	image, err := b.Image()
	b.must(err)
	b.Plan(FailOnce, 0)
	if b.insert(2) == nil {
		t.Error("EIO is not seen")
	}
	b.must(b.insert(2))
	for _, f := range []DiskFault{FailOn, Full} {
		b.Plan(f, 0)
		for range 3 {
			if b.insert(3) == nil {
				t.Errorf("%s is not seen", f)
			}
		}
		b.Mend()
	}
	b.must(b.insert(3))
	b.must(b.Kill())
	_ = b.db.Close()
	b.must(b.Start(image))
	b.must(b.Kill())
	if rows := b.again(); rows != 1 {
		t.Errorf("%d rows in an image of one", rows)
	}
}
