package settle

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"tilld/agent/payment"
)

// decide makes one batch: read, build, archive, commit, in this order. From the moment at which it lies in
// the archive the batch is decided; if the ledger does not take it now, reconcile brings it there before
// anything else is cut.
func (s *Settler) decide(ctx context.Context, account Account, date payment.Date, cause Cause) (b *Batch, more bool, err error) {
	cut, more, err := s.Store.ReadCut(ctx, account, date, cmp.Or(s.Limit, MaxLines))
	if err != nil {
		return nil, false, err
	}
	if len(cut.Lines) == 0 && cause == CauseNow {
		return nil, false, nil
	}
	if cut.Account != account || cut.SettlementDate != date {
		return nil, false, fmt.Errorf("%w: asked for %s %s, read %s", ErrCut, account, date, cut.Key)
	}
	cut.Cause, cut.At = cause, s.Now()
	if more && cause == CauseDay {
		cut.Cause = CausePart
	}
	if b, err = Build(cut); err != nil {
		return nil, false, err
	}
	if err := s.Archive.Put(b); err != nil {
		s.settled = false
		return nil, false, err
	}
	if err := s.Store.CommitBatch(ctx, b); err != nil {
		s.settled = false
		return nil, false, err
	}
	return b, more, nil
}

// CatchUp brings the batches of the archive into a ledger that lacks some, because it was restored from a backup or HQ
// was killed, and returns nil when none is missing any more. Nothing may be judged before: of two payments by one code
// the batches know which was settled, and whoever judges without them takes the other one. A batch that the ledger
// refuses for good does not hold up everybody: its account is blocked, and the settler's Run says so.
func (s *Settler) CatchUp(ctx context.Context) error {
	if s.caughtUp.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.caughtUp.Load() {
		return nil
	}
	if err := s.reconcile(ctx); err != nil {
		return err
	}
	var errs []error
	for _, err := range s.blocked {
		if !refused(err) {
			errs = append(errs, fmt.Errorf("%w: %w", ErrPending, err))
		}
	}
	return errors.Join(errs...)
}

// refused says that a ledger will never take a batch, for what is in either.
func refused(err error) bool {
	code := payment.CodeOf(err)
	return code == payment.Conflict || code == payment.Invalid
}

// reconcile commits every batch of the archive that the ledger does not have: a crash came between, or the
// ledger was restored from a backup. An account whose batch the ledger refuses is blocked, for its lines
// could be settled twice; an archive that can't be read stops every account.
func (s *Settler) reconcile(ctx context.Context) error {
	pending, err := pending(ctx, s.Store, s.Archive)
	if err != nil {
		return fmt.Errorf("comparing the archive with the ledger: %w", err)
	}
	s.blocked = map[Account]error{}
	late := false
	for _, h := range pending {
		if s.blocked[h.Account] != nil {
			continue
		}
		if err := s.adopt(ctx, h.ID); err != nil {
			s.blocked[h.Account] = fmt.Errorf("batch %s: %w", h.ID, err)
			late = late || !refused(err)
		}
	}
	s.settled = len(s.blocked) == 0
	if !late {
		s.caughtUp.Store(true)
	}
	return nil
}

func (s *Settler) adopt(ctx context.Context, id payment.ID) error {
	b, err := s.Archive.Load(id)
	if err != nil {
		return err
	}
	if err := s.Archive.Put(b); err != nil { // its name may not be on the disk yet
		return err
	}
	if err := s.Store.CommitBatch(ctx, b); err != nil {
		return err
	}
	s.Log.WarnContext(ctx, "archived batch brought into the ledger: HQ had been killed, or its books put back", "batch", b.ID.String(), "wallet", b.Wallet,
		"settlement_date", b.SettlementDate.String(), "number", b.Number)
	return nil
}
