package house_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/house/rule"
)

// outside plays a provider: a code is "issuer subject nonce verifier", and it holds who finishes to nonce and verifier.
type outside struct{ begun []string }

func (o *outside) Begin(state, nonce, verifier string) string {
	o.begun = []string{state, nonce, verifier}
	return "https://id.example/authorize?state=" + state
}

func (o *outside) Finish(_ context.Context, code, nonce, verifier string) (issuer, subject string, err error) {
	f := strings.Fields(code)
	if len(f) != 4 || f[2] != nonce || f[3] != verifier {
		return "", "", errors.New("not for this log-in")
	}
	return f[0], f[1], nil
}

// login goes through the provider as somebody, up to what comes back.
func (o *outside) login(c *housetest.Customer, issuer, subject string, p house.Purpose) house.FinishOutside {
	c.T.Helper()
	b, err := c.Issuer.BeginOutside(c.Ctx, c.From, "id")
	c.Must(err)
	code := strings.Join([]string{issuer, subject, o.begun[1], o.begun[2]}, " ")
	return house.FinishOutside{State: b.State, Code: house.Secret(code), Proof: c.Sign(p, string(b.State))}
}

func withOutside(o *outside) func(*house.Config) {
	return func(c *house.Config) { c.Outside = map[string]house.Outside{"id": o} }
}

func TestOutside(t *testing.T) {
	o := &outside{}
	b := housetest.New(t, withOutside(o))
	c, other := b.Customer("hanako"), b.Customer("taro")
	const idp = "https://id.example"
	signIn := func(as *housetest.Customer, f house.FinishOutside) error {
		_, err := b.Issuer.SignInOutside(b.Ctx, as.From, f)
		return err
	}
	link := func(as *housetest.Customer, password house.Secret, f house.FinishOutside) error {
		return b.Issuer.LinkOutside(b.Ctx, as.From, as.Session, password, f)
	}
	b.Want("before it is bound", signIn(c, o.login(c, idp, "u1", house.ForOutside)), rule.NotProven)
	b.Want("binding without the password", link(c, "", o.login(c, idp, "u1", house.ForLink)), rule.NotProven)
	b.Want("binding by another phone", link(c, c.Password, o.login(other, idp, "u1", house.ForLink)), rule.NotProven)
	b.Must(link(c, c.Password, o.login(c, idp, "u1", house.ForLink)))
	b.Want("binding again", link(c, c.Password, o.login(c, idp, "u1", house.ForLink)), nil)
	b.Want("binding another's", link(other, other.Password, o.login(other, idp, "u1", house.ForLink)), rule.BadIdentity)
	if b.Mail.Last(house.OutsideLinked, c.Contact).To == "" {
		t.Error("the customer is not told")
	}

	b.Want("well", signIn(c, o.login(c, idp, "u1", house.ForOutside)), nil)
	b.Want("the same subject of another issuer", signIn(c, o.login(c, "https://evil.example", "u1", house.ForOutside)), rule.NotProven)
	b.Want("another subject", signIn(c, o.login(c, idp, "u2", house.ForOutside)), rule.NotProven)
	b.Want("a stolen outside log-in, with the thief's phone", signIn(other, o.login(other, idp, "u1", house.ForOutside)), rule.NotProven)
	used := o.login(c, idp, "u1", house.ForOutside)
	b.Must(signIn(c, used))
	used.Proof = c.Sign(house.ForOutside, string(used.State))
	b.Want("what came back, again", signIn(c, used), rule.Over)
	forged := o.login(c, idp, "u1", house.ForOutside)
	forged.Code = house.Secret(idp + " u1 my-nonce my-verifier")
	b.Want("a code of another log-in", signIn(c, forged), rule.NotProven)
	lured := o.login(c, idp, "u1", house.ForOutside)
	lured.Proof = c.Sign(house.ForOutside, "the attacker's state")
	b.Want("a state that the phone did not sign", signIn(c, lured), rule.NotProven)
	made := o.login(c, idp, "u1", house.ForOutside)
	made.State = "a state that I made"
	b.Want("a state of nobody", signIn(c, made), rule.Over)
	late := o.login(c, idp, "u1", house.ForOutside)
	b.Clock.Pass(b.Config.Limits.Ticket)
	late.Proof = c.Sign(house.ForOutside, string(late.State))
	b.Want("too late", signIn(c, late), rule.Over)
	_, err := b.Issuer.BeginOutside(b.Ctx, c.From, "unknown")
	b.Want("another provider", err, rule.NotFound)
}

// TestIdentifiersGiveNothing guesses outside identities as it was done, by identifier and provider: 7pay answered a
// token to them. No session comes of any.
func TestIdentifiersGiveNothing(t *testing.T) {
	o := &outside{}
	b := housetest.New(t, func(c *house.Config) {
		withOutside(o)(c)
		c.Limits.Watch.Asks.Count, c.Limits.Watch.PerAddress.Count = 1<<30, 1<<30
	})
	c := b.Customer("hanako")
	b.Must(b.Issuer.LinkOutside(b.Ctx, c.From, c.Session, c.Password, o.login(c, "https://id.example", "u1", house.ForLink)))
	thief := b.Stranger("thief")
	for _, code := range []string{"u1", "https://id.example u1", "hanako", c.Contact, "https://id.example u1  "} {
		for range 200 {
			f := o.login(thief, "https://id.example", "u1", house.ForOutside)
			f.Code = house.Secret(code)
			if s, err := b.Issuer.SignInOutside(b.Ctx, thief.From, f); err == nil || s.Token != "" {
				t.Fatalf("%q opens a session", code)
			}
		}
	}
}
