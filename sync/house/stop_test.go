package house_test

import (
	"net/netip"
	"testing"
	"time"

	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/house/rule"
)

// reasons are why an account is stopped now.
func reasons(b *housetest.Bench, login string) (all []rule.Reason) {
	b.T.Helper()
	stops, err := b.Issuer.Stops(b.Ctx, login)
	b.Must(err)
	for _, s := range stops {
		if s.LiftedAt.IsZero() {
			all = append(all, s.Reason)
		}
	}
	return all
}

func wantStop(b *housetest.Bench, login string, want ...rule.Reason) {
	b.T.Helper()
	got := reasons(b, login)
	if len(got) != len(want) {
		b.T.Errorf("%s is stopped for %v, want %v", login, got, want)
		return
	}
	for n := range got {
		if got[n] != want[n] {
			b.T.Errorf("%s is stopped for %v, want %v", login, got, want)
		}
	}
}

// TestStrangers tries passwords from many addresses. The customer goes on; what a stranger could get at is stopped.
func TestStrangers(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	w := b.Config.Limits.Watch
	for n := range w.Addresses.Count {
		wantStop(b, c.Login)
		thief := *c
		thief.From, thief.Phone = netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), housetest.Key(t, "thief")
		b.Want("the right password", thief.SignIn(), rule.NotProven)
	}
	wantStop(b, c.Login, rule.Strangers)
	b.Want("the customer's log-in", c.SignIn(), nil)
	_, err := c.TopUp(500)
	b.Want("the customer's top-up", err, nil)
	b.Want("another phone", c.BindTo(housetest.Key(t, "second"), ""), rule.Stopped)
	b.Must(b.Issuer.AskReset(b.Ctx, c.From, c.Login))
	b.Want("a reset", b.Issuer.Reset(b.Ctx, c.From, b.Mail.Last(house.ResetTicket, "").Ticket, "quite another long phrase"), rule.Stopped)
	b.Issuer.Deliver(b.Ctx)
	if b.Mail.Last(house.AccountStopped, c.Contact).To == "" {
		t.Error("the customer is not told")
	}
}

// TestStrangersSameAddress tries from one address: it is refused, and the customer behind the same address is not.
func TestStrangersSameAddress(t *testing.T) {
	b := housetest.New(t, nil)
	w := b.Config.Limits.Watch
	c := b.Customer("hanako")
	b.Customer("taro")
	thief := b.Stranger("thief")
	try := func(login string) error { thief.Login = login; return thief.SignIn() }
	for range w.PerAccount.Count {
		b.Want("one account", try("hanako"), rule.NotProven)
	}
	b.Want("one account, once more", try("hanako"), rule.TooMany)
	for range w.PerAddress.Count - w.PerAccount.Count {
		b.Want("others, there or not", try([]string{"taro", "nobody"}[b.Bank.Asked%2]), rule.NotProven)
		b.Bank.Asked++
	}
	b.Want("others, once more", try("jiro"), rule.TooMany)
	b.Want("the customer from there", c.SignIn(), nil)
	b.Clock.Pass(w.PerAddress.Within)
	b.Want("later", try("jiro"), rule.NotProven)
	wantStop(b, "hanako")
}

// TestNobodyCounted gives the same answers for a log-in that no account has.
func TestNobodyCounted(t *testing.T) {
	b := housetest.New(t, nil)
	b.Customer("hanako")
	answers := func(login string, net byte) (all []error) {
		thief := b.Stranger("thief")
		thief.Login = login
		for n := range 15 {
			thief.From = netip.AddrFrom4([4]byte{203, net, 113, byte(n)})
			all = append(all, thief.SignIn())
		}
		for n := range 15 {
			thief.From = netip.AddrFrom4([4]byte{203, net, 114, byte(n)})
			all = append(all, thief.BindTo(housetest.Key(t, "thief's"), "AAAAAAAAAAAAAAAA"))
		}
		return all
	}
	there, not := answers("hanako", 1), answers("nobody", 2)
	for n := range there {
		if there[n] != not[n] {
			t.Errorf("try %d: %v for an account, %v for none", n, there[n], not[n])
		}
	}
}

func TestGuessing(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	thief := *c // with the phone in his hand
	for range b.Config.Limits.Watch.Guesses.Count {
		wantStop(b, c.Login)
		thief.Password = "one of many guesses"
		b.Want("a guess", thief.SignIn(), rule.NotProven)
	}
	wantStop(b, c.Login, rule.Guessing)
	thief.Password = c.Password
	b.Want("the right one after it", thief.SignIn(), rule.Stopped)
	_, err := b.Issuer.Account(b.Ctx, c.Session)
	b.Want("the session", err, rule.NotSignedIn)
	stops, err := b.Issuer.Stops(b.Ctx, "")
	if b.Must(err); len(stops) != 1 {
		t.Fatalf("%d stops", len(stops))
	}
	b.Want("lifted by nobody", b.Issuer.Lift(b.Ctx, stops[0].No, "", "asked"), rule.BadPerson)
	b.Want("for no reason", b.Issuer.Lift(b.Ctx, stops[0].No, "sato", ""), rule.BadPerson)
	b.Want("lifted", b.Issuer.Lift(b.Ctx, stops[0].No, "sato", "the customer showed a passport"), nil)
	b.Want("again", b.Issuer.Lift(b.Ctx, stops[0].No, "sato", "again"), rule.NotFound)
	b.Want("the customer", c.SignIn(), nil)
	if all, err := b.Issuer.Stops(b.Ctx, c.Login); err != nil || len(all) != 1 || all[0].LiftedBy != "sato" || all[0].LiftedAt.IsZero() {
		t.Errorf("who lifted it is lost: %+v, %v", all, err)
	}
}

// TestTopUpRate tops up three times in a minute, as it was done.
func TestTopUpRate(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	var got []error
	for range 3 {
		_, err := c.TopUp(100)
		got = append(got, err)
		b.Clock.Pass(15 * time.Second)
	}
	b.Want("the first", got[0], nil)
	b.Want("the second", got[1], nil)
	b.Want("the third", got[2], rule.Stopped)
	wantStop(b, c.Login, rule.TopUpRate)
	if b.Bank.Taken() != 200 {
		t.Errorf("the bank paid %d", b.Bank.Taken())
	}
}

func TestNewPhoneTopUp(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	b.Must(c.BindTo(housetest.Key(t, "second"), ""))
	b.Must(c.SignIn())
	for n := range b.Config.Limits.Watch.NewPhone.Count {
		wantStop(b, c.Login)
		_, err := c.TopUp(5_000 + int64(n))
		b.Want("too much", err, rule.CoolingOff)
		b.Clock.Pass(5 * time.Minute)
	}
	wantStop(b, c.Login, rule.NewPhoneTopUp)
}

func TestManyLanes(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 10_000)
	b.Must(c.Certify())
	for n, want := range []house.ChargeState{house.Paid, house.Paid, house.Declined} {
		if r := c.Pay("s1", string(rune('1'+n)), 100); r.State != want {
			t.Errorf("lane %d: %+v", n+1, r)
		}
	}
	wantStop(b, c.Login, rule.ManyLanes)

	d := b.Funded("taro", 10_000) // who shops in peace
	b.Must(d.Certify())
	for n := range 6 {
		if r := d.Pay("s1", string(rune('1'+n%3)), 100); r.State != house.Paid {
			t.Errorf("payment %d: %+v", n+1, r)
		}
		b.Clock.Pass(3 * time.Minute)
	}
	wantStop(b, d.Login)
}

// TestSwitch stops everything, not only top-ups.
func TestSwitch(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 10_000)
	b.Must(c.Certify())
	paid := c.Pay("s1", "1", 100)
	offline := c.Code("s1", "1")
	b.Want("by nobody", b.Issuer.Throw(b.Ctx, house.Switch{Spending: true, Why: "x"}), rule.BadPerson)
	b.Must(b.Issuer.Throw(b.Ctx, house.Switch{Spending: true, TopUps: true, By: "sato", Why: "complaints"}))
	if r := c.Pay("s1", "1", 100); r.State != house.Declined || r.Why != rule.SpendingOff {
		t.Errorf("spending goes on: %+v", r)
	}
	_, err := c.TopUp(100)
	b.Want("a top-up", err, rule.TopUpsOff)
	b.Want("a certificate", c.Certify(), rule.SpendingOff)
	if w, err := b.Issuer.Word(b.Ctx); err != nil || !w.Spending {
		t.Errorf("lanes don't hear of it: %+v, %v", w, err)
	}
	// What is owed goes on.
	_, err = b.Issuer.Refund(b.Ctx, "R1", paid.Ref, housetest.Yen(40))
	b.Want("a refund", err, nil)
	_, err = b.Present(1, offline, "s1", "1", 200)
	b.Want("what a lane took", err, nil)
	b.Must(b.Issuer.Throw(b.Ctx, house.Switch{By: "sato", Why: "the list is dry"}))
	if r := c.Pay("s1", "1", 100); r.State != house.Paid {
		t.Errorf("spending stays off: %+v", r)
	}
}

// TestMassStop stops account after account until everything stops by itself, and shows that what strangers can cause
// without a second factor never does.
func TestMassStop(t *testing.T) {
	b := housetest.New(t, func(c *house.Config) {
		c.Limits.Watch.Accounts.Count, c.Limits.Watch.Asks.Count, c.Limits.Watch.PerAddress.Count = 3, 10_000, 10_000
	})
	names := []string{"hanako", "jiro", "taro"}
	for _, name := range names {
		c := b.Customer(name)
		for n := range 10 {
			thief := *c
			thief.From, thief.Phone = netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), housetest.Key(t, "thief")
			_ = thief.SignIn()
		}
		for range b.Config.Limits.Watch.Guesses.Count {
			thief := *c
			thief.Password = "a guess and another"
			_ = thief.SignIn()
		}
		wantStop(b, name, rule.Guessing, rule.Strangers)
	}
	if s, err := b.Issuer.Standing(b.Ctx); err != nil || s.Spending || s.TopUps {
		t.Fatalf("strangers closed the wallet: %+v, %v", s, err)
	}
	for n, name := range []string{"a-one", "b-two", "c-three"} {
		c := b.Customer(name)
		for range 3 {
			_, _ = c.TopUp(10)
		}
		s, err := b.Issuer.Standing(b.Ctx)
		if b.Must(err); s.Spending != (n == 2) || s.TopUps != (n == 2) {
			t.Errorf("after %d accounts: %+v", n+1, s)
		}
	}
}
