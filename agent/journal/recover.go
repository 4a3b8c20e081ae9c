package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"tilld/agent/disk"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

// recoverChunk bounds how many entries one transaction takes over.
const recoverChunk = 500

// Recover makes a journal in an empty data directory from the second medium that cfg names, after the
// journal's own disk died, and begins a new epoch (CauseRestore) behind it. Every entry is verified first.
// HQ is sent all entries again that it does not acknowledge. It needs the terminal's key: where that is
// lost too, the entries can still be read and exported (OpenSecondCopy), and the lane becomes a new
// terminal.
//
// What had been pruned before is not there: a phone that paid before then is not known any more. Where the
// entry was pruned that named a key which signed others, that key must be given.
func Recover(ctx context.Context, cfg Config, old ...wire.PublicKey) (*Journal, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Second == "" {
		return nil, errors.New("journal: no second medium is given")
	}
	cfg.defaults()
	if err := disk.MakeDir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	if _, err := os.Lstat(cfg.database()); err == nil {
		return nil, fmt.Errorf("%w: %s", ErrNotEmpty, cfg.Dir)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{cfg: cfg, lock: lock, signer: cfg.Signer, changed: make(chan struct{})}
	if err := j.recover(ctx, old); err != nil {
		return nil, errors.Join(err, j.Close(), removeDatabase(cfg.database()))
	}
	return j, nil
}

// removeDatabase takes away what an attempt that failed had begun, so that it can be tried again.
func removeDatabase(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (j *Journal) recover(ctx context.Context, old []wire.PublicKey) error {
	src, err := OpenSecondCopy(secondPath(&j.cfg))
	if err != nil {
		return err
	}
	defer src.Close()
	if src.Terminal() != j.cfg.Terminal {
		return fmt.Errorf("%w: %s, not %s", ErrOtherTerminal, src.Terminal(), j.cfg.Terminal)
	}
	if err := j.takeOver(ctx, src, old); err != nil {
		return err
	}
	if err := j.open(ctx); err != nil { // as any journal: verified, and the second medium made to agree
		return err
	}
	_, err = j.openEpoch(ctx, payment.CauseRestore)
	return err
}

// takeOver verifies the source and writes its entries into a new database.
func (j *Journal) takeOver(ctx context.Context, src *SecondCopy, keys []wire.PublicKey) error {
	named, err := src.Keys(ctx)
	if err != nil {
		return err
	}
	keys = append(append(named, keys...), j.cfg.Signer.Public()) // it is our own medium: Open then demands our key at its end
	report, err := src.Verify(ctx, keys...)
	if _, torn := errors.AsType[*Damage](err); err != nil && !torn {
		return fmt.Errorf("the second medium does not verify: %w", err)
	}
	if report.Entries == 0 {
		return ErrEmpty
	}
	if err := createPrivate(j.cfg.database()); err != nil {
		return fmt.Errorf("making the journal: %w", err)
	}
	s, err := openStore(ctx, j.cfg.database(), j.cfg.Wrap)
	if err != nil {
		return err
	}
	j.store = s
	if err := j.copyRows(ctx, src, report.Entries, keys); err != nil {
		return errors.Join(err, j.closeFiles())
	}
	return j.closeFiles()
}

// copyRows writes the first n rows of a source, chunk by chunk.
func (j *Journal) copyRows(ctx context.Context, src *SecondCopy, n int, keys []wire.PublicKey) error {
	t := &takeover{terminal: j.cfg.Terminal, keys: keys}
	var chunk []Row
	for row, err := range src.Rows(ctx, Filter{}) {
		if err != nil {
			return err
		}
		n--
		if chunk = append(chunk, row); len(chunk) < recoverChunk && n > 0 {
			continue
		}
		if err := j.transact(ctx, func(ctx context.Context, s *store) error { return t.write(ctx, s, chunk) }); err != nil {
			return err
		}
		if n == 0 { // what is left is torn
			break
		}
		chunk = chunk[:0]
	}
	return nil
}

// takeover follows a journal that is written again: which epoch and which key is at work.
type takeover struct {
	terminal payment.ID
	epoch    uint64
	key      wire.PublicKey   // that signed the last row
	keys     []wire.PublicKey // among which every signing key is
}

func (t *takeover) write(ctx context.Context, s *store, chunk []Row) error {
	if err := s.setMeta(ctx, metaTerminal, t.terminal[:]); err != nil {
		return err
	}
	p := projector{store: s, version: schemaVersion, replay: true}
	for i := range chunk {
		w, err := chunk[i].written()
		if err != nil {
			return err
		}
		if err := t.begin(ctx, s, &chunk[i]); err != nil {
			return err
		}
		if err := t.noteSigner(ctx, s, &chunk[i]); err != nil {
			return err
		}
		if err := s.insertRow(ctx, &w.Record); err != nil {
			return err
		}
		if err := p.apply(ctx, &w); err != nil {
			return err
		}
		if err := s.mark(ctx, w.Pos); err != nil {
			return err
		}
		if err := t.noteNext(ctx, s, &chunk[i]); err != nil {
			return err
		}
	}
	return nil
}

// begin makes the row of an epoch that begins; what was pruned before its first entry had been
// acknowledged.
func (t *takeover) begin(ctx context.Context, s *store, r *Row) error {
	if r.Epoch == t.epoch {
		return nil
	}
	t.epoch = r.Epoch
	gone := int64(r.Seq) - 1
	_, err := s.exec(ctx, `INSERT INTO epoch (epoch, last, head, acked, judged, pruned, pruned_head) VALUES (?1, ?2, ?3, ?2, ?2, ?2, ?3)`,
		int64(r.Epoch), gone, orEmpty(r.Prev))
	if err != nil {
		return fmt.Errorf("taking over epoch %016x: %w", r.Epoch, err)
	}
	return nil
}

// noteSigner keeps the history of keys: which one signed from which entry on.
func (t *takeover) noteSigner(ctx context.Context, s *store, r *Row) error {
	p, err := cutEnvelope(r.Envelope)
	if err != nil {
		return err
	}
	fit, err := wire.VerifyProtected(p.protected, wire.TypEntry, trusted(t.keys))
	if err != nil {
		return err
	}
	return t.note(ctx, s, fit[0], wire.Name{Epoch: r.Epoch, Seq: r.Seq})
}

// noteNext notes the key that a change brings in, whether it has signed anything yet or not.
func (t *takeover) noteNext(ctx context.Context, s *store, r *Row) error {
	if r.Kind != payment.KindKeyChanged {
		return nil
	}
	k, ok, err := keyNamedBy(r)
	if err != nil || !ok {
		return err
	}
	return t.note(ctx, s, k, wire.Name{Epoch: r.Epoch, Seq: r.Seq + 1})
}

func (t *takeover) note(ctx context.Context, s *store, k wire.PublicKey, first wire.Name) error {
	if bytes.Equal(k.Bytes(), t.key.Bytes()) {
		return nil
	}
	t.key = k
	return s.insertKey(ctx, k, first)
}
