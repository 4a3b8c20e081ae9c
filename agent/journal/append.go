package journal

import (
	"context"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// head is where an epoch stands: what the next entry continues.
type head struct {
	epoch uint64
	last  uint64
	hash  []byte
	pos   int64 // of the last entry written, in whatever epoch
}

// written is a record with its body decoded, on its way to the disk.
type written struct {
	Record
	body *payment.Body
}

// Append writes the drafts as entries, all of them or none, and returns when they are on the disk, and on
// the second medium where there is one. A payment.Error with code Conflict or Invalid means that nothing
// was written and nothing is wrong with the journal; ErrStopped that it must be reopened before anything is
// sold, and that the entries may be there.
func (j *Journal) Append(ctx context.Context, drafts ...Draft) ([]Record, error) {
	if len(drafts) == 0 {
		return nil, nil
	}
	for i := range drafts {
		if err := drafts[i].check(); err != nil {
			return nil, err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usable(); err != nil {
		return nil, err
	}
	list, after, err := j.prepare(drafts, j.head, j.signer)
	if err != nil {
		return nil, err
	}
	err = j.write(ctx, func(ctx context.Context, s *store) error {
		if err := j.markSecond(ctx, s); err != nil {
			return err
		}
		return s.insert(ctx, list)
	})
	if err != nil {
		return nil, err
	}
	return j.finish(list, after)
}

// prepare makes and signs the entries that continue h.
func (j *Journal) prepare(drafts []Draft, h head, signer *wire.Signer) ([]written, head, error) {
	list := make([]written, len(drafts))
	for i := range drafts {
		w, err := j.seal(&drafts[i], h, signer)
		if err != nil {
			return nil, h, err
		}
		list[i] = w
		hash := w.Hash // of its own: a slice into w would keep w, and through each Prev all before it
		h = head{epoch: h.epoch, last: w.Entry.Seq, hash: hash[:], pos: w.Pos}
	}
	return list, h, nil
}

func (j *Journal) seal(d *Draft, h head, signer *wire.Signer) (written, error) {
	e := j.entry(d, h)
	body, raw, err := j.body(d, e)
	if err != nil {
		return written{}, fmt.Errorf("%s: %w", e.Kind, err)
	}
	envelope, hash, err := wire.SealEntry(signer, e)
	if err != nil {
		return written{}, fmt.Errorf("%s: %w", e.Kind, err)
	}
	if n := len(envelope) + len(raw); n > maxEntry {
		return written{}, payment.Errorf(payment.Invalid, "journal.Append", "%w: %s of %d bytes, at most %d",
			ErrTooLarge, e.Kind, n, maxEntry)
	}
	r := Record{Pos: h.pos + 1, Entry: e, Hash: hash, Envelope: envelope, Body: raw}
	return written{r, body}, nil
}

// finish puts what is committed on the second medium and makes it the head.
func (j *Journal) finish(list []written, after head) ([]Record, error) {
	if j.second != nil {
		if err := j.second.append(list); err != nil {
			return nil, j.stop(err)
		}
	}
	j.setHead(after)
	j.shown = after
	j.announce()
	records := make([]Record, len(list))
	for i, w := range list {
		records[i] = w.Record
	}
	return records, nil
}

// insert writes entries, bodies and projections into the open transaction.
func (s *store) insert(ctx context.Context, list []written) error {
	p := projector{store: s, version: schemaVersion}
	for i := range list {
		if err := s.insertRow(ctx, &list[i].Record); err != nil {
			return err
		}
		if err := p.apply(ctx, &list[i]); err != nil {
			return err
		}
	}
	return s.mark(ctx, list[len(list)-1].Pos)
}

func (s *store) insertRow(ctx context.Context, r *Record) error {
	e := r.Entry
	_, err := s.exec(ctx, `INSERT INTO entry (pos, epoch, seq, hash, prev, envelope, kind, sale, payment, business_date, wall)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.Pos, int64(e.Epoch), int64(e.Seq), r.Hash[:], orEmpty(e.Prev), r.Envelope, int64(e.Kind), idOrNull(e.Sale),
		idOrNull(e.Payment), int64(e.BusinessDate), e.Wall)
	if err != nil {
		return fmt.Errorf("writing entry %d: %w", e.Seq, err)
	}
	if len(e.BodyHash) == 0 {
		return nil
	}
	if _, err := s.exec(ctx, `INSERT INTO body (pos, raw) VALUES (?, ?)`, r.Pos, r.Body); err != nil {
		return fmt.Errorf("writing the body of entry %d: %w", e.Seq, err)
	}
	return nil
}

// mark says how far the projections have come.
func (s *store) mark(ctx context.Context, pos int64) error {
	_, err := s.exec(ctx, `UPDATE projection SET pos = ? WHERE name IN ('base', 'online', 'carried')`, pos)
	if err != nil {
		return fmt.Errorf("marking the projections: %w", err)
	}
	return nil
}

// orEmpty keeps the driver from writing NULL for no bytes.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// idOrNull is what a nullable identifier column takes.
func idOrNull(id *payment.ID) any {
	if id == nil {
		return nil
	}
	return id[:]
}
