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
// is the rate of Append divided by the rate of the bare writing; 0.9 is wanted.
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
	open := func() (drafts []Draft) {
		for i := range b.N {
			drafts = append(drafts, opened(i, 100))
		}
		return drafts
	}()
	for len(open) > 0 {
		n := min(len(open), 100)
		mustAppend(b, model, open[:n]...)
		mustAppend(b, ours, open[:n]...)
		open = open[n:]
	}
	x.write(rec.take())
	drafts, lists := []Draft{}, [][]statement{}
	for i := range b.N {
		d := make(i)
		mustAppend(b, model, d)
		drafts, lists = append(drafts, d), append(lists, rec.take())
	}
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	payload := bytes.Repeat([]byte{1}, 400)
	about := wire.Name{Terminal: terminal, Epoch: 1, Seq: 1}
	to := newConfidant(b).Public()

	var oursTook, bareTook time.Duration
	one := func(i int) {
		began := time.Now()
		mustAppend(b, ours, drafts[i])
		oursTook += time.Since(began)
	}
	other := func(i int) {
		began := time.Now()
		x.write(lists[i])
		ed25519.Sign(key, payload)
		if evidence {
			if _, err := to.Confide(about, drafts[i].Evidence); err != nil {
				b.Fatal(err)
			}
		}
		bareTook += time.Since(began)
	}
	b.ResetTimer()
	for i := range b.N {
		if i%2 == 0 {
			one(i)
			other(i)
		} else {
			other(i)
			one(i)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(bareTook)/float64(oursTook), "ratio")
	b.ReportMetric(float64(oursTook.Microseconds())/float64(b.N), "append-µs")
	b.ReportMetric(float64(bareTook.Microseconds())/float64(b.N), "bare-µs")
}
