package journal

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"tilld/agent/payment"
)

// OpenedAt is when a business date was opened in an epoch, the last time that it was, by the lane's best estimate
// of then; the zero time when the entry has been pruned.
func (j *Journal) OpenedAt(ctx context.Context, epoch uint64, date payment.Date) (at time.Time, err error) {
	err = j.read(ctx, func(ctx context.Context, db *sql.DB) error {
		var wall int64
		err := db.QueryRowContext(ctx, `SELECT wall FROM entry WHERE epoch = ? AND business_date = ? AND kind = ? ORDER BY seq DESC LIMIT 1`,
			int64(epoch), int64(date), int64(payment.KindDayOpened)).Scan(&wall)
		switch {
		case isNoRows(err):
		case err != nil:
			return fmt.Errorf("looking up when %s was opened: %w", date, err)
		default:
			at = time.UnixMilli(wall).UTC()
		}
		return nil
	})
	return at, err
}
