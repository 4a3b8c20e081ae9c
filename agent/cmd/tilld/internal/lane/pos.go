package lane

import (
	"context"
	"net/http"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/payment"
	"tilld/agent/posapi"
	"tilld/ui/web"
)

func (n *Node) openAPI() error {
	stream, err := n.ids.Next()
	if err != nil {
		return err
	}
	n.api, err = posapi.New(posapi.Config{
		Lane: till{n}, Guard: func(h http.Handler) http.Handler { return web.Guard(nil, h) }, Stream: stream, Log: n.log, Version: n.version,
	})
	return err
}

// till is the lane as the shop's own program sees it.
type till struct{ *Node }

// OpenSale opens a sale that the POS will complete.
func (t till) OpenSale(ctx context.Context, n posapi.NewSale) (posapi.Sale, bool, error) {
	s, created, err := t.lane.OpenSale(ctx, lane.NewSale{Sale: n.Sale, Request: n.Request, Digest: n.Digest, FromPOS: true})
	if err != nil {
		return posapi.Sale{}, false, err
	}
	sale, err := t.withPayments(ctx, s)
	return sale, created, err
}

// Sale finds a sale.
func (t till) Sale(ctx context.Context, id payment.ID) (posapi.Sale, error) {
	s, list, err := t.lane.Sale(ctx, id)
	return t.view(s, list), err
}

// SalesByReference finds sales by the shop's own reference.
func (t till) SalesByReference(ctx context.Context, reference string, most int) ([]posapi.Sale, error) {
	list, err := t.lane.SalesByReference(ctx, reference)
	if err != nil {
		return nil, err
	}
	return t.sales(ctx, list, most)
}

// Uncompleted lists what was paid and never completed.
func (t till) Uncompleted(ctx context.Context, most int) ([]posapi.Sale, error) {
	list, err := t.journal.NotCompleted(ctx)
	if err != nil {
		return nil, payment.Errorf(payment.Retry, "lane", "the journal can't be read now: %w", err)
	}
	return t.sales(ctx, list, most)
}

// CancelSale ends the present sale.
func (t till) CancelSale(ctx context.Context, id payment.ID) (posapi.Sale, error) {
	s, err := t.lane.CancelSale(ctx, id)
	if err != nil {
		return posapi.Sale{}, err
	}
	return t.withPayments(ctx, s)
}

// CompleteSale notes that the POS has the outcome.
func (t till) CompleteSale(ctx context.Context, id payment.ID) (posapi.Sale, error) {
	s, err := t.lane.CompleteSale(ctx, id)
	if err != nil {
		return posapi.Sale{}, err
	}
	return t.withPayments(ctx, s)
}

// ParkSale puts the present sale aside.
func (t till) ParkSale(ctx context.Context, id payment.ID) (posapi.Sale, error) {
	if err := t.lane.Park(ctx, id); err != nil {
		return posapi.Sale{}, err
	}
	return t.Sale(ctx, id)
}

// OfferSale shows the present sale to the customer's own phone.
func (t till) OfferSale(ctx context.Context, id payment.ID) (posapi.Sale, error) {
	if err := t.lane.Offer(ctx, id); err != nil {
		return posapi.Sale{}, err
	}
	return t.Sale(ctx, id)
}

// TakeBackSale gives up what a sale's wallet was asked.
func (t till) TakeBackSale(ctx context.Context, id payment.ID) (posapi.Sale, error) {
	ref, _ := askedOf(t.lane.View(), id)
	if ref == "" {
		return posapi.Sale{}, payment.Errorf(payment.Conflict, "lane", "nobody is asked about sale %s now", id)
	}
	if err := t.lane.TakeBack(ctx, ref); err != nil {
		return posapi.Sale{}, err
	}
	return t.Sale(ctx, id)
}

// askedOf is what a sale's wallet was asked and has not answered, by its reference; "": nothing.
func askedOf(v lane.View, sale payment.ID) (ref string, asked *posapi.Asked) {
	if v.Phase.Asked() && v.Sale.ID == sale {
		a := v.Attempt
		return a.Ref, &posapi.Asked{Payment: a.Payment, Wallet: a.Wallet, Amount: a.Amount, State: v.Phase.String()}
	}
	for _, p := range v.Parked {
		if p.Sale.ID != sale || p.Settled() {
			continue
		}
		asked = &posapi.Asked{Payment: p.Payment, Wallet: p.Wallet, Amount: p.Amount, State: checkout.Unknown.String(), Parked: true}
		if p.Outcome == payment.Pending {
			asked.State = checkout.Pending.String()
		}
		return p.Ref, asked
	}
	return "", nil
}

// EventsAfter waits for events.
func (t till) EventsAfter(ctx context.Context, id uint64) ([]posapi.Event, error) {
	list, err := t.lane.EventsAfter(ctx, id)
	out := make([]posapi.Event, len(list))
	for i, e := range list {
		out[i] = posapi.Event{
			ID: e.ID, Kind: string(e.Kind), Sale: e.Sale, Payment: e.Payment, Refund: e.Refund, Reference: e.Reference,
			Amount: e.Amount, Wallet: e.Wallet, Reason: e.Reason, Training: e.Training, Text: e.Text, AIM: e.AIM, Programme: e.Programme,
		}
	}
	return out, err
}

// LastEvent is the newest event's ID.
func (t till) LastEvent() uint64 { return t.lane.LastEvent() }

// Status is how the lane is doing.
func (t till) Status() posapi.Status {
	v := t.lane.View()
	s := posapi.Status{
		Store: v.Place.Store, Lane: v.Place.Lane, Terminal: v.Place.Terminal, Date: v.Day, Currency: v.Currency,
		Stopped: standstill(v), Scanner: string(v.Scanner.State), ScannerSince: v.Scanner.Since,
		Online: v.Online.Up, OnlineSince: v.Online.Since, Tier: v.Tier, Blocked: v.Blocked,
		Unsent: v.Stats.Pending, Uncompleted: v.Stats.NotCompleted, Asks: v.Asks, Answered: v.Reach.Up, Silent: v.Reach.Down,
	}
	if v.Phase.Waiting() || v.Phase.Asked() {
		s.Sale = v.Sale.ID
		if v.Stopped == nil {
			s.Stopped = payment.ReasonNone // what has begun may end
		}
	}
	return s
}

func (t till) sales(ctx context.Context, list []journal.Sale, most int) ([]posapi.Sale, error) {
	out := make([]posapi.Sale, 0, min(len(list), most))
	for _, s := range list[:min(len(list), most)] {
		sale, err := t.withPayments(ctx, s)
		if err != nil {
			return nil, err
		}
		out = append(out, sale)
	}
	return out, nil
}

func (t till) withPayments(ctx context.Context, s journal.Sale) (posapi.Sale, error) {
	list, err := t.journal.PaymentsOf(ctx, s.ID)
	if err != nil {
		return posapi.Sale{}, payment.Errorf(payment.Retry, "lane", "the journal can't be read now: %w", err)
	}
	return t.view(s, list), nil
}

func (t till) view(s journal.Sale, list []journal.Payment) posapi.Sale {
	v := saleView(s, list)
	now := t.lane.View()
	_, v.Asked = askedOf(now, s.ID)
	if now.Offer != "" && now.Sale.ID == s.ID {
		v.Offer = &posapi.Offer{Text: now.Offer, Until: now.OfferUntil}
	}
	return v
}

func saleView(s journal.Sale, list []journal.Payment) posapi.Sale {
	v := posapi.Sale{
		ID: s.ID, Reference: s.Reference, Date: s.Date, OpenedAt: time.UnixMilli(s.Wall).UTC(),
		Total: s.Total, Due: s.Due, State: posapi.SaleState(s.State), Training: s.Training,
	}
	for _, p := range list {
		v.Payments = append(v.Payments, posapi.Payment{
			ID: p.ID, Wallet: p.Wallet, Amount: p.Amount, TakenAt: time.UnixMilli(p.Wall).UTC(),
			Offline: p.Ref == "" && !p.Carried,
			Voided:  p.Voided, Progress: string(p.Progress), Reason: p.Reason,
		})
	}
	return v
}
