package ledger

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/settle"
	"tilld/sync/wire"
)

// remedy is what ends a loss of HQ's own books.
const remedy = `stop HQ, run "tilld hq restored", start it again: then lanes send what is missing`

// Alarm is an exception that an arrival or a beat has opened, about the terminal's journal or HQ's own books.
type Alarm struct {
	Kind   Kind
	Entry  wire.Name // from here on
	Detail string
}

// lose notes that HQ's books lack what HQ had acknowledged: the terminal holds the word of this HQ epoch, or of
// a later one, for more than is here. Lanes rightly never go back within an HQ epoch, so without a new one
// they and HQ would wait for each other for ever.
func (t *tx) lose(e *epochRow, b *wire.Beat) ([]Alarm, error) {
	hq, err := t.hqEpoch()
	if err != nil {
		return nil, err
	}
	held := e.highest()
	if e.no == 0 || b.HQEpoch < hq || b.HQEpoch == hq && b.Acked <= held {
		return nil, nil
	}
	upto := max(b.Acked, held, 1)
	if e.lostIn == hq && e.lost >= upto {
		return nil, nil
	}
	if _, err := t.exec("UPDATE epoch SET lost = max(coalesce(lost, 0), ?), lost_in = ? WHERE no = ?", int64(upto), int64(hq), e.no); err != nil {
		return nil, err
	}
	x := &newException{
		kind: HQLost, terminal: e.terminal, epoch: e.no, from: held + 1, name: wire.Name{Terminal: b.Terminal, Epoch: b.Epoch},
		detail: fmt.Sprintf("HQ acknowledged entries up to %d and holds them up to %d: its books were put back to an older state. Remedy: %s.",
			b.Acked, held, remedy),
	}
	if b.HQEpoch > hq {
		x.detail = fmt.Sprintf("the terminal has heard HQ epoch %d and HQ is in %d: its books were put back to an older state. Remedy: %s.",
			b.HQEpoch, hq, remedy)
	}
	binary.BigEndian.PutUint64(x.hash[:], hq) // once for each life of the ledger
	return t.raise(x)
}

// raise opens an exception and tells of it, unless it is there already.
func (t *tx) raise(x *newException) ([]Alarm, error) {
	id := ExceptionID(x.kind, x.name, x.hash)
	var no int64
	if known, err := t.get("SELECT no FROM exception WHERE id = ?", []any{id[:]}, &no); err != nil || known {
		return nil, err
	}
	if _, err := t.open(x); err != nil {
		return nil, err
	}
	name := x.name
	if x.epoch != 0 {
		name.Seq = x.from
	}
	return []Alarm{{Kind: x.kind, Entry: name, Detail: x.detail}}, nil
}

// regain ends a loss when HQ was declared restored and the entries have come in again.
func (t *tx) regain(e *epochRow) error {
	hq, err := t.hqEpoch()
	if err != nil || hq <= e.lostIn || e.highest() < e.lost {
		return err
	}
	if _, err := t.exec("UPDATE epoch SET lost = NULL, lost_in = NULL WHERE no = ?", e.no); err != nil {
		return err
	}
	e.lost, e.lostIn = 0, 0
	_, err = t.exec(`UPDATE exception SET state = 'resolved', outcome = 'noted', resolved_at = ?, resolved_by = 'tilld',
		why = 'the entries came in again' WHERE terminal = ? AND epoch = ? AND kind = 'hq_lost' AND state = 'open'`, t.now, e.terminal, e.no)
	return err
}

// regainAll ends the losses of which nothing is missing, after a new HQ epoch has begun.
func (t *tx) regainAll() error {
	type at struct{ terminal, epoch int64 }
	list, err := each(t, func(rows *sql.Rows) (a at, err error) { return a, rows.Scan(&a.terminal, &a.epoch) },
		"SELECT terminal, epoch FROM epoch WHERE lost IS NOT NULL ORDER BY no")
	if err != nil {
		return err
	}
	for _, a := range list {
		e, err := t.epoch(a.terminal, uint64(a.epoch))
		if err == nil {
			err = t.regain(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// giveUp forgets a loss about which somebody has noted that nothing will come: the lane is gone, for example.
// One that lives says it again.
func (t *tx) giveUp(exception int64) error {
	_, err := t.exec("UPDATE epoch SET lost = NULL, lost_in = NULL WHERE no = (SELECT epoch FROM exception WHERE no = ?)", exception)
	return err
}

// LostRange is what HQ had acknowledged and does not hold.
type LostRange struct {
	Range
	Store, Lane string
	// Restored says that a new HQ epoch has begun since: the lane sends it again.
	Restored bool
}

// Lost lists what HQ has lost, by the terminals' word, in the order of enrolment. The range is empty (From is
// above To) where a terminal knows a later HQ epoch than HQ does, and nothing else.
func (s *Store) Lost(ctx context.Context) ([]LostRange, error) { return lostRanges(ctx, s.readers) }

func lostRanges(ctx context.Context, q querier) ([]LostRange, error) {
	rows, err := q.QueryContext(ctx, `SELECT t.id, t.store, t.lane, e.epoch,
		1 + coalesce((SELECT max(b.head) FROM branch b WHERE b.epoch = e.no), 0), e.lost, e.lost_in < (SELECT max(epoch) FROM hq_epoch)
		FROM epoch e JOIN terminal t ON t.no = e.terminal WHERE e.lost IS NOT NULL ORDER BY e.terminal, e.no`)
	list, err := collect(rows, err, func(rows *sql.Rows) (LostRange, error) {
		var l LostRange
		var id []byte
		var epoch int64
		err := rows.Scan(&id, &l.Store, &l.Lane, &epoch, &l.From, &l.To, &l.Restored)
		l.Terminal, l.Epoch = payment.ID(id), uint64(epoch)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing what was lost: %w", err)
	}
	return list, nil
}

// Predates says whether the ledger is an older state of the one that a batch was cut of, and has not been
// declared restored since: it is in the batch's HQ epoch or an earlier one, and lacks postings that were there.
func (s *Store) Predates(ctx context.Context, b *settle.Head) (older bool, err error) {
	err = s.readers.QueryRowContext(ctx, `SELECT hq < ?1 OR hq = ?1 AND (SELECT coalesce(max(no), 0) FROM transfer) < ?2
		FROM (SELECT max(epoch) AS hq FROM hq_epoch)`, clamp(b.HQEpoch), clamp(b.AsOf)).Scan(&older)
	return older, err
}

var _ settle.Books = (*Store)(nil)
