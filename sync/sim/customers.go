package sim

import (
	"cmp"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/lane"
	"tilld/agent/payment"
	"tilld/drivers/scanner"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/wire"
)

// phone is a customer's. Its clock is right.
type phone struct {
	*ingesttest.Phone
	issuer  wire.KID
	counter uint64
}

// shown is a code on a phone's screen.
type shownCode struct {
	text    string
	phone   *phone
	counter uint64
	at      time.Time
}

func (w *World) code(p *phone, place, lane string) *shownCode {
	p.counter++
	return &shownCode{text: p.CodeAt(p.counter, place, lane), phone: p, counter: p.counter, at: w.loop.Now()}
}

// customers come at any time of the day.
func (w *World) customers() {
	r := w.stream(4)
	w.tapping = w.stream(13)
	for range w.plan.Sales {
		w.after(between(r, time.Minute, w.plan.Span-time.Minute), func() { w.customer(r) })
	}
}

// basket are goods that a customer wants to pay for at a till.
type basket struct {
	w      *World
	r      *mathrand.Rand
	t      *till
	amount int64
	tries  int
	o      *mathrand.Rand // of online payments: a stream of its own, so that a plan without them is as it was
}

func (w *World) customer(r *mathrand.Rand) {
	b := &basket{w: w, r: r, t: w.tills[r.IntN(len(w.tills))], amount: 100 + r.Int64N(900), tries: 1 + r.IntN(2), o: w.tapping}
	if r.IntN(4) == 0 {
		b.amount = 1_000 + r.Int64N(4_500)
	}
	b.open()
}

// open opens a sale, ending whatever stands on the screen.
func (b *basket) open() {
	b.t.do(func(p *program) {
		v := p.lane.View()
		if v.Phase.Waiting() {
			_, _ = p.lane.CancelSale(p.w.ctx, payment.ID{})
		}
		if v.Phase.Asked() {
			_ = p.lane.Park(p.w.ctx, payment.ID{})
		}
		s := payment.Sale{Total: yen(b.amount), Eligible: payment.Eligible{Wallet: b.amount}, Reference: fmt.Sprint("R", b.r.IntN(1_000_000))}
		sale, _, err := p.lane.OpenSale(p.w.ctx, lane.NewSale{Sale: s, FromPOS: true})
		if err != nil {
			p.w.trace("lane %s does not open a sale: %s", p.name, payment.CodeOf(err))
			return
		}
		if b.o.Float64() < b.w.plan.Online {
			b.w.after(between(b.o, time.Second, 20*time.Second), func() { b.ask(sale.ID) })
			return
		}
		b.w.after(between(b.r, time.Second, 20*time.Second), func() { b.scan(sale.ID, b.pick()) })
	})
	b.after()
}

func (b *basket) after() {
	if b.t.p != nil {
		b.t.p.step()
	}
}

// pick is the code that the customer shows: mostly a fresh one for this store.
func (b *basket) pick() *shownCode {
	w, r := b.w, b.r
	p := w.phones[r.IntN(len(w.phones))]
	var c *shownCode
	switch n := r.IntN(20); {
	case n == 0 && len(w.truth.codes) > 0: // one that somebody has photographed
		return b.photograph()
	case n <= 2:
		c = w.code(p, "", "")
	case n == 3:
		c = w.code(p, store, b.t.lane)
	default:
		c = w.code(p, store, "")
	}
	w.truth.codes = append(w.truth.codes, c)
	return c
}

// photograph is an old code: any, or the one that the till's clock, set back as it is, takes for a fresh one.
func (b *basket) photograph() *shownCode {
	w := b.w
	old := w.truth.codes[b.r.IntN(len(w.truth.codes))]
	back := -b.t.clocks.offset
	if back <= 0 {
		return old
	}
	now := w.loop.Now()
	return slices.MinFunc(w.truth.codes, func(x, y *shownCode) int {
		return cmp.Compare((now.Sub(x.at) - back).Abs(), (now.Sub(y.at) - back).Abs())
	})
}

// scan holds a code under the scanner.
func (b *basket) scan(sale payment.ID, c *shownCode) {
	w, t := b.w, b.t
	paid := false
	waits := false
	alive := t.do(func(p *program) {
		v := p.lane.View()
		if v.Sale.ID != sale || !v.Phase.Waiting() {
			return
		}
		p.memory.scanned(c)
		w.bug.scanning(p, c)
		p.lane.Scanned(w.ctx, scanner.Symbol{Text: c.text, AIM: "]Q1", At: p.clocks.wall()})
		v = p.lane.View()
		if v.Phase == checkout.Paid && t.blinks() {
			p.owes(v, c)
		}
		paid, waits = v.Phase == checkout.Paid, v.Phase.Waiting()
		if p.disk.Dead() || p.journal.Stopped() != nil {
			paid, waits = false, false
			return
		}
		w.trace("lane %s: %d by %s/%d: %s %s", p.name, b.amount, c.phone.Account.String()[:16], c.counter, v.Phase, v.Answer.Reason)
		p.observe()
	})
	if !alive || t.p.journal.Stopped() != nil {
		t.doubtful(c)
		return
	}
	b.after()
	if paid {
		b.afterwards(sale, c)
	} else if waits && b.tries > 0 {
		b.tries--
		w.after(between(b.r, 2*time.Second, 20*time.Second), func() { b.scan(sale, b.pick()) })
	}
}

// afterwards are what people do when a sale is paid: the shop's program completes it, a supervisor takes it
// back, a thief shows the same code next door.
func (b *basket) afterwards(sale payment.ID, c *shownCode) {
	w, r, t := b.w, b.r, b.t
	switch r.IntN(12) {
	case 0:
		w.after(between(r, time.Second, 2*time.Minute), func() { t.void(sale); b.after() })
		return
	case 1:
		return // the shop's program has died
	case 2:
		thief := &basket{w: w, r: r, t: w.tills[r.IntN(len(w.tills))], amount: b.amount}
		w.after(between(r, time.Second, 20*time.Second), func() { thief.steal(c) })
	case 3: // at this very till, behind an accomplice
		thief := &basket{w: w, r: r, t: t, amount: b.amount}
		w.after(8*time.Second, func() { thief.steal(w.code(w.phones[r.IntN(len(w.phones))], store, "")) })
		w.after(26*time.Second, func() { thief.steal(c) })
	}
	w.after(between(r, 0, 5*time.Second), func() {
		t.do(func(p *program) { _, _ = p.lane.CompleteSale(w.ctx, sale) })
		b.after()
	})
}

// steal opens a sale and pays with a code that has paid already.
func (b *basket) steal(c *shownCode) {
	b.t.do(func(p *program) {
		if p.lane.View().Phase.Waiting() {
			return
		}
		s := payment.Sale{Total: yen(b.amount), Eligible: payment.Eligible{Wallet: b.amount}}
		sale, _, err := p.lane.OpenSale(b.w.ctx, lane.NewSale{Sale: s, FromPOS: true})
		if err != nil {
			return
		}
		b.w.after(between(b.r, time.Second, 10*time.Second), func() { b.scan(sale.ID, c) })
	})
	b.after()
}

// void takes back what a sale's payment took.
func (t *till) void(sale payment.ID) {
	w := t.w
	var id payment.ID
	t.do(func(p *program) {
		v := p.lane.View()
		if v.Sale.ID != sale || v.Phase != checkout.Paid {
			return
		}
		id = v.Answer.Payment
		err := p.lane.Void(w.ctx, id, "Sato")
		if err == nil && t.blinks() {
			w.must(t.disk.Kill())
		}
		switch {
		case p.disk.Dead() || p.journal.Stopped() != nil:
			w.truth.voidDoubtful(id)
		case err == nil:
			w.trace("lane %s takes %s back", t.name, id)
			w.truth.voided(id)
		default:
			w.trace("lane %s does not take back: %s", t.name, payment.CodeOf(err))
		}
	})
}
