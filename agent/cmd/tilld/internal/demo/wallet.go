package demo

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator/emulate"
	customerscreen "tilld/ui/customer"
	"tilld/ui/phone"
	"tilld/ui/web"
)

// codeLife is how long the phone shows a code before it makes the next.
const codeLife = 30 * time.Second

// wallet is the customers' hands.
type wallet struct {
	demo   *Demo
	mu     sync.Mutex
	phones []*customer
	cut    time.Time // when the line was cut; zero: it is not
}

func newWallet(d *Demo) (*wallet, error) {
	k, err := d.newDesk()
	if err != nil {
		return nil, err
	}
	return &wallet{demo: d, phones: []*customer{{id: "aiko", units: 60_000, desk: k}, {id: "ben", units: 6_000, desk: k}}}, nil
}

// open takes the customers' phones up. The issuer runs by then.
func (w *wallet) open(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.phones {
		if err := c.open(ctx); err != nil {
			return fmt.Errorf("%s: %w", c.id, err)
		}
	}
	return nil
}

// Phones lists the house wallet's customers, and the apps of the other wallets.
func (w *wallet) Phones(context.Context) ([]phone.Phone, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []phone.Phone
	for _, c := range w.phones {
		list = append(list, phone.Phone{ID: c.id, Cap: c.most(), Lost: c.kept.Lost})
	}
	for _, o := range w.operators() {
		list = append(list, phone.Phone{ID: o.Wallet, Wallet: o.Wallet, Cap: o.Balance})
	}
	return list, nil
}

// Fresh makes the phone's next code.
func (w *wallet) Fresh(ctx context.Context, id, place string) (phone.Code, error) {
	const op = "demo.Fresh"
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.phones {
		if c.id != id {
			continue
		}
		now := time.Now()
		shop, lane, _ := strings.Cut(place, "/")
		text, err := c.code(ctx, now, shop, lane)
		if err != nil {
			return phone.Code{}, err
		}
		return phone.Code{Text: text, Counter: c.kept.Counter, Expires: now.Add(codeLife)}, nil
	}
	if w.demo.played.modes[emulate.Wallet(id)] == "" {
		return phone.Code{}, payment.Errorf(payment.NotFound, op, "there is no phone %q", id)
	}
	return w.opaque(id)
}

// Pay has a phone pay what the second screen of a lane shows: the demo plays its camera.
func (w *wallet) Pay(ctx context.Context, id, lane string) (phone.Code, error) {
	const op = "demo.Pay"
	c, err := w.customer(id)
	if err != nil {
		return phone.Code{}, err
	}
	i, err := w.lane(lane)
	if err != nil {
		return phone.Code{}, err
	}
	offer := w.demo.nodes[i].Lane().View().Offer
	if offer == "" {
		return phone.Code{}, payment.Errorf(payment.NotAllowed, op, "the customer's screen of %s shows nothing to pay: F8 at the lane, when the line is cut", lane)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	text, amount, err := c.approve(ctx, offer)
	return phone.Code{Text: text, Amount: amount}, err
}

// Goods gives the code of a product.
func (w *wallet) Goods(context.Context) (phone.Code, error) {
	return phone.Code{Text: "4901234567894", Title: "4901234567894"}, nil // EAN-13 with a right check digit
}

// Report reports a phone lost: HQ's operations put its key on the policy's list.
func (w *wallet) Report(ctx context.Context, id string) error {
	c, err := w.customer(id)
	if err != nil {
		return err
	}
	w.mu.Lock()
	kid := c.key.Public().KID()
	w.mu.Unlock()
	if err := w.demo.revoke(ctx, kid[:]); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c.kept.Lost = true
	return c.save()
}

// Replace gives a customer a new phone. What was revoked stays revoked.
func (w *wallet) Replace(ctx context.Context, id string) error {
	c, err := w.customer(id)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return c.replace(ctx)
}

func (w *wallet) customer(id string) (*customer, error) {
	i := slices.IndexFunc(w.phones, func(c *customer) bool { return c.id == id })
	if i < 0 {
		return nil, payment.Errorf(payment.NotFound, "demo", "the house wallet has no phone %q", id)
	}
	return w.phones[i], nil
}

// Right has HQ's policy say for how long lanes may sell without it: as usual, or for seconds.
func (w *wallet) Right(ctx context.Context, short bool) error { return w.demo.setRight(ctx, short) }

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
	for _, l := range w.demo.lines {
		l.Cut()
	}
	if w.cut.IsZero() {
		w.cut = time.Now()
	}
	return nil
}

// RestoreHQ mends the line.
func (w *wallet) RestoreHQ(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.demo.lines {
		l.Restore()
	}
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
func (w *wallet) State(ctx context.Context) (phone.State, error) {
	doc, err := w.demo.policyNow(ctx)
	if err != nil {
		return phone.State{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := phone.State{
		Store: store, Market: w.demo.market.name, Cut: !w.cut.IsZero(), CutSince: w.cut,
		Console: "http://" + w.demo.hq.Addr() + "/hq",
		Right:   phone.Right{Short: doc.Tiers.SmallFor <= shortRight.SmallFor, Full: doc.Tiers.FullFor.Duration(), Small: doc.Tiers.SmallFor.Duration()},
	}
	for i, n := range w.demo.nodes {
		s.Lanes = append(s.Lanes, phone.Lane{
			Name: laneName(i), Place: store + "/" + laneName(i), Screen: "http://" + n.PagesAddr(), Customer: "http://" + n.PagesAddr() + customerscreen.Path, Plugged: w.demo.scanner[i].Plugged(),
			Behind: n.Lane().Bundle().PolicyVersion() < doc.Version,
		})
	}
	s.Operators = w.operators()
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
