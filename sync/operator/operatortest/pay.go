package operatortest

import (
	"errors"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
)

func testRules(b *bench) {
	r := b.op.Rules()
	if r != b.op.Rules() {
		b.Error("the rules change")
	}
	if r.Timeout != 20*time.Second || r.QueryAfter <= 0 || r.QueryEvery <= 0 || r.GiveUp <= 0 || r.AbsentIsFinal < r.Timeout || r.RefundFor <= 0 {
		b.Errorf("rules %+v", r)
	}
	if own := b.open(b.url, 0).Rules().Timeout; own < 5*time.Second || own > operator.MaxTimeout {
		b.Errorf("a time-out of its own of %s", own)
	}
}

// testHidden: credentials and charges print nothing.
func testHidden(b *bench) {
	c := b.charge(nil)
	b.silent(c)
	b.silent(&c)
	b.silent([]operator.Charge{c})
	for _, v := range append(b.Hidden, b.op) {
		b.silent(v)
	}
}

func testPaid(b *bench) {
	c := b.charge(nil)
	a := b.pay(c)
	b.want(a, operator.Paid)
	b.net(c, c.Amount)
	book, _ := b.server.Book(b.Wallet, c.Ref)
	if a.Transaction != book.Transaction || !a.At.IsZero() && !a.At.Equal(book.Ended) {
		b.Errorf("transaction %q at %s, want %q at %s", a.Transaction, a.At, book.Transaction, book.Ended)
	}
	q := b.query(c)
	b.want(q, operator.Paid)
	if q.Transaction != book.Transaction {
		b.Errorf("then transaction %q, want %q", q.Transaction, book.Transaction)
	}
	who, err := b.server.Customer(b.Wallet, book.Customer)
	b.must(err)
	if who.Balance != payment.Of(b.money(1000).Minor-c.Amount.Minor, b.Currency) {
		b.Errorf("a balance of %s", who.Balance)
	}
}

// testPaidAgain: the same charge sent again is one charge, and never said to be none.
func testPaidAgain(b *bench) {
	c := b.charge(nil)
	first := b.pay(c)
	b.want(first, operator.Paid)
	again := b.pay(c)
	if b.op.Rules().PayAgain {
		b.want(again, operator.Paid)
		if again.Transaction != first.Transaction {
			b.Errorf("transactions %q and %q", first.Transaction, again.Transaction)
		}
	} else {
		b.want(again, operator.Unknown, operator.Paid)
	}
	b.net(c, c.Amount)
	b.want(b.query(c), operator.Paid)
}

// testRefOfAnother: a reference that stands for another charge is never taken for this one, paid or not.
func testRefOfAnother(b *bench) {
	c := b.paid()
	other := b.charge(nil)
	other.Ref, other.Amount = c.Ref, b.money(13)
	b.want(b.pay(other), operator.Unknown)
	b.want(b.query(other), operator.Unknown)
	b.net(c, c.Amount)
}

func testDeclined(b *bench) {
	for _, row := range []struct {
		why  operator.Why
		edit func(*emulate.Customer)
		with func(*operator.Charge)
	}{
		{operator.NoFunds, func(c *emulate.Customer) { c.Balance = b.money(11) }, nil},
		{operator.AccountStopped, func(c *emulate.Customer) { c.Stopped = true }, nil},
		{operator.CodeInvalid, nil, func(c *operator.Charge) { c.Code = c.Code[:len(c.Code)-3] + "..." }},
		{operator.CodeExpired, nil, func(*operator.Charge) { b.clock.set(b.clock.get().Add(6 * time.Minute)) }},
		{operator.CodeUsed, nil, func(c *operator.Charge) {
			first := *c
			first.Ref = b.ref()
			b.want(b.pay(first), operator.Paid)
		}},
	} {
		c := b.charge(row.edit)
		if row.with != nil {
			row.with(&c)
		}
		a := b.pay(c)
		b.want(a, operator.Declined)
		if want := b.why(row.why); a.Why != want {
			b.Errorf("%s: because of %q (%s), want %q", row.why, a.Why, a.Said, want)
		}
		b.net(c, b.none())
		b.want(b.query(c), operator.Declined, operator.Absent)
		b.want(b.cancel(c), operator.Reversed, operator.Absent)
	}
}

func (b *bench) why(w operator.Why) operator.Why {
	if said, ok := b.Why[w]; ok {
		return said
	}
	return w
}

// testDuplicate: what the operator takes for a repeat is declined as such, and the first stays paid.
func testDuplicate(b *bench) {
	c := b.paid()
	book, _ := b.server.Book(b.Wallet, c.Ref)
	code, err := b.server.Show(b.Wallet, book.Customer)
	b.must(err)
	b.codes = append(b.codes, string(code))
	again := c
	again.Ref, again.Code = b.ref(), code
	a := b.pay(again)
	if !b.Guards {
		b.want(a, operator.Paid)
		return
	}
	b.want(a, operator.Declined)
	if a.Why != operator.Duplicate {
		b.Errorf("because of %q", a.Why)
	}
	b.net(again, b.none())
	b.net(c, c.Amount)
}

// testNotAsked: what can't be asked is not, and says so.
func testNotAsked(b *bench) {
	edits := map[string]func(*operator.Charge){
		"no reference":   func(c *operator.Charge) { c.Ref = "" },
		"foul reference": func(c *operator.Charge) { c.Ref = "../../x" },
		"no code":        func(c *operator.Charge) { c.Code = "" },
		"foul code":      func(c *operator.Charge) { c.Code = "12\r\n34" },
		"no amount":      func(c *operator.Charge) { c.Amount = b.none() },
		"no currency":    func(c *operator.Charge) { c.Amount.Currency = "XXX" },
		"foul store":     func(c *operator.Charge) { c.Shop.Store = "7\r\nX: y" },
		"long sale":      func(c *operator.Charge) { c.Sale = strings.Repeat("9", 65) },
		"no time":        func(c *operator.Charge) { c.Made = time.Time{} },
	}
	if !b.AnyCurrency {
		edits["another currency"] = func(c *operator.Charge) { c.Amount.Currency = "PHP" }
	}
	for name, edit := range edits {
		c := b.charge(nil)
		edit(&c)
		if a := b.pay(c); a.Outcome != operator.NotSent || !errors.Is(a.Err, operator.ErrAsk) {
			b.Errorf("%s: %s, %v", name, a.Outcome, a.Err)
		}
	}
	c := b.charge(nil)
	foul := find(c)
	foul.Ref = "a/b"
	b.want(b.checked(b.op.Query(b.ctx, foul)), operator.NotSent)
	b.want(b.checked(b.op.Cancel(b.ctx, foul)), operator.NotSent)
	over := operator.Refund{Ref: b.ref(), Of: find(c), Amount: b.money(13)}
	b.want(b.checked(b.op.Refund(b.ctx, over)), operator.NotSent)
	if n := b.requests.Load(); n != 0 {
		b.Errorf("%d requests", n)
	}
}
