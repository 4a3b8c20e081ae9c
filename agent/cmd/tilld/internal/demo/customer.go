package demo

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/house"
	"tilld/sync/wire"
)

// customer is somebody with the house wallet's app on a phone, which talks to the issuer over HTTP and to nobody else.
type customer struct {
	id    string
	units int64 // what is in the wallet at first, in the market's units
	desk  *desk

	kept    kept
	key     *wire.Signer
	session string // empty: not signed in
	cert    []byte
	limit   payment.Money // of cert
	until   time.Time     // end of cert
}

// kept is what the phone, and its owner, remember.
type kept struct {
	Password string   `json:"password"`
	Key      []byte   `json:"key"` // PKCS #8
	Counter  uint64   `json:"counter"`
	Recovery []string `json:"recovery"` // codes on paper
	Member   bool     `json:"member"`   // has a confirmed account
	Lost     bool     `json:"lost"`     // the phone was reported, and revoked by HQ's policy
}

func (c *customer) file() string    { return filepath.Join(c.desk.phones, c.id+".json") }
func (c *customer) contact() string { return c.id + "@example.jp" }

// most is what the phone may spend offline.
func (c *customer) most() payment.Money {
	if c.limit.Currency == "" {
		return c.desk.market.money(0)
	}
	return c.limit
}

func (c *customer) save() error {
	b, err := json.Marshal(c.kept)
	if err != nil {
		return err
	}
	return files.Write(c.file(), b)
}

// open takes the phone up: the one of the last time, or a new one, whose owner becomes a member and brings money.
func (c *customer) open(ctx context.Context) error {
	b, err := files.Read(c.file())
	if err != nil {
		return err
	}
	if b == nil {
		if err := c.newPhone(); err != nil {
			return err
		}
		c.kept.Password = rand.Text()
		if err := c.save(); err != nil {
			return err
		}
	} else if err := c.load(b); err != nil {
		return err
	}
	if !c.kept.Member {
		if err := c.enrol(ctx); err != nil {
			return err
		}
	}
	return c.bring(ctx)
}

func (c *customer) load(b []byte) error {
	if err := json.Unmarshal(b, &c.kept); err != nil {
		return fmt.Errorf("%s: %w", c.file(), err)
	}
	any, err := x509.ParsePKCS8PrivateKey(c.kept.Key)
	if err != nil {
		return fmt.Errorf("%s: %w", c.file(), err)
	}
	key, ok := any.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("%s: not a phone's key", c.file())
	}
	c.key, err = wire.NewSigner(key, rand.Reader)
	return err
}

// newPhone makes the key of a phone that was bought just now.
func (c *customer) newPhone() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	signer, err := wire.NewSigner(key, rand.Reader)
	if err != nil {
		return err
	}
	c.kept.Key, c.kept.Counter, c.kept.Lost = der, 0, false
	c.key, c.session, c.cert, c.until = signer, "", nil, time.Time{}
	return nil
}

// enrol opens the account and confirms it by the ticket that was mailed.
func (c *customer) enrol(ctx context.Context) error {
	proof, err := c.proof(ctx, house.ForEnrol, c.id, c.contact())
	if err != nil {
		return err
	}
	var got struct {
		Login    string   `json:"login"`
		Recovery []string `json:"recovery"`
	}
	if err := c.desk.phone(ctx, "POST", "/accounts", "", map[string]any{"login": c.id, "contact": c.contact(), "password": c.kept.Password,
		"key": c.key.Public().Compressed(), "proof": proof}, &got); err != nil {
		return err
	}
	ticket, err := c.desk.ticket(c.contact())
	if err != nil {
		return err
	}
	if err := c.desk.phone(ctx, "POST", "/accounts/confirm", "", map[string]string{"ticket": ticket}, nil); err != nil {
		return err
	}
	c.kept.Member, c.kept.Recovery = true, got.Recovery
	return c.save()
}

// proof is the phone's signature over a fresh challenge of the issuer's.
func (c *customer) proof(ctx context.Context, p house.Purpose, details ...string) (map[string]any, error) {
	var got struct {
		Challenge string `json:"challenge"`
	}
	if err := c.desk.phone(ctx, "POST", "/challenge", "", struct{}{}, &got); err != nil {
		return nil, err
	}
	sig, err := c.key.Sign(house.Statement(p, house.Secret(got.Challenge), details...))
	return map[string]any{"challenge": got.Challenge, "signature": sig}, err
}

// ask asks the issuer as somebody who is signed in; a session that has ended is followed by another. body is called for
// each try, for a proof is good for one.
func (c *customer) ask(ctx context.Context, method, path string, body func() (any, error), out any) error {
	for again := range 2 {
		if c.session == "" {
			if err := c.signIn(ctx); err != nil {
				return err
			}
		}
		in, err := body()
		if err != nil {
			return err
		}
		err = c.desk.phone(ctx, method, path, c.session, in, out)
		if payment.CodeOf(err) != payment.Unauthorized || again == 1 {
			return err
		}
		c.session = ""
	}
	return nil
}

func (c *customer) signIn(ctx context.Context) error {
	proof, err := c.proof(ctx, house.ForSignIn, c.id)
	if err != nil {
		return err
	}
	var got struct {
		Session string `json:"session"`
		Ends    string `json:"ends"`
	}
	err = c.desk.phone(ctx, "POST", "/sessions", "", map[string]any{"login": c.id, "password": c.kept.Password, "proof": proof}, &got)
	c.session = got.Session
	return err
}

// account is what the app shows of it.
func (c *customer) account(ctx context.Context) (v house.AccountView, err error) {
	err = c.ask(ctx, "GET", "/account", func() (any, error) { return nil, nil }, &v)
	return v, err
}

// certify renews the phone's certificate in time.
func (c *customer) certify(ctx context.Context, now time.Time) error {
	if now.Add(time.Hour).Before(c.until) {
		return nil
	}
	var got struct {
		Certificate []byte `json:"certificate"`
	}
	err := c.ask(ctx, "POST", "/certificate", func() (any, error) {
		proof, err := c.proof(ctx, house.ForCertificate)
		return map[string]any{"proof": proof}, err
	}, &got)
	if err != nil {
		return err
	}
	cert, err := signed.ParseCertificate(got.Certificate)
	if err != nil {
		return err
	}
	c.cert, c.limit, c.until = got.Certificate, cert.Cap, cert.Expiry()
	return nil
}

// code makes the phone's next code. Its counter is on the disk before anybody sees it.
func (c *customer) code(ctx context.Context, now time.Time, store, lane string) (string, error) {
	if err := c.certify(ctx, now); err != nil {
		return "", err
	}
	c.kept.Counter++
	if err := c.save(); err != nil {
		return "", err
	}
	return signed.Sign(c.key, c.cert, signed.CodeClaims{Counter: c.kept.Counter, Time: now, Store: store, Lane: lane})
}

// bring puts cash into a wallet that is less than half full: the customer shows a code, a till counts the cash, and HQ has
// the issuer credit it by the call that it has for that.
func (c *customer) bring(ctx context.Context) error {
	v, err := c.account(ctx)
	if err != nil {
		return err
	}
	full := c.desk.market.money(c.units)
	if v.Balance.Minor < full.Minor/2 {
		text, err := c.code(ctx, time.Now(), store, laneName(0))
		if err != nil {
			return err
		}
		var got struct {
			State  string `json:"state"`
			Reason string `json:"reason"`
		}
		err = c.desk.gateway(ctx, "/topups", map[string]any{"reference": rand.Text(), "code": text, "amount": full.Minor - v.Balance.Minor,
			"currency": full.Currency, "store": store, "terminal": laneName(0)}, &got)
		if err == nil && got.State != string(house.Credited) {
			err = fmt.Errorf("the issuer does not take the cash: %s %s", got.State, got.Reason)
		}
		if err != nil {
			return err
		}
		c.until = time.Time{} // the certificate of an empty wallet is not worth keeping
	}
	return c.certify(ctx, time.Now())
}

// replace binds a new phone to the account by a recovery code, as somebody does who has lost the old one.
func (c *customer) replace(ctx context.Context) error {
	if len(c.kept.Recovery) == 0 {
		return payment.Errorf(payment.NotAllowed, "demo.replace", "no recovery code is left")
	}
	old := *c
	if err := c.newPhone(); err != nil {
		return err
	}
	proof, err := c.proof(ctx, house.ForBindNew, c.id)
	if err == nil {
		err = c.desk.phone(ctx, "PUT", "/accounts/phone", "", map[string]any{"login": c.id, "password": c.kept.Password,
			"key": c.key.Public().Compressed(), "new": proof, "recovery": c.kept.Recovery[0]}, nil)
	}
	if err != nil {
		*c = old
		return err
	}
	c.kept.Recovery = c.kept.Recovery[1:]
	if err := c.save(); err != nil {
		return err
	}
	if err := c.cool(ctx); err != nil {
		return err
	}
	if len(c.kept.Recovery) > 0 {
		return nil
	}
	var got struct {
		Recovery []string `json:"recovery"`
	}
	err = c.ask(ctx, "POST", "/recovery", func() (any, error) {
		proof, err := c.proof(ctx, house.ForRecovery)
		return map[string]any{"password": c.kept.Password, "proof": proof}, err
	}, &got)
	if err != nil {
		return err
	}
	c.kept.Recovery = got.Recovery
	return c.save()
}

// cool waits until the account's cooling-off is over: a second, by the demo's configuration.
func (c *customer) cool(ctx context.Context) error {
	v, err := c.account(ctx)
	if err != nil {
		return err
	}
	timer := time.NewTimer(time.Until(v.CoolingUntil))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// approve pays what a lane's second screen shows, over the phone's own network, and gives the approval.
func (c *customer) approve(ctx context.Context, offer string) (text string, amount payment.Money, err error) {
	o, err := signed.ParseOffer(offer)
	if err != nil {
		return "", amount, err
	}
	var got struct {
		Approval string `json:"approval"`
	}
	err = c.ask(ctx, "POST", "/approvals", func() (any, error) {
		proof, err := c.proof(ctx, house.ForApproval, house.ApprovalDetails(o)...)
		return map[string]any{"offer": offer, "proof": proof}, err
	}, &got)
	return got.Approval, o.Amount, err
}
