package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"tilld/sync/wire"
)

// Obeyed is the version of the policy that the newest entries were written under; 0: no entry names one. What the
// document table holds must not be below it: nobody signs that table, and whoever empties it would put the lane
// back to the policy that it joined with. Entries are signed.
func (j *Journal) Obeyed(ctx context.Context) (version uint64, err error) {
	err = j.read(ctx, func(ctx context.Context, db *sql.DB) (err error) {
		version, err = readObeyed(ctx, db.QueryContext)
		return err
	})
	return version, err
}

// Obeyed is the version of the policy that the newest entries were written under; 0: no entry names one.
func (c *Copy) Obeyed(ctx context.Context) (version uint64, err error) {
	return readObeyed(ctx, c.tx.QueryContext)
}

// readObeyed goes back to the first entry that names a version: a lane without a policy writes entries too, and
// however many of them must not hide what it obeyed before.
func readObeyed(ctx context.Context, query queryFunc) (uint64, error) {
	list, err := query(ctx, `SELECT pos, envelope FROM entry ORDER BY pos DESC`)
	if err != nil {
		return 0, fmt.Errorf("reading which policy was obeyed: %w", err)
	}
	defer list.Close()
	for list.Next() {
		var r Row
		if err := list.Scan(&r.Pos, &r.Envelope); err != nil {
			return 0, fmt.Errorf("reading which policy was obeyed: %w", err)
		}
		p, err := cutEnvelope(r.Envelope)
		if err != nil {
			return 0, corrupt("row %d: %w", r.Pos, err)
		}
		e, err := wire.DecodeEntry(p.payload)
		if err != nil && !errors.Is(err, wire.ErrSetAside) {
			return 0, corrupt("row %d: %w", r.Pos, err)
		}
		if e.Policy != 0 {
			return e.Policy, nil
		}
	}
	if err := list.Err(); err != nil {
		return 0, fmt.Errorf("reading which policy was obeyed: %w", err)
	}
	return 0, nil
}
