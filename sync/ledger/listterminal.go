package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"tilld/agent/payment"
	"tilld/sync/settle"
)

// TerminalStatus is a terminal with what is known of its way to HQ.
type TerminalStatus struct {
	Pos uint64 // its place in the list: the order of enrolment
	Terminal
	LastSeen   time.Time // its newest beat, by HQ's clock; zero: never
	Software   string
	Policy     uint64        // version that it said it holds
	Skew       time.Duration // its clock's lead over HQ's at the newest beat, the way there included
	Exceptions int           // open ones
	LastClosed payment.Date  // business date; zero: none
	Twice      bool          // two journals of it are alive (TerminalTwice), and nobody has dealt with it
	Epochs     []EpochStatus // in the order in which HQ heard of them: the latest last
}

// EpochStatus is how far HQ is with one epoch. In a forked one Held and Judged are those of the history that
// goes furthest, and of the one that lags.
type EpochStatus struct {
	Epoch  settle.Epoch
	Known  uint64 // highest sequence that the terminal signed for
	Held   uint64 // every entry 1..Held is held
	Judged uint64
	Forked bool
	// Lost is up to where HQ had acknowledged entries that it does not hold: its books were put back; 0: nothing
	// is lost. Restored says that a new HQ epoch has begun since: the lane sends them again.
	Lost     uint64
	Restored bool
}

// Behind is how many entries HQ knows of and does not hold.
func (t *TerminalStatus) Behind() (n uint64) {
	for _, e := range t.Epochs {
		n += e.Known - e.Held
	}
	return n
}

// Terminals lists up to limit terminals behind a position.
func (s *Store) Terminals(ctx context.Context, after uint64, limit int) ([]TerminalStatus, error) {
	return s.terminals(ctx, "t.no > ? ORDER BY t.no LIMIT ?", clamp(after), limit)
}

// Terminal is what is known of one terminal; payment.NotFound when there is none.
func (s *Store) Terminal(ctx context.Context, id payment.ID) (TerminalStatus, error) {
	list, err := s.terminals(ctx, "t.id = ?", id[:])
	return one(list, err, "ledger.Terminal", "terminal", id)
}

// EnrolledAt is when each terminal was added.
func (s *Store) EnrolledAt(ctx context.Context) (map[payment.ID]time.Time, error) {
	at := map[payment.ID]time.Time{}
	rows, err := s.readers.QueryContext(ctx, "SELECT id, added_at FROM terminal")
	_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		var id []byte
		var added int64
		if err := rows.Scan(&id, &added); err != nil {
			return struct{}{}, err
		}
		at[payment.ID(id)] = millis(added)
		return struct{}{}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading when terminals were enrolled: %w", err)
	}
	return at, nil
}

// clamp keeps a cursor from outside within what SQLite counts.
func clamp(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

func (s *Store) terminals(ctx context.Context, where string, args ...any) (list []TerminalStatus, err error) {
	err = s.look(ctx, func(q querier) error {
		rows, err := q.QueryContext(ctx, `SELECT `+terminalColumns+`, t.no, coalesce(s.at, 0), coalesce(s.software, ''),
			coalesce(s.policy, 0), coalesce(s.wall - s.at, 0), (SELECT count(*) FROM exception x WHERE x.terminal = t.no AND x.state = 'open'),
			coalesce((SELECT max(business_date) FROM day_close WHERE terminal = t.no), 0), `+isTwice+`
			FROM terminal t LEFT JOIN beat s ON s.terminal = t.no WHERE `+where, args...)
		if list, err = collect(rows, err, scanStatus); err != nil {
			return err
		}
		for i := range list {
			if list[i].Epochs, err = epochStatuses(ctx, q, list[i].Pos); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing terminals: %w", err)
	}
	return list, nil
}

func scanStatus(rows *sql.Rows) (TerminalStatus, error) {
	var st TerminalStatus
	var no, seen, policy, skew, closed int64
	var err error
	st.Terminal, err = scanTerminal(rows, &no, &seen, &st.Software, &policy, &skew, &st.Exceptions, &closed, &st.Twice)
	if seen != 0 {
		st.LastSeen, st.Skew = millis(seen), time.Duration(skew)*time.Millisecond
	}
	st.Pos, st.Policy, st.LastClosed = uint64(no), uint64(policy), payment.Date(closed)
	return st, err
}

func epochStatuses(ctx context.Context, q querier, terminal uint64) ([]EpochStatus, error) {
	rows, err := q.QueryContext(ctx, `SELECT e.epoch, e.known, coalesce(max(b.head), 0),
		coalesce(min(CASE WHEN b.judged < b.head THEN b.judged END), max(b.head), 0), e.fork_from IS NOT NULL,
		coalesce(e.lost, 0), coalesce(e.lost_in < (SELECT max(epoch) FROM hq_epoch), 0) FROM epoch e LEFT JOIN branch b ON b.epoch = e.no WHERE e.terminal = ? GROUP BY e.no ORDER BY e.no`, int64(terminal))
	return collect(rows, err, func(rows *sql.Rows) (EpochStatus, error) {
		var e EpochStatus
		var epoch int64
		err := rows.Scan(&epoch, &e.Known, &e.Held, &e.Judged, &e.Forked, &e.Lost, &e.Restored)
		e.Epoch, e.Known = settle.Epoch(epoch), max(e.Known, e.Held)
		return e, err
	})
}
