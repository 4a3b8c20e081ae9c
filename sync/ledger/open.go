package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"runtime"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migration/*.sql
var migrations embed.FS

// ErrStopped reports a ledger that does not write any more because its disk failed. After a failed fsync
// the next commit may "succeed" over a hole, so only opening the file anew helps.
var ErrStopped = errors.New("the ledger's disk failed: it must be opened again")

// ErrFull reports a disk that takes no more. Nothing of what was to be written is there, and the ledger writes
// again by itself when there is room.
var ErrFull = errors.New("the ledger's disk is full")

// ErrLater reports books that a later release changed beyond what this one can follow. Nothing was done to them.
var ErrLater = errors.New("a later release of tilld changed these books beyond what this one can follow: put the later one back")

// errPragma reports a connection that would not be as durable as it must be.
var errPragma = errors.New("SQLite does not keep a setting")

// Store is the ledger in one SQLite file. It is safe for concurrent use: one connection writes, several
// read. Other processes may read and write the same file (tilld hq terminal add).
type Store struct {
	now     func() time.Time
	readers *sql.DB
	asked   sync.Map // of readers, by text: *sql.Stmt; see ask

	mu      sync.Mutex // held by the one transaction that writes
	writers *sql.DB
	w       *writer
	stopped error
}

// Open opens the file, making it if it is not there, and brings its schema up to date. The clock is HQ's
// own and stamps what is recorded.
func Open(ctx context.Context, path string, now func() time.Time) (*Store, error) {
	writers, err := pool(path, 1, "_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("opening the ledger %s: %w", path, err)
	}
	s := &Store{now: now, writers: writers}
	if err := s.begin(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the ledger %s: %w", path, err), s.Close())
	}
	return s, nil
}

func (s *Store) begin(ctx context.Context, path string) error {
	if err := migrate(ctx, s.writers); err != nil {
		return err
	}
	conn, err := s.writers.Conn(ctx)
	if err != nil {
		return err
	}
	if err := syncLog(ctx, conn, path); err != nil {
		return errors.Join(err, conn.Close())
	}
	s.w = newWriter(conn)
	n := 2 + runtime.GOMAXPROCS(0)
	if s.readers, err = pool(path, n, "_query_only=1"); err != nil {
		return err
	}
	if err := openAll(ctx, s.readers, n); err != nil {
		return err
	}
	return s.write(ctx, func(t *tx) error { return t.firstEpoch() })
}

// syncLog makes what is found be on the disk. A process that was killed may have written a transaction and not
// synced it: it is read like any other, HQ would answer for it without writing a word, and a power cut would
// take it away afterwards. Moving the log into the database also writes anew what a sync that failed has left in
// memory only. Where somebody who reads is in the way, the log is at least synced.
func syncLog(ctx context.Context, conn *sql.Conn, path string) error {
	var busy, frames, moved int
	if err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &frames, &moved); err != nil {
		return fmt.Errorf("moving the log into the database: %w", err)
	}
	if busy == 0 && moved == frames {
		return nil
	}
	if err := syncFile(path + "-wal"); err != nil {
		return fmt.Errorf("syncing the log: %w", err)
	}
	return nil
}

// Close ends all use of the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.w != nil {
		errs = append(errs, s.w.close())
	}
	if s.readers != nil {
		errs = append(append(errs, s.closeAsked()...), s.readers.Close())
	}
	s.stopped = sql.ErrConnDone
	return errors.Join(append(errs, s.writers.Close())...)
}

func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migration")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	if err := checkLater(ctx, db, p.ListSources()); err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bringing the schema up to date: %w", err)
	}
	return nil
}

// checkLater looks whether this release may work with the books' schema. That of a later release is as good as
// this one's, for it only expands what is there, unless its migration says otherwise: one behind which older
// programs must not write sets SQLite's user_version to its own number.
func checkLater(ctx context.Context, db *sql.DB, own []*goose.Source) error {
	var needed int64
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&needed); err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	if known := own[len(own)-1].Version; needed > known {
		return fmt.Errorf("%w (they need schema %d; this one knows %d)", ErrLater, needed, known)
	}
	return nil
}

// pool opens connections that all have the same settings; most bounds their number.
func pool(path string, most int, extra string) (*sql.DB, error) {
	c, err := sqlite.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + extra +
		"&_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1&_busy_timeout=10000&_dqs=0&_defensive=1" +
		"&_pragma=secure_delete(ON)&_pragma=trusted_schema(OFF)&_pragma=cache_size(-65536)" +
		"&_pragma=wal_autocheckpoint(4000)")
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(checked{c})
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

// openAll opens all connections of a pool, which stay: one that had to be opened later could not be when the
// process is out of file descriptors.
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

// checked reads the settings that money rests on back from every connection of a pool.
type checked struct{ driver.Connector }

// Connect opens a connection and refuses it when it is not fully durable.
func (c checked) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, want := range []struct {
		pragma string
		value  driver.Value
	}{{"journal_mode", "wal"}, {"synchronous", int64(2)}, {"foreign_keys", int64(1)}, {"secure_delete", int64(1)}} {
		got, err := readPragma(ctx, conn, want.pragma)
		if err == nil && got != want.value {
			err = fmt.Errorf("%w: %s is %v, not %v", errPragma, want.pragma, got, want.value)
		}
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

func readPragma(ctx context.Context, conn driver.Conn, name string) (driver.Value, error) {
	q, ok := conn.(driver.QueryerContext)
	if !ok {
		return nil, fmt.Errorf("%w: %s can't be read back", errPragma, name)
	}
	rows, err := q.QueryContext(ctx, "PRAGMA "+name, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(row); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errPragma, name, err)
	}
	if len(row) != 1 {
		return nil, fmt.Errorf("%w: %s gives %d values", errPragma, name, len(row))
	}
	return row[0], nil
}

// diskFailed says whether an error leaves it unknown what is on the disk. A full disk does not: SQLite rolls
// back and says so.
func diskFailed(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

// isFull says whether an error is SQLite's of a full disk.
func isFull(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_FULL
}

// isConstraint says whether an error is the schema's refusal of a row.
func isConstraint(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_CONSTRAINT
}
