package authorise

import (
	"context"
	"errors"
	"fmt"
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

// Errors of a Store, and of a Desk.
var (
	ErrExists = errors.New("an attempt of this reference is there")
	ErrOpen   = errors.New("another attempt of the same payment is open or paid")
	ErrMoved  = errors.New("the attempt was changed meanwhile")
	ErrNone   = errors.New("no attempt of this reference")

	ErrOther    = errors.New("the reference names another lane's or another payment's attempt")
	ErrNoWallet = errors.New("no operator is asked for this wallet")
	ErrBusy     = errors.New("too many requests to this operator are under way")
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

// Config is what a Desk needs. All of it must be set but Changed.
type Config struct {
	Store     Store
	Operators map[string]operator.Operator // by wallet
	Now       func() time.Time
	Log       *slog.Logger
	// Changed hears of each attempt that was stored, in its new state. It must not block. nil: nobody does.
	Changed func(Attempt)
	// Most bounds the charges, and apart from these the other calls, under way towards one operator: one that hangs must
	// take neither HQ nor the other operators with it. 0: 256.
	Most int
}

// Desk asks operators. It is safe for concurrent use; several Desks may work on one store.
type Desk struct {
	Config
	charges map[string]chan struct{} // of each wallet's operator: charges that may still begin
	calls   map[string]chan struct{} // and calls of Run
	wake    chan struct{}
	working sync.WaitGroup
}

// New returns a desk. Attempts are only carried on while Run runs.
func New(c Config) *Desk {
	if c.Most == 0 {
		c.Most = 256
	}
	d := &Desk{Config: c, charges: map[string]chan struct{}{}, calls: map[string]chan struct{}{}, wake: make(chan struct{}, 1)}
	for wallet := range c.Operators {
		d.charges[wallet], d.calls[wallet] = make(chan struct{}, c.Most), make(chan struct{}, c.Most)
	}
	return d
}

// slack is what HQ gives a call beyond the operator's time-out, before it takes it for lost.
const slack = 5 * time.Second

// Ask writes an attempt down, charges the customer and returns what came of it, which may be anything: its State says.
// The same request again returns what has become of it, and charges nobody. ErrOther: the reference is another's.
// ErrOpen: another attempt of this payment is not over. ErrBusy and ErrNoWallet: nothing was written. That ctx ends does
// not end the charge.
func (d *Desk) Ask(ctx context.Context, r Request) (Attempt, error) {
	op, door := d.Operators[r.Wallet], d.charges[r.Wallet]
	if op == nil {
		return Attempt{}, fmt.Errorf("%w: %q", ErrNoWallet, r.Wallet)
	}
	if err := r.Ref.Validate(); err != nil {
		return Attempt{}, err
	}
	select {
	case door <- struct{}{}:
		defer func() { <-door }()
	default:
		return Attempt{}, fmt.Errorf("%w: %d", ErrBusy, cap(door))
	}
	rules, now := op.Rules(), d.now()
	a := r.attempt(now)
	if late := !now.Before(r.NotAfter); late {
		a.State, a.Said = Declined, "too late"
	} else {
		a.State, a.Call, a.Due = Asked, Query, now.Add(rules.Timeout+slack)
	}
	switch err := d.Store.Begin(ctx, &a); {
	case errors.Is(err, ErrExists):
		return d.exists(ctx, &a)
	case err != nil:
		return Attempt{}, err
	}
	d.changed(&a)
	if a.State == Declined {
		return a, nil
	}
	call, end := context.WithTimeout(context.WithoutCancel(ctx), rules.Timeout)
	defer end()
	answer := op.Pay(call, operator.Charge{Ref: a.Ref, Code: r.Code, Amount: a.Amount, Shop: a.Shop, Sale: a.Reference, Made: a.Made})
	return d.apply(context.WithoutCancel(ctx), a.Ref, Answered{Answer: answer})
}

// now is HQ's time as stores keep it.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Millisecond) }

func (r *Request) attempt(now time.Time) Attempt {
	return Attempt{Ref: r.Ref, Payment: r.Payment, Sale: r.Sale, Terminal: r.Terminal, Store: r.Store, Lane: r.Lane,
		Wallet: r.Wallet, Shop: r.Shop, Amount: r.Amount, Reference: r.Reference, Made: now}
}

// same says whether two attempts of one reference are one.
func (a *Attempt) same(b *Attempt) bool {
	return a.Terminal == b.Terminal && a.Payment == b.Payment && a.Amount == b.Amount && a.Wallet == b.Wallet
}

func (d *Desk) exists(ctx context.Context, a *Attempt) (Attempt, error) {
	was, err := d.Store.Get(ctx, a.Ref)
	if err != nil {
		return Attempt{}, err
	}
	if !was.same(a) {
		return Attempt{}, ErrOther
	}
	return was, nil
}

// Reverse takes an attempt back, whatever became of it, and returns it as it is now. When HQ has not heard of it, a
// tombstone kills the request that may still come. ErrCompleted: it is a refund that is wanted. ErrOther: the reference
// is another's.
func (d *Desk) Reverse(ctx context.Context, r Request) (Attempt, error) {
	if err := r.Ref.Validate(); err != nil {
		return Attempt{}, err
	}
	tomb := r.attempt(d.now())
	tomb.State, tomb.Checked, tomb.Said = Closed, true, "reversed before it was asked"
	err := d.Store.Begin(ctx, &tomb)
	switch {
	case err == nil:
		d.changed(&tomb)
		return tomb, nil
	case !errors.Is(err, ErrExists):
		return Attempt{}, err
	}
	if _, err := d.exists(ctx, &tomb); err != nil {
		return Attempt{}, err
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
	if now := r.attempt(was.Made); !was.same(&now) {
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
		rules, err := d.rules(was.Wallet)
		if err != nil {
			return was, err
		}
		a, err := Step(was, e, rules, d.now())
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
		d.changed(&a)
		return a, nil
	}
}

// rules are those of a wallet's operator.
func (d *Desk) rules(wallet string) (*operator.Rules, error) {
	op := d.Operators[wallet]
	if op == nil {
		return nil, fmt.Errorf("%w: %q", ErrNoWallet, wallet)
	}
	r := op.Rules()
	return &r, nil
}

// changed tells who listens, and the loop, for something may be due sooner.
func (d *Desk) changed(a *Attempt) {
	if d.Changed != nil {
		d.Changed(*a)
	}
	d.stir()
}
