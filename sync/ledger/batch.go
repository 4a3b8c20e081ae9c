package ledger

import (
	"context"
	"database/sql"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/settle"
)

// CommitBatch makes an archived batch visible: its lines become members, what it comes to moves from store
// payable to settlement payable, and it is listed; see settle.Store. A line that is in another batch, and
// another content under the batch's name, are a payment.Conflict.
func (s *Store) CommitBatch(ctx context.Context, b *settle.Batch) error {
	err := s.write(ctx, func(t *tx) error {
		held, err := t.sameBatch(b)
		if err != nil || held {
			return err
		}
		no, err := t.insertBatch(b)
		if err != nil {
			return err
		}
		for i := range b.Lines {
			if err := t.member(no, &b.Lines[i]); err != nil {
				return err
			}
		}
		if err := t.postCut(no, b); err != nil {
			return err
		}
		return t.moveSettled(b.Account)
	})
	if err != nil {
		return fmt.Errorf("committing batch %s: %w", b.ID, err)
	}
	return nil
}

const opBatch = "ledger.CommitBatch"

func (t *tx) sameBatch(b *settle.Batch) (held bool, err error) {
	var root []byte
	held, err = t.get("SELECT root FROM batch WHERE id = ?", []any{b.ID[:]}, &root)
	if err == nil && held && string(root) != string(b.Root[:]) {
		err = payment.Errorf(payment.Conflict, opBatch, "batch %s is here with another content", b.ID)
	}
	return held, err
}

func (t *tx) insertBatch(b *settle.Batch) (int64, error) {
	var other []byte
	taken, err := t.get(`SELECT id FROM batch WHERE wallet = ?1 AND currency = ?2 AND settlement_date = ?3
		AND (number = ?4 OR ?5 = 'day' AND cause = 'day')`,
		[]any{b.Wallet, string(b.Currency), int64(b.SettlementDate), int64(b.Number), string(b.Cause)}, &other)
	if err != nil {
		return 0, err
	}
	if taken {
		return 0, payment.Errorf(payment.Conflict, opBatch, "batch %s has the place of %s", payment.ID(other), b.Key)
	}
	return t.insert(`INSERT INTO batch (id, wallet, currency, settlement_date, number, hq_epoch, cause, root, count, sum, as_of, cut_at, committed_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, b.ID[:], b.Wallet, string(b.Currency), int64(b.SettlementDate), int64(b.Number),
		int64(b.HQEpoch), string(b.Cause), b.Root[:], int64(b.Count), b.Sum, int64(b.AsOf), b.CutAt, t.now)
}

func (t *tx) member(batch int64, l *settle.Line) error {
	decision := []byte{}
	if l.Kind == settle.KindAdjustment || l.Kind == settle.KindRefund {
		id, err := payment.ParseID(l.Decision)
		if err != nil {
			return payment.Errorf(payment.Invalid, opBatch, "line of %s: decision %q: %w", l.Name(), l.Decision, err)
		}
		decision = id[:]
	}
	n, err := t.exec(`INSERT INTO batch_line (entry, kind, decision, back, batch, payment, amount) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, l.Entry[:], string(l.Kind), decision, l.Amount < 0, batch, l.Payment[:], l.Amount)
	if err == nil && n == 0 {
		err = payment.Errorf(payment.Conflict, opBatch, "the %s of %s is in another batch", l.Kind, l.Name())
	}
	return err
}

// postCut moves what the batch comes to, by dimension. Lines that come to nothing move nothing.
func (t *tx) postCut(batch int64, b *settle.Batch) error {
	sums := map[Dimension]int64{}
	var order []Dimension
	for i := range b.Lines {
		l := &b.Lines[i]
		d := Dimension{Entity: l.Entity, Store: l.Store, Lane: l.Lane, Terminal: l.Terminal, Wallet: b.Wallet,
			BusinessDate: l.BusinessDate, Currency: b.Currency}
		if _, seen := sums[d]; !seen {
			order = append(order, d)
		}
		sums[d] += l.Amount
	}
	for _, d := range order {
		no, err := t.dimension(d)
		if err != nil {
			return err
		}
		m := move{debit: StorePayable, credit: SettlementPayable, amount: sums[d], dimension: no, cause: causeCut, batch: batch}
		if m.amount < 0 {
			m.debit, m.credit, m.amount = m.credit, m.debit, -m.amount
		}
		if m.amount == 0 {
			continue
		}
		if err := t.post(m); err != nil {
			return err
		}
	}
	return nil
}

// moveSettled moves the mark behind which every line of the account is in a batch.
func (t *tx) moveSettled(a settle.Account) error {
	args := []any{a.Wallet, string(a.Currency)}
	var from, last int64
	if _, err := t.get("SELECT transfer FROM settled WHERE wallet = ? AND currency = ?", args, &from); err != nil {
		return err
	}
	if _, err := t.get("SELECT coalesce(max(no), 0) FROM transfer", nil, &last); err != nil {
		return err
	}
	_, err := t.get("SELECT t.no - 1"+lineFrom+" AND NOT "+settledHere+" ORDER BY t.no LIMIT 1", append([]any{from}, args...), &last)
	if err != nil {
		return err
	}
	_, err = t.exec("INSERT INTO settled (wallet, currency, transfer) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET transfer = excluded.transfer",
		append(args, last)...)
	return err
}

// HasBatch says whether a batch is committed.
func (s *Store) HasBatch(ctx context.Context, id payment.ID) (bool, error) {
	var n int
	err := s.readers.QueryRowContext(ctx, "SELECT count(*) FROM batch WHERE id = ?", id[:]).Scan(&n)
	return n > 0, err
}

// LastClosed is the account's highest settlement date with a batch that closed it; zero when none.
func (s *Store) LastClosed(ctx context.Context, a settle.Account) (payment.Date, error) {
	var date int64
	err := s.readers.QueryRowContext(ctx, `SELECT coalesce(max(settlement_date), 0) FROM batch
		WHERE wallet = ? AND currency = ? AND cause = 'day'`, a.Wallet, string(a.Currency)).Scan(&date)
	return payment.Date(date), err
}

const batchColumns = "SELECT no, id, wallet, currency, settlement_date, number, hq_epoch, cause, root, count, sum FROM batch "

// BatchRef is a batch with its place in the order in which batches became visible.
type BatchRef struct {
	Pos uint64
	settle.Ref
}

func scanBatch(rows *sql.Rows) (BatchRef, error) {
	var b BatchRef
	var no, date, number, hqEpoch int64
	var id, root []byte
	err := rows.Scan(&no, &id, &b.Wallet, &b.Currency, &date, &number, &hqEpoch, &b.Cause, &root, &b.Count, &b.Sum)
	if err != nil {
		return b, err
	}
	b.Pos, b.ID, b.SettlementDate, b.Number = uint64(no), payment.ID(id), payment.Date(date), uint32(number)
	b.HQEpoch, b.Root = uint64(hqEpoch), settle.EntryHash(root)
	return b, nil
}

// DayBatches lists the committed batches of the account's settlement date, by number.
func (s *Store) DayBatches(ctx context.Context, a settle.Account, date payment.Date) ([]settle.Ref, error) {
	rows, err := s.readers.QueryContext(ctx, batchColumns+"WHERE wallet = ? AND currency = ? AND settlement_date = ? ORDER BY number",
		a.Wallet, string(a.Currency), int64(date))
	return collect(rows, err, func(rows *sql.Rows) (settle.Ref, error) {
		b, err := scanBatch(rows)
		return b.Ref, err
	})
}

// Batches lists up to limit batches behind a position, in the order in which they became visible.
func (s *Store) Batches(ctx context.Context, after uint64, limit int) ([]BatchRef, error) {
	rows, err := s.readers.QueryContext(ctx, batchColumns+"WHERE no > ? ORDER BY no LIMIT ?", clamp(after), limit)
	return collect(rows, err, scanBatch)
}

// Batch finds a committed batch; payment.NotFound when there is none.
func (s *Store) Batch(ctx context.Context, id payment.ID) (BatchRef, error) {
	rows, err := s.readers.QueryContext(ctx, batchColumns+"WHERE id = ?", id[:])
	list, err := collect(rows, err, scanBatch)
	return one(list, err, "ledger.Batch", "batch", id)
}

var _ settle.Store = (*Store)(nil)
