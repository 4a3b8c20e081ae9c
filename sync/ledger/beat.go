package ledger

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
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
	if n > 0 {
		if err := t.told(e, b); err != nil {
			return Answer{}, err
		}
	}
	ans := e.answer("", 0)
	ans.Fresh, ans.Alarms = n > 0, alarms
	for i := range ans.Places {
		if ans.Places[i].Results, err = t.results(no, ans.Places[i].Branch, b); err != nil {
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

// results are the exceptions of a history's entries about which something was last known, decided ones as what they
// came to. What only tells HQ something is not among them. With more than MaxResults half of them are the newest, and
// the other half is any stretch of the rest, which the beat's challenge chooses: so a lane that was away while HQ
// decided a long list hears of each decision in the end.
func (t *tx) results(terminal, branch int64, b *wire.Beat) ([]wire.Result, error) {
	list, err := t.changed(terminal, branch, MaxResults+1, 0)
	if err == nil && len(list) > MaxResults {
		const half = MaxResults / 2
		var n int
		if _, err = t.get("SELECT count(*) "+ofBranch, []any{terminal, branch}, &n); err != nil {
			return nil, err
		}
		stretches := (n - half + half - 1) / half
		sum := sha256.Sum256(b.Challenge)
		at := half + half*int(binary.BigEndian.Uint32(sum[:])%uint32(stretches))
		var older []wire.Result
		older, err = t.changed(terminal, branch, half, at)
		list = append(list[:half], older...)
	}
	slices.Reverse(list)
	return list, err
}

const ofBranch = `FROM exception x JOIN entry y ON y.no = x.entry
	WHERE x.terminal = ? AND y.branch = ? AND x.kind NOT IN ('epoch_forked', 'epoch_sibling', 'day_differs')`

// changed lists results, the last changed first.
func (t *tx) changed(terminal, branch int64, limit, offset int) ([]wire.Result, error) {
	return each(t, func(rows *sql.Rows) (wire.Result, error) {
		var seq int64
		var kind Kind
		var outcome Decision
		err := rows.Scan(&seq, &kind, &outcome)
		return wire.Result{Seq: uint64(seq), Status: statusOf(kind, outcome), Reason: string(kind)}, err
	}, "SELECT y.seq, x.kind, coalesce(x.outcome, '') "+ofBranch+` ORDER BY coalesce(x.resolved_at, x.opened_at) DESC, x.no DESC
		LIMIT ? OFFSET ?`, terminal, branch, limit, offset)
}

// statusOf is what a lane is told of an entry with an exception: what it waits for, or what was decided.
func statusOf(kind Kind, to Decision) wire.Status {
	switch {
	case to == Receivable, to == LossTaken && kind.Loss() != LossStore:
		return wire.Posted
	case to == LossTaken:
		return wire.Borne
	case to == Noted, to == DecidedVoid:
		return wire.Recorded
	}
	return kind.Status()
}
