package house_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/payment"
	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/house/rule"
)

// book is the money of one customer as a child would keep it.
type book struct {
	balance int64
	certs   []*earmark
	charges []house.Result
}

type earmark struct {
	left    int64
	expires time.Time
	bytes   string
}

func (k *book) held(now time.Time, settled time.Time, delay time.Duration) (sum int64) {
	for _, c := range k.certs {
		if now.Before(c.expires.Add(delay)) && c.expires.After(settled) {
			sum += c.left
		}
	}
	return sum
}

// world is an issuer, its customers and their books.
type world struct {
	t       *rapid.T
	b       *housetest.Bench
	who     []*housetest.Customer
	books   []*book
	settled time.Time
	lost    int64
	refs    int
}

// TestMoney does anything with the money in any order and compares with the books after each step: the balance is the
// sum of the movements, what is earmarked is never spent online and is never below nothing, and what comes in equals
// what is there and what went out.
func TestMoney(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) { story(t, rt) })
}

func story(t *testing.T, rt *rapid.T) {
	w := &world{t: rt, b: housetest.New(t, calm)}
	defer func() { w.b.Must(w.b.Issuer.Close()) }()
	for _, name := range []string{"hanako", "taro"} {
		w.who = append(w.who, w.b.Customer(name))
		w.books = append(w.books, &book{})
	}
	for range rapid.IntRange(3, 18).Draw(rt, "steps") {
		n := rapid.IntRange(0, 1).Draw(rt, "who")
		c, k := w.who[n], w.books[n]
		switch rapid.IntRange(0, 7).Draw(rt, "act") {
		case 0, 1:
			w.topUp(c, k)
		case 2:
			w.certify(c, k)
		case 3:
			w.pay(c, k)
		case 4, 5:
			w.offline(c, k)
		case 6:
			w.giveBack(k)
		case 7:
			w.b.Clock.Pass(time.Duration(rapid.IntRange(1, 80).Draw(rt, "hours")) * time.Hour)
			if rapid.Bool().Draw(rt, "settled") {
				w.settled = w.b.Clock.Now()
				w.b.Must(w.b.Issuer.Settled(w.b.Ctx, w.settled))
			}
			for _, c := range w.who {
				w.b.Must(c.SignIn())
			}
		}
		w.compare()
	}
}

// calm are limits under which velocity and days don't end the story: they have tests of their own.
func calm(c *house.Config) {
	l := &c.Limits
	l.TopUpDay, l.SpendDay, l.Balance = payment.MaxMinor, payment.MaxMinor, payment.MaxMinor
	w := &l.Watch
	for _, r := range []*rule.Rate{&w.TopUps, &w.Lanes, &w.Accounts, &w.Asks, &w.Challenges} {
		r.Count = 1 << 30
	}
}

func (w *world) unstop(c *housetest.Customer) error {
	stops, err := w.b.Issuer.Stops(w.b.Ctx, c.Login)
	if err != nil || len(stops) == 0 || !stops[0].LiftedAt.IsZero() {
		return err
	}
	if err := w.b.Issuer.Lift(w.b.Ctx, stops[0].No, "test", "to go on"); err != nil {
		return err
	}
	return c.SignIn()
}

func (w *world) amount() int64 { return rapid.Int64Range(1, 9_000).Draw(w.t, "amount") }

func (w *world) ref() string { w.refs++; return fmt.Sprintf("M%d", w.refs) }

func (w *world) topUp(c *housetest.Customer, k *book) {
	n := w.amount()
	source := rapid.SampledFrom([]string{"card", "empty", "lost"}).Draw(w.t, "source")
	ref := w.ref()
	_, err := c.TopUpFrom(source, ref, n)
	w.b.Must(err)
	if source == "lost" {
		w.b.Must(w.b.Issuer.Resume(w.b.Ctx, 0))
	}
	if source != "empty" {
		k.balance += n
	}
	if _, err := c.TopUpFrom(source, ref, n); err != nil { // and again
		w.t.Fatal(err)
	}
}

func (w *world) held(k *book) int64 {
	return k.held(w.b.Clock.Now(), w.settled, w.b.Config.Limits.SyncDelay)
}

func (w *world) certify(c *housetest.Customer, k *book) {
	free := k.balance - w.held(k)
	before := string(c.Cert)
	err := c.Certify()
	switch fresh := string(c.Cert) != before; {
	case err == nil && fresh:
		l := w.b.Config.Limits
		k.certs = append(k.certs, &earmark{left: min(max(free/2, 1), l.OfflineCap), bytes: string(c.Cert),
			expires: w.b.Clock.Now().Truncate(time.Second).Add(time.Duration(l.CertHours) * time.Hour)})
	case err != nil && err != error(rule.TooMany) && (err != error(rule.NoFunds) || free > 0):
		w.t.Fatalf("a certificate with %d free: %v", free, err)
	}
}

func (w *world) pay(c *housetest.Customer, k *book) {
	if c.Cert == nil {
		return
	}
	n, free := w.amount(), k.balance-w.held(k)
	r := c.Pay("s1", "1", n)
	paid := r.State == house.Paid
	if paid && n > free {
		w.t.Fatalf("%d was paid out of %d", n, free)
	}
	if !paid && r.Why != rule.NoFunds && r.Why != rule.BadCode { // BadCode: the certificate expired
		w.t.Fatalf("%d out of %d: %+v", n, free, r)
	}
	if !paid && r.Why == rule.NoFunds && n <= free {
		w.t.Fatalf("%d was not paid out of %d", n, free)
	}
	if paid {
		k.balance -= n
		k.charges = append(k.charges, r)
	}
}

func (w *world) offline(c *housetest.Customer, k *book) {
	if c.Cert == nil {
		return
	}
	n, free := w.amount(), k.balance-w.held(k)
	p := house.Presentation{Code: c.Code("", ""), Amount: housetest.Yen(n), Store: "s1", Lane: "1"}
	w.refs++
	p.Payment[0], p.Payment[14], p.Payment[15] = 1, byte(w.refs>>8), byte(w.refs)
	got, err := w.b.Issuer.Present(w.b.Ctx, p)
	w.b.Must(err)
	var cert *earmark
	for _, e := range k.certs {
		if e.bytes == string(c.Cert) {
			cert = e
		}
	}
	left := (&book{certs: []*earmark{cert}}).held(w.b.Clock.Now(), w.settled, w.b.Config.Limits.SyncDelay)
	if want := rule.Draw(left, free, n); got.Drawn != want {
		w.t.Fatalf("%d of %d and %d: %+v, want %+v", n, left, free, got.Drawn, want)
	}
	cert.left -= got.Drawn.Earmark
	k.balance -= got.Drawn.Earmark + got.Drawn.Free
	w.lost += got.Drawn.Lost
	if again, err := w.b.Issuer.Present(w.b.Ctx, p); err != nil || !again.Again || again.Drawn != got.Drawn {
		w.t.Fatalf("presented again: %+v, %v", again, err)
	}
}

func (w *world) giveBack(k *book) {
	if len(k.charges) == 0 {
		return
	}
	n := rapid.IntRange(0, len(k.charges)-1).Draw(w.t, "charge")
	of := k.charges[n]
	if rapid.Bool().Draw(w.t, "cancel") {
		r, err := w.b.Issuer.Cancel(w.b.Ctx, of.Ref)
		if (err == nil) != (of.State == house.Reversed || of.Given.Minor == 0) {
			w.t.Fatalf("cancelling %+v: %v", of, err)
		}
		if err == nil {
			k.balance += r.Given.Minor - of.Given.Minor
			k.charges[n] = r
		}
		return
	}
	part := rapid.Int64Range(1, of.Amount.Minor).Draw(w.t, "part")
	r, err := w.b.Issuer.Refund(w.b.Ctx, w.ref(), of.Ref, housetest.Yen(part))
	if (err == nil) != (of.State == house.Paid && part <= of.Amount.Minor-of.Given.Minor) {
		w.t.Fatalf("refunding %d of %+v: %v", part, of, err)
	}
	if err == nil {
		k.balance += part
		k.charges[n] = r
	}
}

// compare looks at the accounts as customers see them, and at the file.
func (w *world) compare() {
	for n, k := range w.books {
		w.b.Must(w.unstop(w.who[n]))
		v := w.who[n].View()
		if v.Balance.Minor != k.balance || v.Held.Minor != w.held(k) || v.Held.Minor < 0 || v.Balance.Minor < v.Held.Minor {
			w.t.Fatalf("%s has %d, of it %d held; by the book %d and %d", v.Login, v.Balance.Minor, v.Held.Minor, k.balance, w.held(k))
		}
	}
	a, err := w.b.Issuer.Audit(w.b.Ctx)
	w.b.Must(err)
	if a.Lost != w.lost || a.ToppedUp != w.b.Bank.Taken() || a.ToppedUp != a.Balances+a.Spent {
		w.t.Fatalf("%+v, lost %d, taken %d", a, w.lost, w.b.Bank.Taken())
	}
}
