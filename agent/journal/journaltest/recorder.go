// Package journaltest records what a journal writes and writes it again bare, for benchmarks that hold the journal,
// and what stands on it, against the same rows in the same tables.
//
// It knows nothing of the journal but that it speaks to SQLite by database/sql's driver: what it records is what was
// really written, and can't fall behind the journal's schema.
package journaltest

import (
	"bytes"
	"context"
	"database/sql/driver"
	"strings"
	"sync"
)

// Statement is one INSERT or UPDATE with its values.
type Statement struct {
	Query string
	Args  []any
}

// Recorder notes every statement that changes rows, in order. Its Wrap is for journal.Config.
type Recorder struct {
	mu   sync.Mutex
	list []Statement
	// Connectors are what was wrapped: of a journal the writer's comes first.
	Connectors []driver.Connector
}

// Wrap puts the recorder between a journal and its database.
func (r *Recorder) Wrap(c driver.Connector) driver.Connector {
	r.Connectors = append(r.Connectors, c)
	return &recorded{c, r}
}

// Take empties the recorder.
func (r *Recorder) Take() []Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

func (r *Recorder) note(query string, args []driver.NamedValue) {
	if !strings.HasPrefix(query, "INSERT") && !strings.HasPrefix(query, "UPDATE") {
		return
	}
	st := Statement{Query: query}
	for _, a := range args {
		if b, ok := a.Value.([]byte); ok && b != nil {
			st.Args = append(st.Args, bytes.Clone(b))
		} else {
			st.Args = append(st.Args, a.Value)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, st)
}

type recorded struct {
	driver.Connector
	r *Recorder
}

func (c *recorded) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	return &recordedConn{conn, c.r}, err
}

type recordedConn struct {
	driver.Conn
	r *Recorder
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
	r     *Recorder
}

func (s *recordedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.r.note(s.query, args)
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s *recordedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.r.note(s.query, args)
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}
