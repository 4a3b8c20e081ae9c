package port

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Backoff is how long to wait before opening again. Each wait is between half and all of a span that begins with
// Min, doubles with every failure and ends at Max: lanes that lost one hub don't all knock at once.
type Backoff struct {
	Min, Max time.Duration
	// Stable is how long a port must have been open for the span to begin at Min again. A device that comes and
	// goes faster counts as failing, so that a bad cable is no busy loop.
	Stable time.Duration
}

// DefaultBackoff has a scanner that is plugged in again work within two seconds, and costs nearly nothing while it
// is out.
var DefaultBackoff = Backoff{Min: 100 * time.Millisecond, Max: 2 * time.Second, Stable: 5 * time.Second}

// wait is the pause before attempt n (from 0), for r within [0, 1).
func (b Backoff) wait(n int, r float64) time.Duration {
	span := b.Max
	if n < 32 && b.Min<<n > 0 && b.Min<<n < b.Max {
		span = b.Min << n
	}
	return span/2 + time.Duration(r*float64(span-span/2))
}

// Opener opens the device once, without waiting for it.
type Opener func() (Port, error)

// Change is told whenever the device has been opened or an attempt or a use of it has ended.
type Change struct {
	At     time.Time
	Device string // the resolved name; empty when it could not be opened
	Err    error  // nil: it is open now. Else why it is not: see the package's sentinels
}

// Supervisor keeps a device open for as long as it runs: it waits for one that is not there, and opens one that
// left as soon as it is back, found anew by its Spec, so under another name too.
type Supervisor struct {
	Open    Opener // required
	Backoff Backoff
	Now     func() time.Time                     // nil means time.Now
	After   func(time.Duration) <-chan time.Time // nil means time.After
	Rand    func() float64                       // nil means math/rand/v2; within [0, 1)
}

// Run opens the device, hands it to use, and does so again whenever use returns, until ctx ends; its error is then
// ctx's. It closes the port after use, and while use runs when ctx ends, so a blocked Read wakes.
//
// note hears of every opening, every failed attempt and every end of use, in order and from this goroutine. Whoever
// shows them to people shows a repeated failure once.
func (s *Supervisor) Run(ctx context.Context, use func(context.Context, Port) error, note func(Change)) error {
	s = s.withDefaults()
	for failures := 0; ; failures++ {
		opened := s.Now()
		if s.runOnce(ctx, use, note) && s.Now().Sub(opened) >= s.Backoff.Stable {
			failures = 0
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.After(s.Backoff.wait(failures, s.Rand())):
		}
	}
}

// runOnce is one life of the port: from opening it to losing it. It reports whether it could be opened.
func (s *Supervisor) runOnce(ctx context.Context, use func(context.Context, Port) error, note func(Change)) bool {
	if ctx.Err() != nil {
		return false
	}
	p, err := s.Open()
	if err != nil {
		note(Change{At: s.Now(), Err: err})
		return false
	}
	stop := context.AfterFunc(ctx, func() { _ = p.Close() }) // its error comes from the Close below too
	note(Change{At: s.Now(), Device: p.Device()})
	err = use(ctx, p)
	stop()
	if closeErr := p.Close(); err == nil {
		err = closeErr
	}
	if ctx.Err() != nil {
		return true // we let go of it: no loss
	}
	if err == nil {
		err = errors.New("port: given up by its user")
	}
	note(Change{At: s.Now(), Device: p.Device(), Err: err})
	return true
}

func (s *Supervisor) withDefaults() *Supervisor {
	c := *s
	if c.Backoff == (Backoff{}) {
		c.Backoff = DefaultBackoff
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	return &c
}
