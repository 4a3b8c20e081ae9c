package operatortest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
)

// testLost: no answer is not a no, whether the money moved or not; the query tells.
func testLost(b *bench) {
	for _, row := range []struct {
		fault   emulate.Fault
		charged bool
	}{
		{emulate.CutBefore, false}, {emulate.CutAfter, true}, {emulate.ErrorBefore, false}, {emulate.ErrorAfter, true}, {emulate.Busy, false},
	} {
		b.behave(row.fault, emulate.Pay)
		c := b.charge(nil)
		b.want(b.pay(c), operator.Unknown)
		if row.charged {
			b.net(c, c.Amount)
			b.want(b.query(c), operator.Paid)
		} else {
			b.net(c, b.none())
			b.want(b.query(c), operator.Absent)
		}
	}
}

// testSlow: an answer that comes too late is none, and the charge stands.
func testSlow(b *bench) {
	b.behave(emulate.Slow, emulate.Pay)
	c := b.charge(nil)
	a := b.checked(b.impatient.Pay(b.ctx, c))
	b.want(a, operator.Unknown)
	if !errors.Is(a.Err, context.DeadlineExceeded) {
		b.Errorf("error %v", a.Err)
	}
	b.net(c, c.Amount)
	b.want(b.query(c), operator.Paid)
}

// testLateAfterCancel: a request that is under way when it is cancelled comes to a charge all the same, and is found.
func testLateAfterCancel(b *bench) {
	b.behave(emulate.Late, emulate.Pay)
	c := b.charge(nil)
	done := make(chan operator.Answer, 1)
	go func() { done <- b.op.Pay(b.ctx, c) }()
	b.server.Await(b.Wallet, 1)
	b.want(b.cancel(c), operator.Absent) // and not Reversed
	b.want(b.query(c), operator.Absent)
	b.server.Release(b.Wallet)
	b.want(b.checked(<-done), operator.Unknown)
	b.net(c, c.Amount)
	b.want(b.query(c), operator.Paid)
	b.takeBack(c)
}

// takeBack cancels or refunds, as the operator has it.
func (b *bench) takeBack(c operator.Charge) {
	b.Helper()
	if b.CancelsPaid {
		b.want(b.cancel(c), operator.Reversed)
	} else {
		b.want(b.cancel(c), operator.TooLate)
		b.want(b.checked(b.op.Refund(b.ctx, operator.Refund{Ref: b.ref(), Of: find(c), Amount: c.Amount})), operator.Refunded)
	}
	b.net(c, b.none())
}

var foul = []emulate.Fault{emulate.Garbage, emulate.Truncated, emulate.Endless, emulate.Huge}

// testFoul: an answer that can't be read says nothing, of anything.
func testFoul(b *bench) {
	for _, fault := range foul {
		b.behave(fault, emulate.Pay)
		c := b.charge(nil)
		b.want(b.pay(c), operator.Unknown)
		b.net(c, c.Amount)
		b.want(b.query(c), operator.Paid)
		b.behave(fault, emulate.Refund)
		r := operator.Refund{Ref: b.ref(), Of: find(c), Amount: c.Amount}
		b.want(b.checked(b.op.Refund(b.ctx, r)), operator.Unknown)
		b.net(c, b.none())
		b.behave(emulate.None)
		b.want(b.checked(b.op.Refund(b.ctx, r)), operator.Refunded)
		b.net(c, b.none())
	}
}

func testFoulQuery(b *bench) {
	c := b.paid()
	for _, fault := range append(foul, emulate.CutBefore, emulate.CutAfter, emulate.ErrorBefore, emulate.ErrorAfter, emulate.Busy) {
		b.behave(fault, emulate.Query)
		b.want(b.query(c), operator.Unknown)
	}
	b.behave(emulate.None)
	b.want(b.query(c), operator.Paid)
}

// testMismatch: an answer about something else is none.
func testMismatch(b *bench) {
	faults := []emulate.Fault{emulate.WrongAmount, emulate.WrongRef}
	if b.NamesCurrency {
		faults = append(faults, emulate.WrongCurrency)
	}
	for _, fault := range faults {
		b.behave(fault, emulate.Pay, emulate.Query)
		c := b.charge(nil)
		for _, a := range []operator.Answer{b.pay(c), b.query(c)} {
			b.want(a, operator.Unknown)
			if !errors.Is(a.Err, operator.ErrMismatch) {
				b.Errorf("%s: error %v", fault, a.Err)
			}
		}
		b.behave(emulate.None)
		b.want(b.query(c), operator.Paid)
	}
}

// testEcho: an operator that says the code back doesn't get it into an answer.
func testEcho(b *bench) {
	b.behave(emulate.Echo, emulate.Pay)
	b.want(b.pay(b.charge(nil)), operator.Paid, operator.Unknown) // and checked looks for the code
}

// testTwice: the second of two answers to one request is not taken for the answer to the next.
func testTwice(b *bench) {
	b.behave(emulate.Twice)
	for range 5 {
		c := b.charge(nil)
		b.want(b.pay(c), operator.Paid)
		b.want(b.query(c), operator.Paid)
		poor := b.charge(func(c *emulate.Customer) { c.Balance = b.none() })
		b.want(b.pay(poor), operator.Declined)
		b.net(poor, b.none())
		b.takeBack(c)
	}
}

// testOutOfOrder: each of many callers gets its own answer.
func testOutOfOrder(b *bench) {
	const many = 8
	b.behave(emulate.Slow, emulate.Pay)
	type got struct {
		c operator.Charge
		a operator.Answer
	}
	all := make(chan got, many)
	for range many {
		c := b.charge(nil)
		go func() { all <- got{c, b.op.Pay(b.ctx, c)} }()
	}
	b.server.Await(b.Wallet, many)
	b.server.Release(b.Wallet)
	for range many {
		g := <-all
		b.want(b.checked(g.a), operator.Paid)
		if book, _ := b.server.Book(b.Wallet, g.c.Ref); book.Transaction != g.a.Transaction {
			b.Errorf("transaction %q for %q", g.a.Transaction, book.Transaction)
		}
	}
}

// testStale: an answer as of before the charge is not a no for good.
func testStale(b *bench) {
	c := b.paid()
	b.behave(emulate.Stale, emulate.Query)
	if a := b.query(c); a.Outcome != operator.Absent || a.Outcome.Final() {
		b.Errorf("%s", a.Outcome)
	}
	b.behave(emulate.None)
	b.want(b.query(c), operator.Paid)
}

// testRedirect: nobody else is told anything.
func testRedirect(b *bench) {
	var told atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told.Add(1) }))
	defer thief.Close()
	c := b.charge(nil)
	for _, op := range []emulate.Op{emulate.Pay, emulate.Query, emulate.Cancel, emulate.Refund} {
		b.must(b.server.Behave(b.Wallet, emulate.Behaviour{Fault: emulate.Redirect, On: []emulate.Op{op}, To: thief.URL}))
		switch op {
		case emulate.Pay:
			b.want(b.pay(c), operator.Unknown)
		case emulate.Query:
			b.want(b.query(c), operator.Unknown)
		case emulate.Cancel:
			b.want(b.cancel(c), operator.Unknown, operator.Absent) // a cancel may have to ask
		case emulate.Refund:
			f := find(c)
			f.Transaction = "1234567890"
			b.want(b.checked(b.op.Refund(b.ctx, operator.Refund{Ref: b.ref(), Of: f, Amount: c.Amount})), operator.Unknown)
		}
	}
	if told.Load() != 0 {
		b.Errorf("a redirect was followed %d times", told.Load())
	}
	b.net(c, b.none())
}
