package clock

import (
	"sync"
	"time"
)

// Source is where a Clock asks. System is the machine's; tests have their own.
type Source struct {
	Wall   func() time.Time
	Boot   func() (time.Duration, error) // since the machine started, sleep included
	BootID string                        // of this start of the machine
}

// noteStep is the size from which a reading tells that the wall clock was set; below are scheduling and
// time servers' small corrections.
const noteStep = 2 * time.Second

// Clock answers what time it is. It is safe for concurrent use.
type Clock struct {
	src   Source
	mu    sync.Mutex
	saved Saved
	last  Moment // of the last reading; zero before the first
}

// New takes what was saved last, or the zero Saved.
func New(src Source, saved Saved) *Clock { return &Clock{src: src, saved: saved} }

// Read asks the clocks. Step in the answer tells that the wall clock was moved since the last reading, by
// two seconds or more (below zero: back).
func (c *Clock) Read() Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.moment()
	r := Judge(c.saved, m)
	c.saved = c.saved.raise(r)
	if !c.last.Wall.IsZero() && sameBoot(c.last.BootID, m.BootID) {
		step := r.Wall.Sub(c.last.Wall) - (m.Boot - c.last.Boot)
		if step.Abs() >= noteStep {
			r.Step = step
		}
	}
	c.last = r.Moment
	return r
}

// Anchor takes HQ's signed time from an answer to a question that left at sent, by the boot-time clock.
// The caller has made sure that the answer is fresh, that is, that it repeats that question's challenge: a
// replayed answer must never come here. ErrSlow, ErrEarlier and ErrBoot leave the clock as it was.
func (c *Clock) Anchor(hq time.Time, sent time.Duration) (Saved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next, err := c.saved.renew(c.moment(), hq, sent)
	if err != nil {
		return c.saved, err
	}
	c.saved = next
	return next, nil
}

// Saved is what to keep, as of the last Read or Anchor.
func (c *Clock) Saved() Saved {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.saved
}

// Wall is the wall clock, for time stamps and identifiers.
func (c *Clock) Wall() time.Time { return c.src.Wall() }

// Boot is the boot-time clock, for the moment at which a question leaves; below zero when it can't be read.
func (c *Clock) Boot() time.Duration {
	if m := c.moment(); m.BootID != "" {
		return m.Boot
	}
	return -1
}

func (c *Clock) moment() Moment {
	m := Moment{Wall: c.src.Wall().Round(0).UTC(), BootID: c.src.BootID}
	boot, err := c.src.Boot()
	if err != nil {
		// Without it this is as good as another start of the machine: only the wall clock is left.
		m.BootID = ""
		return m
	}
	m.Boot = boot
	return m
}
