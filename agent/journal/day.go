package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"tilld/agent/payment"
)

func (p projector) dayOpened(ctx context.Context, w *written) error {
	// A day that is opened again is the same day: it keeps its first entry and is no longer closed.
	_, err := p.store.exec(ctx, `INSERT INTO day (epoch, business_date, first_seq) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET closed_seq = NULL`,
		int64(w.Entry.Epoch), int64(w.Entry.BusinessDate), int64(w.Entry.Seq))
	return err
}

// dayClosed takes a close only with the figures that the journal itself has: they are signed, and HQ holds
// them against what it posted.
func (p projector) dayClosed(ctx context.Context, w *written, f *payment.DayClosed) error {
	e := w.Entry
	if !p.replay {
		d, err := readDay(ctx, p.store.query, e.Epoch, e.BusinessDate)
		if err != nil {
			return err
		}
		if d.FirstSeq != f.FirstSeq || !slices.Equal(d.Totals, f.Totals) || !slices.Equal(d.Refunds, f.Refunds) {
			return conflict(ErrDay, "%s begins at %d with %d totals", e.BusinessDate, d.FirstSeq, len(d.Totals))
		}
	}
	return p.must(ctx, func() error { return conflict(ErrDay, "%s is not open", e.BusinessDate) },
		`UPDATE day SET closed_seq = ? WHERE epoch = ? AND business_date = ? AND closed_seq IS NULL`,
		int64(e.Seq), int64(e.Epoch), int64(e.BusinessDate))
}

// Day is a business date in one epoch: where it begins and ends, and what was taken, training left out. A
// fork in the middle of a day leaves two, one per epoch.
type Day struct {
	Epoch     uint64             `json:"epoch,string"`
	Date      payment.Date       `json:"date"`
	FirstSeq  uint64             `json:"first_seq"`  // its first DayOpened; 0: never opened
	ClosedSeq uint64             `json:"closed_seq"` // its DayClosed; 0: open
	Totals    []payment.DayTotal `json:"totals"`     // by wallet and currency; sums are gross, voids apart
	// Refunds were given back on the date, whatever date and lane the payments were of.
	Refunds []payment.RefundTotal `json:"refunds,omitempty"`
}

// Open says that the day has begun and not ended.
func (d *Day) Open() bool { return d.FirstSeq != 0 && d.ClosedSeq == 0 }

// Day gives a business date's figures in the current epoch: those that a DayClosed must carry.
func (j *Journal) Day(ctx context.Context, date payment.Date) (Day, error) {
	var d Day
	err := j.read(ctx, func(ctx context.Context, db *sql.DB) (err error) {
		d, err = readDay(ctx, db.QueryContext, j.currentEpoch(), date)
		return err
	})
	return d, err
}

// Days lists the business dates from a date on, over all epochs in the order of their beginning.
func (j *Journal) Days(ctx context.Context, from payment.Date) ([]Day, error) {
	var days []Day
	err := j.read(ctx, func(ctx context.Context, db *sql.DB) error {
		keys, err := collect(ctx, db.QueryContext, func(rows *sql.Rows) (d Day, err error) {
			var epoch, date int64
			err = rows.Scan(&epoch, &date)
			return Day{Epoch: uint64(epoch), Date: payment.Date(date)}, err
		}, `SELECT epoch.epoch, d.business_date FROM epoch JOIN (SELECT epoch, business_date FROM day
			UNION SELECT epoch, business_date FROM day_total UNION SELECT epoch, business_date FROM charge_total
			UNION SELECT epoch, business_date FROM carried_total UNION SELECT epoch, business_date FROM refund_total) AS d ON d.epoch = epoch.epoch
			WHERE d.business_date >= ? ORDER BY epoch.id, d.business_date`, int64(from))
		if err != nil {
			return err
		}
		for _, k := range keys {
			d, err := readDay(ctx, db.QueryContext, k.Epoch, k.Date)
			if err != nil {
				return err
			}
			days = append(days, d)
		}
		return nil
	})
	return days, err
}

func readDay(ctx context.Context, query queryFunc, epoch uint64, date payment.Date) (Day, error) {
	d := Day{Epoch: epoch, Date: date}
	bounds, err := collect(ctx, query, func(rows *sql.Rows) (b [2]sql.NullInt64, err error) {
		err = rows.Scan(&b[0], &b[1])
		return b, err
	}, `SELECT first_seq, closed_seq FROM day WHERE epoch = ? AND business_date = ?`, int64(epoch), int64(date))
	if err != nil {
		return d, fmt.Errorf("reading the day: %w", err)
	}
	if len(bounds) > 0 {
		d.FirstSeq, d.ClosedSeq = uint64(bounds[0][0].Int64), uint64(bounds[0][1].Int64)
	}
	d.Totals, err = collect(ctx, query, scanTotal, `SELECT wallet, currency, sum(count), sum(minor), sum(void_count), sum(void_minor)
		FROM (SELECT * FROM day_total WHERE epoch = ?1 AND business_date = ?2 UNION ALL SELECT * FROM charge_total WHERE epoch = ?1 AND business_date = ?2
		UNION ALL SELECT * FROM carried_total WHERE epoch = ?1 AND business_date = ?2)
		GROUP BY wallet, currency ORDER BY wallet, currency`, int64(epoch), int64(date))
	if err != nil {
		return d, fmt.Errorf("reading the day: %w", err)
	}
	d.Refunds, err = collect(ctx, query, func(rows *sql.Rows) (t payment.RefundTotal, err error) {
		err = rows.Scan(&t.Wallet, &t.Currency, &t.Count, &t.Sum)
		return t, err
	}, `SELECT wallet, currency, count, minor FROM refund_total WHERE epoch = ? AND business_date = ? ORDER BY wallet, currency`, int64(epoch), int64(date))
	if err != nil {
		return d, fmt.Errorf("reading the day: %w", err)
	}
	return d, nil
}

func scanTotal(rows *sql.Rows) (t payment.DayTotal, err error) {
	err = rows.Scan(&t.Wallet, &t.Currency, &t.Count, &t.Sum, &t.VoidCount, &t.VoidSum)
	return t, err
}

// queryFunc asks either kind of connection.
type queryFunc func(ctx context.Context, query string, args ...any) (*sql.Rows, error)

// query asks the writing connection.
func (s *store) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := s.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// collect reads all rows of a query that gives few.
func collect[T any](ctx context.Context, query queryFunc, scan func(*sql.Rows) (T, error), text string, args ...any) (list []T, err error) {
	rows, err := query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
