package journal

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"modernc.org/sqlite"
)

// pragma is a setting of every connection: what the DSN asks for, and what SQLite must answer when asked.
type pragma struct{ name, set, want string }

// pragmas make a commit mean that the data is on the disk. They are read back on every new connection,
// since SQLite keeps silent about one that it can't follow (WAL on a network drive, a name misspelt).
var pragmas = []pragma{
	{"busy_timeout", "5000", "5000"},
	{"journal_mode", "WAL", "wal"},
	{"synchronous", "FULL", "2"},
	{"fullfsync", "ON", "1"}, // where fsync alone does not reach the disk (macOS)
	{"checkpoint_fullfsync", "ON", "1"},
	{"foreign_keys", "ON", "1"},
	{"recursive_triggers", "ON", "1"}, // else REPLACE deletes past the triggers
	{"secure_delete", "ON", "1"},      // an erased body leaves no bytes in free pages
	{"cell_size_check", "ON", "1"},
	{"trusted_schema", "OFF", "0"},
	{"temp_store", "MEMORY", "2"},
}

// readerPragmas are for connections that must never write.
var readerPragmas = append(pragmas[:len(pragmas):len(pragmas)], pragma{"query_only", "ON", "1"})

// dsn names the database by a file: URI, in which SQLite takes its own parameters too (mode).
func dsn(path string, list []pragma, extra url.Values) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", path, err)
	}
	abs = filepath.ToSlash(abs)
	if !strings.HasPrefix(abs, "/") { // a drive letter
		abs = "/" + abs
	}
	q := url.Values{"_dqs": {"0"}, "_defensive": {"1"}}
	for _, p := range list {
		q.Add("_pragma", fmt.Sprintf("%s(%s)", p.name, p.set))
	}
	for k, v := range extra {
		q[k] = v
	}
	return (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String(), nil
}

// checked is a connector whose connections are known to be set as they must be.
type checked struct {
	driver.Connector
	pragmas []pragma
}

func connect(path string, list []pragma, extra url.Values) (driver.Connector, error) {
	name, err := dsn(path, list, extra)
	if err != nil {
		return nil, err
	}
	base, err := sqlite.NewConnector(name)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return &checked{base, list}, nil
}

// Connect opens a connection and reads every pragma back; one that differs is ErrPragma.
func (c *checked) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range c.pragmas {
		got, err := readPragma(ctx, conn, p.name)
		if err == nil && got != p.want {
			err = fmt.Errorf("%w: %s is %q, not %q", ErrPragma, p.name, got, p.want)
		}
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

func readPragma(ctx context.Context, conn driver.Conn, name string) (string, error) {
	q, ok := conn.(driver.QueryerContext)
	if !ok {
		return "", fmt.Errorf("%w: %T can't be asked", ErrPragma, conn)
	}
	rows, err := q.QueryContext(ctx, "PRAGMA "+name, nil)
	if err != nil {
		return "", fmt.Errorf("reading pragma %s: %w", name, err)
	}
	defer rows.Close()
	row := make([]driver.Value, 1)
	if err := rows.Next(row); err != nil {
		return "", fmt.Errorf("%w: %s is not known to this SQLite: %w", ErrPragma, name, err)
	}
	return fmt.Sprint(row[0]), nil
}

// maxReaders bounds the reading connections: the pages, the uplink and the POS ask at the same time.
const maxReaders = 4

// store is the open database: one connection that writes, a few that read.
type store struct {
	writers *sql.DB
	conn    *sql.Conn // the only connection of writers
	readers *sql.DB
	stmts   map[string]*sql.Stmt // of conn, by text
	asked   sync.Map             // of readers, by text: *sql.Stmt; see ask
}

// ask asks a constant question, of one row for an answer, that comes with every scan. It stays prepared on each
// reading connection: to prepare it took longer than to answer it.
func (s *store) ask(ctx context.Context, query string, args ...any) (*sql.Row, error) {
	st, err := s.asking(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryRowContext(ctx, args...), nil
}

// askAll asks a constant question that comes with every scan or message: like ask, for several rows.
func (s *store) askAll(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := s.asking(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

func (s *store) asking(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := s.asked.Load(query); ok {
		return st.(*sql.Stmt), nil
	}
	fresh, err := s.readers.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	st, ok := s.asked.LoadOrStore(query, fresh)
	if ok {
		_ = fresh.Close() // somebody was faster; nothing depends on this one
	}
	return st.(*sql.Stmt), nil
}

// openStore opens, and makes or migrates when needed, the database at path.
func openStore(ctx context.Context, path string, wrap func(driver.Connector) driver.Connector) (*store, error) {
	write, err := connect(path, pragmas, url.Values{"_txlock": {"immediate"}})
	if err != nil {
		return nil, err
	}
	read, err := connect(path, readerPragmas, url.Values{"mode": {"ro"}})
	if err != nil {
		return nil, err
	}
	s := &store{writers: sql.OpenDB(wrap(write)), readers: sql.OpenDB(wrap(read)), stmts: map[string]*sql.Stmt{}}
	s.writers.SetMaxOpenConns(1)
	s.readers.SetMaxOpenConns(maxReaders)
	s.readers.SetMaxIdleConns(maxReaders)
	if err := migrate(ctx, s.writers); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if s.conn, err = s.writers.Conn(ctx); err == nil {
		err = s.checkSchema(ctx)
	}
	if err == nil {
		err = openAll(ctx, s.readers, maxReaders)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// openAll opens all connections of a pool, which stay: one that had to be opened later could not be when the
// process is out of file descriptors, and a payment would be taken that nobody can ask for.
func openAll(ctx context.Context, pool *sql.DB, n int) (err error) {
	for range n {
		c, failed := pool.Conn(ctx)
		if failed != nil {
			return errors.Join(err, failed)
		}
		defer func() { err = errors.Join(err, c.Close()) }()
	}
	return err
}

// close ends the readers first, so that the writer is the last to leave: it then moves the write-ahead log
// into the database.
func (s *store) close() error {
	var errs []error
	if s.conn != nil && s.conn.Raw(func(any) error { return nil }) == nil { // of a lost connection they are gone, and not to be touched
		for _, st := range s.stmts {
			errs = append(errs, st.Close())
		}
	}
	s.asked.Range(func(_, st any) bool {
		errs = append(errs, st.(*sql.Stmt).Close())
		return true
	})
	errs = append(errs, s.readers.Close())
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	return errors.Join(append(errs, s.writers.Close())...)
}
