package lane

import (
	"context"
	"slices"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/clock"
	"tilld/agent/journal"
	"tilld/agent/payment"
)

// readState makes the checkout's state of what the journal holds: the day that is open in the present epoch,
// and the last sale if it was paid and never completed, with whether the shop's POS opened that.
func (l *Lane) readState(ctx context.Context) (s checkout.State, fromPOS bool, err error) {
	at, err := l.cfg.Journal.State(ctx)
	if err != nil {
		return s, false, err
	}
	if at.Forked() { // HQ said so, and the program ended before a new epoch had begun
		if _, err := l.cfg.Journal.NewEpoch(ctx, payment.CauseFork); err != nil {
			return s, false, err
		}
		if at, err = l.cfg.Journal.State(ctx); err != nil {
			return s, false, err
		}
	}
	days, err := l.cfg.Journal.Days(ctx, 0)
	if err != nil {
		return s, false, err
	}
	if err := l.readDay(ctx, &s, days, at.Current.Epoch); err != nil {
		return s, false, err
	}
	paid, err := l.cfg.Journal.NotCompleted(ctx)
	if err != nil || len(paid) == 0 || paid[0].Date != s.Day {
		return s, false, err
	}
	last, _, err := l.cfg.Journal.LastSale(ctx)
	if err != nil || last.ID != paid[0].ID { // the next customer's sale was opened since: the cashier had seen this one
		return s, false, err
	}
	s, err = l.lastPaid(ctx, s, last)
	return s, ofPOS(&last), err
}

// readDay finds the date that is open in the present epoch; and where that has none yet, the one that was open
// when the last epoch ended.
func (l *Lane) readDay(ctx context.Context, s *checkout.State, days []journal.Day, epoch uint64) (err error) {
	var last *journal.Day
	for i, d := range days {
		if d.Open() {
			last = &days[i]
		}
	}
	switch {
	case last == nil:
		return nil
	case last.Epoch == epoch:
		s.Day = last.Date
	default:
		s.Before = last.Date
	}
	s.Opened, err = l.cfg.Journal.OpenedAt(ctx, last.Epoch, last.Date)
	return err
}

func (l *Lane) lastPaid(ctx context.Context, s checkout.State, sale journal.Sale) (checkout.State, error) {
	list, err := l.cfg.Journal.PaymentsOf(ctx, sale.ID)
	if err != nil {
		return s, err
	}
	for _, p := range list {
		if p.Voided {
			continue
		}
		s.Phase = checkout.Paid
		s.Sale = payment.Sale{ID: sale.ID, Reference: sale.Reference, Total: sale.Total, Wallet: sale.Due, Training: sale.Training}
		s.Last = checkout.Taken{Payment: p.ID, Sale: sale.ID, Amount: p.Amount, Wallet: p.Wallet}
		if p.Carried {
			s.Offer = checkout.Offered{Payment: p.ID}
		}
		if p.Ref != "" {
			s.Attempt = checkout.Attempt{Ref: p.Ref, Payment: p.ID, Amount: p.Amount, Wallet: p.Wallet, Outcome: payment.Paid}
		}
	}
	return s, nil
}

// cleared says whether the cashier had taken the paid sale of s off the screen: before the program ended, or before the
// journal stopped, which could not be kept then.
func (l *Lane) cleared(ctx context.Context, s checkout.State) (bool, error) {
	if s.Phase != checkout.Paid {
		return false, nil
	}
	kept, err := l.cfg.Journal.ClearedSale(ctx)
	if err != nil || kept == s.Sale.ID {
		return err == nil, err
	}
	seen := l.shown.done && l.state.Phase == checkout.Paid && l.state.Sale.ID == s.Sale.ID
	if seen {
		l.keepCleared(ctx, s.Sale.ID)
	}
	return seen, nil
}

// keepCleared keeps over a restart that the cashier has taken a paid sale off the screen. Where it can't be kept a
// restart shows the sale again, which is no reason to keep the next customer waiting.
func (l *Lane) keepCleared(ctx context.Context, sale payment.ID) {
	if err := l.cfg.Journal.SetClearedSale(ctx, sale); err != nil {
		l.cfg.Log.Warn("a restart will show a sale that was cleared", "sale", sale.String(), "error", err)
	}
}

// cancelLeftOpen ends the sales that nobody paid before the program ended.
func (l *Lane) cancelLeftOpen(ctx context.Context) error {
	open, err := l.cfg.Journal.OpenSales(ctx)
	if err != nil || len(open) == 0 {
		return err
	}
	c := l.context()
	if err := l.rollIfDue(ctx, c); err != nil {
		return err
	}
	for _, sale := range open {
		if slices.ContainsFunc(l.state.Parked, func(p checkout.Parked) bool { return p.Sale.ID == sale.ID }) {
			continue // it may be paid
		}
		d := checkout.Draft{Fact: &payment.SaleCancelled{}, Sale: sale.ID, Date: l.state.Day, Training: sale.Training}
		if err := l.write(ctx, c, []checkout.Draft{d}); err != nil {
			return err
		}
		l.feed.publish(Event{Kind: SaleCancelled, Sale: sale.ID, Reference: sale.Reference, Training: sale.Training})
	}
	return nil
}

// context is what decisions depend on now.
func (l *Lane) context() checkout.Context {
	r := l.cfg.Clock.Read()
	bundle, place := l.believes()
	reach := l.reached()
	return checkout.Context{
		Now: checkout.Now{
			Time: r.Now, Trusted: r.Trust != clock.Untrusted, Restarted: r.Trust == clock.Restarted, Age: r.Age, EntryAge: r.EntryAge(), Boot: r.Boot,
		},
		Place: place, Bundle: bundle, Stopped: l.cfg.Journal.Stopped() != nil, Revoked: l.standing.Revoked,
		Online: reach.Up, Down: reach.Down,
	}
}

// apply lets checkout decide, journals what it decided and keeps the new state, in that order.
func (l *Lane) apply(ctx context.Context, e checkout.Event) (checkout.Decision, error) {
	c := l.context()
	if err := l.rollIfDue(ctx, c); err != nil {
		return checkout.Decision{}, err
	}
	d, err := checkout.Apply(l.state, e, c)
	if err != nil {
		return d, err
	}
	if err := l.write(ctx, c, d.Drafts); err != nil {
		return d, err
	}
	l.state = d.State
	return d, nil
}

func (l *Lane) rollIfDue(ctx context.Context, c checkout.Context) error {
	if !checkout.RollDue(l.state, c) {
		return nil
	}
	return l.roll(ctx, c)
}

// roll closes the business date that is open, with the journal's own figures, and opens the next.
func (l *Lane) roll(ctx context.Context, c checkout.Context) error {
	var e checkout.DayRoll
	if l.state.Day != 0 {
		day, err := l.cfg.Journal.Day(ctx, l.state.Day)
		if err != nil {
			return payment.Errorf(payment.Internal, "lane.roll", "the day's figures can't be read: %w", err)
		}
		e = checkout.DayRoll{First: day.FirstSeq, Totals: day.Totals, Refunds: day.Refunds}
	}
	before := l.state
	d, err := checkout.Apply(l.state, e, c)
	if err != nil {
		return err
	}
	if err := l.write(ctx, c, d.Drafts); err != nil {
		return err
	}
	l.state = d.State
	if before.Phase.Waiting() && d.State.Phase == checkout.Cancelled {
		l.feed.publish(Event{Kind: SaleCancelled, Sale: before.Sale.ID, Reference: before.Sale.Reference, Training: before.Sale.Training})
	}
	return nil
}

// write puts drafts into the journal, all or none, and returns when they are durable. They carry the time by which was
// decided: HQ holds a code against that one, and by a later reading a code at its limit would be beyond it.
func (l *Lane) write(ctx context.Context, c checkout.Context, drafts []checkout.Draft) error {
	if len(drafts) == 0 {
		return nil
	}
	list := make([]journal.Draft, len(drafts))
	for i, d := range drafts {
		list[i] = journal.Draft{
			Fact: d.Fact, Sale: idOrNil(d.Sale), Payment: idOrNil(d.Payment), Policy: d.Policy, Training: d.Training, Body: d.Body,
			Moment: journal.Moment{
				Date: d.Date, Wall: c.Now.Time, Boot: max(c.Now.Boot, 0), Zone: c.Place.Zone.String(),
				HQKnown: c.Now.EntryAge > 0, HQAge: time.Duration(max(c.Now.EntryAge-1, 0)) * time.Millisecond,
			},
		}
		if d.Evidence != nil {
			list[i].Evidence, list[i].SealTo = d.Evidence, c.Bundle.Trust().Seal(believed(c.Now))
		}
	}
	if _, err := l.cfg.Journal.Append(ctx, list...); err != nil {
		l.cfg.Log.Error("not journalled", "kind", drafts[0].Fact.Kind().String(), "error", err)
		return payment.Errorf(payment.Retry, "lane.write", "this lane could not record it: %w", err)
	}
	return nil
}

func (l *Lane) reached() Reach {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reach
}

func idOrNil(id payment.ID) *payment.ID {
	if id.IsZero() {
		return nil
	}
	return &id
}

// believed is the estimate of now for the windows of keys: the zero time, which asks for no window, where
// the clock can't be trusted (then the rules refuse anyway).
func believed(n checkout.Now) time.Time {
	if !n.Trusted {
		return time.Time{}
	}
	return n.Time
}
