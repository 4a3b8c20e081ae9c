package journal

import (
	"context"
	"database/sql"
	"fmt"
)

// Stats are figures for metrics and status pages.
type Stats struct {
	Entries      uint64 `json:"entries"` // kept here
	Epochs       uint64 `json:"epochs"`
	Last         uint64 `json:"last"`  // of the current epoch
	Acked        uint64 `json:"acked"` // of the current epoch
	Pending      uint64 `json:"pending"`
	Suspense     uint64 `json:"suspense"`      // payments about which HQ asks
	Rejected     uint64 `json:"rejected"`      // payments that HQ did not post
	NotCompleted uint64 `json:"not_completed"` // sales paid, of which the POS never had the outcome
	Practice     uint64 `json:"practice"`      // of NotCompleted: training sales, which no money is behind
	Bytes        int64  `json:"bytes"`         // of the database, without its write-ahead log
	Second       bool   `json:"second"`        // a second medium is in use
	Stopped      bool   `json:"stopped"`
}

// statsQuery reads no table that grows with every sale: it is asked after each scan. An epoch has no gaps, so what
// is kept of it needs no counting.
const statsQuery = `SELECT coalesce(sum(last - pruned), 0), count(*), coalesce(sum(last - acked), 0),
	(SELECT count(*) FROM result WHERE status = 2), (SELECT count(*) FROM result WHERE status = 3),
	(SELECT count(*) FROM sale WHERE completed IS NULL AND ` + takenColumns + ` > 0),
	(SELECT count(*) FROM sale WHERE completed IS NULL AND ` + takenColumns + ` > 0 AND training = 1),
	(SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size),
	coalesce((SELECT last FROM epoch ORDER BY id DESC LIMIT 1), 0), coalesce((SELECT acked FROM epoch ORDER BY id DESC LIMIT 1), 0) FROM epoch`

// Stats counts what there is.
func (j *Journal) Stats(ctx context.Context) (Stats, error) {
	s := Stats{Stopped: j.Stopped() != nil, Second: j.cfg.Second != ""}
	err := j.read(ctx, func(ctx context.Context, _ *sql.DB) error {
		row, err := j.store.ask(ctx, statsQuery)
		if err == nil {
			err = row.Scan(&s.Entries, &s.Epochs, &s.Pending, &s.Suspense, &s.Rejected, &s.NotCompleted, &s.Practice, &s.Bytes, &s.Last, &s.Acked)
		}
		if err != nil {
			return fmt.Errorf("counting: %w", err)
		}
		return nil
	})
	return s, err
}
