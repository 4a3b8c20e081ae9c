package sim

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"tilld/sync/operator"
)

// wallet is the one whose operator the bank is.
const wallet = "paypay"

// bank is a wallet's operator. Its book is the truth of who was charged; what it says of it is another matter: it answers
// late, or never, lets customers think it over, and charges some whose charge it has just cancelled.
type bank struct {
	w      *World
	random *mathrand.Rand
	book   map[operator.Ref]*charge
	order  []*charge
	silent bool // it answers nobody

	late, afterCancel int // charges of that kind
}

// charge is one of the book's.
type charge struct {
	ref    operator.Ref
	amount int64
	paid   time.Time // when the customer is charged, perhaps yet to come; zero: never
	asked  time.Time // until when the customer thinks it over; zero: he doesn't
	gone   bool      // taken back, by a cancel or a refund
}

var errMute = errors.New("no answer")

func (w *World) openBank() {
	w.bank = &bank{w: w, random: w.stream(11), book: map[operator.Ref]*charge{}}
}

// Rules are short: the sim's sales are.
func (b *bank) Rules() operator.Rules {
	return operator.Rules{
		Timeout: 5 * time.Second, QueryAfter: 2 * time.Second, QueryEvery: 3 * time.Second, GiveUp: time.Minute,
		RefundFor: 365 * 24 * time.Hour, AbsentIsFinal: 5 * time.Minute,
	}
}

// mute says whether this call is not answered.
func (b *bank) mute() bool { return !b.w.healed && (b.silent || b.random.Float64() < b.w.plan.Mute) }

func unheard() operator.Answer { return operator.Answer{Outcome: operator.Unknown, Err: errMute} }

// Pay charges, or will.
func (b *bank) Pay(_ context.Context, q operator.Charge) operator.Answer {
	if q.Code == "" {
		b.w.fail("a charge without a code: %s", q.Ref)
	}
	if b.book[q.Ref] != nil {
		b.w.fail("%s is charged twice under one reference", q.Ref)
	}
	mute := b.mute()
	if mute && b.random.IntN(3) == 0 { // it never came there
		return unheard()
	}
	now := b.w.loop.Now()
	c := &charge{ref: q.Ref, amount: q.Amount.Minor}
	b.book[q.Ref] = c
	b.order = append(b.order, c)
	switch n := b.random.IntN(20); {
	case n < 2: // declined
	case n < 5: // the customer thinks it over, and pays or doesn't
		c.asked = now.Add(between(b.random, time.Second, 90*time.Second))
		if n < 4 {
			c.paid = c.asked
		}
	case n < 7: // it takes its time, and says nothing meanwhile
		c.paid, mute = now.Add(between(b.random, time.Second, 2*time.Minute)), true
		b.late++
	default:
		c.paid = now
	}
	b.w.trace("bank: %s of %d, paid %v, mute %v", q.Ref, c.amount, c.paid.Sub(now), mute)
	if mute {
		return unheard()
	}
	return b.say(c)
}

// say is the truth about a charge now.
func (b *bank) say(c *charge) operator.Answer {
	now := b.w.loop.Now()
	switch {
	case c == nil:
		return operator.Answer{Outcome: operator.Absent}
	case c.gone:
		return operator.Answer{Outcome: operator.Reversed}
	case now.Before(c.asked), now.Before(c.paid):
		return operator.Answer{Outcome: operator.Confirming}
	case c.paid.IsZero():
		return operator.Answer{Outcome: operator.Declined, Why: operator.NoFunds}
	}
	return operator.Answer{Outcome: operator.Paid, Transaction: "T" + string(c.ref[:20]), At: c.paid}
}

// Query tells.
func (b *bank) Query(_ context.Context, f operator.Find) operator.Answer {
	if b.mute() {
		return unheard()
	}
	return b.say(b.book[f.Ref])
}

// Cancel takes back, even what it then charges all the same.
func (b *bank) Cancel(_ context.Context, f operator.Find) operator.Answer {
	c := b.book[f.Ref]
	if c == nil {
		if b.mute() {
			return unheard()
		}
		return operator.Answer{Outcome: operator.Absent}
	}
	if b.w.loop.Now().Before(c.paid) && b.random.IntN(4) == 0 {
		b.afterCancel++
		b.w.trace("bank: %s will be charged after a cancel", f.Ref)
		return operator.Answer{Outcome: operator.Reversed}
	}
	c.gone = true
	if b.mute() {
		return unheard()
	}
	return operator.Answer{Outcome: operator.Reversed}
}

// Refund pays back.
func (b *bank) Refund(_ context.Context, r operator.Refund) operator.Answer {
	c := b.book[r.Of.Ref]
	if c == nil || !c.charged(b.w.loop.Now()) && !c.gone {
		return operator.Answer{Outcome: operator.Absent}
	}
	c.gone = true
	if b.mute() {
		return unheard()
	}
	return operator.Answer{Outcome: operator.Refunded}
}

// charged says whether the customer's money is the shop's.
func (c *charge) charged(now time.Time) bool {
	return !c.gone && !c.paid.IsZero() && !now.Before(c.paid)
}
