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

// tailLength is how many entries are verified when the journal is opened: more than one Append writes, and
// a number that does not grow with the journal.
const tailLength = 64

// checkpoint moves the write-ahead log into the database and empties it. After a failed fsync that is what
// makes a commit sure that was found in the log: its pages are written anew, and synced anew, where syncing
// the log again could "succeed" without writing (the kernel has forgotten that they were never written).
// It also leaves no erased bytes in the log.
func (s *store) checkpoint(ctx context.Context) error {
	var busy, pages, moved int64
	if err := s.row(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`, nil, &busy, &pages, &moved); err != nil {
		return fmt.Errorf("emptying the write-ahead log: %w", err)
	}
	if busy != 0 {
		return fmt.Errorf("emptying the write-ahead log: %w", errBusy)
	}
	return nil
}

// errBusy says that a reader is in the way.
var errBusy = errors.New("the database is being read")

// integrity reads every page.
func (s *store) integrity(ctx context.Context) error {
	var answer string
	if err := s.row(ctx, `SELECT group_concat(integrity_check, '; ') FROM (SELECT * FROM pragma_integrity_check LIMIT 5)`, nil, &answer); err != nil {
		return fmt.Errorf("checking the database: %w", err)
	}
	if answer != "ok" {
		return corrupt("integrity check: %s", answer)
	}
	return nil
}

// readHead reads the head of the last epoch; the zero head is a journal without any.
func (s *store) readHead(ctx context.Context) (head, error) {
	var h head
	var epoch, last int64
	err := s.row(ctx, `SELECT epoch, last, head FROM epoch ORDER BY id DESC LIMIT 1`, nil, &epoch, &last, &h.hash)
	if isNoRows(err) {
		return head{}, nil
	}
	if err != nil {
		return head{}, fmt.Errorf("reading the head: %w", err)
	}
	if err := s.row(ctx, `SELECT coalesce(max(pos), 0) FROM entry`, nil, &h.pos); err != nil {
		return head{}, fmt.Errorf("reading the head: %w", err)
	}
	h.epoch, h.last = uint64(epoch), uint64(last)
	return h, nil
}

// hashAt is the hash of an entry, or of the last one that was pruned; nil when it is not known.
func (s *store) hashAt(ctx context.Context, epoch, seq uint64) ([]byte, error) {
	return readHash(ctx, s.query, epoch, seq)
}

func readHash(ctx context.Context, query queryFunc, epoch, seq uint64) ([]byte, error) {
	list, err := collect(ctx, query, func(rows *sql.Rows) (b []byte, err error) { err = rows.Scan(&b); return b, err },
		`SELECT hash FROM entry WHERE epoch = ?1 AND seq = ?2
		UNION ALL SELECT pruned_head FROM epoch WHERE epoch = ?1 AND pruned = ?2 AND pruned > 0 LIMIT 1`, int64(epoch), clampInt(seq))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

func (s *store) checkTerminal(ctx context.Context, want payment.ID) error {
	raw, err := s.meta(ctx, metaTerminal)
	if err != nil {
		return err
	}
	if !bytes.Equal(raw, want[:]) {
		if len(raw) != len(want) {
			return corrupt("its terminal has %d bytes", len(raw))
		}
		return fmt.Errorf("%w: %s, not %s", ErrOtherTerminal, payment.ID(raw), want)
	}
	return nil
}

// pickSigner takes the key that the journal is signed with now: the configured one, or the staged one.
func (j *Journal) pickSigner(ctx context.Context) error {
	keys, err := readKeys(ctx, j.store.query)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return corrupt("no signing key is known")
	}
	active := keys[len(keys)-1]
	for _, s := range []*wire.Signer{j.cfg.Signer, j.cfg.Staged} {
		if s != nil && bytes.Equal(s.Public().Bytes(), active.Bytes()) {
			j.signer = s
			return nil
		}
	}
	return fmt.Errorf("%w: key %s, not %s", ErrOtherKey, active.KID(), j.cfg.Signer.Public().KID())
}

// readKeys lists the keys that signed, oldest first.
func readKeys(ctx context.Context, query queryFunc) ([]wire.PublicKey, error) {
	return collect(ctx, query, func(rows *sql.Rows) (wire.PublicKey, error) {
		var cose []byte
		if err := rows.Scan(&cose); err != nil {
			return wire.PublicKey{}, err
		}
		k, err := wire.ParsePublicKey(cose)
		if err != nil {
			return k, corrupt("signing key: %w", err)
		}
		return k, nil
	}, `SELECT cose FROM signing_key ORDER BY id`)
}

// verifyTail checks the last entries against their hashes, signatures and columns, and the head against
// the last of them.
func (j *Journal) verifyTail(ctx context.Context, h head) error {
	keys, err := readKeys(ctx, j.store.query)
	if err != nil {
		return err
	}
	tail := rows(ctx, j.store.query, Filter{Last: tailLength})
	report, err := VerifyAll(tail, Trust{Terminal: j.cfg.Terminal, Keys: keys, Loose: true})
	if err != nil {
		if stops(err) {
			return err
		}
		return corrupt("its end does not verify: %w", err)
	}
	n := len(report.Epochs)
	if n == 0 {
		return corrupt("an epoch without entries")
	}
	if end := report.Epochs[n-1]; end.Epoch != h.epoch || end.Last != h.last || !bytes.Equal(end.Head, h.hash) {
		return corrupt("its head is %d of epoch %016x, its last entry %d of %016x", h.last, h.epoch, end.Last, end.Epoch)
	}
	return nil
}

// catchUp projects the entries that the projections have not seen: an earlier release wrote them, or made
// no such projection.
func (j *Journal) catchUp(ctx context.Context, last int64) error {
	base, err := readMark(ctx, j.store.query, "base")
	if err != nil {
		return err
	}
	online, err := readMark(ctx, j.store.query, "online")
	if err != nil {
		return err
	}
	carried, err := readMark(ctx, j.store.query, "carried")
	if err != nil {
		return err
	}
	if mark := max(base, online, carried); mark > last {
		return corrupt("the projections have seen entry %d, the last is %d", mark, last)
	}
	if min(base, online, carried) == last {
		return nil
	}
	j.cfg.Log.Info("projections caught up", "terminal", j.cfg.Terminal.String(), "entries", last-base, "online", last-online, "carried", last-carried)
	return j.transact(ctx, func(ctx context.Context, s *store) error {
		p := projector{store: s, version: schemaVersion, replay: true}
		for _, late := range []struct {
			name  string
			mark  int64
			kinds []payment.Kind
		}{{"online", online, onlineKinds}, {"carried", carried, carriedKinds}} {
			if late.mark >= base {
				continue
			}
			p.only = late.name
			if err := p.goThrough(ctx, Filter{after: late.mark, upTo: base, kinds: late.kinds}); err != nil {
				return err
			}
		}
		p.only = ""
		if err := p.goThrough(ctx, Filter{after: base}); err != nil {
			return err
		}
		return s.mark(ctx, last)
	})
}

// goThrough projects entries again. They are read on another connection, which sees them since they are committed.
func (p projector) goThrough(ctx context.Context, f Filter) error {
	for row, err := range rows(ctx, p.store.readers.QueryContext, f) {
		if err != nil {
			return err
		}
		w, err := row.written()
		if err != nil {
			return err
		}
		if err := p.apply(ctx, &w); err != nil {
			return err
		}
	}
	return nil
}
