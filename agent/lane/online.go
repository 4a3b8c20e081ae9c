package lane

import (
	"context"
	"slices"
	"strconv"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Attempt is an online payment as it is put to HQ.
type Attempt struct {
	Ref       string
	Payment   payment.ID
	Sale      payment.ID
	Wallet    string
	Amount    payment.Money
	Reference string    // of the sale, the shop's own
	NotAfter  time.Time // HQ's time from which on HQ refuses it
	Policy    uint64    // that the lane obeys
}

// Asker carries attempts to HQ, as often as it takes, and brings its word back through Answered and SetReach. Nothing
// blocks.
type Asker interface {
	// Charge asks for the attempt. It may use code until it returns, and keeps it sealed only.
	Charge(a Attempt, code []byte)
	// Watch asks what became of an attempt.
	Watch(a Attempt)
	// Reverse has an attempt taken back. The journal's entry says the same to HQ; this is the faster road.
	Reverse(a Attempt)
	// Refund asks that money be given back, Ref naming the refund, and Payment the original payment; said again it asks
	// what became of it. Wallet may be empty, and NotAfter is.
	Refund(r Attempt)
	// Forget ends all asking about an attempt or a refund.
	Forget(ref string)
	// Probe asks whether HQ answers.
	Probe()
}

// nobody is asked by a lane without an Asker, for HQ never answers it.
type nobody struct{}

func (nobody) Charge(Attempt, []byte) {}
func (nobody) Watch(Attempt)          {}
func (nobody) Reverse(Attempt)        {}
func (nobody) Refund(Attempt)         {}
func (nobody) Forget(string)          {}
func (nobody) Probe()                 {}

// Reach is whether HQ answers what a lane asks.
type Reach struct {
	Up   bool
	Down []string // wallets whose operator does not answer HQ now
}

// SetReach says whether HQ answers; the asker knows.
func (l *Lane) SetReach(r Reach) {
	l.mu.Lock()
	changed := l.reach.Up != r.Up || !slices.Equal(l.reach.Down, r.Down)
	l.reach = r
	l.mu.Unlock()
	if changed {
		l.tell()
	}
}

// Answered takes HQ's signed word about an attempt or a refund.
func (l *Lane) Answered(ctx context.Context, a wire.Answer) {
	err := l.do(ctx, func(ctx context.Context) error {
		if _, ok := payment.ParseRefundRef(a.Ref); ok {
			return l.heardRefund(ctx, a)
		}
		return l.heard(ctx, checkout.Heard{
			Ref: a.Ref, Outcome: a.Outcome, Why: a.Why, Transaction: a.Transaction, At: time.UnixMilli(a.Time).UTC(),
		})
	})
	if err != nil && ctx.Err() == nil {
		// Not lost: the attempt is still open, and HQ is asked again about what is open.
		l.cfg.Log.Error("HQ's word about an attempt was not taken", "ref", a.Ref, "outcome", a.Outcome.String(), "error", err)
	}
}

func (l *Lane) heard(ctx context.Context, e checkout.Heard) error {
	if _, ok := l.open(e.Ref); !ok {
		l.cfg.Asker.Forget(e.Ref)
		return nil
	}
	var err error
	if a := &l.state.Attempt; a.Ref == e.Ref && a.Offline != nil && e.Outcome == payment.NotPaid {
		if e.Known, err = l.known(ctx, a.Offline.Read); err != nil {
			l.unheard = true
			return err
		}
	}
	d, err := l.apply(ctx, e)
	if err != nil {
		l.unheard = true
		return err
	}
	if e.Outcome == payment.Paid || e.Outcome == payment.NotPaid {
		l.cfg.Asker.Forget(e.Ref)
	}
	l.answer(d)
	return nil
}

// open finds an attempt whose outcome is not known.
func (l *Lane) open(ref string) (Attempt, bool) {
	if s := &l.state; s.Phase.Asked() && s.Attempt.Ref == ref {
		return l.attempt(&s.Attempt, &s.Sale), true
	}
	for i := range l.state.Parked {
		if p := &l.state.Parked[i]; p.Ref == ref && !p.Settled() {
			return l.attempt(&p.Attempt, &p.Sale), true
		}
	}
	return Attempt{}, false
}

func (l *Lane) attempt(a *checkout.Attempt, sale *payment.Sale) Attempt {
	return Attempt{Ref: a.Ref, Payment: a.Payment, Sale: sale.ID, Wallet: a.Wallet, Amount: a.Amount, Reference: sale.Reference,
		NotAfter: a.NotAfter, Policy: l.Bundle().PolicyVersion()}
}

// TakeBack gives up an attempt whose outcome is not known, of the present sale or a parked one; an empty ref means the
// present one. The sale can be paid otherwise, and HQ gives back whatever came of it.
func (l *Lane) TakeBack(ctx context.Context, ref string) error {
	return l.do(ctx, func(ctx context.Context) error {
		if ref == "" {
			ref = l.state.Attempt.Ref
		}
		return l.giveUp(ctx, checkout.GiveUp{Ref: ref, Cause: payment.WaivedByCashier})
	})
}

func (l *Lane) giveUp(ctx context.Context, e checkout.GiveUp) error {
	open, ok := l.open(e.Ref)
	if !ok {
		return payment.Errorf(payment.Conflict, "lane.TakeBack", "it is known by now what became of this payment")
	}
	d, err := l.apply(ctx, e)
	if err != nil {
		return err
	}
	l.cfg.Asker.Reverse(open)
	l.answer(d)
	return nil
}

// Park puts the present sale aside while HQ finds out about it; the next customer can be served. The zero ID means the one
// on the screen.
func (l *Lane) Park(ctx context.Context, id payment.ID) error {
	return l.do(ctx, func(ctx context.Context) error {
		sale := l.state.Sale
		if !id.IsZero() && id != sale.ID {
			return payment.Errorf(payment.Conflict, "lane.Park", "sale %s is not the present one: only that can be parked", id)
		}
		if _, err := l.apply(ctx, checkout.Park{Sale: sale.ID}); err != nil {
			return err
		}
		if l.shown.fromPOS {
			l.parkedByPOS[sale.ID] = true
		}
		l.clear()
		l.feed.publish(Event{Kind: SaleParked, Sale: sale.ID, Reference: sale.Reference, Amount: sale.Due(), Training: sale.Training})
		return nil
	})
}

// parked are the sales that were put aside.
func (l *Lane) parked() []Parked {
	var list []Parked
	for _, p := range l.state.Parked {
		list = append(list, Parked{Parked: p, FromPOS: l.parkedByPOS[p.Sale.ID]})
	}
	return list
}

// Dismiss takes a parked sale off the list, once it is known what became of it.
func (l *Lane) Dismiss(ctx context.Context, ref string) error {
	return l.do(ctx, func(ctx context.Context) error {
		i := slices.IndexFunc(l.state.Parked, func(p checkout.Parked) bool { return p.Ref == ref })
		if i < 0 {
			return nil
		}
		sale := l.state.Parked[i].Sale
		d, err := l.apply(ctx, checkout.Dismiss{Ref: ref, FromPOS: l.parkedByPOS[sale.ID]})
		if err != nil {
			return err
		}
		delete(l.parkedByPOS, sale.ID)
		if len(d.Drafts) > 0 {
			l.feed.publish(Event{Kind: SaleCompleted, Sale: sale.ID, Reference: sale.Reference, Training: sale.Training})
		}
		return nil
	})
}

// unpark takes a sale off the list of which its POS has the outcome.
func (l *Lane) unpark(sale payment.ID) {
	l.state.Parked = slices.DeleteFunc(slices.Clone(l.state.Parked), func(p checkout.Parked) bool { return p.Sale.ID == sale && p.Settled() })
	delete(l.parkedByPOS, sale)
}

// Another says that the code which was just shown is for another purchase than the one that is still open: the next scan
// is taken.
func (l *Lane) Another(ctx context.Context) error {
	return l.do(ctx, func(ctx context.Context) error {
		if _, err := l.apply(ctx, checkout.Another{}); err != nil {
			return err
		}
		if l.shown.answer.Kind == checkout.SamePurchase {
			l.shown.answer = checkout.Answer{}
		}
		return nil
	})
}

// attemptsDue does what time has brought about open attempts. HQ's word that could not be written down may have been
// final, so that nobody asks any more: it is asked for again, at the lane's own pace, for a full disk lasts.
func (l *Lane) attemptsDue(ctx context.Context) {
	if l.unheard {
		l.unheard = false
		l.watchAll()
	}
	for {
		var err error
		switch e := checkout.AttemptDue(l.state, l.context()).(type) {
		case checkout.Late:
			var d checkout.Decision
			if d, err = l.apply(ctx, e); err == nil {
				l.answer(d)
			}
		case checkout.FallBack:
			err = l.fallBack(ctx, e)
		case checkout.GiveUp:
			err = l.giveUp(ctx, e)
		default:
			return
		}
		if err != nil {
			l.cfg.Log.Error("what is due of an attempt could not be done", "error", err)
			return
		}
	}
}

// watchAll has HQ asked what became of every attempt that is open.
func (l *Lane) watchAll() {
	if s := &l.state; s.Phase.Asked() {
		l.cfg.Asker.Watch(l.attempt(&s.Attempt, &s.Sale))
	}
	for i := range l.state.Parked {
		if p := &l.state.Parked[i]; !p.Settled() {
			l.cfg.Asker.Watch(l.attempt(&p.Attempt, &p.Sale))
		}
	}
	l.watchRefunds()
}

// recallAttempts parks the sales whose attempt was open when the program ended, and asks HQ what became of them. Nobody
// knows who stands at the till now.
func (l *Lane) recallAttempts(ctx context.Context, s *checkout.State) error {
	list, err := l.cfg.Journal.OpenAttempts(ctx)
	if err != nil {
		return err
	}
	for _, p := range l.state.Parked { // the journal was reopened: somebody has to see these still
		if p.Settled() {
			s.Parked = append(s.Parked, p)
		}
	}
	for _, a := range list {
		sale, ok, err := l.cfg.Journal.SaleByID(ctx, a.Sale)
		if err != nil {
			return err
		}
		if !ok { // its sale was pruned: then HQ has both, and long since decided
			continue
		}
		p := parkedOf(&a, &sale, l.cfg.Clock.Boot())
		s.Parked = append(s.Parked, p)
		if ofPOS(&sale) {
			l.parkedByPOS[sale.ID] = true
		}
		l.cfg.Asker.Watch(l.attempt(&p.Attempt, &p.Sale))
	}
	return nil
}

func parkedOf(a *journal.Attempt, sale *journal.Sale, now time.Duration) checkout.Parked {
	number, _ := strconv.Atoi(a.Ref[max(len(a.Ref)-2, 0):]) // a reference that is not ours is the first attempt's
	return checkout.Parked{
		Attempt: checkout.Attempt{Ref: a.Ref, Number: number, Payment: a.Payment, Amount: a.Amount, Wallet: a.Wallet,
			NotAfter: time.UnixMilli(a.NotAfter).UTC(), Since: now},
		Sale: payment.Sale{ID: sale.ID, Reference: sale.Reference, Total: sale.Total, Wallet: sale.Due, Training: sale.Training},
		Date: sale.Date,
	}
}

// fallBack decides by itself on a signed code that HQ says nothing about.
func (l *Lane) fallBack(ctx context.Context, e checkout.FallBack) (err error) {
	open, ok := l.open(e.Ref)
	if !ok {
		return nil
	}
	if e.Known, err = l.known(ctx, l.state.Attempt.Offline.Read); err != nil {
		return err
	}
	d, err := l.apply(ctx, e)
	if err != nil {
		return err
	}
	if d.Answer.Kind == checkout.Approved {
		l.cfg.Asker.Reverse(open)
		l.answer(d)
	}
	return nil
}
