package house_test

import (
	"net/netip"
	"testing"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/house/rule"
	"tilld/sync/wire"
)

// TestBindPhone tries to bind a thief's phone with all that he may have.
func TestBindPhone(t *testing.T) {
	type thief struct {
		password bool // knows the password
		phone    bool // holds the old phone
		recovery string
		another  bool // signs with a phone of his own in place of the old one
		noNew    bool // sends a key that he can't sign by
	}
	for _, tt := range []struct {
		name string
		has  thief
		want error
	}{
		{"the password alone", thief{password: true}, rule.NotProven},
		{"the old phone alone", thief{phone: true}, rule.NotProven},
		{"the password and a phone of his own", thief{password: true, another: true}, rule.NotProven},
		{"the password and a guess", thief{password: true, recovery: "AAAA-AAAA-AAAA-AAAA"}, rule.NotProven},
		{"a recovery code alone", thief{recovery: "good"}, rule.NotProven},
		{"a key that is not his", thief{password: true, phone: true, noNew: true}, rule.NotProven},
		{"the customer, old phone at hand", thief{password: true, phone: true}, nil},
		{"the customer, old phone lost", thief{password: true, recovery: "good"}, nil},
		{"the same, as written down", thief{password: true, recovery: "small"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := housetest.New(t, nil)
			c := b.Customer("hanako")
			session, next := c.Session, housetest.Key(t, "the next phone")
			in := house.Binding{Login: c.Login, Key: next.Public().Compressed()}
			ch := c.Challenge()
			if in.New = c.SignOver(ch, next, house.ForBindNew, c.Login); tt.has.noNew {
				in.New = c.SignOver(ch, c.Phone, house.ForBindNew, c.Login)
			}
			if tt.has.password {
				in.Password = c.Password
			}
			switch tt.has.recovery {
			case "good":
				in.Recovery = c.Recovery[3]
			case "small":
				in.Recovery = small(c.Recovery[3])
			default:
				in.Recovery = house.Secret(tt.has.recovery)
			}
			if tt.has.phone || tt.has.another {
				signer := c.Phone
				if tt.has.another {
					signer = housetest.Key(t, "the thief's other phone")
				}
				old := c.SignOver(ch, signer, house.ForBindOld, c.Login, string(in.Key))
				in.Old = &old
			}
			b.Want("binding", b.Issuer.BindPhone(b.Ctx, c.From, in), tt.want)
			_, err := b.Issuer.Account(b.Ctx, session)
			if bound := tt.want == nil; !bound {
				b.Want("the old phone's session", err, nil)
				if m := b.Mail.Last(house.PhoneChanged, ""); m.To != "" {
					t.Error("a change that was refused is told as done")
				}
			} else {
				b.Want("the old phone's session", err, rule.NotSignedIn)
				b.Want("the old phone", c.SignIn(), rule.NotProven)
				if m := b.Mail.Last(house.PhoneChanged, c.Contact); m.Phone != c.Phone.Public().KID() {
					t.Errorf("the old phone is not told: %+v", m)
				}
			}
		})
	}
}

// small is a code as it may be written down: in groups, small, and with digits that look like letters.
func small(code house.Secret) house.Secret {
	out := ""
	for n, r := range string(code) {
		if n%4 == 0 {
			out += "- "
		}
		switch r {
		case 'O':
			r = '0'
		case 'I':
			r = '1'
		default:
			if r >= 'A' {
				r += 'a' - 'A'
			}
		}
		out += string(r)
	}
	return house.Secret(out)
}

// TestRecoveryCodeOnce uses a code twice.
func TestRecoveryCodeOnce(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	b.Must(c.BindTo(housetest.Key(t, "second"), c.Recovery[0]))
	b.Want("again", c.BindTo(housetest.Key(t, "third"), c.Recovery[0]), rule.NotProven)
	b.Want("a key that was bound before", c.BindTo(housetest.Key(t, "phone of hanako"), c.Recovery[1]), rule.BadKey)
	b.Want("another code", c.BindTo(housetest.Key(t, "third"), c.Recovery[2]), nil)
	if b.Mail.Last(house.RecoveryUsed, c.Contact).To == "" {
		t.Error("nobody is told that a recovery code was used")
	}
}

// TestRenewRecovery makes new codes, for both factors, and ends the old ones.
func TestRenewRecovery(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	renew := func(phone *wire.Signer, password house.Secret) ([]house.Secret, error) {
		return b.Issuer.RenewRecovery(b.Ctx, c.From, c.Session, password, c.SignOver(c.Challenge(), phone, house.ForRecovery))
	}
	_, err := renew(housetest.Key(t, "thief"), c.Password)
	b.Want("by another phone", err, rule.NotProven)
	_, err = renew(c.Phone, "a guess and another")
	b.Want("without the password", err, rule.NotProven)
	codes, err := renew(c.Phone, c.Password)
	if b.Must(err); len(codes) != len(c.Recovery) || b.Mail.Last(house.RecoveryRenewed, c.Contact).To == "" {
		t.Errorf("%d codes, or nobody is told", len(codes))
	}
	b.Want("an old code", c.BindTo(housetest.Key(t, "second"), c.Recovery[0]), rule.NotProven)
	b.Want("a new code", c.BindTo(housetest.Key(t, "second"), codes[0]), nil)
}

// TestWayBack takes an account over by a stolen password and recovery code, and gives it back: the thief can't make it
// his own before the customer, who was told, binds a phone again.
func TestWayBack(t *testing.T) {
	o := &outside{}
	b := housetest.New(t, withOutside(o))
	c := b.Funded("hanako", 5_000)
	thief := c.Thief(c.From)
	b.Must(thief.BindTo(thief.Phone, c.Recovery[0]))
	b.Must(thief.SignIn())
	_, err := b.Issuer.RenewRecovery(b.Ctx, c.From, thief.Session, thief.Password, thief.Sign(house.ForRecovery))
	b.Want("new recovery codes", err, rule.CoolingOff)
	const mail = "thief@example.com"
	err = b.Issuer.ChangeContact(b.Ctx, c.From, house.NewContact{Session: thief.Session, Password: thief.Password, Contact: mail, Proof: thief.Sign(house.ForContact, mail)})
	b.Want("another contact", err, rule.CoolingOff)
	err = b.Issuer.LinkOutside(b.Ctx, c.From, thief.Session, thief.Password, o.login(thief, "https://id.example", "thief", house.ForLink))
	b.Want("an outside log-in", err, rule.CoolingOff)
	b.Must(c.BindTo(housetest.Key(t, "the customer's new phone"), c.Recovery[1]))
	b.Want("the thief", thief.SignIn(), rule.NotProven)
	b.Want("the customer", c.SignIn(), nil)
	wantMoney(c, 5_000, 0)
}

// TestCoolingOff shows what a new phone can't do for a day.
func TestCoolingOff(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 30_000)
	b.Must(c.Certify())
	l := b.Config.Limits
	old := c.Code("", "") // of the old phone
	b.Must(c.BindTo(housetest.Key(t, "second"), ""))
	r, err := b.Issuer.Charge(b.Ctx, house.Charge{Ref: "OLD", Code: old, Amount: housetest.Yen(10), Store: "s1", Lane: "1"})
	if b.Must(err); r.State != house.Declined {
		t.Errorf("the old phone pays: %+v", r)
	}
	b.Must(c.SignIn())
	b.Must(c.Certify())
	if until := notBefore(b, c); until.Before(b.Clock.Now().Add(l.Cooling).Truncate(time.Second)) {
		t.Errorf("lanes may take the certificate from %s", until)
	}
	if r := c.Pay("s1", "1", l.CoolingSpend); r.State != house.Paid {
		t.Errorf("a small payment online: %+v", r)
	}
	if r := c.Pay("s1", "1", 1); r.Why != rule.CoolingOff {
		t.Errorf("more online: %+v", r)
	}
	_, err = c.TopUp(l.CoolingTopUp)
	b.Want("a small top-up", err, nil)
	_, err = c.TopUp(1)
	b.Want("one more yen", err, rule.CoolingOff)
	b.Clock.Pass(l.Cooling - time.Millisecond)
	b.Must(c.SignIn())
	least := string(c.Cert)
	b.Must(c.Certify())
	if string(c.Cert) != least {
		t.Error("another certificate at the last moment")
	}
	b.Clock.Pass(time.Millisecond)
	b.Must(c.Certify())
	if string(c.Cert) == least || notBefore(b, c).After(b.Clock.Now()) {
		t.Error("no certificate after the cooling-off")
	}
	_, err = c.TopUp(l.TopUp)
	b.Want("a top-up", err, nil)
}

func notBefore(b *housetest.Bench, c *housetest.Customer) time.Time {
	b.T.Helper()
	cert, err := signed.ParseCertificate(c.Cert)
	b.Must(err)
	return cert.NotBefore
}

// TestCoolingOffDoesNotStartAgainEmpty binds phone after phone: the small cap stays one small cap.
func TestCoolingOffDoesNotStartAgainEmpty(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	var sum int64
	for _, name := range []string{"a", "b", "c"} {
		b.Must(c.BindTo(housetest.Key(t, name), ""))
		b.Must(c.SignIn())
		if _, err := c.TopUp(b.Config.Limits.CoolingTopUp); err == nil {
			sum += b.Config.Limits.CoolingTopUp
		}
		b.Clock.Pass(time.Hour)
	}
	if sum != b.Config.Limits.CoolingTopUp {
		t.Errorf("%d topped up while cooling off", sum)
	}
}

func TestReset(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 5_000)
	b.Must(b.Issuer.AskReset(b.Ctx, c.From, "HANAKO"))
	b.Want("a reset of nobody", b.Issuer.AskReset(b.Ctx, c.From, "nobody"), nil)
	m := b.Mail.Last(house.ResetTicket, "")
	if m.To != c.Contact {
		t.Fatalf("the ticket goes to %q", m.To)
	}
	const next = "quite another long phrase"
	b.Want("a weak password", b.Issuer.Reset(b.Ctx, c.From, m.Ticket, "short"), rule.WeakPassword)
	b.Want("the ticket again", b.Issuer.Reset(b.Ctx, c.From, m.Ticket, next), rule.Over)
	b.Must(b.Issuer.AskReset(b.Ctx, c.From, c.Login))
	b.Want("the password that it was", b.Issuer.Reset(b.Ctx, c.From, b.Mail.Last(house.ResetTicket, "").Ticket, c.Password), rule.KnownPassword)
	b.Must(b.Issuer.AskReset(b.Ctx, c.From, c.Login))
	b.Clock.Pass(b.Config.Limits.Ticket)
	b.Want("too late", b.Issuer.Reset(b.Ctx, c.From, b.Mail.Last(house.ResetTicket, "").Ticket, next), rule.Over)
	b.Must(b.Issuer.AskReset(b.Ctx, c.From, c.Login))
	b.Must(b.Issuer.Reset(b.Ctx, c.From, b.Mail.Last(house.ResetTicket, "").Ticket, next))

	_, err := b.Issuer.Account(b.Ctx, c.Session)
	b.Want("the session from before", err, rule.NotSignedIn)
	b.Want("the old password", c.SignIn(), rule.NotProven)
	c.Password = next
	_, err = b.Issuer.SignIn(b.Ctx, c.From, house.SignIn{Login: c.Login, Password: next, Proof: house.Proof{Challenge: c.Challenge()}})
	b.Want("the new password without the phone", err, rule.NotProven)
	b.Want("the new password", c.SignIn(), nil)
	_, err = c.TopUp(b.Config.Limits.CoolingTopUp + 1)
	b.Want("a top-up", err, rule.CoolingOff)
	if b.Mail.Last(house.PasswordReset, c.Contact).To == "" {
		t.Error("nobody is told of the reset")
	}
}

// TestResetIsCounted asks for tickets in bulk: one mailbox is not flooded, and one address is not served for ever.
func TestResetIsCounted(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	w := b.Config.Limits.Watch
	for n := range 20 {
		b.Want("asking", b.Issuer.AskReset(b.Ctx, netip.AddrFrom4([4]byte{198, 51, 100, byte(n)}), c.Login), nil)
	}
	sent := 0
	for _, m := range b.Mail.Sent {
		if m.Kind == house.ResetTicket {
			sent++
		}
	}
	if sent != w.AsksOfAccount.Count {
		t.Errorf("%d tickets sent, want %d", sent, w.AsksOfAccount.Count)
	}
	from := netip.MustParseAddr("2001:db8::1")
	for range w.Asks.Count {
		b.Must(b.Issuer.AskReset(b.Ctx, from, "nobody"))
	}
	b.Want("once more", b.Issuer.AskReset(b.Ctx, from, "nobody"), rule.TooMany)
	b.Want("from the same network", b.Issuer.AskReset(b.Ctx, netip.MustParseAddr("2001:db8::2"), "nobody"), rule.TooMany)
	b.Want("from another", b.Issuer.AskReset(b.Ctx, netip.MustParseAddr("2001:db8:0:1::1"), "nobody"), nil)
}

func TestChangeContact(t *testing.T) {
	const next = "hanako@new.example.jp"
	change := func(c *housetest.Customer, password house.Secret) error {
		return c.Issuer.ChangeContact(c.Ctx, c.From, house.NewContact{Session: c.Session, Password: password, Contact: next, Proof: c.Sign(house.ForContact, next)})
	}
	resetGoesTo := func(c *housetest.Customer) string {
		c.Must(c.Issuer.AskReset(c.Ctx, c.From, c.Login))
		return c.Mail.Last(house.ResetTicket, "").To
	}
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	b.Want("without the password", change(c, ""), rule.NotProven)
	b.Want("to nowhere", b.Issuer.ChangeContact(b.Ctx, c.From, house.NewContact{Session: c.Session, Password: c.Password}), rule.BadContact)
	b.Must(change(c, c.Password))
	if to := resetGoesTo(c); to != c.Contact {
		t.Errorf("a reset goes to %s at once", to)
	}
	b.Clock.Pass(b.Config.Limits.ContactDelay)
	if to := resetGoesTo(c); to != c.Contact {
		t.Errorf("a reset goes to %s, which was never proven", to)
	}
	b.Must(c.SignIn())
	b.Must(change(c, c.Password))
	b.Must(b.Issuer.ProveContact(b.Ctx, c.From, b.Mail.Last(house.NewContactTicket, next).Ticket))
	b.Clock.Pass(b.Config.Limits.ContactDelay - time.Millisecond)
	if to := resetGoesTo(c); to != c.Contact {
		t.Errorf("a reset goes to %s too early", to)
	}
	b.Clock.Pass(time.Hour)
	if to := resetGoesTo(c); to != next {
		t.Errorf("a reset goes to %s", to)
	}
	b.Issuer.Deliver(b.Ctx)
	if b.Mail.Last(house.ContactChanged, c.Contact).To == "" {
		t.Error("the old contact is not told")
	}
	b.Must(c.SignIn())
	_, err := c.TopUp(b.Config.Limits.CoolingTopUp + 1)
	b.Want("a top-up after it", err, rule.CoolingOff)
}

// TestKeepContact forbids a change that somebody else asked for.
func TestKeepContact(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	const thief = "thief@example.com"
	b.Must(b.Issuer.ChangeContact(b.Ctx, c.From, house.NewContact{Session: c.Session, Password: c.Password, Contact: thief, Proof: c.Sign(house.ForContact, thief)}))
	b.Must(b.Issuer.ProveContact(b.Ctx, c.From, b.Mail.Last(house.NewContactTicket, thief).Ticket))
	b.Must(b.Issuer.KeepContact(b.Ctx, c.From, b.Mail.Last(house.KeepContactTicket, c.Contact).Ticket))
	_, err := b.Issuer.Account(b.Ctx, c.Session)
	b.Want("the session that asked for it", err, rule.NotSignedIn)
	b.Clock.Pass(2 * b.Config.Limits.ContactDelay)
	b.Must(b.Issuer.AskReset(b.Ctx, c.From, c.Login))
	if to := b.Mail.Last(house.ResetTicket, "").To; to != c.Contact {
		t.Errorf("a reset goes to %s", to)
	}
}

// TestNoticesWait sends what could not be sent.
func TestNoticesWait(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	b.Mail.Down = housetest.ErrBank
	b.Must(c.BindTo(housetest.Key(t, "second"), ""))
	b.Mail.Down = nil
	b.Issuer.Deliver(b.Ctx)
	b.Issuer.Deliver(b.Ctx)
	n := 0
	for _, m := range b.Mail.Sent {
		if m.Kind == house.PhoneChanged {
			n++
		}
	}
	if n != 1 {
		t.Errorf("told %d times", n)
	}
}
