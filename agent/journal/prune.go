package journal

import (
	"context"
	"errors"
	"fmt"

	"tilld/agent/payment"
)

// pruneChunk bounds how many entries one transaction deletes, so that a sale waits for no more than that.
const pruneChunk = 500

// Retention says what may go. A zero date keeps everything of its kind. Bodies and Counters of the last entry's
// business date are kept whatever the dates say: a clock that jumped must not let a code of today pay again.
type Retention struct {
	Entries payment.Date // acknowledged entries of business dates before this one
	Bodies  payment.Date // bodies of acknowledged entries before, and what accounts spent before
	// Counters are phone counters and spent codes last used before. Keep them for as long as any phone's
	// certificate can live: a counter that is forgotten lets its phone's old codes pay again.
	Counters payment.Date
}

// Pruned is what went.
type Pruned struct {
	Entries  int64
	Bodies   int64 // erased, their entries kept
	Counters int64
}

// Prune deletes what the retention lets go. Heads, the figures of days and every epoch's last entry are
// kept; what HQ has not acknowledged is kept always. The second medium is written anew, so this is best
// done when nobody is at the till.
func (j *Journal) Prune(ctx context.Context, keep Retention) (Pruned, error) {
	var sum Pruned
	for {
		n, err := j.pruneEntries(ctx, keep.Entries)
		sum.Entries += n
		if err != nil {
			return sum, err
		}
		if n == 0 {
			break
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	var accounts int64
	err := j.write(ctx, func(ctx context.Context, s *store) (err error) {
		var last int64
		if err := s.row(ctx, `SELECT business_date FROM entry ORDER BY pos DESC LIMIT 1`, nil, &last); err != nil {
			return fmt.Errorf("reading the last business date: %w", err)
		}
		keep.Bodies, keep.Counters = min(keep.Bodies, payment.Date(last)), min(keep.Counters, payment.Date(last))
		if sum.Bodies, err = s.eraseBodies(ctx, keep.Bodies); err != nil {
			return err
		}
		if accounts, err = s.eraseAccounts(ctx, keep.Bodies); err != nil {
			return err
		}
		sum.Counters, err = s.dropCounters(ctx, keep.Counters)
		return err
	})
	if err != nil || sum.Entries+sum.Bodies+accounts == 0 {
		return sum, err
	}
	return sum, j.scrub(ctx)
}

// pruneEntries deletes some entries from the front of an epoch, and says how many.
func (j *Journal) pruneEntries(ctx context.Context, before payment.Date) (n int64, err error) {
	if before == 0 {
		return 0, nil
	}
	err = j.locked(ctx, func(ctx context.Context, s *store) error {
		epochs, err := readEpochs(ctx, s.query, schemaVersion)
		if err != nil {
			return err
		}
		for _, e := range epochs {
			if n, err = s.pruneEpoch(ctx, &e, before); err != nil || n > 0 {
				return err
			}
		}
		return nil
	})
	return n, err
}

// pruneEpoch deletes a run of entries: acknowledged, not the last, and of no business date that stays, nor
// behind one of those, whatever a clock that was set back wrote into them.
func (s *store) pruneEpoch(ctx context.Context, e *Epoch, before payment.Date) (int64, error) {
	var stays uint64
	err := s.row(ctx, `SELECT seq FROM entry WHERE epoch = ? AND seq > ? AND business_date >= ? ORDER BY seq LIMIT 1`,
		[]any{int64(e.Epoch), int64(e.Pruned), int64(before)}, &stays)
	if isNoRows(err) {
		stays, err = e.Last, nil
	}
	if err != nil {
		return 0, fmt.Errorf("pruning: %w", err)
	}
	to := min(e.Acked, e.Last-1, stays-1, e.Pruned+pruneChunk)
	if e.Last == 0 || to <= e.Pruned {
		return 0, nil
	}
	hash, err := s.hashAt(ctx, e.Epoch, to)
	if err != nil {
		return 0, fmt.Errorf("pruning: %w", err)
	}
	steps := []struct {
		text string
		args []any
	}{
		{`UPDATE epoch SET pruned = ?2, pruned_head = ?3 WHERE epoch = ?1`, []any{int64(e.Epoch), int64(to), hash}},
		{`DELETE FROM body WHERE pos IN (SELECT pos FROM entry WHERE epoch = ? AND seq <= ?)`, []any{int64(e.Epoch), int64(to)}},
		// A sale whose opening went before, with another epoch, goes with the last that was made of it.
		{`DELETE FROM sale WHERE id IN (SELECT sale FROM payment WHERE epoch = ?1 AND seq <= ?2
				UNION SELECT sale FROM charge WHERE epoch = ?1 AND seq <= ?2 UNION SELECT sale FROM attempt WHERE epoch = ?1 AND seq <= ?2
				UNION SELECT sale FROM carried WHERE epoch = ?1 AND seq <= ?2)
			AND seq <= (SELECT pruned FROM epoch WHERE epoch.epoch = sale.epoch)
			AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.sale = sale.id AND NOT (p.epoch = ?1 AND p.seq <= ?2))
			AND NOT EXISTS (SELECT 1 FROM charge c WHERE c.sale = sale.id AND NOT (c.epoch = ?1 AND c.seq <= ?2))
			AND NOT EXISTS (SELECT 1 FROM carried c WHERE c.sale = sale.id AND NOT (c.epoch = ?1 AND c.seq <= ?2))
			AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.sale = sale.id AND NOT (a.epoch = ?1 AND a.seq <= ?2 AND a.state <> 'asked'))`,
			[]any{int64(e.Epoch), int64(to)}},
		{`DELETE FROM payment WHERE epoch = ? AND seq <= ?`, []any{int64(e.Epoch), int64(to)}},
		{`DELETE FROM charge WHERE epoch = ? AND seq <= ?`, []any{int64(e.Epoch), int64(to)}},
		{`DELETE FROM carried WHERE epoch = ? AND seq <= ?`, []any{int64(e.Epoch), int64(to)}},
		{`DELETE FROM offer WHERE epoch = ? AND seq <= ?`, []any{int64(e.Epoch), int64(to)}},
		// What became of an attempt is asked for as long as nobody knows, and its sale with it.
		{`DELETE FROM attempt WHERE epoch = ? AND seq <= ? AND state <> 'asked'`, []any{int64(e.Epoch), int64(to)}},
		{`DELETE FROM refund WHERE epoch = ? AND seq <= ? AND state <> 'asked'`, []any{int64(e.Epoch), int64(to)}},
		{`DELETE FROM sale WHERE epoch = ? AND seq <= ? AND NOT EXISTS (SELECT 1 FROM payment WHERE payment.sale = sale.id)
			AND NOT EXISTS (SELECT 1 FROM charge WHERE charge.sale = sale.id)
			AND NOT EXISTS (SELECT 1 FROM carried WHERE carried.sale = sale.id)
			AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.sale = sale.id)`, []any{int64(e.Epoch), int64(to)}},
		{`DELETE FROM result WHERE epoch = ? AND seq <= ?`, []any{int64(e.Epoch), int64(to)}},
		{`DELETE FROM entry WHERE epoch = ? AND seq <= ?`, []any{int64(e.Epoch), int64(to)}},
	}
	for _, st := range steps {
		if _, err := s.exec(ctx, st.text, st.args...); err != nil {
			return 0, fmt.Errorf("pruning: %w", err)
		}
	}
	return int64(to - e.Pruned), s.setNumber(ctx, metaSecondStale, 1)
}

// eraseBodies erases the bodies of acknowledged entries before a date.
func (s *store) eraseBodies(ctx context.Context, before payment.Date) (n int64, err error) {
	if before == 0 {
		return 0, nil
	}
	n, err = s.exec(ctx, `UPDATE body SET raw = NULL WHERE raw IS NOT NULL AND pos IN
		(SELECT pos FROM entry JOIN epoch USING (epoch) WHERE business_date < ? AND seq <= acked)`, int64(before))
	if err != nil {
		return n, fmt.Errorf("erasing bodies: %w", err)
	}
	if n == 0 {
		return 0, nil
	}
	return n, s.setNumber(ctx, metaSecondStale, 1)
}

// raise notes a date that retention has come to. It never goes back.
func (s *store) raise(ctx context.Context, key string, to payment.Date) error {
	was, err := s.number(ctx, key)
	if err != nil || uint64(to) <= was {
		return err
	}
	return s.setNumber(ctx, key, uint64(to))
}

// eraseAccounts erases what names accounts beside the bodies, before a date.
func (s *store) eraseAccounts(ctx context.Context, before payment.Date) (n int64, err error) {
	if before == 0 {
		return 0, nil
	}
	paid, err := s.exec(ctx, `UPDATE payment SET account = NULL WHERE account IS NOT NULL AND business_date < ?
		AND seq <= (SELECT acked FROM epoch WHERE epoch.epoch = payment.epoch)`, int64(before))
	if err != nil {
		return 0, fmt.Errorf("erasing accounts: %w", err)
	}
	spent, err := s.exec(ctx, `DELETE FROM spend WHERE business_date < ?`, int64(before))
	if err != nil {
		return 0, fmt.Errorf("erasing accounts: %w", err)
	}
	if err := s.raise(ctx, metaBodiesFrom, before); err != nil {
		return 0, err
	}
	return paid + spent, nil
}

func (s *store) dropCounters(ctx context.Context, before payment.Date) (n int64, err error) {
	if before == 0 {
		return 0, nil
	}
	// A phone's spent codes go with its counter: as long as that is known, all of them are refused.
	_, err = s.exec(ctx, `DELETE FROM spent WHERE phone IN (SELECT key FROM phone WHERE business_date < ?)`, int64(before))
	if err != nil {
		return 0, fmt.Errorf("dropping counters: %w", err)
	}
	n, err = s.exec(ctx, `DELETE FROM phone WHERE business_date < ?`, int64(before))
	if err != nil {
		return n, fmt.Errorf("dropping counters: %w", err)
	}
	if _, err := s.exec(ctx, `DELETE FROM attempt_code WHERE business_date < ?`, int64(before)); err != nil {
		return n, fmt.Errorf("dropping counters: %w", err)
	}
	return n, s.raise(ctx, metaCountersFrom, before)
}

// EraseBody erases the body of one entry that HQ has acknowledged (ErrNotAcknowledged otherwise), here and
// on the second medium. The entry and its chain stay; what the account spent on that day stays until Prune.
// Erasing what is erased, or was never there, changes nothing.
func (j *Journal) EraseBody(ctx context.Context, epoch, seq uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var n int64
	err := j.write(ctx, func(ctx context.Context, s *store) (err error) {
		n, err = s.eraseBody(ctx, epoch, seq)
		return err
	})
	if err != nil || n == 0 {
		return err
	}
	return j.scrub(ctx)
}

func (s *store) eraseBody(ctx context.Context, epoch, seq uint64) (int64, error) {
	var acked int64
	err := s.row(ctx, `SELECT acked FROM epoch WHERE epoch = ?`, []any{int64(epoch)}, &acked)
	if isNoRows(err) {
		return 0, payment.Errorf(payment.NotFound, "journal.EraseBody", "%w: %016x", ErrUnknownEpoch, epoch)
	}
	if err != nil {
		return 0, fmt.Errorf("erasing a body: %w", err)
	}
	if seq > uint64(acked) {
		return 0, payment.Errorf(payment.NotAllowed, "journal.EraseBody", "%w: %d, acknowledged up to %d", ErrNotAcknowledged, seq, acked)
	}
	n, err := s.exec(ctx, `UPDATE body SET raw = NULL WHERE raw IS NOT NULL AND pos = (SELECT pos FROM entry WHERE epoch = ? AND seq = ?)`,
		int64(epoch), int64(seq))
	if err != nil {
		return 0, fmt.Errorf("erasing a body: %w", err)
	}
	if _, err := s.exec(ctx, `UPDATE payment SET account = NULL WHERE epoch = ? AND seq = ?`, int64(epoch), int64(seq)); err != nil {
		return 0, fmt.Errorf("erasing an account: %w", err)
	}
	return n, s.setNumber(ctx, metaSecondStale, 1)
}

// scrub makes erasing true where the database alone does not: in the write-ahead log, and on the second
// medium.
func (j *Journal) scrub(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := j.store.checkpoint(ctx); err != nil && !errors.Is(err, errBusy) { // a reader is in the way: the log is emptied with the next one
		return j.stop(err)
	}
	if j.second == nil {
		return nil
	}
	if err := j.rewriteSecond(ctx); err != nil {
		return j.stop(err)
	}
	return nil
}
