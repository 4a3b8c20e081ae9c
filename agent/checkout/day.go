package checkout

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tilld/agent/payment"
)

// StaleSale is how long a sale that nobody touches may hold up the business date: after that a sale which is
// still waiting for a code is cancelled with the day's close, so that a lane rolls its day by itself.
const StaleSale = 15 * time.Minute

// RollDue says whether the business date must change before anything else happens.
//
// A date never changes under a sale that waits for a code: the sale, its payment and all its entries are of
// the date on which it was opened, so a date's entries are one run of sequence numbers. Under a clock that
// can't be trusted the date stays; one that only the wall clock vouches for goes forward only; HQ's time sets
// it right either way, and a date that is opened twice has two runs, each with a close of its own. No policy
// takes a date back: see dateFor.
func RollDue(s State, c Context) bool {
	to := dateFor(s, c)
	switch {
	case to.Validate() != nil:
		return false
	case s.Day == 0:
		return true
	case !c.Now.Trusted || to == s.Day || c.Now.Restarted && to < s.Day:
		return false
	}
	return !s.Phase.Asked() && (!s.Phase.Waiting() || stale(&s, c))
}

// jitter is how far the time may step back between two of HQ's answers without the clock having been fast: an answer
// that was long on its way sets it ahead by up to half a minute (clock.MaxRoundTrip), the next one sets that right.
const jitter = 2 * time.Minute

// dateFor is the date to be open now. A date goes back only where the clock was fast, that is, where the moment
// at which it was opened has not come yet by more than jitter. A policy with a later roll or a zone further west would
// put the present moment on a date that is closed already; then the one that is open stays until the next begins.
func dateFor(s State, c Context) payment.Date {
	to, held := businessDate(c), max(s.Day, s.Before)
	if to < held && to.Validate() == nil && !c.Now.Time.Before(s.Opened.Add(-jitter)) {
		return held
	}
	return to
}

func businessDate(c Context) payment.Date {
	return payment.BusinessDate(c.Now.Time, c.Place.Zone, c.Place.Roll)
}

// stale asks the boot-time clock, which nobody can set. After a restart of the machine the wait begins anew.
func stale(s *State, c Context) bool {
	return c.Now.Boot-s.Touched > StaleSale || c.Now.Boot < s.Touched
}

func dayRoll(s State, e DayRoll, c Context) (Decision, error) {
	if !RollDue(s, c) {
		return Decision{}, payment.Errorf(payment.Conflict, op, "the business date is not to change now")
	}
	if err := canWrite(c); err != nil {
		return Decision{}, err
	}
	d := Decision{State: s}
	if s.Phase.Waiting() && s.Day != 0 { // with no date open the journal has begun a new epoch, and the sale goes on in that
		d = endSale(s, c)
	}
	if s.Day != 0 {
		closed, err := closeDay(&e)
		if err != nil {
			return Decision{}, err
		}
		d.Drafts = append(d.Drafts, draft(&d.State, c, closed))
	}
	d.State.Day, d.State.Before, d.State.Opened = dateFor(s, c), 0, c.Now.Time
	d.Drafts = append(d.Drafts, draft(&d.State, c, &payment.DayOpened{}))
	return d, nil
}

// closeDay checks figures that are about to be signed.
func closeDay(e *DayRoll) (*payment.DayClosed, error) {
	if e.First == 0 {
		return nil, payment.Errorf(payment.Internal, op, "a date can't be closed without the sequence of its opening")
	}
	for _, t := range e.Totals {
		if !t.Currency.Known() || t.Wallet == "" || t.Sum < 0 || t.VoidSum < 0 || t.VoidSum > t.Sum || t.VoidCount > t.Count {
			return nil, payment.Errorf(payment.Internal, op, "the day's figures of %q contradict each other", t.Wallet)
		}
	}
	totals := slices.SortedFunc(slices.Values(e.Totals), func(a, b payment.DayTotal) int {
		if n := strings.Compare(a.Wallet, b.Wallet); n != 0 {
			return n
		}
		return strings.Compare(string(a.Currency), string(b.Currency))
	})
	for _, t := range e.Refunds {
		if !t.Currency.Known() || t.Wallet == "" || t.Sum <= 0 || t.Count == 0 {
			return nil, payment.Errorf(payment.Internal, op, "the day's refunds of %q contradict each other", t.Wallet)
		}
	}
	back := slices.SortedFunc(slices.Values(e.Refunds), func(a, b payment.RefundTotal) int {
		return cmp.Or(strings.Compare(a.Wallet, b.Wallet), strings.Compare(string(a.Currency), string(b.Currency)))
	})
	return &payment.DayClosed{FirstSeq: e.First, Totals: totals, Refunds: back}, nil
}
