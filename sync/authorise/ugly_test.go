package authorise_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"tilld/sync/operator"
)

// ugly is an operator that does to its callers whatever a network and a hurried programmer can do, and keeps an honest
// book of what its customers paid. Everything is by its own random numbers and by time.
type ugly struct {
	rules operator.Rules
	rng   *rand.Rand

	mu    sync.Mutex
	book  map[operator.Ref]*paidBy
	calm  bool // answers at once, and the truth
	never bool // no customer confirms any more
}

// paidBy is what became of one charge.
type paidBy struct {
	asked    int // how often the charge came
	charged  int // how often the customer was
	back     int // how often he got it back
	closed   bool
	declined bool
	waiting  bool // for the customer
	refunds  map[operator.Ref]bool
}

func (p *paidBy) net() int { return p.charged - p.back }

var errCut = errors.New("the connection was cut")

func newUgly(rng *rand.Rand) *ugly {
	tokyo := time.FixedZone("JST", 9*3600)
	return &ugly{rng: rng, book: map[operator.Ref]*paidBy{}, rules: operator.Rules{
		Timeout: 10 * time.Second, QueryAfter: 5 * time.Second, QueryEvery: 3 * time.Second, GiveUp: time.Minute,
		CancelAfter: time.Duration(rng.IntN(2)) * 15 * time.Second, CancelUntil: operator.Window{Zone: tokyo, Days: rng.IntN(2), End: 15 * time.Minute},
		RefundFor: 90 * 24 * time.Hour, AbsentIsFinal: 10 * time.Minute,
	}}
}

func (u *ugly) Rules() operator.Rules { return u.rules }

// odds is true once in n.
func (u *ugly) odds(n int) bool { return !u.calm && u.rng.IntN(n) == 0 }

func (u *ugly) of(ref operator.Ref) *paidBy {
	p := u.book[ref]
	if p == nil {
		p = &paidBy{refunds: map[operator.Ref]bool{}}
		u.book[ref] = p
	}
	return p
}

// decide is the operator's own way with a charge that has arrived.
func (u *ugly) decide(p *paidBy) operator.Outcome {
	p.asked++
	switch n := u.rng.IntN(10); {
	case p.closed && !u.odds(4): // those that don't look approve after a cancel
		return operator.Declined
	case p.charged > 0:
		return operator.Paid
	case n < 6:
		p.charged++
		return operator.Paid
	case n < 8:
		p.declined = true
		return operator.Declined
	default:
		p.waiting = true
		return operator.Confirming
	}
}

// Pay charges; or says that it did and lost it, or loses the request, or gets it minutes later.
func (u *ugly) Pay(ctx context.Context, c operator.Charge) operator.Answer {
	u.mu.Lock()
	p := u.of(c.Ref)
	switch u.rng.IntN(8) {
	case 0: // never left
		u.mu.Unlock()
		return operator.Answer{Outcome: operator.NotSent, Err: errCut}
	case 1: // lost on the way
		u.mu.Unlock()
		return u.silent(ctx)
	case 2: // on its way for minutes
		late := time.Duration(u.rng.Int64N(int64(9 * time.Minute)))
		u.mu.Unlock()
		time.AfterFunc(late, func() {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.decide(p)
		})
		return u.silent(ctx)
	case 3: // done, and the answer lost
		u.decide(p)
		u.mu.Unlock()
		return u.silent(ctx)
	case 4: // done, and a 5xx
		u.decide(p)
		u.mu.Unlock()
		return operator.Answer{Outcome: operator.Unknown, Err: errCut}
	}
	o := u.decide(p)
	wait := time.Duration(u.rng.Int64N(int64(9 * time.Second)))
	u.mu.Unlock()
	return u.after(ctx, wait, operator.Answer{Outcome: o, Transaction: "T" + string(c.Ref)})
}

func (u *ugly) silent(ctx context.Context) operator.Answer {
	<-ctx.Done()
	return operator.Answer{Outcome: operator.Unknown, Err: ctx.Err()}
}

func (u *ugly) after(ctx context.Context, wait time.Duration, a operator.Answer) operator.Answer {
	select {
	case <-ctx.Done():
		return operator.Answer{Outcome: operator.Unknown, Err: ctx.Err()}
	case <-time.After(wait):
		return a
	}
}

// Query tells the truth, unless it does not answer. A customer who is waited for may decide now.
func (u *ugly) Query(ctx context.Context, f operator.Find) operator.Answer {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.of(f.Ref)
	if u.odds(3) {
		return operator.Answer{Outcome: operator.Unknown, Err: errCut}
	}
	if p.waiting && !p.closed && !u.never {
		switch u.rng.IntN(6) {
		case 0:
			p.waiting, p.charged = false, p.charged+1
		case 1:
			p.waiting, p.declined = false, true
		}
	}
	switch {
	case p.net() > 0:
		return operator.Answer{Outcome: operator.Paid, Transaction: "T" + string(f.Ref)}
	case len(p.refunds) > 0:
		return operator.Answer{Outcome: operator.Refunded}
	case p.back > 0:
		return operator.Answer{Outcome: operator.Reversed}
	case p.declined:
		return operator.Answer{Outcome: operator.Declined, Why: operator.NoFunds}
	case p.closed && p.asked > 0:
		return operator.Answer{Outcome: operator.Reversed}
	case p.waiting:
		return operator.Answer{Outcome: operator.Confirming}
	}
	return operator.Answer{Outcome: operator.Absent}
}

// Cancel takes back within its window, and closes what was not paid: or does so and says nothing, or says no.
func (u *ugly) Cancel(_ context.Context, f operator.Find) operator.Answer {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.of(f.Ref)
	now := time.Now()
	switch {
	case u.odds(4):
		return operator.Answer{Outcome: operator.Unknown, Err: errCut}
	case now.Before(f.Made.Add(u.rules.CancelAfter)), u.odds(20):
		return operator.Answer{Outcome: operator.Declined}
	case !now.Before(u.rules.CancelEnds(f.Made)):
		return operator.Answer{Outcome: operator.TooLate}
	case p.asked == 0 && u.odds(2): // some know only what has come
		return operator.Answer{Outcome: operator.Absent}
	}
	p.closed, p.waiting = true, false
	p.back = p.charged
	if u.odds(4) {
		return operator.Answer{Outcome: operator.Unknown, Err: errCut}
	}
	return operator.Answer{Outcome: operator.Reversed}
}

// Refund pays back once for each of our references.
func (u *ugly) Refund(_ context.Context, r operator.Refund) operator.Answer {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.of(r.Of.Ref)
	switch {
	case u.odds(4):
		return operator.Answer{Outcome: operator.NotSent, Err: errCut}
	case p.refunds[r.Ref]:
	case p.net() == 0, u.odds(10):
		return operator.Answer{Outcome: operator.Declined}
	default:
		p.refunds[r.Ref] = true
		p.back++
	}
	if u.odds(4) {
		return operator.Answer{Outcome: operator.Unknown, Err: errCut}
	}
	return operator.Answer{Outcome: operator.Refunded}
}
