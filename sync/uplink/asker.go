package uplink

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Attempt is an attempt at an online payment, as its lane wrote it down before anybody was asked.
type Attempt struct {
	Ref           string
	Payment, Sale payment.ID
	Wallet        string
	Amount        payment.Money
	Reference     string // of the sale, the shop's own
	NotAfter      int64  // HQ's clock, Unix ms: from then on nobody may be charged for it
	Policy        uint64 // version that the lane obeys
}

// AskerConfig is all that an Asker needs. Every field without a default named here must be set. All functions are called
// from Run, but Seal, which Charge calls, and Road, which has a goroutine of its own for every call.
type AskerConfig struct {
	Terminal payment.ID
	Signer   func() *wire.Signer // the terminal's present key
	Link     Link                // a Send that takes longer than a moment is given up
	HQKeys   func() wire.Keys    // keys that may sign Answer and Pong now
	HQEpoch  func() uint64       // the highest that the journal has seen; nil: what the Asker has seen itself
	Seal     func() *wire.Confidant
	// Road is the second road: it carries a message to HQ and brings the answer; no answer and no error: HQ has nothing
	// to say. nil: there is none.
	Road func(ctx context.Context, payload []byte) (reply []byte, err error)

	// OnAnswer takes each answer of HQ about an attempt that counts; behind Paid or NotPaid the attempt is forgotten
	// here. It must not block.
	OnAnswer func(ctx context.Context, answer wire.Answer)
	// OnReach is told whether HQ answers, when that changes, and of the wallets whose operators don't. Before the first
	// time nobody knows. It must not block.
	OnReach func(up bool, down []string)

	HQNow func() time.Time // HQ's clock, as well as the lane knows it
	// Now times what the asker does; see Config.
	Now    func() time.Time
	Random func([]byte)
	Jitter func() float64 // 0..1
	Log    *slog.Logger
}

// Asker is the lane's end of an online payment: it asks HQ until it has an answer, and knows whether HQ answers at all.
// Make it with NewAsker; run Run once. Everything else may be called from anywhere, and never blocks.
type Asker struct {
	cfg   AskerConfig
	wake  chan struct{}
	calls sync.WaitGroup // of the second road

	mu      sync.Mutex
	inbox   []func(context.Context)
	waiting int // messages in inbox
	status  AskerStatus

	// Everything below belongs to the goroutine of Run.
	open    []*asking       // oldest first
	onRoad  map[string]bool // references with a call of the second road under way
	hqEpoch uint64
	reach   reach
	said    time.Time // when the log last heard of a refusal
	unsaid  int       // refusals since
}

// AskerStatus is what people are shown.
type AskerStatus struct {
	Known   bool // whether HQ answers has been found out
	Up      bool
	Since   time.Time // when Up last changed
	Down    []string  // wallets whose operator does not answer HQ
	Open    int       // attempts that are asked about
	Asked   uint64    // questions signed, probes among them
	Road    uint64    // calls of the second road
	Refused uint64    // messages that were not HQ's word about an attempt, or too many at once; and attempts beyond the bound
}

const (
	maxOpen    = 64 // attempts that are asked about
	maxReplies = 64 // messages waiting to be read
)

// NewAsker checks nothing but fills in defaults; a missing field is a fault of the caller's.
func NewAsker(cfg AskerConfig) *Asker {
	return &Asker{cfg: cfg, wake: make(chan struct{}, 1), onRoad: map[string]bool{}, reach: reach{wait: firstWait}}
}

// Status is safe to call from anywhere.
func (a *Asker) Status() AskerStatus {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}

// Charge asks HQ to have the customer charged. The code is sealed to HQ's key here and now, and not kept otherwise; the
// sealed code dies with the first answer about the attempt, or with its NotAfter. Behind that it is asked, without the
// code, what became of it, until HQ knows or somebody says Reverse or Forget.
func (a *Asker) Charge(at Attempt, code []byte) {
	sealed, kid := a.seal(&at, code)
	a.push(func(context.Context) {
		s := &asking{Attempt: at, want: wire.WantCharge, sealed: sealed, kid: kid}
		s.codeUntil = a.cfg.Now().Add(time.UnixMilli(at.NotAfter).Sub(a.cfg.HQNow()))
		a.begin(s)
	})
}

// seal seals a code, or says in the log why it can't: HQ then knows nothing of the attempt, and it is given up.
func (a *Asker) seal(at *Attempt, code []byte) (sealed []byte, kid []byte) {
	to := a.cfg.Seal()
	if to == nil {
		a.cfg.Log.Error("HQ's key to seal codes to is not known", "ref", at.Ref)
		return nil, nil
	}
	sealed, err := to.ConfideCode(a.cfg.Terminal, at.Ref, code)
	if err != nil {
		a.cfg.Log.Error("a code could not be sealed", "ref", at.Ref)
		return nil, nil
	}
	id := to.KID()
	return sealed, id[:]
}

// Watch asks what became of an attempt: after a restart, or when its sale is parked. One that is asked about already
// goes on as it is.
func (a *Asker) Watch(at Attempt) {
	a.push(func(context.Context) {
		if a.find(at.Ref) == nil {
			a.begin(&asking{Attempt: at, want: wire.WantCharge})
		}
	})
}

// Reverse tells HQ to take an attempt back until HQ says that it did (NotPaid) or can't any more (Paid, in an answer to
// this very wish). It gives up after ten minutes: the journal's entry is the durable road.
func (a *Asker) Reverse(at Attempt) {
	a.push(func(context.Context) {
		if s := a.find(at.Ref); s == nil || s.want != wire.WantReverse {
			a.begin(&asking{Attempt: at, want: wire.WantReverse})
		}
	})
}

// Refund asks HQ to give money back, and what became of it, until HQ knows or somebody says Forget. NotAfter is not looked
// at, and Wallet may be empty. One that is asked about already goes on as it is.
func (a *Asker) Refund(at Attempt) {
	at.NotAfter = 0
	a.push(func(context.Context) {
		if a.find(at.Ref) == nil {
			a.begin(&asking{Attempt: at, want: wire.WantRefund})
		}
	})
}

// Forget asks no more about an attempt, and tells of no more answers about it.
func (a *Asker) Forget(ref string) { a.push(func(context.Context) { a.end(ref) }) }

// Probe asks HQ now whether it answers: a sale was opened. Within three seconds OnReach has been told if it changed.
func (a *Asker) Probe() { a.push(func(context.Context) { a.reach.begin(a.cfg.Now()) }) }

// LinkUp says that the link is there again: what has no answer yet is asked again at once.
func (a *Asker) LinkUp() {
	a.push(func(context.Context) {
		now := a.cfg.Now()
		for _, s := range a.open {
			if s.tries > 0 {
				s.due = now
			}
		}
		if !a.reach.up {
			a.reach.begin(now)
		}
	})
}

// Message takes a downward message of TypAnswer or TypPong. When too many wait it is dropped: each can be asked for again.
func (a *Asker) Message(payload []byte) {
	a.mu.Lock()
	full := a.waiting >= maxReplies
	if full {
		a.status.Refused++
	} else {
		a.waiting++
	}
	a.mu.Unlock()
	if full {
		return
	}
	a.push(func(ctx context.Context) {
		a.note(func(*AskerStatus) { a.waiting-- })
		a.message(ctx, payload)
	})
}

// push has something done by Run.
func (a *Asker) push(f func(context.Context)) {
	a.mu.Lock()
	a.inbox = append(a.inbox, f)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *Asker) note(f func(*AskerStatus)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(&a.status)
}

// Run works until ctx ends, and returns ctx's error when no call of the second road is under way any more.
func (a *Asker) Run(ctx context.Context) error {
	defer a.calls.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Reset(a.Step(ctx))
		select {
		case <-ctx.Done():
		case <-a.wake:
		case <-timer.C:
		}
	}
	return ctx.Err()
}

// Step does all that waits, asks what is due, and returns how long to sleep when nothing happens. It is what Run does
// between two sleeps; whoever drives an Asker by hand calls nothing else.
func (a *Asker) Step(ctx context.Context) time.Duration {
	for {
		a.mu.Lock()
		list := a.inbox
		a.inbox = nil
		a.mu.Unlock()
		if len(list) == 0 {
			return a.runOnce(ctx)
		}
		for _, f := range list {
			f(ctx)
		}
	}
}

// runOnce asks what is due and returns how long to sleep.
func (a *Asker) runOnce(ctx context.Context) time.Duration {
	now := a.cfg.Now()
	jammed := false // one message that found no place on the link is enough waiting
	for _, s := range append([]*asking(nil), a.open...) {
		switch {
		case s.over(now):
			a.cfg.Log.Warn("HQ has not said that it takes an attempt back; the journal's entry will", "ref", s.Ref)
			a.end(s.Ref)
		case !now.Before(s.due):
			jammed = !a.ask(ctx, s, now, jammed) || jammed
		}
	}
	a.feel(ctx, now, jammed)
	next := a.reach.wakes()
	for _, s := range a.open {
		if s.due.Before(next) {
			next = s.due
		}
	}
	return max(next.Sub(a.cfg.Now()), time.Millisecond)
}

func (a *Asker) jittered(d time.Duration) time.Duration {
	return d - time.Duration(a.cfg.Jitter()*float64(d)/4)
}
