package drivertest

import (
	"slices"
	"sync"
	"time"
)

// Clock is a clock that stands still until a test moves it. It makes silences and back-offs exact on pseudo-terminals,
// where testing/synctest does not reach: a goroutine that waits in a system call keeps its bubble's time from passing.
type Clock struct {
	mu      sync.Mutex
	now     time.Time
	waiting []alarm // soonest first
	armed   chan struct{}
}

type alarm struct {
	at   time.Time
	ring chan time.Time
}

// NewClock returns a clock that stands at some fixed time.
func NewClock() *Clock {
	return &Clock{now: time.Date(2019, 7, 1, 10, 0, 0, 0, time.UTC), armed: make(chan struct{}, 1)}
}

// Now is a time.Now.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// After is a time.After.
func (c *Clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := alarm{at: c.now.Add(d), ring: make(chan time.Time, 1)}
	if d <= 0 {
		a.ring <- c.now
		return a.ring
	}
	i, _ := slices.BinarySearchFunc(c.waiting, a, func(e, a alarm) int {
		return e.at.Compare(a.at.Add(1)) // behind those of the same time
	})
	c.waiting = slices.Insert(c.waiting, i, a)
	c.signal()
	return a.ring
}

// Advance moves the clock and rings what has become due.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moveTo(c.now.Add(d))
}

// Armed has something to receive when somebody may be waiting for the clock: see AdvanceToNext.
func (c *Clock) Armed() <-chan struct{} { return c.armed }

// AdvanceToNext moves the clock to the next alarm, if there is one.
func (c *Clock) AdvanceToNext() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) > 0 {
		c.moveTo(c.waiting[0].at)
	}
}

func (c *Clock) moveTo(t time.Time) {
	c.now = t
	for len(c.waiting) > 0 && !c.waiting[0].at.After(t) {
		c.waiting[0].ring <- t
		c.waiting = c.waiting[1:]
	}
	if len(c.waiting) > 0 {
		c.signal()
	}
}

func (c *Clock) signal() {
	select {
	case c.armed <- struct{}{}:
	default:
	}
}
