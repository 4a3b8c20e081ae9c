package settle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tilld/agent/payment"
)

// Errors of Settler. Match with errors.Is.
var (
	ErrNotDue  = errors.New("the settlement date has not ended")
	ErrPassed  = errors.New("a later settlement date is closed already")
	ErrNobody  = errors.New("no such account is settled")
	ErrPending = errors.New("an archived batch is not in the ledger yet")
)

// Ref names a batch and says what it comes to.
type Ref struct {
	ID payment.ID
	Key
	Cause Cause
	Root  EntryHash
	Total
}

// Ref is the batch's name and totals.
func (b *Batch) Ref() Ref {
	return Ref{ID: b.ID, Key: b.Key, Cause: b.Cause, Root: b.Root, Total: b.Total}
}

// Store is the ledger as the settler needs it.
type Store interface {
	// ReadCut reads, in one consistent look, up to limit of the account's lines that are posted and in no
	// batch, in the order in which they were posted, with the Key of the account's next batch for the date
	// (Number one above the highest), AsOf, Control, and Coverage of every known terminal. The settler adds
	// Cause and At. More says that there are further lines.
	ReadCut(ctx context.Context, account Account, date payment.Date, limit int) (cut *Cut, more bool, err error)
	// CommitBatch makes the batch visible: in one transaction its lines become members, its postings are
	// made (2100 store payable to 2400 settlement payable) and the batch is listed. A batch that is there
	// already is no error and changes nothing; another content under its ID is, and so is a line that is
	// a member of another batch. Lines whose entries the ledger does not hold (it was restored from a
	// backup) are members all the same: when the entries come they are settled already.
	CommitBatch(ctx context.Context, b *Batch) error
	// HasBatch says whether a batch is committed.
	HasBatch(ctx context.Context, id payment.ID) (bool, error)
	// DayBatches lists the committed batches of the account's settlement date, by number.
	DayBatches(ctx context.Context, account Account, date payment.Date) ([]Ref, error)
	// LastClosed is the account's highest settlement date with a batch of CauseDay; zero when none.
	LastClosed(ctx context.Context, account Account) (payment.Date, error)
}

// Settler decides cuts, each once. It is safe for concurrent use; it makes one cut at a time.
type Settler struct {
	Store     Store
	Archive   *Archive
	Schedules func(context.Context) ([]Schedule, error) // what is settled, and when; asked for each time
	Now       func() time.Time
	Log       *slog.Logger
	Limit     int // lines in one batch at most; 0 is MaxLines

	mu       sync.Mutex
	settled  bool              // everything in the archive is in the ledger; only reconcile says so
	caughtUp atomic.Bool       // see CatchUp; once it is so it stays so
	blocked  map[Account]error // accounts with an archived batch that the ledger refuses
	schedule []Schedule
}

// CloseDay closes a settlement date for every account, with an empty batch where there was nothing. What
// is closed stays as it is, so doing it again gives the same batches. Accounts that fail do not hold up
// the others; the error joins theirs.
func (s *Settler) CloseDay(ctx context.Context, date payment.Date) ([]Ref, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	var all []Ref
	var errs []error
	for _, sched := range s.schedule {
		refs, err := s.closeAccount(ctx, sched, date)
		all = append(all, refs...)
		if err != nil {
			errs = append(errs, fmt.Errorf("closing %s %s: %w", sched.Account, date, err))
		}
	}
	return all, errors.Join(errs...)
}

// CutNow makes a batch, outside of the day's rhythm, of what is there: for the accounts given, or for all.
// An account with nothing to settle gets none. Dates that are due are closed first, and what that makes is
// among the batches returned.
func (s *Settler) CutNow(ctx context.Context, accounts ...Account) ([]Ref, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	chosen, err := s.choose(accounts)
	if err != nil {
		return nil, err
	}
	var all []Ref
	var errs []error
	for _, sched := range chosen {
		refs, err := s.cutAccount(ctx, sched)
		all = append(all, refs...)
		if err != nil {
			errs = append(errs, fmt.Errorf("cutting %s: %w", sched.Account, err))
		}
	}
	return all, errors.Join(errs...)
}

// begin asks for the schedules and brings the ledger after the archive, once and again after a failure.
func (s *Settler) begin(ctx context.Context) error {
	schedules, err := s.Schedules(ctx)
	if err != nil {
		return fmt.Errorf("settlement schedules: %w", err)
	}
	seen := map[Account]bool{}
	for i := range schedules {
		if err := schedules[i].Validate(); err != nil {
			return fmt.Errorf("settlement schedules: %w", err)
		}
		if seen[schedules[i].Account] {
			return fmt.Errorf("settlement schedules: %s is there twice", schedules[i].Account)
		}
		seen[schedules[i].Account] = true
	}
	s.schedule = schedules
	if s.settled {
		return nil
	}
	return s.reconcile(ctx)
}

func (s *Settler) choose(accounts []Account) ([]Schedule, error) {
	if len(accounts) == 0 {
		return s.schedule, nil
	}
	var chosen []Schedule
	for _, a := range accounts {
		n := len(chosen)
		for _, sched := range s.schedule {
			if sched.Account == a {
				chosen = append(chosen, sched)
			}
		}
		if len(chosen) == n {
			return nil, fmt.Errorf("%w: %s", ErrNobody, a)
		}
	}
	return chosen, nil
}

func (s *Settler) cutAccount(ctx context.Context, sched Schedule) ([]Ref, error) {
	refs, err := s.closeDue(ctx, sched)
	if err != nil {
		return refs, err
	}
	made, err := s.cut(ctx, sched.Account, sched.Open(s.Now()), CauseNow)
	return append(refs, made...), err
}

// closeAccount gives the batches of a date, closing it when it is not closed.
func (s *Settler) closeAccount(ctx context.Context, sched Schedule, date payment.Date) ([]Ref, error) {
	if due := sched.Due(date); s.Now().Before(due) {
		return nil, fmt.Errorf("%w: it ends at %s", ErrNotDue, due.Format(time.RFC3339))
	}
	refs, err := s.Store.DayBatches(ctx, sched.Account, date)
	if err != nil {
		return nil, err
	}
	for _, r := range refs {
		if r.Cause == CauseDay {
			return refs, nil
		}
	}
	last, err := s.Store.LastClosed(ctx, sched.Account)
	if err != nil {
		return nil, err
	}
	if last > date {
		return nil, fmt.Errorf("%w: %s", ErrPassed, last)
	}
	made, err := s.cut(ctx, sched.Account, date, CauseDay)
	return append(refs, made...), err
}

// cut makes batches until there is nothing left to put into one.
func (s *Settler) cut(ctx context.Context, account Account, date payment.Date, cause Cause) ([]Ref, error) {
	if err := s.blocked[account]; err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPending, err)
	}
	var made []Ref
	for {
		b, more, err := s.decide(ctx, account, date, cause)
		if err != nil {
			return made, err
		}
		if b == nil {
			return made, nil
		}
		made = append(made, b.Ref())
		if !more {
			return made, nil
		}
	}
}
