package journal

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql/driver"
	"slices"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// statement is what one call of the journal's wrote, with its values.
type statement struct {
	query string
	args  []any
}

// recorder notes every statement that changes rows.
type recorder struct{ list []statement }

func (r *recorder) wrap(c driver.Connector) driver.Connector { return &recorded{c, r} }

type recorded struct {
	driver.Connector
	r *recorder
}

func (c *recorded) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	return &recordedConn{conn, c.r}, err
}

type recordedConn struct {
	driver.Conn
	r *recorder
}

func (c *recordedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

func (c *recordedConn) Prepare(query string) (driver.Stmt, error) {
	st, err := c.Conn.Prepare(query)
	return &recordedStmt{st, query, c.r}, err
}

type recordedStmt struct {
	driver.Stmt
	query string
	r     *recorder
}

func (s *recordedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if strings.HasPrefix(s.query, "INSERT") || strings.HasPrefix(s.query, "UPDATE") {
		st := statement{query: s.query}
		for _, a := range args {
			if b, ok := a.Value.([]byte); ok && b != nil {
				st.args = append(st.args, bytes.Clone(b))
			} else {
				st.args = append(st.args, a.Value)
			}
		}
		s.r.list = append(s.r.list, st)
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s *recordedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

// take empties the recorder.
func (r *recorder) take() []statement {
	list := r.list
	r.list = nil
	return list
}

// bare is the least that could do the same: the same rows into the same tables, by prepared statements in one
// transaction, on the same kind of connection.
type bare struct {
	b *testing.B
	s *store
}

func (x *bare) write(list []statement) {
	exec := func(query string, args ...any) {
		if _, err := x.s.exec(ctx, query, args...); err != nil {
			x.b.Fatal(err)
		}
	}
	exec("BEGIN IMMEDIATE")
	for _, st := range list {
		exec(st.query, st.args...)
	}
	exec("COMMIT")
}

// BenchmarkAppend compares Append with the same rows written bare, plus one bare signature, plus one seal
// where there is evidence: turn by turn in one run, on the same file system with the same pragmas. "ratio"
// is the rate of Append divided by the rate of the bare writing; 0.9 is wanted. On a machine that does other
// things too the ratio of the medians says more.
func BenchmarkAppend(b *testing.B) {
	b.Run("approved", func(b *testing.B) {
		compare(b, true, func(i int) Draft { return approved(b, i, 100, byte(i%200+1), uint64(i)) })
	})
	b.Run("completed", func(b *testing.B) {
		compare(b, false, func(i int) Draft { return saleFact(&payment.SaleCompleted{}, i) })
	})
}

func compare(b *testing.B, evidence bool, make func(i int) Draft) {
	var rec recorder
	cfg := config(b, b.TempDir())
	cfg.wrap = rec.wrap
	model := mustOpen(b, cfg)
	rec.list = slices.DeleteFunc(rec.list, func(st statement) bool { // the bare database has made its schema itself
		return strings.Contains(st.query, "goose_db_version") || strings.Contains(st.query, "INTO projection")
	})
	ours := mustOpen(b, config(b, b.TempDir()))
	s, err := openStore(ctx, b.TempDir()+"/"+DatabaseFile, func(c driver.Connector) driver.Connector { return c })
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.close() })
	x := &bare{b, s}
	for from := 0; from < b.N; from += 100 {
		var sales []Draft
		for i := from; i < min(from+100, b.N); i++ {
			sales = append(sales, opened(i, 100))
		}
		mustAppend(b, model, sales...)
		mustAppend(b, ours, sales...)
		x.write(rec.take()) // in the same portions, so that the files grow alike
	}
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	payload := bytes.Repeat([]byte{1}, 400)
	about := wire.Name{Terminal: terminal, Epoch: 1, Seq: 1}
	to := newConfidant(b).Public()

	var oursTook, bareTook times
	one := func(d Draft) {
		began := time.Now()
		mustAppend(b, ours, d)
		oursTook = append(oursTook, time.Since(began))
	}
	other := func(d Draft, list []statement) {
		began := time.Now()
		if evidence {
			if _, err := to.Confide(about, d.Evidence); err != nil {
				b.Fatal(err)
			}
		}
		ed25519.Sign(key, payload)
		x.write(list)
		bareTook = append(bareTook, time.Since(began))
	}
	b.ResetTimer()
	for i := range b.N {
		d := make(i)
		mustAppend(b, model, d) // says what rows there are to write
		if list := rec.take(); i%2 == 0 {
			one(d)
			other(d, list)
		} else {
			other(d, list)
			one(d)
		}
	}
	b.StopTimer()
	b.ReportMetric(bareTook.sum()/oursTook.sum(), "ratio")
	b.ReportMetric(bareTook.median()/oursTook.median(), "ratio-of-medians")
	b.ReportMetric(oursTook.median(), "append-µs")
	b.ReportMetric(bareTook.median(), "bare-µs")
}

// times are how long something took, each time.
type times []time.Duration

func (t times) sum() float64 {
	var s time.Duration
	for _, d := range t {
		s += d
	}
	return float64(s.Microseconds())
}

// median leaves out what a busy disk does now and then.
func (t times) median() float64 {
	return float64(slices.Sorted(slices.Values(t))[len(t)/2].Microseconds())
}
