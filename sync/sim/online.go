package sim

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/lane"
	"tilld/agent/payment"
	"tilld/drivers/scanner"
	"tilld/sync/authorise"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	"tilld/sync/uplink"
	"tilld/sync/wire"
)

// online is a plan's share of customers who pay by an operator's wallet, and how often that operator does not answer.
func online(seed uint64, p *Plan) {
	r := mathrand.New(mathrand.NewPCG(seed, 12)) // a stream of its own: the rest of the plan stays as it was
	if r.IntN(3) > 0 {
		return
	}
	p.Online = 0.2 + r.Float64()*0.7
	if r.IntN(2) == 0 {
		p.Mute = r.Float64() * 0.5
	}
	for range r.IntN(3) {
		p.Silences = append(p.Silences, Silence{At: time.Duration(r.Int64N(int64(p.Span))), For: spell(r)})
	}
}

// Silence is a time at which the operator answers nobody.
type Silence struct{ At, For time.Duration }

// openDesk gives HQ, which has just started, the part that asks operators.
func (o *office) openDesk() error {
	w := o.w
	epoch, err := o.books.HQEpoch(w.ctx)
	if err != nil {
		return err
	}
	o.desk = authorise.New(authorise.Config{
		Store: w.bug.attempts(o.books.Attempts()), Operators: map[string]operator.Operator{wallet: w.bank}, Now: w.loop.Now, Log: w.log, ByHand: true,
		Shop: func(*authorise.Attempt) operator.Shop { return operator.Shop{Merchant: "kita"} },
	})
	o.server = authorise.NewServer(authorise.ServerConfig{
		Who: o.whoAsks, Shop: func(string, *authorise.Terminal) (operator.Shop, bool) { return operator.Shop{Merchant: "kita"}, true },
		Unseal: w.chain.Unseal, Signer: func() *wire.Signer { return w.chain.Ack }, HQEpoch: epoch,
		Publish: func(context.Context, string, byte, []byte) error { return nil }, // answers go by the second road's method: see ask
		Now:     w.loop.Now, Log: w.log, Most: 100,
	}, o.desk)
	return nil
}

func (o *office) whoAsks(ctx context.Context, id payment.ID) (authorise.Terminal, error) {
	t, err := o.books.Terminal(ctx, id)
	if payment.CodeOf(err) == payment.NotFound {
		return authorise.Terminal{}, authorise.ErrStranger
	}
	if err != nil {
		return authorise.Terminal{}, err
	}
	keys, err := o.books.Keys(ctx, id)
	if err != nil {
		return authorise.Terminal{}, err
	}
	now := func(kid wire.KID) (fit []wire.PublicKey) {
		for _, k := range keys {
			if !k.Retired && k.Key.KID() == kid {
				fit = append(fit, k.Key)
			}
		}
		return fit
	}
	return authorise.Terminal{Keys: now, Store: t.Store, Lane: t.Lane, Revoked: !t.RevokedAt.IsZero()}, nil
}

// ask answers what a lane asks. Everything here is one goroutine, so HQ waits for the operator, which answers at once or
// not at all; how long that takes is in when the message comes and the answer goes.
func (o *office) ask(topic string, payload []byte) {
	life := o.life
	o.w.after(between(o.random, 0, 3*time.Second), func() {
		if o.life != life {
			return
		}
		var reply []byte
		alive := o.do(func() (err error) {
			reply, err = o.server.Answer(o.w.ctx, payload)
			if errors.Is(err, authorise.ErrNoRoom) {
				o.w.fail("HQ has no room for a request")
			}
			return err
		})
		o.deskSoon()
		if alive && reply != nil && o.client.Connected() {
			to := topic[strings.LastIndexByte(topic, '/')+1:]
			id, err := payment.ParseID(to)
			o.w.must(err)
			_ = o.client.Publish(o.w.ctx, wire.DownTopic(id), 0, reply)
		}
	})
}

// deskSoon has the desk look at what is due, and then again when the next thing is.
func (o *office) deskSoon() {
	if o.desk == nil {
		return
	}
	o.turn.Stop()
	life := o.life
	wait := time.Duration(-1)
	o.do(func() error {
		list, err := o.books.Attempts().Due(o.w.ctx, o.w.loop.Now().Add(1000*time.Hour), 1, nil)
		if err == nil && len(list) > 0 {
			wait = max(list[0].Due.Sub(o.w.loop.Now()), 10*time.Millisecond)
		}
		return err
	})
	if wait < 0 || o.life != life {
		return
	}
	o.turn = o.w.after(wait, func() {
		if o.life == life && o.do(func() error { _, err := o.desk.Step(o.w.ctx); return err }) {
			o.deskSoon()
		}
	})
}

// openAsker gives a lane that is about to start the way to ask HQ.
func (p *program) openAsker() *uplink.Asker {
	return uplink.NewAsker(uplink.AskerConfig{
		Terminal: p.id, Signer: p.journal.Signer, Link: p.client, HQKeys: func() wire.Keys { return p.lane.Keys() },
		Seal:     func() *wire.Confidant { return p.lane.Bundle().Trust().Seal(p.clocks.wall()) },
		OnAnswer: func(ctx context.Context, a wire.Answer) { p.w.bug.hears(&a); p.lane.Answered(ctx, a) },
		OnReach:  func(up bool, down []string) { p.lane.SetReach(lane.Reach{Up: up, Down: down}) },
		HQNow:    func() time.Time { return p.clock.Read().Now },
		Now:      p.clocks.steady, Random: func(b []byte) { _, _ = rand.Read(b) }, Jitter: p.random.Float64, Log: p.w.log,
	})
}

// askers is the asker as the lane calls it.
type askers struct {
	*uplink.Asker
	p *program
}

func attemptOf(a lane.Attempt) uplink.Attempt {
	return uplink.Attempt{Ref: a.Ref, Payment: a.Payment, Sale: a.Sale, Wallet: a.Wallet, Amount: a.Amount, Reference: a.Reference,
		NotAfter: a.NotAfter.UnixMilli(), Policy: a.Policy}
}

func (a askers) Charge(at lane.Attempt, code []byte) {
	a.Asker.Charge(attemptOf(at), code)
	a.p.busy()
}
func (a askers) Watch(at lane.Attempt)   { a.Asker.Watch(attemptOf(at)); a.p.busy() }
func (a askers) Reverse(at lane.Attempt) { a.Asker.Reverse(attemptOf(at)); a.p.busy() }
func (a askers) Refund(r lane.Attempt)   { a.Asker.Refund(attemptOf(r)); a.p.busy() }
func (a askers) Probe()                  { a.Asker.Probe(); a.p.busy() }

// busy lets the asker work for a while. A real one probes all day; here that would be most of what happens.
func (p *program) busy() {
	if p.w.plan.Online == 0 {
		return
	}
	p.busyUntil = p.w.loop.Now().Add(3 * time.Minute)
	p.w.after(0, p.asking)
}

// asking lets the asker work, and asks for its next turn.
func (p *program) asking() {
	if p.over {
		return
	}
	p.askTimer.Stop()
	next := time.Hour
	alive := p.do(func(*program) { next = p.asker.Step(p.w.ctx); p.observe() })
	if !alive || p.over {
		return
	}
	p.step()
	if p.w.loop.Now().Before(p.busyUntil) || p.asker.Status().Open > 0 {
		p.askTimer = p.w.after(max(next, 10*time.Millisecond), p.asking)
	}
}

// opaque is a code of the operator's: the customer's phone has a new one each time.
func (w *World) opaque(r *mathrand.Rand) string {
	return fmt.Sprintf("9000818188%014d", r.Int64N(1e14))
}

// ask holds an operator's code under the scanner, and waits for what comes of it as a cashier does.
func (b *basket) ask(sale payment.ID) {
	w, t := b.w, b.t
	asked := false
	t.do(func(p *program) {
		v := p.lane.View()
		if v.Sale.ID != sale || !v.Phase.Waiting() {
			return
		}
		p.lane.Scanned(w.ctx, scanner.Symbol{Text: w.opaque(b.o), AIM: "]Q1", At: p.clocks.wall()})
		if v = p.lane.View(); v.Answer.Kind == checkout.SamePurchase {
			_ = p.lane.Another(w.ctx)
			p.lane.Scanned(w.ctx, scanner.Symbol{Text: w.opaque(b.o), AIM: "]Q1", At: p.clocks.wall()})
			v = p.lane.View()
		}
		asked = v.Phase == checkout.Asking
		w.trace("lane %s: %d by %s: %s %s %s", p.name, b.amount, wallet, v.Phase, v.Answer.Reason, v.Attempt.Ref)
	})
	b.after()
	if asked {
		b.await(sale, between(b.o, 10*time.Second, 4*time.Minute))
	}
}

// await looks at the screen every few seconds, until the cashier's patience ends: then the sale is parked or taken back.
func (b *basket) await(sale payment.ID, patience time.Duration) {
	w, t := b.w, b.t
	const look = 3 * time.Second
	w.after(look, func() {
		var phase checkout.Phase
		alive := t.do(func(p *program) {
			p.lane.Tick(w.ctx)
			p.observe()
			v := p.lane.View()
			if v.Sale.ID != sale {
				return
			}
			phase = v.Phase
			if phase.Asked() && patience <= 0 {
				if b.o.IntN(2) == 0 {
					_ = p.lane.Park(w.ctx, sale)
				} else {
					_ = p.lane.TakeBack(w.ctx, "")
				}
				p.busy()
			}
		})
		switch {
		case !alive || t.p == nil:
			return
		case phase.Asked() && patience > 0:
			b.await(sale, patience-look)
		case phase == checkout.Paid:
			b.settle(sale)
		case phase == checkout.Refused && b.tries > 0:
			b.tries--
			w.after(between(b.o, 2*time.Second, 20*time.Second), func() { b.ask(sale) })
		}
		b.after()
	})
}

// settle is what people do when an online sale is paid.
func (b *basket) settle(sale payment.ID) {
	w, t := b.w, b.t
	switch b.o.IntN(8) {
	case 0:
		w.after(between(b.o, time.Second, 2*time.Minute), func() { t.void(sale); b.after() })
	case 1: // the shop's program has died
	default:
		w.after(between(b.o, 0, 5*time.Second), func() {
			t.do(func(p *program) { _, _ = p.lane.CompleteSale(w.ctx, sale) })
			b.after()
		})
	}
}

// tidy has somebody take parked sales off the list of which it is known what became.
func (p *program) tidy() {
	for _, s := range p.lane.View().Parked {
		if s.Settled() {
			_ = p.lane.Dismiss(p.w.ctx, s.Ref)
		}
	}
}

// showOnline notes an online payment that is shown as paid, and wants its customer to have been charged.
func (p *program) showOnline(n *approval, ref string) {
	w := p.w
	n.ref = operator.Ref(ref)
	c := w.bank.book[n.ref]
	if c == nil || c.paid.IsZero() || w.loop.Now().Before(c.paid) {
		w.fail("lane %s shows %s as paid, and its operator has charged nobody", p.name, ref)
	}
	if c.gone && !w.truth.twice[p.id] && !w.truth.lostDisk[p.id] && !n.recalled {
		w.fail("lane %s shows %s as paid, and its operator has paid it back", p.name, ref)
	}
	if c.amount != n.amount {
		w.fail("lane %s shows %d as paid by %s, charged are %d", p.name, n.amount, ref, c.amount)
	}
}

// theBank holds the operator's book against HQ's: a customer is charged for what is posted or waits under a name, once,
// and for nothing else.
func (c *checker) theBank() {
	if c.plan.Online == 0 {
		return
	}
	posted, waits := map[operator.Ref]int64{}, map[operator.Ref]bool{}
	for i := range c.payments {
		p := &c.payments[i]
		if p.Ref == "" {
			continue
		}
		if p.State == ledger.Posted {
			if _, twice := posted[p.Ref]; twice {
				c.fail("two payments are posted for one charge: %s", p.Ref)
			}
			posted[p.Ref] = p.Amount
		}
		waits[p.Ref] = waits[p.Ref] || p.State == ledger.Suspended && len(c.open[p.ID]) > 0
	}
	now := c.loop.Now()
	for _, ch := range c.bank.order {
		sum, ok := posted[ch.ref]
		delete(posted, ch.ref)
		switch charged := ch.charged(now); {
		case ok && charged && sum == ch.amount:
			c.Charged++
		case ok:
			c.fail("%s of %d is posted with %d; charged: %v, taken back: %v", ch.ref, ch.amount, sum, !ch.paid.IsZero(), ch.gone)
		case charged && !waits[ch.ref]:
			c.unclaimed(ch)
		case !charged:
			c.Uncharged++
		}
	}
	for ref := range posted {
		c.fail("%s is posted, and the operator knows nothing of it", ref)
	}
	c.LateCharges, c.AfterCancel = c.bank.late, c.bank.afterCancel
}

// unclaimed is a charge for which no payment stands: HQ has to know, and to have said so to somebody; or it was all forgotten,
// at HQ by a restore, and at the lane with its disk.
func (c *checker) unclaimed(ch *charge) {
	a, err := c.books.Attempts().Get(c.ctx, ch.ref)
	if errors.Is(err, authorise.ErrNone) {
		if !c.plan.has(HQPutBack) {
			c.fail("%s was charged, and HQ knows nothing of it", ch.ref)
		}
		c.Forgotten++
		return
	}
	c.must(err)
	if a.Trouble == authorise.NoTrouble {
		c.fail("%s was charged, nothing is posted, and HQ's attempt is %s without anybody being told", ch.ref, a.State)
	}
	c.Silent++
}

// asksStill says what HQ is still finding out; "": nothing.
func (o *office) asksStill() string {
	list, err := o.books.Attempts().Due(o.w.ctx, o.w.loop.Now().Add(1000*time.Hour), 1, nil)
	o.w.must(err)
	if len(list) > 0 {
		return fmt.Sprintf("HQ is at attempt %s, which is %s", list[0].Ref, list[0].State)
	}
	return ""
}

// recalls says whether a payment was journalled by a program that has died since.
func (p *program) recalls(id payment.ID) bool {
	return p.memory.owed != nil && p.memory.owed.payment == id
}
