package house_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/house/rule"
)

func TestEnrol(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*housetest.Customer)
		want   error
	}{
		{"well", func(*housetest.Customer) {}, nil},
		{"no log-in", func(c *housetest.Customer) { c.Login = "" }, rule.BadLogin},
		{"no contact", func(c *housetest.Customer) { c.Contact = "" }, rule.BadContact},
		{"two contacts", func(c *housetest.Customer) { c.Contact = "a@example.jp,b@example.jp" }, rule.BadContact},
		{"no password", func(c *housetest.Customer) { c.Password = "" }, rule.WeakPassword},
		{"short", func(c *housetest.Customer) { c.Password = "Tr0ub4dor" }, rule.WeakPassword},
		{"made of the log-in", func(c *housetest.Customer) { c.Password = house.Secret(c.Login + c.Login) }, rule.WeakPassword},
		{"known from elsewhere", func(c *housetest.Customer) { c.Password = "Qwertyuiop123!" }, rule.KnownPassword},
		{"taken", func(c *housetest.Customer) { c.Login = "TARO" }, rule.LoginTaken},
		{"a phone that is another's", func(c *housetest.Customer) { c.Phone = housetest.Key(c.T, "phone of taro") }, rule.BadKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := housetest.New(t, nil)
			b.Customer("taro")
			c := b.Stranger("hanako")
			tt.change(c)
			b.Want("enrolling", c.Enrol(), tt.want)
		})
	}
}

// TestEnrolNeedsThePhone sends the key of a phone without its signature.
func TestEnrolNeedsThePhone(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Stranger("hanako")
	key := c.Phone.Public().Compressed()
	good := c.Sign(house.ForEnrol, c.Login, c.Contact)
	for name, p := range map[string]house.Proof{
		"nothing":           {},
		"another's":         c.SignOver(c.Challenge(), housetest.Key(t, "thief"), house.ForEnrol, c.Login, c.Contact),
		"for another":       c.Sign(house.ForEnrol, "taro", c.Contact),
		"another purpose":   c.Sign(house.ForSignIn, c.Login, c.Contact),
		"a challenge of my": c.SignOver("my own challenge", c.Phone, house.ForEnrol, c.Login, c.Contact),
	} {
		_, err := b.Issuer.Enrol(b.Ctx, c.From, house.Enrolment{Login: c.Login, Contact: c.Contact, Password: c.Password, Key: key, Proof: p})
		b.Want(name, err, rule.NotProven)
	}
	b.Clock.Pass(b.Config.Limits.Challenge)
	_, err := b.Issuer.Enrol(b.Ctx, c.From, house.Enrolment{Login: c.Login, Contact: c.Contact, Password: c.Password, Key: key, Proof: good})
	b.Want("too late", err, rule.NotProven)
	b.Want("well", c.Enrol(), nil)
}

// TestAskedTooOften asks for challenges and for accounts until one address has had enough.
func TestAskedTooOften(t *testing.T) {
	b := housetest.New(t, func(c *house.Config) { c.Limits.Watch.Challenges.Count = 70 })
	for n := range b.Config.Limits.Watch.Asks.Count {
		c := b.Stranger(fmt.Sprintf("somebody%d", n))
		b.Must(c.Enrol())
	}
	b.Want("one account more", b.Stranger("hanako").Enrol(), rule.TooMany)
	var err error
	for range 10 {
		_, err = b.Issuer.Challenge(b.Ctx, housetest.Home)
	}
	b.Want("challenges", err, rule.TooMany)
	b.Clock.Pass(b.Config.Limits.Watch.Asks.Within)
	b.Want("later", b.Stranger("hanako").Enrol(), nil)
}

// TestUnconfirmed shows that an account holds no money before its contact is proven.
func TestUnconfirmed(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Stranger("hanako")
	b.Must(c.Enrol())
	b.Must(c.SignIn())
	_, err := c.TopUp(100)
	b.Want("a top-up", err, rule.Unconfirmed)
	b.Want("a certificate", c.Certify(), rule.Unconfirmed)
	b.Must(b.Issuer.AskReset(b.Ctx, c.From, c.Login))
	if m := b.Mail.Last(house.ResetTicket, ""); m.Ticket != "" {
		t.Error("a reset goes to a contact that was never proven")
	}
	ticket := b.Mail.Last(house.ConfirmTicket, c.Contact).Ticket
	b.Want("a wrong ticket", b.Issuer.Confirm(b.Ctx, c.From, ticket+"x"), rule.Over)
	b.Must(b.Issuer.Confirm(b.Ctx, c.From, ticket))
	b.Want("the ticket again", b.Issuer.Confirm(b.Ctx, c.From, ticket), rule.Over)
	_, err = c.TopUp(100)
	b.Want("a top-up", err, nil)
}

func TestSignIn(t *testing.T) {
	b := housetest.New(t, nil)
	c, other := b.Customer("hanako"), b.Customer("taro")
	try := func(login string, password house.Secret, p house.Proof) error {
		_, err := b.Issuer.SignIn(b.Ctx, c.From, house.SignIn{Login: login, Password: password, Proof: p})
		return err
	}
	used := c.Sign(house.ForSignIn, c.Login)
	b.Must(try(c.Login, c.Password, used))
	old := c.Sign(house.ForSignIn, c.Login)
	b.Clock.Pass(b.Config.Limits.Challenge)
	for _, tt := range []struct {
		name     string
		login    string
		password house.Secret
		proof    house.Proof
		want     error
	}{
		{"both factors", c.Login, c.Password, c.Sign(house.ForSignIn, c.Login), nil},
		{"in capitals", "HANAKO", c.Password, c.Sign(house.ForSignIn, "HANAKO"), nil},
		{"the password alone", c.Login, c.Password, house.Proof{Challenge: c.Challenge()}, rule.NotProven},
		{"the phone alone", c.Login, "", c.Sign(house.ForSignIn, c.Login), rule.NotProven},
		{"another's phone", c.Login, c.Password, other.Sign(house.ForSignIn, c.Login), rule.NotProven},
		{"another's password", c.Login, other.Password, c.Sign(house.ForSignIn, c.Login), rule.NotProven},
		{"a signature again", c.Login, c.Password, used, rule.NotProven},
		{"an old challenge", c.Login, c.Password, old, rule.NotProven},
		{"another purpose", c.Login, c.Password, c.Sign(house.ForCertificate), rule.NotProven},
		{"no such account", "nobody", c.Password, c.Sign(house.ForSignIn, "nobody"), rule.NotProven},
		{"no log-in at all", "", "", house.Proof{}, rule.NotProven},
	} {
		b.Want(tt.name, try(tt.login, tt.password, tt.proof), tt.want)
	}
}

func TestSessionEnds(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	look := func() error { _, err := b.Issuer.Account(b.Ctx, c.Session); return err }
	b.Want("fresh", look(), nil)
	for range 20 {
		b.Clock.Pass(b.Config.Limits.SessionIdle)
		b.Want("used", look(), nil)
	}
	b.Clock.Pass(b.Config.Limits.SessionIdle + time.Millisecond)
	b.Want("idle", look(), rule.NotSignedIn)
	b.Must(c.SignIn())
	b.Must(b.Issuer.SignOut(b.Ctx, c.Session))
	b.Want("signed out", look(), rule.NotSignedIn)
	c.Session = ""
	b.Want("no session", look(), rule.NotSignedIn)
}

// TestNothingSecretIsKept looks for everything that opens something in the database's file and its log.
func TestNothingSecretIsKept(t *testing.T) {
	var log strings.Builder
	b := housetest.New(t, func(c *house.Config) { c.Log = textLog(&log) })
	c := b.Funded("hanako", 5_000)
	b.Must(c.Certify())
	c.Pay("s1", "1", 100)
	b.Must(b.Issuer.AskReset(b.Ctx, c.From, c.Login))
	b.Mail.Down = errors.New("the post is away")
	b.Must(b.Issuer.AskReset(b.Ctx, c.From, c.Login))
	secrets := append([]house.Secret{c.Password, c.Session, b.Mail.Last(house.ResetTicket, "").Ticket, c.Challenge()}, c.Recovery...)
	b.Must(b.Issuer.Close())
	kept := everyByte(t, b.Path) + log.String()
	if !strings.Contains(kept, c.Login) || !strings.Contains(log.String(), "could not be told") {
		t.Fatal("looked in the wrong place")
	}
	for n, s := range secrets {
		if s == "" || strings.Contains(kept, string(s)) {
			t.Errorf("secret %d is kept in plain", n)
		}
	}
}
