package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// AckProof says of an epoch whether HQ's signed word is what its outbox rests on.
type AckProof struct {
	Epoch   uint64
	Acked   uint64 // as the journal has it
	HQEpoch uint64
	Time    int64 // HQ's clock in the word that is kept, Unix ms; 0: none is kept, or it is not HQ's
	// Err is nil for a cursor that is proven, or that claims nothing: else ErrUnproven and what is wrong.
	Err error
}

// word is what is kept of HQ's about an epoch.
type word struct {
	Epoch
	sealed []byte
	ack    *wire.Ack // opened; nil: not HQ's, or not about entries of this journal
}

// prove opens what is kept and holds the cursor against it. hashAt gives an entry's hash, nil where it is not
// known any more.
func (w *word) prove(terminal payment.ID, keys wire.Keys, hashAt func(epoch, seq uint64) ([]byte, error)) error {
	if len(w.sealed) == 0 {
		if w.Acked == 0 && w.HQEpoch == 0 {
			return nil
		}
		return fmt.Errorf("%w: none is kept", ErrUnproven)
	}
	m, err := wire.Open(w.sealed, wire.TypAck, keys)
	var a wire.Ack
	if err == nil {
		err = wire.UnmarshalKnown(m.Payload, &a)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	if a.Terminal != terminal || a.Epoch != w.Epoch.Epoch {
		return fmt.Errorf("%w: it is about epoch %016x of terminal %s", ErrUnproven, a.Epoch, a.Terminal)
	}
	hash, err := hashAt(a.Epoch, a.Acked)
	if err != nil {
		return err
	}
	if a.Acked > w.Last || (hash != nil && !bytes.Equal(hash, a.Head)) {
		if w.Acked == w.Pruned && a.HQEpoch == w.HQEpoch {
			return nil // a restored HQ that holds another history: the cursor claims nothing of what is here
		}
		return fmt.Errorf("%w: it is about another entry %d", ErrUnproven, a.Acked)
	}
	w.ack = &a
	if max(a.Acked, w.Pruned) != w.Acked || a.HQEpoch != w.HQEpoch {
		return fmt.Errorf("%w: it says %d under HQ epoch %d, the journal %d under %d", ErrUnproven, a.Acked, a.HQEpoch, w.Acked, w.HQEpoch)
	}
	return nil
}

func (w *word) proof(err error) AckProof {
	p := AckProof{Epoch: w.Epoch.Epoch, Acked: w.Acked, HQEpoch: w.HQEpoch, Err: err}
	if w.ack != nil {
		p.Time = w.ack.Time
	}
	return p
}

// readWords reads every epoch with what is kept about it.
func readWords(ctx context.Context, query queryFunc, version int64) ([]word, error) {
	epochs, err := readEpochs(ctx, query, version)
	if err != nil {
		return nil, err
	}
	words := make([]word, len(epochs))
	for i, e := range epochs {
		words[i].Epoch = e
		if !e.Proven {
			continue
		}
		kept, err := collect(ctx, query, func(rows *sql.Rows) (b []byte, err error) { err = rows.Scan(&b); return b, err },
			`SELECT ack FROM epoch WHERE epoch = ?`, int64(e.Epoch))
		if err != nil {
			return nil, fmt.Errorf("reading HQ's word: %w", err)
		}
		if len(kept) > 0 {
			words[i].sealed = kept[0]
		}
	}
	return words, nil
}

// Acks holds the cursor of every epoch's outbox against the word of HQ that is kept with it. Keys are those
// that sign acknowledgements. Only after Verify does it say anything about entries.
func (c *Copy) Acks(ctx context.Context, keys wire.Keys) ([]AckProof, error) {
	version, err := readSchemaVersion(ctx, c.tx.QueryContext)
	if err != nil {
		return nil, err
	}
	words, err := readWords(ctx, c.tx.QueryContext, version)
	if err != nil {
		return nil, err
	}
	var list []AckProof
	for i := range words {
		err := words[i].prove(c.terminal, keys, func(epoch, seq uint64) ([]byte, error) { return readHash(ctx, c.tx.QueryContext, epoch, seq) })
		if err != nil && !errors.Is(err, ErrUnproven) {
			return list, err
		}
		list = append(list, words[i].proof(err))
	}
	return list, nil
}

// CheckAcks holds every epoch's cursor against HQ's word, and takes one back that is not proven: to what the
// word that is kept says, else to what has been pruned. Then these entries count as exposure again, and go to
// HQ once more, whose next answer sets all right. It returns what it took back.
//
// It is to be called when the keys that sign acknowledgements are known, before anything is sold.
func (j *Journal) CheckAcks(ctx context.Context, keys wire.Keys) ([]AckProof, error) {
	var list []AckProof
	err := j.locked(ctx, func(ctx context.Context, s *store) error {
		words, err := readWords(ctx, s.query, schemaVersion)
		if err != nil {
			return err
		}
		for i := range words {
			err := words[i].prove(j.cfg.Terminal, keys, func(epoch, seq uint64) ([]byte, error) { return s.hashAt(ctx, epoch, seq) })
			if err == nil {
				continue
			}
			if !errors.Is(err, ErrUnproven) {
				return err
			}
			list = append(list, words[i].proof(err))
			if err := s.takeBack(ctx, &words[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if len(list) > 0 && err == nil {
		j.announce()
	}
	return list, err
}

// takeBack makes the cursor what the kept word proves.
func (s *store) takeBack(ctx context.Context, w *word) error {
	_, err := s.exec(ctx, `UPDATE epoch SET acked = pruned, judged = min(judged, pruned), hq_epoch = 0, ack = NULL WHERE epoch = ?`,
		int64(w.Epoch.Epoch))
	if err != nil {
		return fmt.Errorf("taking an acknowledgement back: %w", err)
	}
	if err := s.expose(ctx, w.Epoch.Epoch, w.Pruned, w.Acked); err != nil || w.ack == nil {
		return err
	}
	e := w.Epoch
	e.Acked, e.Judged, e.HQEpoch, e.Proven = e.Pruned, min(e.Judged, e.Pruned), 0, false
	_, err = s.take(ctx, weighed{epoch: e, about: ours, sealed: w.sealed}, w.ack, false, AckResult{})
	return err
}
