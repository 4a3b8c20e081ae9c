package ledger

import (
	"database/sql"
	"fmt"

	"tilld/sync/wire"
)

// fork begins another history of an epoch with the arrival's entries after agreed, which lies in at (nil: the
// two differ from the first entry on). From there on the money of both goes to suspense, what was posted
// before included, until somebody decides.
func (t *tx) fork(e *epochRow, at *branchRow, agreed uint64, a *Arrival) (Answer, error) {
	if len(e.branches) >= MaxBranches {
		return e.answer(TooMany, 0), nil
	}
	good, err := t.mayFork(e, at, agreed, a.Key)
	if err != nil {
		return Answer{}, err
	}
	if !good {
		return e.answer(WrongKey, 0), nil
	}
	for at != nil && agreed < at.from {
		at = at.parent
	}
	b, err := t.newBranch(e, at, agreed+1, a, a.Key)
	if err != nil {
		return Answer{}, err
	}
	alarms, err := t.alarm(e, b, a)
	if err != nil {
		return Answer{}, err
	}
	if e.forkFrom == 0 || b.from < e.forkFrom {
		e.forkFrom = b.from
		if err := t.suspendFork(e); err != nil {
			return Answer{}, err
		}
	}
	ans := e.answer(Conflict, int(b.head-agreed), b)
	ans.Alarms = alarms
	return ans, nil
}

func (t *tx) mayFork(e *epochRow, at *branchRow, agreed uint64, key int) (bool, error) {
	if at == nil {
		retired, err := t.retired(e.terminal, key)
		return !retired, err
	}
	want, err := t.keyAt(at, agreed)
	return want == key, err
}

// alarm tells of the fork itself, once for each history.
func (t *tx) alarm(e *epochRow, b *branchRow, a *Arrival) ([]Alarm, error) {
	var entry int64
	if _, err := t.get("SELECT no FROM entry WHERE branch = ? AND seq = ?", []any{b.no, int64(b.from)}, &entry); err != nil {
		return nil, err
	}
	i := b.from - a.Batch.First
	e.alarmed = true
	return t.raise(&newException{
		kind: EpochForked, terminal: e.terminal, entry: entry, hash: a.Hashes[i],
		name:   wire.Name{Terminal: a.Batch.Terminal, Epoch: a.Batch.Epoch, Seq: b.from},
		detail: fmt.Sprintf("history %d of the epoch begins here", len(e.branches)),
	})
}

// suspendFork moves what was posted after the fork to suspense. What somebody has decided already stays.
func (t *tx) suspendFork(e *epochRow) error {
	if _, err := t.exec("UPDATE epoch SET fork_from = ? WHERE no = ?", int64(e.forkFrom), e.no); err != nil {
		return err
	}
	// A key that was replaced behind the fork is good again: its holder may be the right one.
	_, err := t.exec(`UPDATE terminal_key SET retired = 0 WHERE terminal = ? AND n IN (
		SELECT c.old_key FROM key_change c JOIN branch b ON b.no = c.branch WHERE b.epoch = ? AND c.seq >= ?)`,
		e.terminal, e.no, int64(e.forkFrom))
	if err != nil {
		return err
	}
	type moved struct {
		p    paymentRow
		hash [wire.HashSize]byte
		name wire.Name
	}
	posted, err := each(t, func(rows *sql.Rows) (moved, error) {
		var m moved
		var hash, terminal []byte
		var epoch, seq int64
		err := rows.Scan(&m.p.no, &m.p.entry, &m.p.dimension, &m.p.amount, &m.p.state, &hash, &seq, &terminal, &epoch)
		copy(m.hash[:], hash)
		copy(m.name.Terminal[:], terminal)
		m.name.Epoch, m.name.Seq = uint64(epoch), uint64(seq)
		return m, err
	}, `SELECT p.no, p.entry, p.dimension, p.amount, p.state, y.hash, y.seq, t.id, e.epoch
		FROM branch b JOIN epoch e ON e.no = b.epoch JOIN terminal t ON t.no = e.terminal
		JOIN entry y ON y.branch = b.no AND y.seq >= ? JOIN payment p ON p.entry = y.no
		WHERE b.epoch = ? AND p.state = 'posted'
		AND NOT EXISTS (SELECT 1 FROM exception x WHERE x.entry = y.no AND x.kind = 'fork') ORDER BY p.no`,
		int64(e.forkFrom), e.no)
	if err != nil {
		return err
	}
	for _, m := range posted {
		x, err := t.open(&newException{kind: Fork, terminal: e.terminal, entry: m.p.entry, payment: m.p.no,
			hash: m.hash, name: m.name, detail: "posted before the fork was known"})
		if err != nil {
			return err
		}
		if err := t.suspend(&m.p, x); err != nil {
			return err
		}
	}
	return nil
}
