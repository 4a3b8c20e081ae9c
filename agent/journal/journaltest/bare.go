package journaltest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"
)

// Bare writes recorded statements with nothing around them: prepared once, in one transaction, on a connection of
// the same kind.
type Bare struct {
	tb    testing.TB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// OpenBare takes a connector that a Recorder saw; it is closed with the test.
func OpenBare(tb testing.TB, c driver.Connector) *Bare {
	tb.Helper()
	db := sql.OpenDB(c)
	conn, err := db.Conn(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(); _ = db.Close() })
	return &Bare{tb, conn, map[string]*sql.Stmt{}}
}

// Write writes them in one transaction.
func (x *Bare) Write(list []Statement) {
	x.tb.Helper()
	x.exec(Statement{Query: "BEGIN IMMEDIATE"})
	for _, st := range list {
		x.exec(st)
	}
	x.exec(Statement{Query: "COMMIT"})
}

func (x *Bare) exec(st Statement) {
	x.tb.Helper()
	p := x.stmts[st.Query]
	if p == nil {
		var err error
		if p, err = x.conn.PrepareContext(context.Background(), st.Query); err != nil {
			x.tb.Fatal(err)
		}
		x.stmts[st.Query] = p
	}
	if _, err := p.ExecContext(context.Background(), st.Args...); err != nil {
		x.tb.Fatalf("%s: %v", st.Query, err)
	}
}
