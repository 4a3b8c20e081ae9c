package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"os"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Source is what entries can be listed and verified from without the terminal's private key: a copy of a
// journal, or a second medium.
type Source interface {
	// Rows reads entries in the order of writing. An error ends them.
	Rows(ctx context.Context, f Filter) iter.Seq2[Row, error]
	// Verify checks all entries with nothing but the terminal's public keys: the first alone is enough where
	// nothing was pruned. The error is a *Fault naming the first bad row, or what kept it from reading.
	Verify(ctx context.Context, keys ...wire.PublicKey) (Report, error)
	// Terminal is whose entries these are, as the source itself says.
	Terminal() payment.ID
	// Keys are those that the source says have signed: to be compared with what HQ knows, never to be trusted.
	Keys(ctx context.Context) ([]wire.PublicKey, error)
	io.Closer
}

// Copy is a journal opened for reading alone. It takes no lock and needs no key. Never open the database of
// a Journal that is open in this process: closing it would drop SQLite's locks. Another process may read it
// at any time.
//
// It shows the journal as it was when it was opened, whatever a running lane writes meanwhile.
type Copy struct {
	db       *sql.DB
	tx       *sql.Tx // one read transaction: one moment
	terminal payment.ID
}

var _ Source = (*Copy)(nil)

// OpenCopy opens a database file for reading. A file with a write-ahead log beside it is read with it, so a
// copy must be of both.
func OpenCopy(ctx context.Context, path string) (*Copy, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("opening a journal to read: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a file", ErrNotJournal, path)
	}
	conn, err := connect(path, []pragma{{"busy_timeout", "5000", "5000"}, {"query_only", "ON", "1"}, {"trusted_schema", "OFF", "0"}}, readOnly(path))
	if err != nil {
		return nil, err
	}
	c := &Copy{db: sql.OpenDB(conn)}
	if c.tx, err = c.db.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{ReadOnly: true}); err == nil {
		err = c.identify(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), c.Close())
	}
	return c, nil
}

// readOnly lets SQLite look at a write-ahead log when there is one, or when somebody has the journal open.
// Else it is told that the file will not change: where it can't write, it could not make the files that it
// coordinates by.
func readOnly(path string) url.Values {
	q := url.Values{"mode": {"ro"}}
	_, shmErr := os.Stat(path + "-shm")
	wal, walErr := os.Stat(path + "-wal")
	if errors.Is(shmErr, fs.ErrNotExist) && (errors.Is(walErr, fs.ErrNotExist) || (walErr == nil && wal.Size() == 0)) {
		q.Set("immutable", "1")
	}
	return q
}

func (c *Copy) identify(ctx context.Context) error {
	var app int64
	if err := c.tx.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&app); err != nil {
		return errors.Join(ErrNotJournal, err)
	}
	if app != applicationID {
		return fmt.Errorf("%w: the database's application is %#x", ErrNotJournal, app)
	}
	var raw []byte
	err := c.tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = ?`, metaTerminal).Scan(&raw)
	if isNoRows(err) {
		return nil // begun and never used
	}
	if err != nil || len(raw) != len(c.terminal) {
		return errors.Join(ErrNotJournal, err)
	}
	c.terminal = payment.ID(raw)
	return nil
}

// Close ends reading.
func (c *Copy) Close() error {
	var err error
	if c.tx != nil {
		err = c.tx.Rollback() // nothing was written
	}
	if errors.Is(err, sql.ErrTxDone) {
		err = nil // closed before
	}
	return errors.Join(err, c.db.Close())
}

// Terminal is whose journal the file says it is.
func (c *Copy) Terminal() payment.ID { return c.terminal }

// Rows reads entries in the order of writing.
func (c *Copy) Rows(ctx context.Context, f Filter) iter.Seq2[Row, error] {
	return rows(ctx, c.tx.QueryContext, f)
}

// Epochs lists the epochs with their outbox as it was.
func (c *Copy) Epochs(ctx context.Context) ([]Epoch, error) {
	version, err := readSchemaVersion(ctx, c.tx.QueryContext)
	if err != nil {
		return nil, err
	}
	return readEpochs(ctx, c.tx.QueryContext, version)
}

// Keys lists the keys that the journal says have signed, oldest first.
func (c *Copy) Keys(ctx context.Context) ([]wire.PublicKey, error) {
	return readKeys(ctx, c.tx.QueryContext)
}

// begins reads where the rows of each epoch begin, and what the first of them continues.
func (c *Copy) begins(ctx context.Context) (func(epoch uint64) (uint64, []byte), error) {
	type start struct {
		epoch, seq int64
		hash       []byte
	}
	list, err := collect(ctx, c.tx.QueryContext, func(rows *sql.Rows) (s start, err error) {
		err = rows.Scan(&s.epoch, &s.seq, &s.hash)
		return s, err
	}, `SELECT epoch, pruned, pruned_head FROM epoch`)
	if err != nil {
		return nil, fmt.Errorf("reading the epochs: %w", err)
	}
	return func(epoch uint64) (uint64, []byte) {
		for _, s := range list {
			if uint64(s.epoch) == epoch {
				return uint64(s.seq), s.hash
			}
		}
		return 0, nil
	}, nil
}
