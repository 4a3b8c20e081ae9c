package journal

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"unicode"

	"tilld/sync/wire"
)

// maxReason bounds the text of an exception.
const maxReason = 64

// AckResult is what an acknowledgement did.
type AckResult struct {
	// Taken is false for an answer that says nothing about this journal's own entries: about another branch
	// of a forked epoch (but the first of a restored HQ), of an older HQ epoch, older than what is known, or about an epoch that is not here.
	Taken      bool
	Acked      uint64 // the cursor now
	Moved      uint64 // entries that left the outbox
	Rewound    uint64 // entries that came back: HQ was restored from a backup and had lost them
	Lost       uint64 // of the entries that a restored HQ asks for, how many have been pruned here
	Fork       bool   // HQ holds another history of the current epoch: NewEpoch with CauseFork is due
	Behind     bool   // an HQ that was not restored holds less than it had acknowledged; or the answer is an old one, come late
	Exceptions int    // answers about entries that were not simply posted
}

// Acknowledge takes HQ's word, whose signature the caller has checked, and moves the outbox, the exposure
// and the exceptions with it, in one transaction. Only an answer that names our own entry's hash moves it.
// It goes back only on a higher HQ epoch: HQ was restored and has to be sent again what it had lost, or everything that is
// here when all it knows of the epoch is another history.
//
// Sealed is the message that the answer was opened from. It is kept with the cursor that rests on it, for
// whoever can write to this file could move a cursor that rests on nothing (see CheckAcks).
func (j *Journal) Acknowledge(ctx context.Context, a *wire.Ack, sealed []byte) (AckResult, error) {
	if a.Terminal != j.cfg.Terminal {
		return AckResult{}, fmt.Errorf("%w: acknowledgement for %s", ErrOtherTerminal, a.Terminal)
	}
	if a.HQEpoch > math.MaxInt64 {
		return AckResult{}, nil // no time that a clock can show; HQ's fault, and nothing to act on
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usable(); err != nil {
		return AckResult{}, err
	}
	w, err := j.store.weigh(ctx, a)
	w.sealed = sealed
	if err != nil {
		return AckResult{}, j.doubt(err)
	}
	if w.idle(a) {
		return w.result(), nil
	}
	var res AckResult
	err = j.write(ctx, func(ctx context.Context, s *store) (err error) {
		res, err = s.acknowledge(ctx, a, w, j.head.epoch)
		return err
	})
	if err != nil {
		return AckResult{}, err
	}
	if res.Moved+res.Rewound > 0 || res.Fork {
		j.announce()
	}
	return res, nil
}

// branch is whose history an answer is about.
type branch int

const (
	unknown branch = iota // an epoch that is not here
	ours
	foreign // HQ holds an entry under our name that is not ours, or more than we wrote
	unclear // the entry it names has been pruned here
)

// weighed is an answer beside what the journal has.
type weighed struct {
	epoch  Epoch
	about  branch
	stale  bool // of an HQ that was restored from a backup since
	repeat bool // it says nothing new
	sealed []byte
}

// idle finds the answers that change nothing, such as most answers to heartbeats, and saves the disk a
// write.
func (w *weighed) idle(a *wire.Ack) bool {
	return w.about == unknown || w.stale || (w.repeat && w.about == ours && !a.Forked && (w.epoch.Proven || len(w.sealed) == 0))
}

func (w *weighed) result() AckResult {
	return AckResult{Taken: w.repeat && w.about == ours && !w.stale, Acked: w.epoch.Acked}
}

// weigh reads what an answer is about; the caller holds j.mu, so nothing changes until it is taken.
func (s *store) weigh(ctx context.Context, a *wire.Ack) (w weighed, err error) {
	epochs, err := readEpochs(ctx, s.query, schemaVersion)
	if err != nil {
		return w, err
	}
	for _, e := range epochs {
		w.stale = w.stale || a.HQEpoch < e.HQEpoch
		if e.Epoch == a.Epoch {
			w.epoch, w.about = e, ours
		}
	}
	if w.about == unknown {
		return w, nil
	}
	e := &w.epoch
	w.repeat = a.HQEpoch == e.HQEpoch && a.Acked == e.Acked && min(a.Judged, e.Acked) <= e.Judged && len(a.Results) == 0
	w.about, err = s.compare(ctx, e, a)
	return w, err
}

// compare holds the hash that an answer names against our own entry's.
func (s *store) compare(ctx context.Context, e *Epoch, a *wire.Ack) (branch, error) {
	if a.Acked == 0 {
		return ours, nil
	}
	if a.Acked > e.Last {
		return foreign, nil
	}
	hash, err := s.hashAt(ctx, a.Epoch, a.Acked)
	switch {
	case err != nil:
		return unclear, fmt.Errorf("reading an entry's hash: %w", err)
	case hash == nil:
		return unclear, nil
	case !bytes.Equal(hash, a.Head):
		return foreign, nil
	}
	return ours, nil
}

// acknowledge applies an answer in the open transaction.
func (s *store) acknowledge(ctx context.Context, a *wire.Ack, w weighed, current uint64) (AckResult, error) {
	e := w.epoch
	res := AckResult{Acked: e.Acked}
	if a.Forked || w.about == foreign {
		res.Fork = a.Epoch == current
		if err := s.setForked(ctx, a.Epoch); err != nil {
			return res, err
		}
	}
	restored := a.HQEpoch > e.HQEpoch && e.HQEpoch != 0
	if w.about == foreign && restored {
		return s.disowned(ctx, w, a, res)
	}
	res.Behind = w.about != foreign && a.HQEpoch == e.HQEpoch && a.Acked < e.Acked
	if w.about == foreign || res.Behind || (!restored && w.about == unclear) {
		return res, nil
	}
	return s.take(ctx, w, a, restored, res)
}

// take moves the cursor. The answer is about our entries, or unclear in an HQ that was restored: that one has lost entries
// which are pruned here, and gets what there is.
func (s *store) take(ctx context.Context, w weighed, a *wire.Ack, restored bool, res AckResult) (AckResult, error) {
	e := w.epoch
	to := max(a.Acked, e.Pruned)
	res.Taken, res.Acked, res.Lost = true, to, to-a.Acked
	judged := min(a.Judged, to)
	if !restored {
		judged = max(judged, e.Judged)
	}
	_, err := s.exec(ctx, `UPDATE epoch SET acked = ?, judged = ?, hq_epoch = ?, ack = ? WHERE epoch = ?`,
		int64(to), int64(judged), int64(a.HQEpoch), orNull(w.sealed), int64(a.Epoch))
	if err != nil {
		return res, fmt.Errorf("moving the outbox: %w", err)
	}
	if to >= e.Acked {
		res.Moved = to - e.Acked
		err = s.unexpose(ctx, a.Epoch, e.Acked, to)
	} else {
		res.Rewound = e.Acked - to
		err = s.expose(ctx, a.Epoch, to, e.Acked)
	}
	if err != nil {
		return res, err
	}
	if restored { // what it had judged and has lost, it judges again
		if _, err := s.exec(ctx, `DELETE FROM result WHERE epoch = ? AND seq > ?`, int64(a.Epoch), int64(judged)); err != nil {
			return res, fmt.Errorf("forgetting a lost answer: %w", err)
		}
	}
	res.Exceptions, err = s.results(ctx, e, a)
	return res, err
}

// disowned takes back all that is here: an HQ that was restored holds another history of the epoch, and may have lost
// the whole of this one, from wherever the two part. What it has all the same it acknowledges anew.
func (s *store) disowned(ctx context.Context, w weighed, a *wire.Ack, res AckResult) (AckResult, error) {
	none := *a
	none.Acked, none.Judged, none.Results = w.epoch.Pruned, min(w.epoch.Judged, w.epoch.Pruned), nil
	return s.take(ctx, w, &none, true, res)
}

// unexpose takes the payments of a range off the exposure; voided ones are not in it.
func (s *store) unexpose(ctx context.Context, epoch, after, to uint64) error {
	_, err := s.exec(ctx, `UPDATE exposure SET minor = exposure.minor - d.total, count = exposure.count - d.n FROM
		(SELECT currency, sum(amount) AS total, count(*) AS n FROM payment
		WHERE epoch = ?1 AND seq > ?2 AND seq <= ?3 AND voided IS NULL AND training = 0 GROUP BY currency) AS d
		WHERE exposure.epoch = ?1 AND exposure.currency = d.currency`, int64(epoch), int64(after), int64(to))
	if err != nil {
		return fmt.Errorf("counting the exposure: %w", err)
	}
	return nil
}

// expose puts the payments of a range back.
func (s *store) expose(ctx context.Context, epoch, after, to uint64) error {
	_, err := s.exec(ctx, `INSERT INTO exposure (epoch, currency, minor, count)
		SELECT epoch, currency, sum(amount), count(*) FROM payment
		WHERE epoch = ?1 AND seq > ?2 AND seq <= ?3 AND voided IS NULL AND training = 0 GROUP BY currency
		ON CONFLICT DO UPDATE SET minor = minor + excluded.minor, count = count + excluded.count`,
		int64(epoch), int64(after), int64(to))
	if err != nil {
		return fmt.Errorf("counting the exposure: %w", err)
	}
	return nil
}

// results keeps the exceptions among HQ's answers. A later answer replaces an earlier one.
func (s *store) results(ctx context.Context, e Epoch, a *wire.Ack) (int, error) {
	n := 0
	for _, r := range a.Results {
		if r.Seq == 0 || r.Seq > e.Last {
			continue
		}
		query := `INSERT INTO result (epoch, seq, status, reason) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET status = excluded.status, reason = excluded.reason`
		args := []any{int64(a.Epoch), int64(r.Seq), int64(r.Status), cleanReason(r.Reason)}
		if r.Status == wire.Recorded || r.Status == wire.Posted {
			query, args = `DELETE FROM result WHERE epoch = ? AND seq = ?`, args[:2]
		} else {
			n++
		}
		if _, err := s.exec(ctx, query, args...); err != nil {
			return n, fmt.Errorf("keeping HQ's answer: %w", err)
		}
	}
	return n, nil
}

// cleanReason keeps a reason to what can stand on a screen.
func cleanReason(s string) string {
	var b []rune
	for _, r := range s {
		if len(b) == maxReason {
			break
		}
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			b = append(b, r)
		}
	}
	return string(b)
}

func (s *store) setForked(ctx context.Context, epoch uint64) error {
	if _, err := s.exec(ctx, `UPDATE epoch SET forked = 1 WHERE epoch = ? AND forked = 0`, int64(epoch)); err != nil {
		return fmt.Errorf("noting a fork: %w", err)
	}
	return nil
}
