package demo

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"time"

	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/cmd/tilld/internal/serve"
	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
	"tilld/ui/phone"
)

// played are the wallets' operators: one server, reached over HTTP as the real ones are, and how each is to behave.
type played struct {
	server *emulate.Server
	listen net.Listener
	book   string // file
	kept   []byte // what is in it
	modes  map[emulate.Wallet]phone.Mode
}

// The operators' customers. The second one has nothing in the wallet.
const (
	payer = "customer"
	poor  = "customer without money"
)

// pocket is what a customer has at first, in the market's units; less than slice of it is filled up at each start.
const (
	pocket = 100_000
	least  = 20_000
)

func (d *Demo) openOperators() (err error) {
	parties, err := d.parties()
	if err != nil {
		return err
	}
	p := &played{book: filepath.Join(d.path(operatorDir), bookFile), modes: map[emulate.Wallet]phone.Mode{}}
	if p.kept, err = files.Read(p.book); err != nil {
		return err
	}
	if p.server, err = emulate.New(emulate.Config{Wallets: parties, Book: p.kept}); err != nil {
		return err
	}
	for _, w := range d.market.wallets {
		p.modes[w.name] = phone.Answers
		if c, err := p.server.Customer(w.name, payer); err == nil && c.Balance.Minor >= least*d.market.scale {
			c.Prompted = false
			err = p.server.SetCustomer(w.name, c)
			if err != nil {
				return err
			}
		} else if err := p.server.SetCustomer(w.name, emulate.Customer{Name: payer, Balance: d.market.money(pocket)}); err != nil {
			return err
		}
		if err := p.server.SetCustomer(w.name, emulate.Customer{Name: poor, Balance: d.market.money(0)}); err != nil {
			return err
		}
	}
	p.listen, err = net.Listen("tcp", d.opts.addr(operatorPort))
	d.played = p
	return err
}

// run serves the operators until ctx ends, and keeps their books.
func (p *played) run(ctx context.Context, log *slog.Logger) error {
	defer context.AfterFunc(ctx, p.server.Close)() // who waits for a silent operator need not wait for the demo's end
	done := make(chan error, 1)
	go func() { done <- serve.HTTP(ctx, p.listen, p.server) }()
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			p.keep(log)
			return err
		case <-tick.C:
			p.keep(log)
		}
	}
}

// keep writes the books when they have changed: real operators forget nothing when a demo ends.
func (p *played) keep(log *slog.Logger) {
	b, err := p.server.Save()
	if err == nil && !bytes.Equal(b, p.kept) {
		if err = files.Write(p.book, b); err == nil {
			p.kept = b
		}
	}
	if err != nil {
		log.Error("the operators' books are not kept", "error", err)
	}
}

// slowness is how long a slow operator takes: shorter than the lane's patience, long enough to cut a line meanwhile.
const slowness = 5 * time.Second

// behave is what each mode means at the operator. Silent and late have no end of their own: the next mode is that.
var behave = map[phone.Mode]emulate.Behaviour{
	phone.Answers: {},
	phone.Slow:    {Fault: emulate.Slow, On: []emulate.Op{emulate.Pay}, Delay: slowness},
	phone.Silent:  {Fault: emulate.Slow},
	phone.Late:    {Fault: emulate.Late, On: []emulate.Op{emulate.Pay}},
	phone.Poor:    {},
	phone.Asks:    {},
}

// Behave has a wallet's operator behave so from now on. What it kept waiting is answered, or charged, by that.
func (w *wallet) Behave(_ context.Context, name string, mode phone.Mode) error {
	const op = "demo.Behave"
	p, at := w.demo.played, emulate.Wallet(name)
	b, ok := behave[mode]
	if !ok {
		return payment.Errorf(payment.Invalid, op, "no operator behaves %q", string(mode))
	}
	c, err := p.server.Customer(at, payer)
	if err != nil {
		return payment.Errorf(payment.NotFound, op, "there is no operator of %q", name)
	}
	c.Prompted = mode == phone.Asks
	if err := p.server.SetCustomer(at, c); err != nil {
		return payment.Errorf(payment.Internal, op, "%w", err)
	}
	if err := p.server.Behave(at, b); err != nil {
		return payment.Errorf(payment.Internal, op, "%w", err)
	}
	p.server.Release(at)
	w.mu.Lock()
	defer w.mu.Unlock()
	p.modes[at] = mode
	return nil
}

// Confirm is the customer's answer to what the phone asks.
func (w *wallet) Confirm(_ context.Context, name, ref string, yes bool) error {
	if err := w.demo.played.server.Confirm(emulate.Wallet(name), operator.Ref(ref), yes); err != nil {
		return payment.Errorf(payment.Conflict, "demo.Confirm", "the phone does not ask that any more")
	}
	return nil
}

// mostCharges is how many of an operator's charges are looked through for what the page shows.
const mostCharges = 20

// operators are those that the page shows.
func (w *wallet) operators() (list []phone.Operator) {
	p := w.demo.played
	for _, of := range w.demo.market.wallets {
		o := phone.Operator{Wallet: string(of.name), Mode: p.modes[of.name]}
		if c, err := p.server.Customer(of.name, payer); err == nil {
			o.Balance = c.Balance
		}
		charges := p.server.Charges(of.name, mostCharges)
		if len(charges) > 0 {
			o.Last = &phone.Charge{Amount: charges[0].Amount, Net: charges[0].Net, Outcome: charges[0].Outcome.String()}
		}
		for _, c := range slices.Backward(charges) {
			if c.Outcome == operator.Confirming {
				o.Asks = append(o.Asks, phone.Question{Wallet: o.Wallet, Ref: string(c.Ref), Amount: c.Amount})
			}
		}
		list = append(list, o)
	}
	return list
}

// opaque has a wallet's own app show its next code.
func (w *wallet) opaque(name string) (phone.Code, error) {
	p, who := w.demo.played, payer
	if p.modes[emulate.Wallet(name)] == phone.Poor {
		who = poor
	}
	code, err := p.server.Show(emulate.Wallet(name), who)
	if err != nil {
		return phone.Code{}, payment.Errorf(payment.Internal, "demo.Fresh", "the operator: %w", err)
	}
	return phone.Code{Text: string(code), Expires: time.Now().Add(codeLife)}, nil
}
