package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// writer is the one connection that writes, with its prepared statements and what it may keep in memory
// because nobody else changes it.
type writer struct {
	conn    *sql.Conn
	stmts   map[string]*sql.Stmt // by text
	dims    map[Dimension]int64
	headers map[string]int64
}

// maxCached bounds each of the writer's maps; a full one is begun anew.
const maxCached = 1 << 16

func newWriter(conn *sql.Conn) *writer {
	return &writer{conn: conn, stmts: map[string]*sql.Stmt{}, dims: map[Dimension]int64{}, headers: map[string]int64{}}
}

func (w *writer) close() error {
	var errs []error
	for _, st := range w.stmts {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

// forget drops what was read inside a transaction that did not come to be.
func (w *writer) forget() { clear(w.dims); clear(w.headers) }

// tx is the running transaction that writes. It has one time.
type tx struct {
	ctx    context.Context
	w      *writer
	now    int64 // Unix ms
	deltas map[balanceKey]*balanceDelta
}

// write runs f in one transaction. The context is asked before it begins and not in the middle: a statement
// is short, and watching a context costs more than the statement.
func (s *Store) write(ctx context.Context, f func(*tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped != nil {
		return s.stopped
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &tx{ctx: context.WithoutCancel(ctx), w: s.w, now: s.now().UnixMilli(), deltas: map[balanceKey]*balanceDelta{}}
	err := t.run(f)
	if diskFailed(err) {
		s.stopped = fmt.Errorf("%w: %w", ErrStopped, err)
		return s.stopped
	}
	if isFull(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

func (t *tx) run(f func(*tx) error) error {
	if _, err := t.w.conn.ExecContext(t.ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	err := f(t)
	if err == nil {
		err = t.flushBalances()
	}
	if err == nil {
		if _, err = t.w.conn.ExecContext(t.ctx, "COMMIT"); err == nil {
			return nil
		}
		err = fmt.Errorf("committing: %w", err)
	}
	t.w.forget()
	if _, back := t.w.conn.ExecContext(t.ctx, "ROLLBACK"); back != nil && diskFailed(back) {
		err = errors.Join(err, back)
	}
	return err
}

func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if st, ok := t.w.stmts[query]; ok {
		return st, nil
	}
	st, err := t.w.conn.PrepareContext(t.ctx, query)
	if err != nil {
		return nil, fmt.Errorf("preparing %q: %w", query, err)
	}
	t.w.stmts[query] = st
	return st, nil
}

// exec runs a constant statement and returns the number of rows that it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	st, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// insert runs a constant INSERT and returns the new row's number.
func (t *tx) insert(query string, args ...any) (int64, error) {
	st, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// get reads one row of a constant query; found is false when there is none.
func (t *tx) get(query string, args []any, into ...any) (found bool, err error) {
	st, err := t.stmt(query)
	if err != nil {
		return false, err
	}
	err = st.QueryRowContext(t.ctx, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// each reads all rows of a constant query before f sees the first, so that f may write.
func each[T any](t *tx, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	st, err := t.stmt(query)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(t.ctx, args...)
	return collect(rows, err, scan)
}

// collect reads rows to the end and closes them.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

func millis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
