package journal

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// NewEpoch begins a new epoch, whose first entry names the present one as its parent, and returns that
// entry. The old epoch's entries stay in the outbox. CauseFork is for when HQ holds another history of the
// present epoch (AckResult.Fork). A day that was open has to be opened again.
func (j *Journal) NewEpoch(ctx context.Context, cause payment.Cause) (Record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usable(); err != nil {
		return Record{}, err
	}
	return j.openEpoch(ctx, cause)
}

// openEpoch writes the first entry of an epoch. Before the first epoch of a new journal it also writes
// whose journal this is.
func (j *Journal) openEpoch(ctx context.Context, cause payment.Cause) (Record, error) {
	epoch, err := j.randomEpoch()
	if err != nil {
		return Record{}, err
	}
	list, after, err := j.own(head{epoch: epoch, pos: j.head.pos}, &payment.EpochOpened{
		Cause: cause, PublicKey: j.signer.Public().Bytes(), ParentEpoch: j.head.epoch, ParentSeq: j.head.last, ParentHead: j.head.hash,
	})
	if err != nil {
		return Record{}, fmt.Errorf("beginning an epoch: %w", err)
	}
	first := j.head.epoch == 0
	err = j.transact(ctx, func(ctx context.Context, s *store) error {
		if first {
			if err := s.setMeta(ctx, metaTerminal, j.cfg.Terminal[:]); err != nil {
				return err
			}
		}
		return s.insertEpoch(ctx, list, j.signer.Public(), first)
	})
	return j.finishOne(list, after, err)
}

// own makes an entry that the journal writes of itself.
func (j *Journal) own(h head, fact payment.Fact) ([]written, head, error) {
	d := Draft{Fact: fact, Moment: j.cfg.Now()}
	if err := d.Moment.check(); err != nil {
		return nil, h, err
	}
	return j.prepare([]Draft{d}, h, j.signer)
}

// finishOne finishes a single entry, unless writing it failed.
func (j *Journal) finishOne(list []written, after head, err error) (Record, error) {
	if err != nil {
		return Record{}, err
	}
	records, err := j.finish(list, after)
	if err != nil {
		return Record{}, err
	}
	return records[0], nil
}

// insertEpoch writes an epoch's row and first entry, and with a key that is new here, the key.
func (s *store) insertEpoch(ctx context.Context, list []written, key wire.PublicKey, newKey bool) error {
	epoch := list[0].Entry.Epoch
	if _, err := s.exec(ctx, `INSERT INTO epoch (epoch) VALUES (?)`, int64(epoch)); err != nil {
		return fmt.Errorf("beginning epoch %016x: %w", epoch, err)
	}
	if err := s.insert(ctx, list); err != nil {
		return err
	}
	if !newKey {
		return nil
	}
	return s.insertKey(ctx, key, wire.Name{Epoch: epoch, Seq: 1})
}

// insertKey notes a key and the first entry that it signs.
func (s *store) insertKey(ctx context.Context, key wire.PublicKey, first wire.Name) error {
	kid := key.KID()
	_, err := s.exec(ctx, `INSERT INTO signing_key (kid, cose, epoch, first_seq) VALUES (?, ?, ?, ?)`,
		kid[:], key.Bytes(), int64(first.Epoch), int64(first.Seq))
	if err != nil {
		return fmt.Errorf("noting key %s: %w", kid, err)
	}
	return nil
}

// randomEpoch is never zero, which names no epoch.
func (j *Journal) randomEpoch() (uint64, error) {
	for range 16 {
		var b [8]byte
		if _, err := io.ReadFull(j.cfg.Random, b[:]); err != nil {
			return 0, fmt.Errorf("naming an epoch: %w", err)
		}
		if n := binary.BigEndian.Uint64(b[:]); n != 0 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("naming an epoch: the randomness gives only zeros")
}

// ChangeKey brings in a new key: the entry is signed by the old one and carries the new one's proof, and
// every later entry is signed by the new one. Stage the new key's file first (StageKey) and promote it
// after: a crash in between leaves a key that Open finds as Config.Staged.
func (j *Journal) ChangeKey(ctx context.Context, next *wire.Signer) (Record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usable(); err != nil {
		return Record{}, err
	}
	at := wire.Name{Terminal: j.cfg.Terminal, Epoch: j.head.epoch, Seq: j.head.last + 1}
	fact, err := wire.ProveKey(next, at)
	if err != nil {
		return Record{}, fmt.Errorf("changing the key: %w", err)
	}
	list, after, err := j.own(j.head, fact)
	if err != nil {
		return Record{}, fmt.Errorf("changing the key: %w", err)
	}
	j.cfg.Staged = next // Reopen finds it, should nobody know whether the commit was done
	err = j.write(ctx, func(ctx context.Context, s *store) error {
		if err := s.insert(ctx, list); err != nil {
			return err
		}
		return s.insertKey(ctx, next.Public(), wire.Name{Epoch: at.Epoch, Seq: at.Seq + 1})
	})
	r, err := j.finishOne(list, after, err)
	if err != nil {
		return Record{}, err
	}
	j.signer, j.cfg.Signer, j.cfg.Staged = next, next, nil
	return r, nil
}
