package posapi_test

import (
	"context"
	"time"

	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/payment"
	"tilld/agent/posapi"
)

// adapter lets the API speak to a real lane, as agent/cmd/tilld does.
type adapter struct {
	*lane.Lane
	journal *journal.Journal
}

var _ posapi.Lane = adapter{}

func (a adapter) Status() posapi.Status {
	v := a.View()
	s := posapi.Status{
		Store: v.Place.Store, Lane: v.Place.Lane, Terminal: v.Place.Terminal, Date: v.Day, Currency: v.Currency,
		Scanner: string(v.Scanner.State), ScannerSince: v.Scanner.Since, Online: v.Online.Up, OnlineSince: v.Online.Since,
		Tier: v.Tier, Blocked: v.Blocked, Unsent: v.Stats.Pending, Uncompleted: v.Stats.NotCompleted,
	}
	if v.Stopped != nil {
		s.Stopped = payment.JournalStopped
	}
	if v.Phase.Waiting() {
		s.Sale = v.Sale.ID
	}
	return s
}

func (a adapter) OpenSale(ctx context.Context, n posapi.NewSale) (posapi.Sale, bool, error) {
	s, created, err := a.Lane.OpenSale(ctx, lane.NewSale{Sale: n.Sale, Request: n.Request, Digest: n.Digest, FromPOS: true})
	if err != nil {
		return posapi.Sale{}, false, err
	}
	full, err := a.Sale(ctx, s.ID)
	return full, created, err
}

func (a adapter) Sale(ctx context.Context, id payment.ID) (posapi.Sale, error) {
	s, payments, err := a.Lane.Sale(ctx, id)
	if err != nil {
		return posapi.Sale{}, err
	}
	out := posapi.Sale{
		ID: s.ID, Reference: s.Reference, Date: s.Date, OpenedAt: time.UnixMilli(s.Wall), Total: s.Total, Due: s.Due,
		State: posapi.SaleState(s.State), Training: s.Training,
	}
	for _, p := range payments {
		out.Payments = append(out.Payments, posapi.Payment{
			ID: p.ID, Wallet: p.Wallet, Amount: p.Amount, TakenAt: time.UnixMilli(p.Wall), Offline: true, Voided: p.Voided,
			Progress: string(p.Progress), Reason: p.Reason,
		})
	}
	return out, nil
}

func (a adapter) all(ctx context.Context, list []journal.Sale, most int) (out []posapi.Sale, err error) {
	for _, s := range list[:min(len(list), most)] {
		full, err := a.Sale(ctx, s.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, full)
	}
	return out, nil
}

func (a adapter) SalesByReference(ctx context.Context, reference string, most int) ([]posapi.Sale, error) {
	list, err := a.Lane.SalesByReference(ctx, reference)
	if err != nil {
		return nil, err
	}
	return a.all(ctx, list, most)
}

func (a adapter) Uncompleted(ctx context.Context, most int) ([]posapi.Sale, error) {
	list, err := a.journal.NotCompleted(ctx)
	if err != nil {
		return nil, payment.Errorf(payment.Retry, "lane", "the journal can't be read now: %w", err)
	}
	return a.all(ctx, list, most)
}

func (a adapter) ParkSale(ctx context.Context, id payment.ID) (posapi.Sale, error) {
	if err := a.Park(ctx, id); err != nil {
		return posapi.Sale{}, err
	}
	return a.Sale(ctx, id)
}

func (a adapter) OfferSale(ctx context.Context, id payment.ID) (posapi.Sale, error) {
	if err := a.Offer(ctx, id); err != nil {
		return posapi.Sale{}, err
	}
	return a.Sale(ctx, id)
}

func (a adapter) TakeBackSale(ctx context.Context, id payment.ID) (posapi.Sale, error) {
	if err := a.TakeBack(ctx, ""); err != nil {
		return posapi.Sale{}, err
	}
	return a.Sale(ctx, id)
}

func (a adapter) CancelSale(ctx context.Context, id payment.ID) (posapi.Sale, error) {
	if _, err := a.Lane.CancelSale(ctx, id); err != nil {
		return posapi.Sale{}, err
	}
	return a.Sale(ctx, id)
}

func (a adapter) CompleteSale(ctx context.Context, id payment.ID) (posapi.Sale, error) {
	if _, err := a.Lane.CompleteSale(ctx, id); err != nil {
		return posapi.Sale{}, err
	}
	return a.Sale(ctx, id)
}

func (a adapter) EventsAfter(ctx context.Context, id uint64) ([]posapi.Event, error) {
	list, err := a.Lane.EventsAfter(ctx, id)
	out := make([]posapi.Event, len(list))
	for i, e := range list {
		out[i] = posapi.Event{
			ID: e.ID, Kind: string(e.Kind), Sale: e.Sale, Payment: e.Payment, Reference: e.Reference, Amount: e.Amount,
			Wallet: e.Wallet, Reason: e.Reason, Text: e.Text, AIM: e.AIM,
		}
	}
	return out, err
}

func (a adapter) GiveBack(ctx context.Context, g posapi.GiveBack) (posapi.Refund, error) {
	back, err := a.Lane.GiveBack(ctx, lane.GiveBack{Payment: g.Payment, Amount: g.Amount, Supervisor: g.Supervisor})
	return posapi.Refund{Ref: back.Refund.Ref, Payment: g.Payment, State: string(back.Refund.State)}, err
}

func (a adapter) Refunds(context.Context, payment.ID) ([]posapi.Refund, error) { return nil, nil }
