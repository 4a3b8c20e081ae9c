package journal

import (
	"context"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReadersNeedNoFiles: everybody who may ask at the same time has a connection already, so that a process that
// can open no file any more still answers.
func TestReadersNeedNoFiles(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 1)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	none := was
	none.Cur = 3 // standard input and outputs
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	_, noFile := os.Open("/dev/null")
	var together, answered sync.WaitGroup
	errs := make([]error, maxReaders)
	together.Add(maxReaders)
	for i := range maxReaders {
		answered.Go(func() { errs[i] = ask(j, &together) })
	}
	answered.Wait()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	if noFile == nil {
		t.Fatal("the limit does not hold")
	}
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

// ask reads by a connection that it has to itself until all have theirs.
func ask(j *Journal, together *sync.WaitGroup) error {
	c, err := j.store.readers.Conn(context.Background())
	together.Done()
	if err != nil {
		return err
	}
	defer c.Close()
	together.Wait()
	var n int
	return c.QueryRowContext(context.Background(), `SELECT count(*) FROM entry`).Scan(&n)
}
