package settle

import (
	"fmt"
	"time"

	"tilld/agent/payment"
)

// Schedule says when an account's settlement dates end. The wallet operator's agreement gives it.
type Schedule struct {
	Account
	Zone  *time.Location // the operator's cut-off zone
	After time.Duration  // wall clock after midnight of the settlement date, whole minutes up to 48 h: 28h is 04:00 the next day
}

// Validate says what is wrong with a schedule.
func (s *Schedule) Validate() error {
	if err := s.Account.Validate(); err != nil {
		return err
	}
	if s.Zone == nil {
		return fmt.Errorf("%s: no cut-off zone", s.Account)
	}
	if s.After <= 0 || s.After > 48*time.Hour || s.After%time.Minute != 0 {
		return fmt.Errorf("%s: cut-off %s after midnight: want whole minutes, above 0 and up to 48h", s.Account, s.After)
	}
	return nil
}

// Due is the moment at which the settlement date is cut. It is a time on the wall: where clocks are put
// forward or back in between, the day is as long as people there have it.
func (s *Schedule) Due(date payment.Date) time.Time {
	y, m, d := date.Time().Date()
	return time.Date(y, m, d, 0, int(s.After/time.Minute), 0, 0, s.Zone)
}

// Open is the settlement date that is running at now: the first whose cut is still to come.
func (s *Schedule) Open(now time.Time) payment.Date {
	date := payment.DateOf(now.In(s.Zone).AddDate(0, 0, -3))
	for !s.Due(date).After(now) {
		date = date.Next()
	}
	return date
}
