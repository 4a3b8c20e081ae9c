package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"tilld/agent/payment"
)

// exec runs a statement on the writing connection, prepared once.
func (s *store) exec(ctx context.Context, query string, args ...any) (changed int64, err error) {
	st, err := s.prepared(ctx, query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row asks the writing connection, which sees its own transaction.
func (s *store) row(ctx context.Context, query string, args []any, into ...any) error {
	st, err := s.prepared(ctx, query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(ctx, args...).Scan(into...)
}

// prepared finds or prepares a statement. Texts are constants of this package, so there are few.
func (s *store) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := s.stmts[query]; ok {
		return st, nil
	}
	st, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = st
	return st, nil
}

// write runs fn in one transaction, unless the journal has stopped; j.mu is held.
func (j *Journal) write(ctx context.Context, fn func(context.Context, *store) error) error {
	if err := j.usable(); err != nil {
		return err
	}
	return j.transact(ctx, fn)
}

// transact runs fn in one transaction of the writing connection. An error of fn is taken back and returned.
// When the disk is in doubt, and after any error of the commit itself, the journal stops: the data may or
// may not be there, and only Reopen can tell.
func (j *Journal) transact(ctx context.Context, fn func(context.Context, *store) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // what has begun ends: an interrupted commit would be in doubt
	if _, err := j.store.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		if !stops(err) {
			return payment.Errorf(payment.Retry, "journal.write", "beginning to write: %w", err)
		}
		return j.stop(fmt.Errorf("beginning to write: %w", err))
	}
	if err := fn(ctx, j.store); err != nil {
		if _, undo := j.store.exec(ctx, "ROLLBACK"); undo != nil || stops(err) {
			return j.stop(errors.Join(err, undo))
		}
		return err
	}
	if _, err := j.store.exec(ctx, "COMMIT"); err != nil {
		return j.stop(fmt.Errorf("committing: %w", err))
	}
	return nil
}

// stop notes the first error and returns what every write returns from now on.
func (j *Journal) stop(cause error) error {
	e := &StoppedError{Cause: cause}
	if j.stopped.CompareAndSwap(nil, e) {
		j.cfg.Log.Error("journal stopped", "terminal", j.cfg.Terminal.String(), "error", cause)
		j.announce()
	}
	return j.stopped.Load()
}

// doubt stops the journal when an error of reading says that the disk can't be trusted.
func (j *Journal) doubt(err error) error {
	if err != nil && stops(err) {
		return j.stop(err)
	}
	return err
}

// Stopped is the error that every write returns now, or nil.
func (j *Journal) Stopped() error {
	if e := j.stopped.Load(); e != nil {
		return e
	}
	return nil
}

// usable is the error of a journal that can't be written to.
func (j *Journal) usable() error {
	if j.store == nil {
		return ErrClosed
	}
	return j.Stopped()
}

// read runs fn on the reading connections. They still answer when the journal has stopped, so that screens
// can show what there was; an I/O error while reading stops it.
func (j *Journal) read(ctx context.Context, fn func(context.Context, *sql.DB) error) error {
	j.swap.RLock()
	defer j.swap.RUnlock()
	if j.store == nil {
		return ErrClosed
	}
	return j.doubt(fn(ctx, j.store.readers))
}

// announce wakes everybody who waits for Changed.
func (j *Journal) announce() {
	j.wake.Lock()
	defer j.wake.Unlock()
	close(j.changed)
	j.changed = make(chan struct{})
}

// Changed is closed when the journal next grows, its outbox moves, or it stops; ask again for the time
// after. Take it before reading what to wait for a change of.
func (j *Journal) Changed() <-chan struct{} {
	j.wake.Lock()
	defer j.wake.Unlock()
	return j.changed
}
