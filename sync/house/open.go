package house

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"tilld/agent/policy"
	"tilld/sync/house/rule"
)

//go:embed migration/*.sql
var migrations embed.FS

// ErrStopped reports an issuer that does not write any more because its disk failed: after a failed fsync the next
// commit may "succeed" over a hole, so only opening the file anew helps.
var ErrStopped = errors.New("the issuer's disk failed: its file must be opened again")

// errPragma reports a connection that would not be as durable as it must be.
var errPragma = errors.New("SQLite does not keep a setting")

// Issuer is the house wallet's issuer in one SQLite file. It is safe for concurrent use: one transaction at a time.
type Issuer struct {
	c         Config
	db        *sql.DB
	computing chan struct{} // holds as many as passwords are computed at once

	mu      sync.Mutex // held by the one transaction
	stopped error
	bundle  *policy.Bundle // what HQ signed; nil: no chain's offers are taken

	refusedMu sync.Mutex
	refused   map[int64]time.Time // notices whose address took nothing, and until when they wait
}

// Open opens the file, making it if it is not there, and brings its schema up to date.
func Open(ctx context.Context, path string, c Config) (*Issuer, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("opening the issuer %s: %w", path, err)
	}
	conn, err := sqlite.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?_txlock=immediate" +
		"&_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1&_busy_timeout=10000&_dqs=0&_defensive=1" +
		"&_pragma=secure_delete(ON)&_pragma=trusted_schema(OFF)")
	if err != nil {
		return nil, fmt.Errorf("opening the issuer %s: %w", path, err)
	}
	i := &Issuer{c: c, db: sql.OpenDB(conn), computing: make(chan struct{}, maxComputing), refused: map[int64]time.Time{}}
	i.db.SetMaxOpenConns(1) // whoever writes is alone, and what a reader sees is whole
	err = i.begin(ctx)
	if err == nil {
		err = i.loadPapers(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the issuer %s: %w", path, err), i.db.Close())
	}
	return i, nil
}

// Close ends all use of the file.
func (i *Issuer) Close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stopped = sql.ErrConnDone
	return i.db.Close()
}

func (i *Issuer) begin(ctx context.Context) error {
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1"} {
		var got string
		if err := i.db.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			return fmt.Errorf("%w: %s is %q, not %q: %w", errPragma, pragma, got, want, err)
		}
	}
	files, err := fs.Sub(migrations, "migration")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, i.db, files)
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bringing the schema up to date: %w", err)
	}
	return nil
}

// tx is one transaction. It has one time.
type tx struct {
	*sql.Tx
	ctx context.Context
	i   *Issuer
	l   *rule.Limits
	now time.Time
}

// do runs f in a transaction and commits it when f succeeds or refuses: what was counted on the way to a refusal must
// stay. Any other error leaves nothing.
func (i *Issuer) do(ctx context.Context, f func(*tx) error) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stopped != nil {
		return i.stopped
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := i.run(context.WithoutCancel(ctx), f)
	if diskFailed(err) {
		i.stopped = fmt.Errorf("%w: %w", ErrStopped, err)
		return i.stopped
	}
	return err
}

func (i *Issuer) run(ctx context.Context, f func(*tx) error) error {
	t, err := i.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	said := f(&tx{Tx: t, ctx: ctx, i: i, l: &i.c.Limits, now: i.c.Now().UTC().Truncate(time.Millisecond)})
	if _, refused := errors.AsType[rule.Refusal](said); said != nil && !refused {
		return errors.Join(said, t.Rollback())
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return said
}

// exec runs a statement and wants it to change just n rows; n below 0 is any number.
func (t *tx) exec(n int64, query string, args ...any) error {
	res, err := t.ExecContext(t.ctx, query, args...)
	if err != nil {
		return err
	}
	got, err := res.RowsAffected()
	if err == nil && n >= 0 && got != n {
		err = fmt.Errorf("%d rows changed instead of %d by %q", got, n, query)
	}
	return err
}

// changed runs a statement and says whether it changed anything.
func (t *tx) changed(query string, args ...any) (bool, error) {
	res, err := t.ExecContext(t.ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// get reads one row; found is false when there is none.
func (t *tx) get(query string, args []any, into ...any) (found bool, err error) {
	err = t.QueryRowContext(t.ctx, query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// number reads one number, which is there.
func (t *tx) number(query string, args ...any) (n int64, err error) {
	err = t.QueryRowContext(t.ctx, query, args...).Scan(&n)
	return n, err
}

func (t *tx) ms() int64 { return t.now.UnixMilli() }

func fromMS(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// diskFailed says whether an error leaves it unknown what is on the disk.
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
