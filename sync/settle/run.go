package settle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tilld/agent/payment"
)

// look is the longest that Run waits before it looks at the clock again: a machine's clock may be set, and
// a failed cut is tried again then.
const look = time.Minute

// Run closes every settlement date when it ends, and at the start those that ended while nothing ran,
// until ctx is done. What fails is logged and tried again.
func (s *Settler) Run(ctx context.Context) error {
	for {
		wait, err := s.Step(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.Log.ErrorContext(ctx, "settlement failed", "error", err.Error())
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// Step closes what is due and says how long to wait until it makes sense to look again. It is what Run does
// between two waits.
func (s *Settler) Step(ctx context.Context) (wait time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(ctx); err != nil {
		return look, err
	}
	var errs []error
	wait = look
	for _, sched := range s.schedule {
		if _, err := s.closeDue(ctx, sched); err != nil {
			errs = append(errs, fmt.Errorf("closing %s: %w", sched.Account, err))
			continue
		}
		now := s.Now()
		wait = min(wait, sched.Due(sched.Open(now)).Sub(now))
	}
	return max(wait, time.Millisecond), errors.Join(errs...)
}

// closeDue closes the dates of an account that have ended, oldest first, each with a batch of its own. An
// account that was never closed begins with the newest of them: what is older is in there as late.
func (s *Settler) closeDue(ctx context.Context, sched Schedule) ([]Ref, error) {
	last, err := s.Store.LastClosed(ctx, sched.Account)
	if err != nil {
		return nil, err
	}
	open := sched.Open(s.Now())
	date := payment.DateOf(open.Time().AddDate(0, 0, -1))
	if last != 0 {
		date = last.Next()
	}
	var all []Ref
	for ; date < open; date = date.Next() {
		refs, err := s.closeAccount(ctx, sched, date)
		all = append(all, refs...)
		if err != nil {
			return all, fmt.Errorf("%s: %w", date, err)
		}
		for _, r := range refs {
			s.Log.InfoContext(ctx, "settlement batch closed", "batch", r.ID.String(), "wallet", r.Wallet,
				"settlement_date", r.SettlementDate.String(), "number", r.Number, "count", r.Count)
		}
	}
	return all, nil
}
