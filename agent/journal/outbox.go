package journal

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Epoch is one epoch of the journal and its outbox: entries above Acked are HQ's to get.
type Epoch struct {
	Epoch   uint64 `json:"epoch,string"`
	Last    uint64 `json:"last"` // highest sequence
	Head    []byte `json:"head"` // hash of entry Last
	Acked   uint64 `json:"acked"`
	Judged  uint64 `json:"judged"`   // every entry up to here was posted or is an exception
	HQEpoch uint64 `json:"hq_epoch"` // the HQ epoch that Acked is the word of; a higher one may know less
	Forked  bool   `json:"forked"`   // HQ holds another history of this epoch
	Pruned  uint64 `json:"pruned"`   // entries up to here are deleted at this lane
	Erased  uint64 `json:"erased"`   // bodies of entries up to here may be erased at this lane
	Proven  bool   `json:"proven"`   // HQ's signed word that Acked is of is kept
}

// State is where the journal stands towards HQ.
type State struct {
	Current Epoch   `json:"current"`
	HQEpoch uint64  `json:"hq_epoch"` // the highest seen; 0: none
	Epochs  []Epoch `json:"epochs"`   // all, in the order of their beginning
}

// Forked says that HQ holds another history of the current epoch: NewEpoch with CauseFork is due.
func (s *State) Forked() bool { return s.Current.Forked }

// State reads where the journal stands.
func (j *Journal) State(ctx context.Context) (State, error) {
	var st State
	err := j.read(ctx, func(ctx context.Context, _ *sql.DB) (err error) {
		st.Epochs, err = readEpochs(ctx, j.store.askAll, schemaVersion)
		return err
	})
	for _, e := range st.Epochs {
		st.Current, st.HQEpoch = e, max(st.HQEpoch, e.HQEpoch)
	}
	return st, err
}

// readEpochs reads the epochs of a schema's version.
func readEpochs(ctx context.Context, query queryFunc, version int64) ([]Epoch, error) {
	later := `0, 0`
	if version >= 2 {
		later = `erased, ack IS NOT NULL`
	}
	list, err := collect(ctx, query, scanEpoch,
		`SELECT epoch, last, head, acked, judged, hq_epoch, forked, pruned, `+later+` FROM epoch ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("reading the epochs: %w", err)
	}
	return list, nil
}

func scanEpoch(rows *sql.Rows) (Epoch, error) {
	var e Epoch
	var n [7]int64
	err := rows.Scan(&n[0], &n[1], &e.Head, &n[2], &n[3], &n[4], &e.Forked, &n[5], &n[6], &e.Proven)
	e.Epoch, e.Last, e.Acked, e.Judged = uint64(n[0]), uint64(n[1]), uint64(n[2]), uint64(n[3])
	e.HQEpoch, e.Pruned, e.Erased = uint64(n[4]), uint64(n[5]), uint64(n[6])
	return e, err
}

// Outbox lists the epochs with entries that HQ has not acknowledged, oldest first.
func (j *Journal) Outbox(ctx context.Context) ([]Epoch, error) {
	st, err := j.State(ctx)
	var list []Epoch
	for _, e := range st.Epochs {
		if e.Acked < e.Last {
			list = append(list, e)
		}
	}
	return list, err
}

// NextBatch reads the entries of an epoch behind a sequence, at most so many and, but for a single one, of
// at most so many bytes with their bodies. It ends where the key changes: a batch is signed by one key. Nil
// without an error means that there are none.
//
// A journal that has stopped gives none: what it shows then may be gone after the next power cut.
func (j *Journal) NextBatch(ctx context.Context, epoch, after uint64, maxEntries, maxBytes int) (*wire.Batch, error) {
	if err := j.Stopped(); err != nil {
		return nil, err
	}
	b := &wire.Batch{Version: wire.BatchVersion, Terminal: j.cfg.Terminal, Epoch: epoch, First: after + 1}
	err := j.read(ctx, func(ctx context.Context, _ *sql.DB) error {
		list, err := j.store.askAll(ctx, `SELECT e.seq, e.prev, e.envelope, b.raw FROM entry e LEFT JOIN body b ON b.pos = e.pos
			WHERE e.epoch = ? AND e.seq > ? ORDER BY e.seq LIMIT ?`, int64(epoch), clampInt(after), min(max(maxEntries, 1), wire.MaxEntries))
		if err != nil {
			return fmt.Errorf("reading the outbox: %w", err)
		}
		defer list.Close()
		if err := fillBatch(b, list, maxBytes); err != nil {
			return fmt.Errorf("reading the outbox: %w", err)
		}
		return list.Err()
	})
	if err != nil || len(b.Payloads) == 0 {
		return nil, err
	}
	return b, nil
}

func fillBatch(b *wire.Batch, list *sql.Rows, maxBytes int) error {
	size := 0
	for list.Next() {
		var seq int64
		var prev, envelope, body []byte
		if err := list.Scan(&seq, &prev, &envelope, &body); err != nil {
			return err
		}
		p, err := cutEnvelope(envelope)
		if err != nil {
			return corrupt("entry %d: %w", seq, err)
		}
		n := len(b.Payloads)
		if n == 0 {
			b.Protected, b.Prev = p.protected, prev
		}
		if uint64(seq) != b.First+uint64(n) {
			if n == 0 { // what was asked for has been pruned
				return fmt.Errorf("%w: %d, the first is %d", ErrGone, b.First, seq)
			}
			return corrupt("entry %d follows entry %d", seq, b.Last())
		}
		size += len(p.payload) + len(body)
		if n > 0 && (size > maxBytes || !bytes.Equal(p.protected, b.Protected)) {
			return nil
		}
		b.Payloads, b.Bodies, b.Signature = append(b.Payloads, p.payload), append(b.Bodies, body), p.signature
	}
	return nil
}

// Pending is what HQ has not acknowledged.
type Pending struct {
	Entries uint64          `json:"entries"`
	Sums    []payment.Money `json:"sums"`   // approved and not voided, by currency, without training
	Count   uint64          `json:"count"`  // of those payments
	Oldest  int64           `json:"oldest"` // wall time of the oldest entry, Unix ms; 0: there is none
}

// Pending sums up the outbox.
func (j *Journal) Pending(ctx context.Context) (Pending, error) {
	var p Pending
	err := j.read(ctx, func(ctx context.Context, db *sql.DB) error {
		var entries, count int64
		err := db.QueryRowContext(ctx, `SELECT coalesce(sum(last - acked), 0), (SELECT coalesce(sum(count), 0) FROM exposure),
			coalesce(min((SELECT wall FROM entry WHERE entry.epoch = epoch.epoch AND seq = acked + 1)), 0) FROM epoch`).
			Scan(&entries, &count, &p.Oldest)
		if err != nil {
			return fmt.Errorf("reading the outbox: %w", err)
		}
		p.Entries, p.Count = uint64(entries), uint64(count)
		p.Sums, err = collect(ctx, db.QueryContext, scanMoney,
			`SELECT sum(minor), currency FROM exposure GROUP BY currency HAVING sum(count) > 0 ORDER BY currency`)
		return err
	})
	return p, err
}

func scanMoney(rows *sql.Rows) (m payment.Money, err error) {
	err = rows.Scan(&m.Minor, &m.Currency)
	return m, err
}
