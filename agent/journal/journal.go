package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"tilld/agent/disk"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Journal is a terminal's open journal. It is safe for concurrent use; there is one per data directory.
type Journal struct {
	cfg  Config
	lock *dirLock

	mu     sync.Mutex // one writer at a time; guards head, signer and second
	head   head
	shown  head // the head as it was when the last write returned well
	signer *wire.Signer
	second *second // nil: none
	synced int64   // size up to which a second medium that was closed was surely on its disk; 0: not known

	swap  sync.RWMutex // readers share it; Close and Reopen take it, after mu
	store *store       // nil: closed

	stopped atomic.Pointer[StoppedError]
	current atomic.Uint64 // head.epoch

	wake    sync.Mutex
	changed chan struct{}
}

// Open opens the journal in a data directory, or begins one, and verifies its end: the last entries with
// their hashes and signatures, the heads, and how far the projections and the second medium have come. What
// a crash left undone it does. It takes the directory for this process alone (ErrLocked).
//
// A journal of another terminal, or signed with another key, is refused (ErrOtherTerminal, ErrOtherKey).
func Open(ctx context.Context, cfg Config) (*Journal, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.defaults()
	if err := disk.MakeDir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{cfg: cfg, lock: lock, signer: cfg.Signer, changed: make(chan struct{})}
	if err := j.open(ctx); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	j.shown = j.head
	cfg.Log.Info("journal open", "terminal", cfg.Terminal.String(), "epoch", fmt.Sprintf("%016x", j.head.epoch), "seq", j.head.last)
	return j, nil
}

// open opens the files and makes them agree. Nobody else has the journal, or the caller holds j.swap.
func (j *Journal) open(ctx context.Context) error {
	if err := createPrivate(j.cfg.database()); err != nil {
		return fmt.Errorf("making the journal: %w", err)
	}
	s, err := openStore(ctx, j.cfg.database(), j.cfg.Wrap)
	if err != nil {
		return err
	}
	j.store = s
	// Somebody who only reads must not keep a lane from starting: the log has been synced, if not emptied.
	// After an I/O error that is not enough (see checkpoint).
	if err := s.checkpoint(ctx); err != nil && (!errors.Is(err, errBusy) || j.Stopped() != nil) {
		return err
	}
	if err := j.load(ctx); err != nil {
		return err
	}
	if err := j.openSecond(ctx); err != nil {
		return err
	}
	if j.head.epoch == 0 {
		if _, err := j.openEpoch(ctx, j.cfg.Cause); err != nil {
			return err
		}
	}
	return nil
}

// load reads where the journal stands, and verifies it.
func (j *Journal) load(ctx context.Context) error {
	h, err := j.store.readHead(ctx)
	if err != nil {
		return err
	}
	if h.epoch == 0 {
		return nil // new, or the first start ended before its first entry
	}
	if err := j.store.checkTerminal(ctx, j.cfg.Terminal); err != nil {
		return err
	}
	if err := j.pickSigner(ctx); err != nil {
		return err
	}
	if err := j.verifyTail(ctx, h); err != nil {
		return err
	}
	if err := j.catchUp(ctx, h.pos); err != nil {
		return err
	}
	if err := j.checkOpen(ctx, h); err != nil {
		return err
	}
	j.setHead(h)
	return nil
}

func (j *Journal) setHead(h head) {
	j.head = h
	j.current.Store(h.epoch)
}

func (j *Journal) currentEpoch() uint64 { return j.current.Load() }

// Signer is the key that signs now: the configured one, or the staged one when a key change names it.
func (j *Journal) Signer() *wire.Signer {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.signer
}

// Close ends the journal; a second call does nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.swap.Lock()
	defer j.swap.Unlock()
	err := j.closeFiles()
	if j.lock != nil {
		err = errors.Join(err, j.lock.unlock())
		j.lock = nil
	}
	return err
}

// closeFiles leaves the lock; the caller holds j.swap.
func (j *Journal) closeFiles() error {
	var errs []error
	if j.second != nil {
		errs = append(errs, j.second.close())
		j.second, j.synced = nil, j.second.synced
	}
	if j.store != nil {
		errs = append(errs, j.store.close())
		j.store = nil
	}
	return errors.Join(errs...)
}

// createPrivate makes an empty file for this user only, before SQLite would make one for all. An existing
// file is not touched: opening and closing a database that is in use would drop SQLite's locks.
func createPrivate(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), disk.SyncDir(filepath.Dir(path)))
}

// Reopen ends a stop: it closes everything, opens it anew, checks the whole database and the end of the
// chain, and returns what an Append that failed has left on the disk after all. The entries are in the
// journal and go to HQ; nobody was shown them. While it fails, the journal stays stopped.
func (j *Journal) Reopen(ctx context.Context) ([]Record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lock == nil {
		return nil, ErrClosed
	}
	j.swap.Lock() // screens wait
	defer j.swap.Unlock()
	found, err := j.reopen(ctx)
	if err != nil {
		e := &StoppedError{Cause: err} // the newest reason is the one to look at
		j.stopped.Store(e)
		return nil, e
	}
	j.stopped.Store(nil)
	j.announce()
	j.cfg.Log.Info("journal reopened", "terminal", j.cfg.Terminal.String(), "seq", j.head.last, "found", len(found))
	return found, nil
}

func (j *Journal) reopen(ctx context.Context) ([]Record, error) {
	if err := j.closeFiles(); err != nil { // it failed before; what counts is what opening finds
		j.cfg.Log.Warn("journal did not close cleanly", "terminal", j.cfg.Terminal.String(), "error", err)
	}
	known := j.shown
	if err := j.open(ctx); err != nil {
		return nil, err
	}
	if err := j.store.integrity(ctx); err != nil {
		return nil, err
	}
	// What was shown must be there: the entry that was the head is still this one.
	hash, err := j.store.hashAt(ctx, known.epoch, known.last)
	if err != nil {
		return nil, err
	}
	if known.epoch != 0 && !bytes.Equal(hash, known.hash) {
		return nil, corrupt("entry %d of epoch %016x is not the one that was shown", known.last, known.epoch)
	}
	found, err := j.recordsAfter(ctx, known.pos)
	if err == nil {
		j.shown = j.head
	}
	return found, err
}

// recordsAfter reads the records behind a position.
func (j *Journal) recordsAfter(ctx context.Context, pos int64) ([]Record, error) {
	var list []Record
	for row, err := range rows(ctx, j.store.readers.QueryContext, Filter{after: pos}) {
		if err != nil {
			return nil, err
		}
		r, err := row.record()
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// Terminal is whose journal this is.
func (j *Journal) Terminal() payment.ID { return j.cfg.Terminal }
