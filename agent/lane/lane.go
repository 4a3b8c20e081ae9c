// Package lane runs one checkout: scans and commands come in, agent/checkout decides, the journal keeps what
// it decided, and only then is anything shown.
//
// One goroutine owns the checkout's state (Run); everything else asks it. A reader would easily get this
// wrong: the state that counts is the journal's. After a restart, and after the journal has stopped and was
// reopened, the lane reads its state from there again, so an approval that reached the disk in the moment of
// a crash is shown as paid, and one that did not was never shown.
//
//	scanner ─┐                     ┌─> View (screens), events (the shop's POS)
//	POS ─────┼─> Run ─> checkout ──┤
//	cashier ─┘      <── journal <──┘   an error of the journal: stop, reopen, read again, sell on
package lane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/clock"
	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

const (
	tick        = time.Second      // between looks at the clock, the day and the journal
	reopenFirst = time.Second      // before the first attempt to reopen a stopped journal
	reopenMost  = 30 * time.Second // between later ones
	keepShown   = 20 * time.Second // a finished sale stays on the screen when the POS has its outcome
	saveClock   = time.Minute      // between savings of the clock when nothing is written
	settleDown  = tick / 4         // between readings of the journal's figures while acknowledgements stream in
)

// Config is what a lane needs. Every field but Asker and ByHand must be set.
type Config struct {
	Journal *journal.Journal
	Clock   *clock.Clock
	Place   checkout.Place // zone and roll until a policy says otherwise
	Bundle  *policy.Bundle // as the journal keeps it; see Load in package policy
	HashKey policy.HashKey // for hashes of codes
	IDs     *payment.IDs
	Log     *slog.Logger
	Asker   Asker // nil: nobody is asked about a payment
	// ByHand: there is no Run. Whoever calls a method does its work, one at a time, and calls Tick about once
	// a second, on a time of its own.
	ByHand bool
}

// Lane is one checkout lane. Make it with New, then Run it once; every method may be called from anywhere.
type Lane struct {
	cfg  Config
	jobs chan job
	feed *feed

	mu      sync.Mutex
	view    View
	watch   map[chan struct{}]bool
	scanner Scanner
	online  Online
	reach   Reach
	bundle  *policy.Bundle
	place   checkout.Place   // under placed; see believes
	placed  *policy.Document // nil: none yet
	till    tillPaper        // under which an issuer knows this till; empty: none

	// Below is the goroutine's of Run.
	state    checkout.State
	shown    shown
	figures  figures
	standing standing
	unheard  bool // a word of HQ's about an attempt could not be written down
	// parkedByPOS are the parked sales that the shop's POS opened, and completes.
	parkedByPOS map[payment.ID]bool
	twice       bool
	stopped     bool
	reopenAt    time.Time
	reopenIn    time.Duration
	savedAt     time.Time
	room        error         // why no sale can begin; nil: there is room on the disks
	probedAt    time.Duration // when they were last tried, by the boot-time clock
}

// shown is what the screen shows beside the state.
type shown struct {
	answer  checkout.Answer
	done    bool // cleared: the next customer
	fromPOS bool
	until   time.Time // when a finished sale leaves by itself; zero: when somebody clears it
	notice  Notice
	number  uint64
	offer   string // the sale as a text for the customer's phone, as it was shown last
}

type job struct {
	ctx   context.Context
	run   func(context.Context) error
	quiet bool // it wrote nothing
	done  chan error
}

// New reads the lane's state from the journal. A sale that was waiting for a code when the program ended is
// cancelled: nobody paid, and nobody knows who stands at the till now.
func New(ctx context.Context, cfg Config) (*Lane, error) {
	if cfg.Asker == nil {
		cfg.Asker = nobody{}
	}
	l := &Lane{
		cfg: cfg, jobs: make(chan job), feed: newFeed(), watch: map[chan struct{}]bool{}, bundle: cfg.Bundle, place: cfg.Place,
		scanner: Scanner{State: ScannerStart, Since: cfg.Clock.Wall()}, online: Online{Since: cfg.Clock.Wall()},
		parkedByPOS: map[payment.ID]bool{},
	}
	_ = l.probe()                                                              // noted, and shown
	if err := l.load(ctx); err != nil && !errors.Is(err, journal.ErrStopped) { // stopped: Run ends that, as at any other time
		return nil, err
	}
	if err := l.recallFork(ctx); err != nil {
		return nil, err
	}
	if err := l.recallStanding(ctx); err != nil {
		return nil, err
	}
	if err := l.recallTill(ctx); err != nil {
		return nil, err
	}
	l.refresh(ctx)
	return l, nil
}

// Run works until ctx ends, and returns its error.
func (l *Lane) Run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		changed := l.cfg.Journal.Changed()
		l.refresh(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case j := <-l.jobs:
			j.done <- l.runJob(ctx, j)
		case <-changed:
			l.figures.stale = true
		case <-ticker.C:
			l.onTick(ctx)
		}
	}
}

// runJob does one job unless whoever wanted it has gone. A job that has begun is finished: what is half
// journalled must not be left unanswered, so it runs under the lane's context.
func (l *Lane) runJob(ctx context.Context, j job) error {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	err := j.run(ctx)
	if !j.quiet {
		l.figures.stale, l.figures.read = true, false // whoever asked sees the figures with his act in them
	}
	l.refresh(ctx)
	return err
}

// do hands a job to the goroutine of Run and waits for it.
func (l *Lane) do(ctx context.Context, run func(context.Context) error) error {
	return l.hand(ctx, job{ctx: ctx, run: run, done: make(chan error, 1)})
}

func (l *Lane) hand(ctx context.Context, j job) error {
	if l.cfg.ByHand {
		return l.runJob(ctx, j)
	}
	select {
	case l.jobs <- j:
		return <-j.done
	case <-ctx.Done():
		return payment.Errorf(payment.Retry, "lane", "the lane is busy: %w", ctx.Err())
	}
}

// Tick is what Run does once a second.
func (l *Lane) Tick(ctx context.Context) {
	l.onTick(ctx)
	l.figures.stale = true
	l.refresh(ctx)
}

// onTick looks after what nobody asks for: a stopped journal, the business date, the screen, the clock.
func (l *Lane) onTick(ctx context.Context) {
	now := l.cfg.Clock.Wall()
	if l.cfg.Journal.Stopped() != nil {
		l.reopen(ctx, now)
		return
	}
	l.checkRoom()
	l.attemptsDue(ctx)
	l.refundsDue(ctx)
	c := l.context()
	if l.state.Day != 0 && checkout.RollDue(l.state, c) {
		if err := l.roll(ctx, c); err != nil {
			l.cfg.Log.Error("the business date could not roll", "date", l.state.Day.String(), "error", err)
		}
	}
	if !l.shown.until.IsZero() && now.After(l.shown.until) {
		l.clear()
	}
	if now.Sub(l.savedAt).Abs() > saveClock {
		l.keepClock(ctx)
	}
}

// reopen tries to end a stop of the journal; until it succeeds nothing is sold.
func (l *Lane) reopen(ctx context.Context, now time.Time) {
	if !l.stopped {
		l.stopped, l.reopenIn, l.reopenAt = true, reopenFirst, now.Add(reopenFirst)
		l.cfg.Log.Error("the journal has stopped; nothing is sold until it is open again", "error", l.cfg.Journal.Stopped())
		_ = l.probe() // noted, and shown: most often the disk is full
		return
	}
	if now.Before(l.reopenAt) {
		return
	}
	err := l.probe() // a journal that opens can't be written to for that
	var left []journal.Record
	if err == nil {
		left, err = l.cfg.Journal.Reopen(ctx)
	}
	if err == nil {
		err = l.load(ctx)
	}
	if err != nil {
		l.reopenIn = min(2*l.reopenIn, reopenMost)
		l.reopenAt = now.Add(l.reopenIn)
		l.cfg.Log.Error("the journal could not be reopened", "error", err, "again_in", l.reopenIn.String())
		return
	}
	l.stopped, l.figures.stale = false, true
	l.cfg.Log.Info("the journal is open again", "entries_kept", len(left))
}

// keepClock saves the clock over a restart. What is lost when it can't is how far the floor had risen.
func (l *Lane) keepClock(ctx context.Context) {
	raw, err := l.cfg.Clock.Saved().Bytes()
	if err == nil {
		err = l.cfg.Journal.SetClockAnchor(ctx, raw)
	}
	if err != nil && !errors.Is(err, journal.ErrStopped) {
		l.cfg.Log.Error("the clock could not be saved", "error", err)
	}
	l.savedAt = l.cfg.Clock.Wall()
}

// load reads the checkout's state from the journal.
func (l *Lane) load(ctx context.Context) error {
	s, fromPOS, err := l.readState(ctx)
	if err != nil {
		return fmt.Errorf("reading the lane's state: %w", err)
	}
	if err := l.recallAttempts(ctx, &s); err != nil {
		return fmt.Errorf("reading the lane's state: %w", err)
	}
	if err := l.recallRefunds(ctx, &s); err != nil {
		return fmt.Errorf("reading the lane's state: %w", err)
	}
	seen, err := l.cleared(ctx, s)
	if err != nil {
		return fmt.Errorf("reading the lane's state: %w", err)
	}
	l.state, l.shown = s, shown{done: s.Phase != checkout.Paid || seen, fromPOS: fromPOS, number: l.shown.number}
	if s.Phase == checkout.Paid {
		l.shown.answer = checkout.Answer{
			Kind: checkout.Approved, Outcome: payment.Paid, Payment: s.Last.Payment, Sale: s.Sale.ID, Amount: s.Last.Amount, Wallet: s.Last.Wallet,
		}
	}
	return l.cancelLeftOpen(ctx)
}
