package journal

import (
	"context"
	"errors"
	"fmt"
)

// openLength bounds how many entries are gone through once more when the journal is opened: more than an
// outage of some days leaves in the outbox, and a number that does not grow with the journal.
const openLength = 4096

// checkOpen goes once more through the entries that HQ has not acknowledged, and the last of those it has, and
// holds against them what the rules are told: the exposure, phone counters, spent codes, what accounts spent.
// Whoever wrote to the file without the terminal's key may have reset those to pay again, or for more.
func (j *Journal) checkOpen(ctx context.Context, h head) (err error) {
	query := j.store.query
	epochs, err := readEpochs(ctx, query, schemaVersion)
	if err != nil {
		return err
	}
	cuts, err := readCuts(ctx, query)
	if err != nil {
		return err
	}
	keys, err := readKeys(ctx, query)
	if err != nil {
		return err
	}
	from, err := j.store.openFrom(ctx, h)
	if err != nil {
		return err
	}
	r, err := newRebuild(ctx, schemaVersion, epochs, h.pos, cuts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	list := rows(ctx, query, Filter{after: from - 1})
	if _, err := r.verified(ctx, list, Trust{Terminal: j.cfg.Terminal, Keys: keys, Loose: true}); err != nil {
		if stops(err) {
			return err
		}
		return corrupt("its open entries do not verify: %w", err)
	}
	c := comparison{r: r, stored: j.store.conn}
	if err := c.run(ctx); err != nil {
		return err
	}
	return c.err()
}

// openFrom is the position of the first entry to go through.
func (s *store) openFrom(ctx context.Context, h head) (int64, error) {
	var first int64
	err := s.row(ctx, `SELECT coalesce(min(entry.pos), ?) FROM epoch JOIN entry ON entry.epoch = epoch.epoch AND entry.seq = epoch.acked + 1`,
		[]any{h.pos}, &first)
	if err != nil {
		return 0, fmt.Errorf("reading where the outbox begins: %w", err)
	}
	return max(min(first, h.pos-tailLength+1), h.pos-openLength+1, 1), nil
}
