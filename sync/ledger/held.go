package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Held is an entry as HQ holds it.
type Held struct {
	No         int64 // order of arrival
	Branch     int64
	Name       wire.Name
	Kind       payment.Kind // 0: not known to the release that stored it
	Hash       [wire.HashSize]byte
	Protected  []byte
	Payload    []byte
	Signature  []byte // of the last entry of a batch, else nil
	Body       []byte // nil: none, or erased
	ReceivedAt time.Time
}

// Backlog is a history with entries that were not judged yet.
type Backlog struct {
	Branch   int64
	Terminal payment.ID
	Store    string // where the terminal is
	Lane     string
	Epoch    uint64
	Judged   uint64
	Head     uint64
}

// Backlogs lists the histories with something to judge, after the given one, so that a caller who goes round
// gives each its turn.
func (s *Store) Backlogs(ctx context.Context, after int64, limit int) ([]Backlog, error) {
	rows, err := s.ask(ctx, `SELECT b.no, t.id, t.store, t.lane, e.epoch, b.judged, b.head FROM branch b
		JOIN epoch e ON e.no = b.epoch JOIN terminal t ON t.no = e.terminal
		WHERE b.judged < b.head AND b.no > ? ORDER BY b.no LIMIT ?`, after, limit)
	list, err := collect(rows, err, func(rows *sql.Rows) (Backlog, error) {
		var b Backlog
		var id []byte
		var epoch, judged, head int64
		err := rows.Scan(&b.Branch, &id, &b.Store, &b.Lane, &epoch, &judged, &head)
		copy(b.Terminal[:], id)
		b.Epoch, b.Judged, b.Head = uint64(epoch), uint64(judged), uint64(head)
		return b, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing what is not judged: %w", err)
	}
	return list, nil
}

const heldColumns = `y.no, y.branch, t.id, e.epoch, y.seq, y.kind, y.hash, h.protected, y.payload, y.signature, y.body, y.received_at
	FROM entry y JOIN branch b ON b.no = y.branch JOIN epoch e ON e.no = b.epoch JOIN terminal t ON t.no = e.terminal
	JOIN header h ON h.no = y.header`

func scanHeld(rows *sql.Rows) (Held, error) {
	var h Held
	var id, hash []byte
	var epoch, seq, received int64
	err := rows.Scan(&h.No, &h.Branch, &id, &epoch, &seq, &h.Kind, &hash, &h.Protected, &h.Payload, &h.Signature, &h.Body, &received)
	copy(h.Name.Terminal[:], id)
	copy(h.Hash[:], hash)
	h.Name.Epoch, h.Name.Seq, h.ReceivedAt = uint64(epoch), uint64(seq), millis(received)
	return h, err
}

// Entries reads a history's own entries behind sequence after, in order.
func (s *Store) Entries(ctx context.Context, branch int64, after uint64, limit int) ([]Held, error) {
	rows, err := s.ask(ctx, "SELECT "+heldColumns+" WHERE y.branch = ? AND y.seq > ? ORDER BY y.seq LIMIT ?",
		branch, int64(after), limit)
	list, err := collect(rows, err, scanHeld)
	if err != nil {
		return nil, fmt.Errorf("reading entries behind %d of history %d: %w", after, branch, err)
	}
	return list, nil
}

// Entry finds the entries of a name: none, one, or several when the epoch has a fork.
func (s *Store) Entry(ctx context.Context, name wire.Name) ([]Held, error) {
	rows, err := s.readers.QueryContext(ctx, "SELECT "+heldColumns+" WHERE t.id = ? AND e.epoch = ? AND y.seq = ? ORDER BY y.no",
		name.Terminal[:], int64(name.Epoch), int64(name.Seq))
	list, err := collect(rows, err, scanHeld)
	if err != nil {
		return nil, fmt.Errorf("reading entry %s: %w", name, err)
	}
	return list, nil
}

// Forget erases the bodies of up to limit judged entries that arrived before a time, and the account
// pseudonyms of their payments; the chain stays verifiable. It returns how many it erased. Entries with an
// open exception keep theirs: they are its evidence.
func (s *Store) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	rows, err := s.readers.QueryContext(ctx, `SELECT y.no FROM entry y JOIN branch b ON b.no = y.branch
		WHERE y.body IS NOT NULL AND y.received_at < ? AND y.seq <= b.judged
		AND NOT EXISTS (SELECT 1 FROM exception x WHERE x.entry = y.no AND x.state = 'open') ORDER BY y.no LIMIT ?`,
		before.UnixMilli(), limit)
	nos, err := collect(rows, err, func(rows *sql.Rows) (no int64, err error) { return no, rows.Scan(&no) })
	if err != nil {
		return 0, fmt.Errorf("looking for bodies to erase: %w", err)
	}
	err = s.write(ctx, func(t *tx) error {
		for _, no := range nos {
			if _, err := t.exec("UPDATE payment SET account = NULL WHERE entry = ? AND account IS NOT NULL", no); err != nil {
				return err
			}
			if _, err := t.exec("UPDATE entry SET body = NULL WHERE no = ?", no); err != nil {
				return err
			}
		}
		for _, table := range []string{"account_wallet_day", "account_day"} {
			if _, err := t.exec("DELETE FROM "+table+" WHERE business_date < ?", int64(payment.DateOf(before.UTC()))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("erasing bodies: %w", err)
	}
	return len(nos), nil
}

// Places says where HQ stands in an epoch: one place for each history, none for an epoch that it never heard of.
func (s *Store) Places(ctx context.Context, terminal payment.ID, epoch uint64) ([]Place, error) {
	rows, err := s.ask(ctx, `SELECT b.no, b.head, b.head_hash, b.judged, e.fork_from IS NOT NULL, t.revoked_at IS NOT NULL,
		`+isAlarmed+` FROM branch b JOIN epoch e ON e.no = b.epoch JOIN terminal t ON t.no = e.terminal WHERE t.id = ? AND e.epoch = ? ORDER BY b.no`,
		terminal[:], int64(epoch))
	list, err := collect(rows, err, func(rows *sql.Rows) (p Place, err error) {
		return p, rows.Scan(&p.Branch, &p.Acked, &p.Head, &p.Judged, &p.Forked, &p.Revoked, &p.Twice)
	})
	if err != nil {
		return nil, fmt.Errorf("reading where epoch %016x of %s stands: %w", epoch, terminal, err)
	}
	return list, nil
}
