package demo

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/wire"
	"tilld/ui/phone"
	"tilld/ui/web"
)

// codeLife is how long the phone shows a code before it makes the next.
const codeLife = 30 * time.Second

// certHours is how long a phone may pay without asking its issuer again.
const certHours = 24

// wallet is the customers' hands and the house wallet's issuer.
type wallet struct {
	demo   *Demo
	mu     sync.Mutex
	phones []*customer
	cut    time.Time // when the line was cut; zero: it is not
}

// customer is somebody with a phone. The key is new at every start, as on a new phone; the account is not.
type customer struct {
	id      string
	key     *wire.Signer
	cert    []byte
	until   time.Time // end of cert
	counter uint64
	account signed.Account
	most    int64
}

func (c *customer) cap() payment.Money { return payment.Of(c.most, currency) }

func newWallet(d *Demo) (*wallet, error) {
	w := &wallet{demo: d}
	for _, c := range []*customer{
		{id: "aiko", most: 10_000},
		{id: "ben", most: 3_000},
	} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		if c.key, err = wire.NewSigner(key, rand.Reader); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(append([]byte(c.id), d.issuer.Public().Bytes()...))
		copy(c.account[:], sum[:])
		w.phones = append(w.phones, c)
	}
	return w, nil
}

// Phones lists the customers.
func (w *wallet) Phones(context.Context) ([]phone.Phone, error) {
	var list []phone.Phone
	for _, c := range w.phones {
		list = append(list, phone.Phone{ID: c.id, Cap: c.cap()})
	}
	return list, nil
}

// Fresh makes the phone's next code.
func (w *wallet) Fresh(_ context.Context, id, place string) (phone.Code, error) {
	const op = "demo.Fresh"
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.phones {
		if c.id != id {
			continue
		}
		now := time.Now()
		if err := w.certify(c, now); err != nil {
			return phone.Code{}, payment.Errorf(payment.Internal, op, "the issuer: %w", err)
		}
		shop, lane, _ := strings.Cut(place, "/")
		text, err := signed.Sign(c.key, c.cert, signed.CodeClaims{Counter: c.counter + 1, Time: now, Store: shop, Lane: lane})
		if err != nil {
			return phone.Code{}, payment.Errorf(payment.Invalid, op, "%w", err)
		}
		c.counter++
		return phone.Code{Text: text, Counter: c.counter, Expires: now.Add(codeLife)}, nil
	}
	return phone.Code{}, payment.Errorf(payment.NotFound, op, "there is no phone %q", id)
}

// certify renews the phone's certificate in time.
func (w *wallet) certify(c *customer, now time.Time) error {
	if now.Add(time.Hour).Before(c.until) {
		return nil
	}
	claims := signed.Claims{
		Account: c.account, Phone: c.key.Public(), Cap: c.cap(), NotBefore: now.Add(-time.Minute), Hours: certHours,
	}
	cert, err := signed.Certify(w.demo.issuer, claims)
	if err != nil {
		return err
	}
	c.cert, c.until = cert, claims.Expiry()
	return nil
}

// Other gives a code that looks like another wallet's, which only its operator could check, or a product's.
func (w *wallet) Other(_ context.Context, kind phone.Kind) (phone.Code, error) {
	if kind == phone.Goods {
		return phone.Code{Text: "4901234567894", Title: "4901234567894"}, nil // EAN-13 with a right check digit
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1e14))
	if err != nil {
		return phone.Code{}, payment.Errorf(payment.Internal, "demo.Other", "no randomness: %w", err)
	}
	return phone.Code{Text: fmt.Sprintf("9000818188%014d", n), Title: "PayPay"}, nil
}

// Hold holds a text to a lane's scanner.
func (w *wallet) Hold(_ context.Context, text, lane string) error {
	i, err := w.lane(lane)
	if err != nil {
		return err
	}
	s := w.demo.scanner[i]
	if !s.Plugged() {
		return payment.Errorf(payment.Conflict, "demo.Hold", "the scanner of %s is unplugged", lane)
	}
	if err := s.Send(text); err != nil {
		return payment.Errorf(payment.Retry, "demo.Hold", "the scanner of %s did not take it: %w", lane, err)
	}
	return nil
}

func (w *wallet) lane(name string) (int, error) {
	for i := range w.demo.nodes {
		if laneName(i) == name {
			return i, nil
		}
	}
	return 0, payment.Errorf(payment.NotFound, "demo", "there is no lane %q", name)
}

// CutHQ cuts every lane off from HQ.
func (w *wallet) CutHQ(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.demo.line.Cut()
	if w.cut.IsZero() {
		w.cut = time.Now()
	}
	return nil
}

// RestoreHQ mends the line.
func (w *wallet) RestoreHQ(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.demo.line.Restore()
	w.cut = time.Time{}
	return nil
}

// Plug plugs a lane's scanner in, under another device name as after any replugging, or pulls it out.
func (w *wallet) Plug(_ context.Context, lane string, in bool) error {
	i, err := w.lane(lane)
	if err != nil {
		return err
	}
	s := w.demo.scanner[i]
	if s.Plugged() == in {
		return nil
	}
	if in {
		err = s.Replug()
	} else {
		err = s.Unplug()
	}
	if err != nil {
		return payment.Errorf(payment.Internal, "demo.Plug", "%w", err)
	}
	return nil
}

// State is what the switches stand at.
func (w *wallet) State(context.Context) (phone.State, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := phone.State{
		Store: store, Cut: !w.cut.IsZero(), CutSince: w.cut,
		Console: "http://" + w.demo.hq.Addr() + "/hq",
	}
	for i, n := range w.demo.nodes {
		s.Lanes = append(s.Lanes, phone.Lane{
			Name: laneName(i), Place: store + "/" + laneName(i), Screen: "http://" + n.PagesAddr(), Plugged: w.demo.scanner[i].Plugged(),
		})
	}
	return s, nil
}

// site is the phone's page. Its times are the store's, as on the lanes' screens beside it.
func (d *Demo) site() (http.Handler, error) {
	page, err := phone.New(d.wallet, time.Now, "en", d.nodes[0].Lane().View().Place.Zone, d.opts.Log)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	page.Register(mux)
	mux.Handle("GET /assets/", web.Assets())
	return web.Guard(nil, mux), nil
}
