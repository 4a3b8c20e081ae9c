package authorise

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// Store keeps attempts. What it says is kept is on the disk.
type Store interface {
	// Begin keeps a new attempt. ErrExists: there is one of this reference. ErrOpen: another attempt of its payment is
	// neither declined nor closed. With either nothing is written.
	Begin(ctx context.Context, a *Attempt) error
	// Save keeps what became of an attempt and counts its Version up; ErrMoved says that somebody else did so before,
	// and writes nothing.
	Save(ctx context.Context, a *Attempt) error
	// Get returns an attempt, or ErrNone.
	Get(ctx context.Context, ref operator.Ref) (Attempt, error)
	// Due returns up to so many attempts whose Due is set and not after until, the longest due first, but none of the
	// wallets named.
	Due(ctx context.Context, until time.Time, most int, but []string) ([]Attempt, error)
}

// Errors of a Store, and ErrOther of a Desk.
var (
	ErrExists = errors.New("an attempt of this reference is there")
	ErrOpen   = errors.New("another attempt of the same payment is open or paid")
	ErrMoved  = errors.New("the attempt was changed meanwhile")
	ErrNone   = errors.New("no attempt of this reference")

	ErrOther = errors.New("the reference names another lane's or another payment's attempt")
)

// Request is what a lane asks for.
type Request struct {
	Ref         operator.Ref
	Payment     payment.ID
	Sale        payment.ID
	Terminal    payment.ID
	Store, Lane string
	Wallet      string
	Shop        operator.Shop
	Amount      payment.Money
	Reference   string
	Code        operator.Code // dies with the request
	NotAfter    time.Time     // HQ's time from which on the lane does not want it any more
}

// Config is what a Desk needs. All of it must be set but Changed, Shop, Most, ByHand, Refunds and RefundChanged.
type Config struct {
	Store     Store
	Operators map[string]operator.Operator // by wallet
	Now       func() time.Time
	Log       *slog.Logger
	// Changed hears of each attempt that was stored, in its new state. It must not block. nil: nobody does.
	Changed func(Attempt)
	// Refunds keeps refunds; nil: none is carried out. RefundChanged hears of each that was stored, as Changed does.
	Refunds       RefundStore
	RefundChanged func(Refunding)
	// Shop is what the operator calls an attempt's place, for those that were adopted without knowing; nil: nobody knows.
	Shop func(*Attempt) operator.Shop
	// Most bounds the charges, and apart from these the other calls, under way towards one operator: one that hangs must
	// take neither HQ nor the other operators with it. 0: 256.
	Most int
	// ByHand: there is no Run. Whoever calls Step does its work, and waits for each call.
	ByHand bool
}

// Desk asks operators. It is safe for concurrent use; several Desks may work on one store.
type Desk struct {
	Config
	charges map[string]chan struct{} // of each wallet's operator: charges that may still begin
	calls   map[string]chan struct{} // and calls of Run
	health  map[string]*health       // of each wallet's operator
	counts  counts
	wake    chan struct{}
	working sync.WaitGroup
}

// New returns a desk. Attempts are only carried on while Run runs.
func New(c Config) *Desk {
	if c.Most == 0 {
		c.Most = 256
	}
	d := &Desk{Config: c, charges: map[string]chan struct{}{}, calls: map[string]chan struct{}{}, health: map[string]*health{}, wake: make(chan struct{}, 1)}
	for wallet := range c.Operators {
		d.health[wallet] = &health{}
		d.charges[wallet], d.calls[wallet] = make(chan struct{}, c.Most), make(chan struct{}, c.Most)
	}
	return d
}

// slack is what HQ gives a call beyond the operator's time-out, before it takes it for lost.
const slack = 5 * time.Second

// Ask writes an attempt down, charges the customer and returns what came of it, which may be anything: its State says.
// The same request again returns what has become of it, and charges nobody. What HQ itself declines (too late, too much
// under way, another attempt of the payment open, nobody to ask) is written down just the same, so that a repeat which
// was held up can't be charged after its lane was told that it isn't. ErrOther: the reference is another's. That ctx ends
// does not end the charge.
func (d *Desk) Ask(ctx context.Context, r Request) (Attempt, error) {
	op, charges := d.Operators[r.Wallet], d.charges[r.Wallet]
	if op == nil {
		return d.Decline(ctx, r, operator.NotEnabled)
	}
	if err := r.Ref.Validate(); err != nil {
		return Attempt{}, err
	}
	select {
	case charges <- struct{}{}:
		defer func() { <-charges }()
	default:
		return d.Decline(ctx, r, operator.Busy)
	}
	rules, now := op.Rules(), d.now()
	if !now.Before(r.NotAfter) {
		return d.Decline(ctx, r, operator.Late)
	}
	a := r.attempt(now)
	a.State, a.Call, a.Due = Asked, Query, now.Add(rules.Timeout+slack)
	switch err := d.Store.Begin(ctx, &a); {
	case errors.Is(err, ErrExists):
		return d.exists(ctx, &a)
	case errors.Is(err, ErrOpen):
		return d.Decline(ctx, r, operator.AnotherOpen)
	case err != nil:
		return Attempt{}, err
	}
	d.changed(0, &a)
	call, end := context.WithTimeout(context.WithoutCancel(ctx), rules.Timeout)
	defer end()
	answer := op.Pay(call, operator.Charge{Ref: a.Ref, Code: r.Code, Amount: a.Amount, Shop: a.Shop, Sale: a.Reference, Made: a.Made})
	d.heard(r.Wallet, &answer)
	return d.apply(context.WithoutCancel(ctx), a.Ref, Answered{Answer: answer})
}

// Decline writes down that nobody is asked, and why; it returns the attempt, or what became of it before.
func (d *Desk) Decline(ctx context.Context, r Request, why operator.Why) (Attempt, error) {
	a := r.attempt(d.now())
	a.State, a.Why = Declined, why
	return d.once(ctx, &a)
}

// once writes an attempt down that nothing is to be done about, unless there is one.
func (d *Desk) once(ctx context.Context, a *Attempt) (Attempt, error) {
	if err := a.Ref.Validate(); err != nil {
		return Attempt{}, err
	}
	err := d.Store.Begin(ctx, a)
	if errors.Is(err, ErrExists) {
		return d.exists(ctx, a)
	}
	if err != nil {
		return Attempt{}, err
	}
	d.changed(0, a)
	return *a, nil
}

// Status returns what became of an attempt. ErrNone: HQ has not heard of it (yet). ErrOther: the reference is another's.
func (d *Desk) Status(ctx context.Context, r Request) (Attempt, error) {
	a := r.attempt(d.now())
	return d.exists(ctx, &a)
}

// now is HQ's time as stores keep it.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Millisecond) }

func (r *Request) attempt(now time.Time) Attempt {
	return Attempt{Ref: r.Ref, Payment: r.Payment, Sale: r.Sale, Terminal: r.Terminal, Store: r.Store, Lane: r.Lane,
		Wallet: r.Wallet, Shop: r.Shop, Amount: r.Amount, Reference: r.Reference, Made: now}
}

func (d *Desk) exists(ctx context.Context, a *Attempt) (Attempt, error) {
	was, err := d.Store.Get(ctx, a.Ref)
	if err != nil {
		return Attempt{}, err
	}
	if !was.Same(a) {
		return Attempt{}, ErrOther
	}
	return was, nil
}

// Reverse takes an attempt back, whatever became of it, and returns it as it is now. When HQ has not heard of it, a
// tombstone kills the request that may still come. ErrCompleted: it is a refund that is wanted. ErrOther: the reference
// is another's.
func (d *Desk) Reverse(ctx context.Context, r Request) (Attempt, error) {
	tomb := Tombstone(r.attempt(d.now()), false, d.now())
	a, err := d.once(ctx, &tomb)
	if err != nil || a.State == Closed {
		return a, err
	}
	return d.apply(ctx, r.Ref, Reverse{})
}

// Complete notes that the lane's entry is here. ErrNone: HQ knows of no such attempt. ErrOther: the entry is not of this
// terminal, payment or amount.
func (d *Desk) Complete(ctx context.Context, r Request) (Attempt, error) {
	was, err := d.Store.Get(ctx, r.Ref)
	if err != nil {
		return Attempt{}, err
	}
	if now := r.attempt(was.Made); !was.Same(&now) {
		return Attempt{}, ErrOther
	}
	return d.apply(ctx, r.Ref, Complete{})
}

// Decide is a person's: Reverse what the lane said nothing of, Complete it, or Cleared for a trouble that is dealt with.
// Who decided, and why, is the caller's to keep.
func (d *Desk) Decide(ctx context.Context, ref operator.Ref, e Event) (Attempt, error) {
	return d.apply(ctx, ref, e)
}

// apply makes a step of an attempt as it is now, and keeps it.
func (d *Desk) apply(ctx context.Context, ref operator.Ref, e Event) (Attempt, error) {
	for {
		was, err := d.Store.Get(ctx, ref)
		if err != nil {
			return Attempt{}, err
		}
		a, err := Step(was, e, d.rules(was.Wallet), d.now())
		if err != nil || a == was {
			return a, err
		}
		err = d.Store.Save(ctx, &a)
		if errors.Is(err, ErrMoved) {
			continue
		}
		if err != nil {
			return Attempt{}, err
		}
		d.changed(was.State, &a)
		return a, nil
	}
}

// rules are those of a wallet's operator. One who was taken out of the configuration has none, and is asked nothing.
func (d *Desk) rules(wallet string) *operator.Rules {
	var r operator.Rules
	if op := d.Operators[wallet]; op != nil {
		r = op.Rules()
	}
	return &r
}

// changed tells who listens, and the loop, for something may be due sooner.
func (d *Desk) changed(was State, a *Attempt) {
	if a.State != was {
		d.count(a)
	}
	if d.Changed != nil {
		d.Changed(*a)
	}
	d.Stir()
}
