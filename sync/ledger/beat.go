package ledger

import (
	"database/sql"
	"math"
	"slices"

	"tilld/sync/wire"
)

// beat notes what a terminal says of itself, when it is newer than what it said before, and where HQ stands in
// its epoch.
func (t *tx) beat(b *wire.Beat) (Answer, error) {
	term, err := t.terminal(b.Terminal)
	if err != nil || term.no == 0 {
		return Answer{Outcome: NoSuch}, err
	}
	no := term.no
	if max(b.Count, b.Last, b.Acked, b.HQEpoch, b.Policy) > math.MaxInt64 {
		return Answer{Outcome: BadNumber}, nil
	}
	e, err := t.epoch(no, b.Epoch)
	if err != nil {
		return Answer{}, err
	}
	if e == nil && b.Last > 0 {
		if e, err = t.openEpoch(no, b.Epoch, !term.RevokedAt.IsZero()); err != nil {
			return Answer{}, err
		}
	}
	if e == nil {
		e = &epochRow{}
	} else if err := t.learn(e, b.Last); err != nil {
		return Answer{}, err
	}
	if err := t.heard(e, b); err != nil {
		return Answer{}, err
	}
	e.revoked, e.alarmed = !term.RevokedAt.IsZero(), term.alarmed
	alarms, err := t.alarms(&term, e, b)
	if err != nil {
		return Answer{}, err
	}
	n, err := t.exec(`INSERT INTO beat (terminal, at, count, epoch, last, acked, hq_epoch, policy, wall, software)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (terminal) DO UPDATE SET at = excluded.at, count = excluded.count,
		epoch = excluded.epoch, last = excluded.last, acked = excluded.acked, hq_epoch = excluded.hq_epoch,
		policy = excluded.policy, wall = excluded.wall, software = excluded.software WHERE excluded.count > beat.count`,
		no, t.now, int64(b.Count), int64(b.Epoch), int64(b.Last), int64(b.Acked), int64(b.HQEpoch), int64(b.Policy), b.Wall, b.Software)
	if err != nil {
		return Answer{}, err
	}
	ans := e.answer("", 0)
	ans.Fresh, ans.Alarms = n > 0, alarms
	for i := range ans.Places {
		if ans.Places[i].Results, err = t.results(no, ans.Places[i].Branch); err != nil {
			return Answer{}, err
		}
	}
	return ans, nil
}

// alarms are what a beat tells without meaning to.
func (t *tx) alarms(term *terminalRow, e *epochRow, b *wire.Beat) ([]Alarm, error) {
	lost, err := t.lose(e, b)
	if err != nil {
		return nil, err
	}
	twin, err := t.twin(term, e, b)
	return append(lost, twin...), err
}

// results are the newest exceptions of a history's entries, decided ones as what they came to. What only tells
// HQ something is not among them.
func (t *tx) results(terminal, branch int64) ([]wire.Result, error) {
	list, err := each(t, func(rows *sql.Rows) (wire.Result, error) {
		var seq int64
		var kind Kind
		var outcome Decision
		err := rows.Scan(&seq, &kind, &outcome)
		return wire.Result{Seq: uint64(seq), Status: statusOf(kind, outcome), Reason: string(kind)}, err
	}, `SELECT y.seq, x.kind, coalesce(x.outcome, '') FROM exception x JOIN entry y ON y.no = x.entry
		WHERE x.terminal = ? AND y.branch = ? AND x.kind NOT IN ('epoch_forked', 'epoch_sibling', 'day_differs')
		ORDER BY x.no DESC LIMIT ?`, terminal, branch, MaxResults)
	slices.Reverse(list)
	return list, err
}

// statusOf is what a lane is told of an entry with an exception. Money that a store bears is rejected to it.
func statusOf(kind Kind, to Decision) wire.Status {
	switch {
	case to == Receivable, to == LossTaken && kind.Loss() != LossStore:
		return wire.Posted
	case to == LossTaken:
		return wire.Rejected
	case to == Noted, to == DecidedVoid:
		return wire.Recorded
	}
	return kind.Status()
}
