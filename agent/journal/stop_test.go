package journal

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// hooked puts a fault between database/sql and a connection's statements.
type hooked struct {
	driver.Connector
	fault func(query string) (before, after error)
	busy  *atomic.Bool
}

func (h *hooked) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := h.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &hookedConn{c, h}, nil
}

// hookedConn prepares statements that ask fault first. What it leaves out of driver.Conn's optional
// interfaces database/sql does by preparing.
type hookedConn struct {
	driver.Conn
	h *hooked
}

func (c *hookedConn) Prepare(query string) (driver.Stmt, error) {
	st, err := c.Conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	return &hookedStmt{st, query, c.h}, nil
}

func (c *hookedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

type hookedStmt struct {
	driver.Stmt
	query string
	h     *hooked
}

func (s *hookedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	before, after := s.h.fault(s.query)
	if before != nil {
		return nil, before
	}
	res, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	if err == nil && after != nil {
		return nil, after
	}
	return res, err
}

func (s *hookedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if before, _ := s.h.fault(s.query); before != nil {
		return nil, before
	}
	if s.h.busy.Load() && strings.HasPrefix(s.query, "PRAGMA wal_checkpoint") {
		return &busyRows{}, nil
	}
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

// faulty is a journal whose database answers as fault says, from arming on.
type faulty struct {
	*Journal
	err   error
	armed atomic.Bool
	busy  atomic.Bool // a reader is in the way of every checkpoint
	fault func(query string) (before, after error)
}

// diskFull is an error of SQLite's own kind.
func diskFull(t *testing.T) error {
	t.Helper()
	db := rawDB(t, filepath.Join(t.TempDir(), "small.db"))
	mustExec(t, db, `PRAGMA max_page_count = 1`)
	_, err := db.ExecContext(ctx, `CREATE TABLE cat (name TEXT)`)
	if err == nil {
		t.Fatal("one page holds a table")
	}
	return err
}

func newFaulty(t *testing.T, second string) *faulty {
	f := &faulty{err: diskFull(t)}
	cfg := config(t, t.TempDir())
	cfg.Second = second
	cfg.Wrap = func(c driver.Connector) driver.Connector {
		return &hooked{c, func(q string) (error, error) {
			if f.armed.Load() {
				return f.fault(q)
			}
			return nil, nil
		}, &f.busy}
	}
	f.Journal = mustOpen(t, cfg)
	return f
}

// on makes every statement that begins with text fail, done or not.
func (f *faulty) on(text string, done bool) {
	f.fault = func(q string) (before, after error) {
		switch {
		case !strings.HasPrefix(q, text):
			return nil, nil
		case done:
			return nil, f.err
		}
		return f.err, nil
	}
	f.armed.Store(true)
}

// TestCommitInDoubt: the disk reports an error, and the entries are there or not. Only reopening tells.
func TestCommitInDoubt(t *testing.T) {
	for _, done := range []bool{false, true} {
		t.Run(fmt.Sprintf("done=%v", done), func(t *testing.T) {
			j := newFaulty(t, t.TempDir())
			r := sell(t, j.Journal, 1, 1)
			j.on("COMMIT", done)
			if _, err := j.Append(ctx, opened(2, 100), approved(t, 2, 100, 2, 2)); !errors.Is(err, ErrStopped) {
				t.Fatalf("append: %v", err)
			}
			j.armed.Store(false)
			stopped(t, j.Journal)
			found, err := j.Reopen(ctx)
			if err != nil {
				t.Fatal(err)
			}
			want := 0
			if done {
				want = 2
			}
			if len(found) != want {
				t.Fatalf("%d entries found, want %d", len(found), want)
			}
			if done && found[1].Entry.Fact.(*payment.Approved).Replay.Counter != 2 {
				t.Errorf("found %+v", found[1].Entry)
			}
			if s := mustState(t, j.Journal); s.Current.Last != r[0].Entry.Seq+uint64(want) {
				t.Errorf("head at %d", s.Current.Last)
			}
			sell(t, j.Journal, 3, 1)
			sameSecond(t, j.Journal)
			verifyCopy(t, j.Journal)
		})
	}
}

// stopped wants every write, and reading for HQ, to be refused, and screens still to get answers.
func stopped(t *testing.T, j *Journal) {
	t.Helper()
	_, appendErr := j.Append(ctx, opened(9, 100))
	_, ackErr := j.Acknowledge(ctx, ackFor(Record{Entry: mustEntry(t, j)}, 9), nil)
	_, epochErr := j.NewEpoch(ctx, payment.CauseFork)
	_, keyErr := j.ChangeKey(ctx, newSigner(t, 8))
	_, batchErr := j.NextBatch(ctx, j.currentEpoch(), 0, 1, 1)
	_, beatErr := j.NextBeat(ctx, 1)
	_, pruneErr := j.Prune(ctx, Retention{Entries: today})
	for name, err := range map[string]error{
		"Append": appendErr, "Acknowledge": ackErr, "NewEpoch": epochErr, "ChangeKey": keyErr, "NextBatch": batchErr,
		"NextBeat": beatErr, "Prune": pruneErr, "SetDocument": j.SetDocument(ctx, PolicyDocument, 1, []byte{1}),
		"SetClockAnchor": j.SetClockAnchor(ctx, nil), "SetClearedSale": j.SetClearedSale(ctx, payment.ID{1}), "EraseBody": j.EraseBody(ctx, j.currentEpoch(), 1), "Stopped": j.Stopped(),
	} {
		if e, ok := errors.AsType[*StoppedError](err); !ok || e.Cause == nil || !errors.Is(err, ErrStopped) {
			t.Errorf("%s on a stopped journal: %v", name, err)
		}
	}
	if s, err := j.Stats(ctx); err != nil || !s.Stopped {
		t.Errorf("a screen asks: %+v, %v", s, err)
	}
}

func mustEntry(t *testing.T, j *Journal) *wire.Entry {
	t.Helper()
	return &wire.Entry{Terminal: terminal, Epoch: j.currentEpoch(), Seq: 1}
}

// TestErrorsInsideATransaction: whatever statement fails for the disk's sake stops the journal, and leaves
// nothing of the Append.
func TestErrorsInsideATransaction(t *testing.T) {
	for _, text := range []string{"BEGIN", "INSERT INTO entry", "INSERT INTO body", "INSERT INTO spent", "INSERT INTO phone",
		"INSERT INTO payment", "UPDATE sale", "INSERT INTO spend", "INSERT INTO day_total", "INSERT INTO exposure", "UPDATE projection"} {
		t.Run(text, func(t *testing.T) {
			j := newFaulty(t, "")
			sell(t, j.Journal, 1, 1)
			j.on(text, false)
			if _, err := j.Append(ctx, opened(2, 100), approved(t, 2, 100, 2, 2)); !errors.Is(err, ErrStopped) {
				t.Fatalf("append: %v", err)
			}
			j.armed.Store(false)
			if found, err := j.Reopen(ctx); err != nil || len(found) != 0 {
				t.Fatalf("found %v, %v", found, err)
			}
			sell(t, j.Journal, 2, 1)
			verifyCopy(t, j.Journal)
		})
	}
}

// TestLostConnection: database/sql closes a connection that says it is bad, under our statements.
func TestLostConnection(t *testing.T) {
	j := newFaulty(t, "")
	sell(t, j.Journal, 1, 1)
	j.err = driver.ErrBadConn
	j.on("COMMIT", false)
	if _, err := j.Append(ctx, opened(2, 100)); !errors.Is(err, ErrStopped) {
		t.Fatalf("append: %v", err)
	}
	if err := j.Close(); !errors.Is(err, sql.ErrConnDone) { // its statements are gone with it; touching them would crash
		t.Errorf("closing: %v", err)
	}
}

// TestReopenThatFails stays stopped, and can be tried again.
func TestReopenThatFails(t *testing.T) {
	j := newFaulty(t, "")
	sell(t, j.Journal, 1, 1)
	j.on("COMMIT", true)
	if _, err := j.Append(ctx, opened(2, 100)); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	j.on("PRAGMA wal_checkpoint", false)
	for range 2 {
		if _, err := j.Reopen(ctx); !errors.Is(err, ErrStopped) {
			t.Fatalf("reopen on a dead disk: %v", err)
		}
		if _, err := j.Append(ctx, opened(3, 100)); !errors.Is(err, ErrStopped) {
			t.Fatalf("append after a failed reopen: %v", err)
		}
	}
	j.armed.Store(false)
	found, err := j.Reopen(ctx)
	if err != nil || len(found) != 1 {
		t.Fatalf("found %v, %v", found, err)
	}
	verifyCopy(t, j.Journal)
}

// TestReopenOfAHealthyJournal changes nothing.
func TestReopenOfAHealthyJournal(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 1)
	if found, err := j.Reopen(ctx); err != nil || len(found) != 0 {
		t.Fatalf("found %v, %v", found, err)
	}
	sell(t, j, 2, 1)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Reopen(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("reopening what was closed: %v", err)
	}
}

// TestReopenMissesWhatWasShown: the database was put back behind our back.
func TestReopenMissesWhatWasShown(t *testing.T) {
	j := newFaulty(t, "")
	sell(t, j.Journal, 1, 1)
	if err := j.store.checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(j.cfg.database())
	if err != nil {
		t.Fatal(err)
	}
	sell(t, j.Journal, 2, 1)
	j.on("COMMIT", false)
	if _, err := j.Append(ctx, opened(3, 100)); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	j.armed.Store(false)
	if err := j.closeFiles(); err != nil {
		t.Logf("closing: %v", err)
	}
	if err := os.WriteFile(j.cfg.database(), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Reopen(ctx); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%v, want ErrCorrupt", err)
	}
}

// TestReadErrorStops: an I/O error is one wherever it shows.
func TestReadErrorStops(t *testing.T) {
	j := newFaulty(t, "")
	j.on("SELECT", false)
	if _, err := j.Known(ctx, Question{}); !errors.Is(err, ErrStopped) {
		t.Errorf("known: %v", err)
	}
	if j.Stopped() == nil {
		t.Error("still selling")
	}
}

// TestCancelledContext neither stops the journal nor writes.
func TestCancelledContext(t *testing.T) {
	j := newJournal(t)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := j.Append(gone, opened(1, 100)); !errors.Is(err, context.Canceled) {
		t.Errorf("append: %v", err)
	}
	if _, err := j.State(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("state: %v", err)
	}
	if j.Stopped() != nil {
		t.Errorf("stopped: %v", j.Stopped())
	}
	sell(t, j, 1, 1)
}

// TestFullAndReadOnly are SQLite's own errors, made by settings that it takes on a live connection.
func TestFullAndReadOnly(t *testing.T) {
	tests := []struct{ name, broken string }{
		{"full", "PRAGMA max_page_count = 1"},
		{"read-only", "PRAGMA query_only = ON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := newJournal(t)
			sell(t, j, 1, 1)
			mustExec(t, j.store.conn, tt.broken)
			var err error
			for i := 2; err == nil && i < 200; i++ {
				_, err = j.Append(ctx, opened(i, 100), approved(t, i, 100, 2, uint64(i)))
			}
			if !errors.Is(err, ErrStopped) {
				t.Fatalf("append: %v", err)
			}
			last := j.head.last
			if _, err := j.Reopen(ctx); err != nil { // new connections, new settings
				t.Fatal(err)
			}
			if s := mustState(t, j); s.Current.Last != last {
				t.Errorf("head at %d, was %d", s.Current.Last, last)
			}
			sell(t, j, 500, 1)
			verifyCopy(t, j)
		})
	}
}

// busyRows is SQLite's answer to a checkpoint that a reader is in the way of.
type busyRows struct{ done bool }

func (*busyRows) Columns() []string { return []string{"busy", "log", "checkpointed"} }
func (*busyRows) Close() error      { return nil }

func (r *busyRows) Next(row []driver.Value) error {
	if r.done {
		return io.EOF
	}
	r.done = true
	row[0], row[1], row[2] = int64(1), int64(10), int64(5)
	return nil
}

// TestReaderInTheWay: somebody lists the journal while the lane starts. That is no reason not to start, but
// after an I/O error the log must be emptied.
func TestReaderInTheWay(t *testing.T) {
	j := newFaulty(t, "")
	sell(t, j.Journal, 1, 1)
	j.busy.Store(true)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(ctx, j.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	j.on("COMMIT", true)
	if _, err := again.Append(ctx, opened(2, 100)); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	j.armed.Store(false)
	if _, err := again.Reopen(ctx); !errors.Is(err, errBusy) {
		t.Errorf("reopened with a log in doubt: %v", err)
	}
	j.busy.Store(false)
	if found, err := again.Reopen(ctx); err != nil || len(found) != 1 {
		t.Errorf("found %v, %v", found, err)
	}
}

// TestConcurrentUse has everybody at work at once, while the journal is reopened under them.
func TestConcurrentUse(t *testing.T) {
	j := newSecond(t)
	const sales = 60
	var wg sync.WaitGroup
	acks := make(chan Record, sales)
	wg.Go(func() {
		defer close(acks)
		for i := range sales {
			r, err := j.Append(ctx, opened(i, 100), approved(t, i, 100, byte(i%5+1), uint64(i)))
			if err != nil {
				t.Error(err)
				return
			}
			acks <- r[1]
		}
	})
	wg.Go(func() {
		for r := range acks {
			if _, err := j.Acknowledge(ctx, ackFor(r, 1), nil); err != nil {
				t.Error(err)
			}
		}
	})
	ask := func(f func() error) {
		wg.Go(func() {
			for range sales {
				if err := f(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	ask(func() error { _, err := j.Known(ctx, Question{Currency: "JPY"}); return err })
	ask(func() error { _, err := j.NextBatch(ctx, j.currentEpoch(), 0, 5, 1<<20); return err })
	ask(func() error { _, err := j.Payments(ctx, today); return err })
	ask(func() error { _, err := j.NextBeat(ctx, 0); return err })
	wg.Go(func() {
		for range 5 {
			if found, err := j.Reopen(ctx); err != nil || len(found) != 0 {
				t.Errorf("found %v, %v", found, err)
			}
		}
	})
	wg.Wait()
	if s := mustState(t, j); s.Current.Last != 1+2*sales || s.Current.Acked != s.Current.Last {
		t.Errorf("state %+v", s.Current)
	}
	sameSecond(t, j)
	verifyCopy(t, j)
}
