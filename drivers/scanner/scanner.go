// Package scanner turns the bytes of a barcode scanner into codes: whole ones, each once, by the rules of a device
// profile. What arrives broken is said to be broken and never passed on.
//
// It does not know what a code means. It hands over everything that was scanned, payment code or not, and the same
// code again as often as it is scanned: what that means is for the checkout to say.
package scanner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"tilld/drivers/port"
	"tilld/firmware-configs"
)

// minPrefix is the least length of a house prefix: a shorter one stands in ordinary codes by chance.
const minPrefix = 3

// queue is how many events wait for a slow receiver before the scanner stops reading. A cashier does not scan as
// many ahead of a screen that stands still.
const queue = 64

// Config says which scanner, and how the lane's parts are plugged in. Only Profile is required, and Spec if the
// profile names no USB ids.
type Config struct {
	Spec          port.Spec        // zero: the one USB device that the profile is for
	Profile       firmware.Profile // valid, as firmware.Load gives it
	HousePrefixes []string         // how house codes begin; see NewFramer
	LockDir       string           // see port.Options
	Backoff       port.Backoff     // zero: port.DefaultBackoff
	Log           *slog.Logger     // nil: no log. Codes are never logged

	Now   func() time.Time                     // nil: time.Now. Must not be set back (time.Now is not, whatever the wall clock does)
	After func(time.Duration) <-chan time.Time // nil: time.After
	Rand  func() float64                       // nil: math/rand/v2; the jitter of the back-off
	Open  port.Opener                          // nil: port.Open with Spec, Profile and LockDir; for replays and tests
}

// Stats counts since New.
type Stats struct {
	Bytes    uint64 // read from the port
	Symbols  uint64
	BadReads uint64
	Blanked  uint64
	Losses   uint64
}

// Scanner is one barcode scanner, present or not.
type Scanner struct {
	cfg   Config
	stats struct{ bytes, symbols, badReads, blanked, losses atomic.Uint64 }
}

// New checks the configuration. It opens nothing.
func New(cfg Config) (*Scanner, error) {
	if err := cfg.Profile.Validate(); err != nil {
		return nil, fmt.Errorf("scanner profile %q: %w", cfg.Profile.Name, err)
	}
	for _, p := range cfg.HousePrefixes {
		if len(p) < minPrefix {
			return nil, fmt.Errorf("scanner: a house prefix of %d characters, at least %d are needed", len(p), minPrefix)
		}
	}
	if cfg.Spec.IsZero() {
		for _, id := range cfg.Profile.USB {
			cfg.Spec.USB = append(cfg.Spec.USB, port.USBID(id))
		}
	}
	if cfg.Open == nil {
		if err := cfg.Spec.Validate(); err != nil {
			return nil, fmt.Errorf("scanner: %w", err)
		}
		cfg.Open = serialOpener(cfg)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.After == nil {
		cfg.After = time.After
	}
	return &Scanner{cfg: cfg}, nil
}

func serialOpener(cfg Config) port.Opener {
	wire := cfg.Profile.Serial
	set := port.Settings{Baud: wire.Baud, DataBits: wire.DataBits, Parity: port.Parity(wire.Parity), StopBits: wire.StopBits}
	return func() (port.Port, error) { return port.Open(cfg.Spec, set, port.Options{LockDir: cfg.LockDir}) }
}

// Stats returns the counters. It may be called at any time, from any goroutine.
func (s *Scanner) Stats() Stats {
	return Stats{
		Bytes:    s.stats.bytes.Load(),
		Symbols:  s.stats.symbols.Load(),
		BadReads: s.stats.badReads.Load(),
		Blanked:  s.stats.blanked.Load(),
		Losses:   s.stats.losses.Load(),
	}
}

// Run keeps the scanner open and hands over what it has to tell, one event at a time and in order, from this
// goroutine. It returns when ctx ends, with ctx's error; a scanner that is missing, busy or broken is an event, not
// an error. deliver may take its time (events wait, and times are taken before), but must return when ctx ends.
//
// Run it once at a time.
func (s *Scanner) Run(ctx context.Context, deliver func(Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // when deliver panics
	events := make(chan Event, queue)
	ended := make(chan error, 1)
	go func() {
		defer close(events)
		ended <- s.supervise(ctx, events)
	}()
	for e := range events {
		if ctx.Err() == nil {
			deliver(e)
		}
	}
	return <-ended
}

func (s *Scanner) supervise(ctx context.Context, events chan<- Event) error {
	l := &listener{Scanner: s, out: events, done: ctx.Done()}
	sup := &port.Supervisor{Open: s.cfg.Open, Backoff: s.cfg.Backoff, Now: s.cfg.Now, After: s.cfg.After, Rand: s.cfg.Rand}
	return sup.Run(ctx, l.listen, l.changed)
}

// listener is one Run of a Scanner: what it remembers from one life of the port to the next.
type listener struct {
	*Scanner
	out  chan<- Event
	done <-chan struct{}

	device   string    // the latest that was open
	lostWith error     // the kind of the last Lost that was told; nil while the scanner is there
	lostAt   time.Time // when it was lost
}

// errOther stands for the kind of an error that has none.
var errOther = errors.New("other")

// changed hears from the supervisor. A missing scanner is tried again and again, and told of once for each reason.
func (l *listener) changed(c port.Change) {
	if c.Err == nil {
		l.device = c.Device // Returned is told when it is known to be in step: see listen
		return
	}
	kind := port.Kind(c.Err)
	switch {
	case kind == nil:
		kind = errOther
	case kind == port.ErrNotFound && l.lostWith == port.ErrUnplugged:
		return // what else, of a scanner that has been pulled out
	}
	if kind == l.lostWith {
		return
	}
	if l.lostWith == nil {
		l.lostAt = c.At
		l.stats.losses.Add(1)
	}
	l.lostWith = kind
	l.cfg.Log.Warn("scanner lost", "port", l.cfg.Spec.String(), "device", l.device, "error", c.Err)
	l.tell(Lost{At: c.At, Device: l.device, Err: c.Err})
}

func (l *listener) returned(device string) {
	r := Returned{At: l.cfg.Now(), Device: device}
	if l.lostWith != nil {
		r.Away = r.At.Sub(l.lostAt)
	}
	l.lostWith = nil
	l.cfg.Log.Info("scanner ready", "port", l.cfg.Spec.String(), "device", device)
	l.tell(r)
}

// tell counts an event and hands it over, unless nobody listens any more.
func (l *listener) tell(e Event) {
	switch e := e.(type) {
	case Symbol:
		l.stats.symbols.Add(1)
	case Blanked:
		l.stats.blanked.Add(1)
	case BadRead:
		l.stats.badReads.Add(1)
		l.cfg.Log.Info("bad read", "device", l.device, "reason", e.Reason.String(), "length", e.Length)
	}
	select {
	case l.out <- e:
	case <-l.done:
	}
}
