package posapi

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

var noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// fakeLane keeps the promises of Lane in memory.
type fakeLane struct {
	gave    []GiveBack
	back    Refund
	backErr error

	mu      sync.Mutex
	sales   []*Sale
	asked   []NewSale // as they came in, of those that opened a sale
	events  []Event
	dropped int // events that are kept no more
	wake    chan struct{}
	status  Status
	fail    error // every call's, when set
	hang    bool  // calls wait for ctx
}

func newFakeLane() *fakeLane {
	return &fakeLane{wake: make(chan struct{}), status: Status{
		Store: "0001", Lane: "2", Terminal: payment.ID{1}, Date: 20261122, Currency: "JPY", Scanner: "ok", ScannerSince: noon,
		Online: true, OnlineSince: noon, Tier: policy.TierFull,
	}}
}

func saleID(n int) payment.ID { return payment.ID{2, byte(n >> 8), byte(n)} }

// enter takes the lane, or gives the error that the test wants.
func (f *fakeLane) enter(ctx context.Context) error {
	if f.hang {
		<-ctx.Done()
		return payment.Errorf(payment.Retry, "lane", "the lane is busy: %w", ctx.Err())
	}
	f.mu.Lock()
	if f.fail != nil {
		defer f.mu.Unlock()
		return f.fail
	}
	return nil
}

func (f *fakeLane) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

func (f *fakeLane) OpenSale(ctx context.Context, n NewSale) (Sale, bool, error) {
	if err := f.enter(ctx); err != nil {
		return Sale{}, false, err
	}
	defer f.mu.Unlock()
	for i, old := range f.asked {
		if n.Request != nil && bytes.Equal(old.Request, n.Request) {
			if !bytes.Equal(old.Digest, n.Digest) {
				return Sale{}, false, payment.Errorf(payment.Conflict, "lane", "this Idempotency-Key has opened another sale (%s)", saleID(i+1))
			}
			return *f.sales[i], false, nil
		}
	}
	for _, s := range f.sales {
		if s.State == SaleOpen {
			return Sale{}, false, payment.Errorf(payment.Conflict, "lane", "sale %s is open: finish or cancel it: %w", s.ID, checkout.ErrPhase)
		}
	}
	if c := n.Sale.Total.Currency; c != f.status.Currency {
		return Sale{}, false, payment.Errorf(payment.Invalid, "lane", "total: this store sells in %s, not %s", f.status.Currency, c)
	}
	s := &Sale{
		ID: saleID(len(f.sales) + 1), Reference: n.Sale.Reference, Date: 20261122, OpenedAt: noon, Total: n.Sale.Total, Due: n.Sale.Due(),
		State: SaleOpen, Training: n.Sale.Training,
	}
	f.sales, f.asked, f.status.Sale = append(f.sales, s), append(f.asked, n), s.ID
	f.publish(Event{Kind: "sale.opened", Sale: s.ID, Reference: s.Reference, Amount: s.Due})
	return *s, true, nil
}

func (f *fakeLane) find(id payment.ID) (*Sale, error) {
	for _, s := range f.sales {
		if s.ID == id {
			return s, nil
		}
	}
	return &Sale{}, payment.Errorf(payment.NotFound, "lane", "there is no sale %s at this lane", id)
}

func (f *fakeLane) Sale(ctx context.Context, id payment.ID) (Sale, error) {
	if err := f.enter(ctx); err != nil {
		return Sale{}, err
	}
	defer f.mu.Unlock()
	s, err := f.find(id)
	return *s, err
}

// list gives the newest first.
func (f *fakeLane) list(ctx context.Context, most int, fits func(*Sale) bool) ([]Sale, error) {
	if err := f.enter(ctx); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	var list []Sale
	for _, s := range slices.Backward(f.sales) {
		if fits(s) && len(list) < most {
			list = append(list, *s)
		}
	}
	return list, nil
}

func (f *fakeLane) SalesByReference(ctx context.Context, reference string, most int) ([]Sale, error) {
	return f.list(ctx, most, func(s *Sale) bool { return s.Reference == reference })
}

func (f *fakeLane) Uncompleted(ctx context.Context, most int) ([]Sale, error) {
	return f.list(ctx, most, func(s *Sale) bool { return s.State == SalePaid })
}

func (f *fakeLane) CancelSale(ctx context.Context, id payment.ID) (Sale, error) {
	if err := f.enter(ctx); err != nil {
		return Sale{}, err
	}
	defer f.mu.Unlock()
	last := f.sales[len(f.sales)-1]
	if last.ID != id {
		return Sale{}, payment.Errorf(payment.NotFound, "lane", "sale %s is not the present one: only that can be cancelled", id)
	}
	if last.State != SaleOpen {
		return Sale{}, payment.Errorf(payment.Conflict, "lane", "sale %s is %s and can't be cancelled: %w", id, last.State, checkout.ErrPhase)
	}
	last.State, f.status.Sale = SaleCancelled, payment.ID{}
	f.publish(Event{Kind: "sale.cancelled", Sale: id, Reference: last.Reference})
	return *last, nil
}

func (f *fakeLane) CompleteSale(ctx context.Context, id payment.ID) (Sale, error) {
	if err := f.enter(ctx); err != nil {
		return Sale{}, err
	}
	defer f.mu.Unlock()
	s, err := f.find(id)
	switch {
	case err != nil:
		return *s, err
	case s.State == SalePaid:
		s.State = SaleCompleted
		f.publish(Event{Kind: "sale.completed", Sale: id, Reference: s.Reference})
	case s.State != SaleCompleted:
		return *s, payment.Errorf(payment.Conflict, "lane", "sale %s is %s and can't be completed: %w", id, s.State, checkout.ErrPhase)
	}
	return *s, nil
}

// ask is a code of which an operator is asked: asking, pending or unknown.
func (f *fakeLane) ask(state string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sales[len(f.sales)-1]
	s.Asked = &Asked{Payment: payment.ID{3, byte(len(f.sales))}, Wallet: "paypay", Amount: s.Due, State: state}
}

// underWay finds a sale of which an operator is asked.
func (f *fakeLane) underWay(id payment.ID) (*Sale, error) {
	s, err := f.find(id)
	if err == nil && s.Asked == nil {
		err = payment.Errorf(payment.Conflict, "lane", "nobody is asked about sale %s now", id)
	}
	return s, err
}

func (f *fakeLane) ParkSale(ctx context.Context, id payment.ID) (Sale, error) {
	if err := f.enter(ctx); err != nil {
		return Sale{}, err
	}
	defer f.mu.Unlock()
	s, err := f.underWay(id)
	if err != nil {
		return *s, err
	}
	s.Asked.Parked, f.status.Sale = true, payment.ID{}
	f.publish(Event{Kind: "sale.parked", Sale: id, Reference: s.Reference})
	return *s, nil
}

func (f *fakeLane) OfferSale(ctx context.Context, id payment.ID) (Sale, error) {
	if err := f.enter(ctx); err != nil {
		return Sale{}, err
	}
	defer f.mu.Unlock()
	s, err := f.find(id)
	if err != nil {
		return *s, err
	}
	if s.State != SaleOpen {
		return *s, payment.Errorf(payment.Conflict, "lane", "sale %s is not open", id)
	}
	s.Offer = &Offer{Text: "ZY:S the sale", Until: s.OpenedAt.Add(600e9)}
	f.publish(Event{Kind: "sale.offered", Sale: id, Reference: s.Reference})
	return *s, nil
}

func (f *fakeLane) TakeBackSale(ctx context.Context, id payment.ID) (Sale, error) {
	if err := f.enter(ctx); err != nil {
		return Sale{}, err
	}
	defer f.mu.Unlock()
	s, err := f.underWay(id)
	if err != nil {
		return *s, err
	}
	if s.Asked.Parked {
		s.State = SaleCancelled
	}
	s.Asked = nil
	return *s, nil
}

// pay is a customer's code that was taken for the open sale.
func (f *fakeLane) pay() {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sales[len(f.sales)-1]
	p := Payment{ID: payment.ID{3, byte(len(f.sales))}, Wallet: "house", Amount: s.Due, TakenAt: noon, Offline: true, Progress: "waiting"}
	s.State, s.Payments, f.status.Sale = SalePaid, append(s.Payments, p), payment.ID{}
	f.publish(Event{Kind: "sale.paid", Sale: s.ID, Payment: p.ID, Amount: p.Amount, Wallet: p.Wallet, Reference: s.Reference})
}

// happen publishes an event from outside.
func (f *fakeLane) happen(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.publish(e)
}

func (f *fakeLane) publish(e Event) {
	e.ID = uint64(len(f.events) + 1)
	f.events = append(f.events, e)
	close(f.wake)
	f.wake = make(chan struct{})
}

// drop forgets the oldest events.
func (f *fakeLane) drop(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropped = n
}

func (f *fakeLane) EventsAfter(ctx context.Context, id uint64) ([]Event, error) {
	for {
		f.mu.Lock()
		list := slices.Clone(f.events[max(int(id), f.dropped):])
		wake, err := f.wake, f.fail
		f.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			return list, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (f *fakeLane) LastEvent() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return uint64(len(f.events))
}

// change edits the fake under its lock.
func (f *fakeLane) change(edit func(*fakeLane)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	edit(f)
}

var _ Lane = (*fakeLane)(nil)

func (f *fakeLane) GiveBack(_ context.Context, g GiveBack) (Refund, error) {
	f.gave = append(f.gave, g)
	return f.back, f.backErr
}

func (f *fakeLane) Refunds(context.Context, payment.ID) ([]Refund, error) {
	return []Refund{f.back}, f.backErr
}
