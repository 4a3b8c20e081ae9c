package lane

import (
	"bytes"
	"context"
	"crypto/sha256"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/payment"
)

// NewSale is a sale to open. Its identifier is the lane's to make.
type NewSale struct {
	Sale            payment.Sale
	Request, Digest []byte // SHA-256 of the POS's idempotency key and of its request; nil: it gave none
	FromPOS         bool
}

// OpenSale opens a sale. Under a Request that has opened one already it returns that one (created is false)
// when Digest is the same, and a Conflict when it is not. Another sale that waits for a code is a Conflict.
func (l *Lane) OpenSale(ctx context.Context, n NewSale) (sale journal.Sale, created bool, err error) {
	err = l.do(ctx, func(ctx context.Context) error {
		if n.Request != nil {
			found, ok, err := l.cfg.Journal.SaleByRequest(ctx, n.Request)
			if err != nil {
				return unread(err)
			}
			if ok {
				sale = found
				if !bytes.Equal(found.Digest, n.Digest) {
					return payment.Errorf(payment.Conflict, "lane.OpenSale", "this Idempotency-Key has opened another sale (%s)", found.ID)
				}
				return nil
			}
		}
		created = true
		sale, err = l.openSale(ctx, n)
		return err
	})
	return sale, created && err == nil, err
}

func (l *Lane) openSale(ctx context.Context, n NewSale) (journal.Sale, error) {
	id, err := l.cfg.IDs.Next()
	if err != nil {
		return journal.Sale{}, payment.Errorf(payment.Internal, "lane.OpenSale", "no identifier: %w", err)
	}
	if err := l.begin(); err != nil {
		return journal.Sale{}, err
	}
	n.Sale.ID = id
	if n.FromPOS && n.Request == nil {
		n.Request, n.Digest = ownKey(id), ownKey(id)
	}
	if _, err := l.apply(ctx, checkout.OpenSale{Sale: n.Sale, Request: n.Request, Digest: n.Digest}); err != nil {
		return journal.Sale{}, err
	}
	l.shown = shown{fromPOS: n.FromPOS, number: l.shown.number}
	l.cfg.Asker.Probe() // by the time the code is shown, it is known whether HQ answers
	l.feed.publish(Event{Kind: SaleOpened, Sale: id, Reference: n.Sale.Reference, Amount: n.Sale.Due(), Training: n.Sale.Training})
	return l.sale(ctx, id)
}

// ownKey stands in for the idempotency key of a POS that gave none, so that the journal tells the POS's sales from
// those that were opened here: after a restart too, nobody but the POS completes one of its own.
func ownKey(id payment.ID) []byte {
	sum := sha256.Sum256(append([]byte("sale "), id[:]...))
	return sum[:]
}

// ofPOS says whether the shop's POS opened the sale. A lane of before gave no stand-in for a key; but a reference has
// always been the POS's to give.
func ofPOS(s *journal.Sale) bool { return len(s.Digest) > 0 || s.Reference != "" }

// CancelSale ends a sale that nobody paid; the zero ID means the one on the screen.
func (l *Lane) CancelSale(ctx context.Context, id payment.ID) (sale journal.Sale, err error) {
	err = l.do(ctx, func(ctx context.Context) error {
		if id.IsZero() {
			id = l.state.Sale.ID
		}
		before := l.state.Phase
		if _, err := l.apply(ctx, checkout.Cancel{Sale: id}); err != nil {
			return err
		}
		l.clear()
		if before != checkout.Cancelled {
			l.feed.publish(Event{Kind: SaleCancelled, Sale: id, Reference: l.state.Sale.Reference, Training: l.state.Sale.Training})
		}
		sale, err = l.sale(ctx, id)
		return err
	})
	return sale, err
}

// CompleteSale notes that the shop's POS has the outcome of a paid sale.
func (l *Lane) CompleteSale(ctx context.Context, id payment.ID) (sale journal.Sale, err error) {
	err = l.do(ctx, func(ctx context.Context) error {
		if err := l.complete(ctx, id); err != nil {
			return err
		}
		if id == l.state.Sale.ID && l.shown.until.IsZero() {
			l.shown.until = l.cfg.Clock.Wall().Add(keepShown)
		}
		sale, err = l.sale(ctx, id)
		return err
	})
	return sale, err
}

func (l *Lane) complete(ctx context.Context, id payment.ID) error {
	found, ok, err := l.cfg.Journal.SaleByID(ctx, id)
	if err != nil {
		return unread(err)
	}
	phase := checkout.Idle
	if ok {
		phase = phases[found.State]
	}
	d, err := l.apply(ctx, checkout.Complete{Sale: id, Phase: phase})
	if err == nil {
		l.unpark(id)
	}
	if err == nil && len(d.Drafts) > 0 {
		l.feed.publish(Event{Kind: SaleCompleted, Sale: id, Reference: found.Reference, Training: found.Training})
	}
	return err
}

// phases says what the journal's state of a sale means to the checkout.
var phases = map[journal.SaleState]checkout.Phase{
	journal.SaleOpen: checkout.Open, journal.SalePaid: checkout.Paid,
	journal.SaleCompleted: checkout.Completed, journal.SaleCancelled: checkout.Cancelled,
}

// Next clears the screen for the next customer. A sale that was opened here, without the shop's POS, is
// completed by it: nobody else will. One of the POS's stays paid until the POS has it; that it was cleared is kept, so
// that a restart shows this customer's PAID to nobody else.
func (l *Lane) Next(ctx context.Context) error {
	return l.do(ctx, func(ctx context.Context) error {
		if l.state.Phase.Waiting() {
			return payment.Errorf(payment.Conflict, "lane.Next", "a sale is open: finish or cancel it")
		}
		if l.state.Phase.Asked() {
			return payment.Errorf(payment.Conflict, "lane.Next", "a sale waits for its wallet: park it or take it back")
		}
		switch {
		case l.state.Phase != checkout.Paid:
		case !l.shown.fromPOS:
			if err := l.complete(ctx, l.state.Sale.ID); err != nil {
				return err
			}
		case !l.shown.done:
			l.keepCleared(ctx, l.state.Sale.ID)
		}
		l.clear()
		return nil
	})
}

// Void takes back a payment of this lane that HQ has not acknowledged, in a supervisor's name.
func (l *Lane) Void(ctx context.Context, id payment.ID, supervisor string) error {
	return l.do(ctx, func(ctx context.Context) error {
		e := checkout.Void{Payment: id, Supervisor: supervisor}
		at, err := l.cfg.Journal.State(ctx)
		if err != nil {
			return unread(err)
		}
		p, ok, err := l.cfg.Journal.PaymentByID(ctx, id)
		if err != nil {
			return unread(err)
		}
		if ok {
			e.Found = recordOf(&p, at.Current.Epoch)
		}
		e.Acked = at.Current.Acked
		if _, err := l.apply(ctx, e); err != nil {
			return err
		}
		return l.voided(e.Found)
	})
}

// Sale finds a sale of this lane; a NotFound error when there is none.
func (l *Lane) Sale(ctx context.Context, id payment.ID) (journal.Sale, []journal.Payment, error) {
	sale, err := l.sale(ctx, id)
	if err != nil {
		return sale, nil, err
	}
	list, err := l.cfg.Journal.PaymentsOf(ctx, id)
	if err != nil {
		return sale, nil, unread(err)
	}
	return sale, list, nil
}

// SalesByReference lists the sales with the shop's reference, the newest first.
func (l *Lane) SalesByReference(ctx context.Context, reference string) ([]journal.Sale, error) {
	list, err := l.cfg.Journal.SalesByReference(ctx, reference)
	if err != nil {
		return nil, unread(err)
	}
	return list, nil
}

func (l *Lane) sale(ctx context.Context, id payment.ID) (journal.Sale, error) {
	sale, ok, err := l.cfg.Journal.SaleByID(ctx, id)
	if err != nil {
		return sale, unread(err)
	}
	if !ok {
		return sale, payment.Errorf(payment.NotFound, "lane.Sale", "there is no sale %s at this lane", id)
	}
	return sale, nil
}

func unread(err error) error {
	return payment.Errorf(payment.Retry, "lane", "the journal can't be read now: %w", err)
}

// clear frees the screen for the next customer.
func (l *Lane) clear() {
	l.shown.done, l.shown.until = true, time.Time{}
	l.forget()
}
