package lane

import (
	"context"
	"sync"

	"tilld/agent/payment"
)

// EventKind names an event of the POS's stream.
type EventKind string

// The events.
const (
	SaleOpened      EventKind = "sale.opened"
	SalePaid        EventKind = "sale.paid"
	CodeRefused     EventKind = "code.refused"
	SaleCancelled   EventKind = "sale.cancelled"
	SaleCompleted   EventKind = "sale.completed"
	PaymentVoided   EventKind = "payment.voided"
	PaymentPending  EventKind = "payment.pending"  // the customer is confirming on the phone
	PaymentUnknown  EventKind = "payment.unknown"  // HQ is finding out whether it is paid
	SaleOffered     EventKind = "sale.offered"     // shown on the customer's screen, to be paid through the customer's own phone
	SaleParked      EventKind = "sale.parked"      // put aside until that is known
	RefundAsked     EventKind = "refund.asked"     // HQ gives money back, or declines
	PaymentRefunded EventKind = "payment.refunded" // a part or all was given back
	RefundDeclined  EventKind = "refund.declined"  // nothing was given back
	MemberNoted     EventKind = "member.noted"     // a loyalty programme's member is attached to the sale
	ScanPassed      EventKind = "scan.passed"      // no payment code: goods, bills, carriers, coupons
)

// Event is one line of the stream. ID rises by one; after a restart of the program the stream begins at 1
// again, and what a POS missed it finds under the sale.
type Event struct {
	ID        uint64
	Kind      EventKind
	Sale      payment.ID
	Payment   payment.ID
	Refund    string // the refund's reference
	Reference string
	Amount    payment.Money
	Wallet    string
	Reason    payment.Reason
	Training  bool   // of the sale: nothing is charged
	Text      string // of a scan that was passed on
	AIM       string
	Programme string // of MemberNoted
}

// kept is how many events a reader that comes back can catch up on.
const kept = 256

// feed keeps the last events and wakes readers.
type feed struct {
	mu   sync.Mutex
	last uint64
	ring []Event
	wake chan struct{}
}

func newFeed() *feed { return &feed{wake: make(chan struct{})} }

func (f *feed) publish(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	e.ID = f.last
	if f.ring = append(f.ring, e); len(f.ring) > kept {
		f.ring = append([]Event(nil), f.ring[len(f.ring)-kept:]...)
	}
	close(f.wake)
	f.wake = make(chan struct{})
}

// after returns the events behind an ID, and a channel that closes when there are more.
func (f *feed) after(id uint64) ([]Event, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []Event
	for _, e := range f.ring {
		if e.ID > id {
			list = append(list, e)
		}
	}
	return list, f.wake
}

// EventsAfter waits for events behind an ID and returns them, or ctx's error. An ID from before the last
// restart is above every other: then the stream begins at its beginning.
func (l *Lane) EventsAfter(ctx context.Context, id uint64) ([]Event, error) {
	for {
		if last := l.LastEvent(); id > last {
			id = 0
		}
		list, wake := l.feed.after(id)
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

// LastEvent is the newest event's ID; 0: none yet.
func (l *Lane) LastEvent() uint64 {
	l.feed.mu.Lock()
	defer l.feed.mu.Unlock()
	return l.feed.last
}
