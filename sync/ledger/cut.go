package ledger

import (
	"context"
	"database/sql"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/settle"
)

// A settlement line is a transfer on StorePayable that no cut made: credits are owed to the store, debits go
// back. settledHere says of such a transfer (t, of entry y, exception x and refund r) that it is in a batch.
const (
	lineFrom = ` FROM transfer t JOIN dimension d ON d.no = t.dimension JOIN entry y ON y.no = t.entry
		JOIN payment p ON p.no = t.payment LEFT JOIN exception x ON x.no = t.exception LEFT JOIN refund r ON r.no = t.refund
		WHERE t.no > ? AND d.wallet = ? AND d.currency = ? AND t.cause <> 'cut' AND 2100 IN (t.debit, t.credit)`
	lineKind     = `CASE t.cause WHEN 'approved' THEN 'payment' WHEN 'void' THEN 'void' WHEN 'refund' THEN 'refund' ELSE 'adjustment' END`
	lineDecision = `CASE WHEN t.cause IN ('suspense', 'decided') THEN x.id WHEN t.cause = 'refund' THEN r.id ELSE x'' END`
	settledHere  = ` EXISTS (SELECT 1 FROM batch_line l WHERE l.entry = y.hash AND l.kind = ` + lineKind + `
		AND l.decision = ` + lineDecision + ` AND l.back = (t.debit = 2100))`
)

// ReadCut reads, in one consistent look, up to limit of the account's lines that are in no batch, in the order
// in which they were posted, and what is known of every terminal. See settle.Store.
func (s *Store) ReadCut(ctx context.Context, account settle.Account, date payment.Date, limit int) (*settle.Cut, bool, error) {
	var cut *settle.Cut
	var more bool
	err := s.look(ctx, func(q querier) error {
		var err error
		cut, more, err = readCut(ctx, q, account, date, limit)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("reading a cut of %s: %w", account, err)
	}
	return cut, more, nil
}

// querier is a reader, or a transaction of one.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// look reads several things as of one moment.
func (s *Store) look(ctx context.Context, f func(querier) error) error {
	t, err := s.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer t.Rollback() // it has nothing to commit
	return f(t)
}

func readCut(ctx context.Context, q querier, account settle.Account, date payment.Date, limit int) (*settle.Cut, bool, error) {
	cut := &settle.Cut{Key: settle.Key{Account: account, SettlementDate: date}}
	var hqEpoch, number, from, last int64
	err := q.QueryRowContext(ctx, `SELECT (SELECT max(epoch) FROM hq_epoch),
		(SELECT coalesce(max(number), 0) + 1 FROM batch WHERE wallet = ?1 AND currency = ?2 AND settlement_date = ?3),
		(SELECT coalesce(max(transfer), 0) FROM settled WHERE wallet = ?1 AND currency = ?2),
		(SELECT coalesce(max(no), 0) FROM transfer)`, account.Wallet, string(account.Currency), int64(date)).Scan(&hqEpoch, &number, &from, &last)
	if err != nil {
		return nil, false, err
	}
	cut.HQEpoch, cut.Number = uint64(hqEpoch), uint32(number)
	lines, nos, err := readLines(ctx, q, account, from, limit+1)
	if err != nil {
		return nil, false, err
	}
	more := len(lines) > limit
	if more {
		lines, last = lines[:limit], nos[limit-1]
	}
	cut.Lines, cut.AsOf = lines, uint64(last)
	err = q.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(CASE t.credit WHEN 2100 THEN t.amount ELSE -t.amount END), 0)`+
		lineFrom+` AND t.no <= ? AND NOT `+settledHere, from, account.Wallet, string(account.Currency), last).Scan(&cut.Control.Count, &cut.Control.Sum)
	if err != nil {
		return nil, false, err
	}
	cut.Coverage, err = coverage(ctx, q)
	return cut, more, err
}

// readLines reads lines behind a transfer, and the numbers of their transfers.
func readLines(ctx context.Context, q querier, account settle.Account, from int64, limit int) ([]settle.Line, []int64, error) {
	rows, err := q.QueryContext(ctx, `SELECT t.no, `+lineKind+`, p.id, nullif(`+lineDecision+`, x''),
		d.entity, d.store, d.lane, d.business_date, CASE t.credit WHEN 2100 THEN t.amount ELSE -t.amount END, d.terminal,
		(SELECT e.epoch FROM branch b JOIN epoch e ON e.no = b.epoch WHERE b.no = y.branch), y.seq, y.hash`+
		lineFrom+` AND NOT `+settledHere+` ORDER BY t.no LIMIT ?`, from, account.Wallet, string(account.Currency), limit)
	var nos []int64
	lines, err := collect(rows, err, func(rows *sql.Rows) (settle.Line, error) {
		l := settle.Line{Wallet: account.Wallet, Currency: account.Currency}
		var no, epoch, seq, date int64
		var id, decision, terminal, hash []byte
		err := rows.Scan(&no, &l.Kind, &id, &decision, &l.Entity, &l.Store, &l.Lane, &date, &l.Amount, &terminal, &epoch, &seq, &hash)
		if err != nil {
			return l, err
		}
		l.Payment, l.Terminal, l.Epoch, l.Seq = payment.ID(id), payment.ID(terminal), settle.Epoch(epoch), uint64(seq)
		l.BusinessDate, l.Entry = payment.Date(date), settle.EntryHash(hash)
		if decision != nil {
			l.Decision = payment.ID(decision).String()
		}
		nos = append(nos, no)
		return l, nil
	})
	return lines, nos, err
}

// coverage is what is known of each terminal's latest epoch, and of the others in which something is missing
// or not judged.
func coverage(ctx context.Context, q querier) ([]settle.Coverage, error) {
	rows, err := q.QueryContext(ctx, `SELECT t.id, t.entity, t.store, t.lane, coalesce(e.epoch, 0), coalesce(e.known, 0),
		coalesce(b.head, 0), coalesce(b.judged, 0),
		coalesce((SELECT max(c.business_date) FROM day_close c WHERE c.terminal = t.no), 0)
		FROM terminal t LEFT JOIN epoch e ON e.terminal = t.no
		LEFT JOIN (SELECT epoch, max(head) AS head, min(CASE WHEN judged < head THEN judged ELSE 9223372036854775807 END) AS judged
			FROM branch GROUP BY epoch) b ON b.epoch = e.no
		WHERE e.no IS NULL AND t.revoked_at IS NULL
		OR e.no = (SELECT max(no) FROM epoch WHERE terminal = t.no) AND t.revoked_at IS NULL
		OR coalesce(e.known, 0) > coalesce(b.head, 0) OR b.judged < b.head
		ORDER BY t.no, e.no`)
	return collect(rows, err, func(rows *sql.Rows) (settle.Coverage, error) {
		var c settle.Coverage
		var id []byte
		var epoch, known, held, judged, closed int64
		err := rows.Scan(&id, &c.Entity, &c.Store, &c.Lane, &epoch, &known, &held, &judged, &closed)
		copy(c.Terminal[:], id)
		c.Epoch, c.Known, c.Held, c.LastClosed = settle.Epoch(epoch), uint64(max(known, held)), uint64(held), payment.Date(closed)
		c.Judged = uint64(min(judged, held))
		return c, err
	})
}
