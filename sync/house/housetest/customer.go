package housetest

import (
	"fmt"
	"net/netip"
	"strconv"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/house"
	"tilld/sync/wire"
)

// Customer is somebody with a phone, honest or not.
type Customer struct {
	*Bench
	From     netip.Addr
	Login    string
	Password house.Secret
	Contact  string
	Phone    *wire.Signer
	Recovery []house.Secret
	Session  house.Secret
	Cert     []byte
	counter  uint64
	refs     int
}

// Stranger is a customer without an account.
func (b *Bench) Stranger(name string) *Customer {
	return &Customer{
		Bench: b, From: Home, Login: name, Contact: name + "@example.jp", Password: house.Secret("the long way home of " + name[:1] + "-" + strconv.Itoa(len(name))),
		Phone: Key(b.T, "phone of "+name),
	}
}

// Customer is one with a confirmed account, signed in.
func (b *Bench) Customer(name string) *Customer {
	b.T.Helper()
	c := b.Stranger(name)
	b.Must(c.Enrol())
	b.Must(b.Issuer.Confirm(b.Ctx, c.From, b.Mail.Last(house.ConfirmTicket, c.Contact).Ticket))
	b.Must(c.SignIn())
	return c
}

// Funded is a customer with money.
func (b *Bench) Funded(name string, yen int64) *Customer {
	b.T.Helper()
	c := b.Customer(name)
	for yen > 0 {
		part := min(yen, b.Config.Limits.TopUp)
		state, err := c.TopUp(part)
		if b.Must(err); state != house.TopUpCredited {
			b.T.Fatalf("top-up of %d: %s", part, state)
		}
		yen -= part
		b.Clock.Pass(b.Config.Limits.Watch.TopUps.Within)
	}
	return c
}

// At is the same customer at another issuer's bench.
func (c *Customer) At(b *Bench) *Customer {
	d := *c
	d.Bench = b
	return &d
}

// Thief is somebody else who knows the customer's log-in and password, with a phone and an address of his own.
func (c *Customer) Thief(from netip.Addr) *Customer {
	d := *c
	d.From, d.Phone, d.Session, d.Cert, d.counter = from, Key(c.T, "the phone of who robs "+c.Login), "", nil, 0
	return &d
}

// Challenge is a fresh one.
func (c *Customer) Challenge() house.Secret {
	c.T.Helper()
	s, err := c.Issuer.Challenge(c.Ctx, c.From)
	c.Must(err)
	return s
}

// Sign proves a purpose with the customer's phone over a fresh challenge.
func (c *Customer) Sign(p house.Purpose, details ...string) house.Proof {
	c.T.Helper()
	return c.SignOver(c.Challenge(), c.Phone, p, details...)
}

// SignOver proves a purpose with any phone over any challenge.
func (c *Customer) SignOver(challenge house.Secret, phone *wire.Signer, p house.Purpose, details ...string) house.Proof {
	c.T.Helper()
	sig, err := phone.Sign(house.Statement(p, challenge, details...))
	c.Must(err)
	return house.Proof{Challenge: challenge, Signature: sig}
}

// Enrol opens an account.
func (c *Customer) Enrol() error {
	c.T.Helper()
	out, err := c.Issuer.Enrol(c.Ctx, c.From, house.Enrolment{
		Login: c.Login, Contact: c.Contact, Password: c.Password, Key: c.Phone.Public().Compressed(),
		Proof: c.Sign(house.ForEnrol, c.Login, c.Contact),
	})
	if err == nil {
		c.Recovery = out.Recovery
	}
	return err
}

// SignIn opens a session.
func (c *Customer) SignIn() error {
	c.T.Helper()
	s, err := c.Issuer.SignIn(c.Ctx, c.From, house.SignIn{Login: c.Login, Password: c.Password, Proof: c.Sign(house.ForSignIn, c.Login)})
	if err == nil {
		c.Session = s.Token
	}
	return err
}

// TopUp puts yen into the wallet from a card, under a new reference.
func (c *Customer) TopUp(yen int64) (house.TopUpState, error) {
	c.T.Helper()
	return c.TopUpFrom("card", c.NewRef(), yen)
}

// TopUpFrom puts yen into the wallet.
func (c *Customer) TopUpFrom(source, ref string, yen int64) (house.TopUpState, error) {
	c.T.Helper()
	return c.Issuer.TopUp(c.Ctx, c.From, house.TopUp{
		Session: c.Session, Ref: ref, Amount: Yen(yen), Source: source,
		Proof: c.Sign(house.ForTopUp, ref, strconv.FormatInt(yen, 10), source),
	})
}

// NewRef is a reference that nobody used.
func (c *Customer) NewRef() string {
	c.refs++
	sum := c.Phone.Public().KID()
	return fmt.Sprintf("T%sx%d", sum, c.refs)
}

// Certify asks for a certificate.
func (c *Customer) Certify() error {
	c.T.Helper()
	cert, err := c.Issuer.Certificate(c.Ctx, c.From, c.Session, c.Sign(house.ForCertificate))
	if err == nil {
		c.Cert = cert
	}
	return err
}

// Code is a fresh code for a lane; "" and "" is one for anywhere.
func (c *Customer) Code(store, lane string) string {
	c.T.Helper()
	c.counter++
	text, err := signed.Sign(c.Phone, c.Cert, signed.CodeClaims{Counter: c.counter, Time: c.Clock.Now(), Store: store, Lane: lane})
	c.Must(err)
	return text
}

// Pay spends online at a lane by a fresh code, under a new reference.
func (c *Customer) Pay(store, lane string, yen int64) house.Result {
	c.T.Helper()
	r, err := c.Issuer.Charge(c.Ctx, house.Charge{Ref: c.NewRef(), Code: c.Code(store, lane), Amount: Yen(yen), Store: store, Lane: lane})
	c.Must(err)
	return r
}

// Present brings what a lane took offline by a code.
func (b *Bench) Present(id byte, code, store, lane string, yen int64) (house.Covered, error) {
	return b.Issuer.Present(b.Ctx, house.Presentation{Payment: payment.ID{15: id}, Code: code, Amount: Yen(yen), Store: store, Lane: lane})
}

// BindTo moves the account to another phone, proven by the old one, or by a recovery code when that is not "".
func (c *Customer) BindTo(phone *wire.Signer, recovery house.Secret) error {
	c.T.Helper()
	ch, key := c.Challenge(), phone.Public().Compressed()
	in := house.Binding{Login: c.Login, Password: c.Password, Key: key, Recovery: recovery, New: c.SignOver(ch, phone, house.ForBindNew, c.Login)}
	if recovery == "" {
		old := c.SignOver(ch, c.Phone, house.ForBindOld, c.Login, string(key))
		in.Old = &old
	}
	err := c.Issuer.BindPhone(c.Ctx, c.From, in)
	if err == nil {
		c.Phone, c.counter = phone, 0
	}
	return err
}

// View is the account as its customer sees it.
func (c *Customer) View() house.AccountView {
	c.T.Helper()
	v, err := c.Issuer.Account(c.Ctx, c.Session)
	c.Must(err)
	return v
}
