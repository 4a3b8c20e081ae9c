package lane

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/ui/cashier"
	"tilld/ui/customer"
	"tilld/ui/web"
)

// tryAgain is how often a disk is tried that keeps the lane from opening.
const tryAgain = 3 * time.Second

// openWithRoom is openLane, but waits while a full disk is in its way: SQLite opens no journal on one. Meanwhile
// the cashier's page and /healthz say so.
func (n *Node) openWithRoom(ctx context.Context, software string) error {
	for {
		err := n.openLane(ctx, software)
		if err == nil || !errors.Is(journal.TryDisks(n.cfg.Data, n.cfg.Second), journal.ErrNoRoom) {
			return err
		}
		n.log.Error("the disk is full; the lane opens when there is room", "error", err)
		if n.journal != nil {
			if err := n.journal.Close(); err != nil {
				return err
			}
			n.journal = nil
		}
		if err := n.awaitRoom(ctx); err != nil {
			return err
		}
	}
}

// awaitRoom returns when the disks take something again.
func (n *Node) awaitRoom(ctx context.Context) error {
	l, err := net.Listen("tcp", n.cfg.Listen.Pages)
	if err != nil {
		return fmt.Errorf("listen.pages: %w", err)
	}
	zone, err := time.LoadLocation(n.join.Zone)
	if err != nil {
		return errors.Join(fmt.Errorf("the store's time zone: %w", err), l.Close())
	}
	pin := web.NewPIN(PINStore(n.cfg.Data), time.Now, rand.Reader)
	closed, inZone := noRoom{n.join.Store, n.join.Lane, n.join.Currency}, func() *time.Location { return zone }
	page, err := cashier.New(closed, pin, n.cfg.Language, inZone, n.log)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	second, err := customer.New(closed, n.cfg.Language, inZone, n.log)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	mux := http.NewServeMux()
	page.Register(mux)
	second.Register(mux)
	mux.Handle("GET /assets/", web.Assets())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { sayHealth(w, payment.StorageFull) })
	srv := &http.Server{Handler: web.Guard(nil, mux), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	err = n.tryUntilRoom(ctx)
	err = errors.Join(err, srv.Close()) // live views end: pages look for the lane again
	<-done
	return err
}

func (n *Node) tryUntilRoom(ctx context.Context) error {
	ticker := time.NewTicker(tryAgain)
	defer ticker.Stop()
	for errors.Is(journal.TryDisks(n.cfg.Data, n.cfg.Second), journal.ErrNoRoom) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// noRoom is a lane that is not open yet.
type noRoom struct {
	store, lane string
	currency    payment.Currency
}

var errNoRoom = payment.Errorf(payment.Retry, "lane", "this lane's disk is full: it opens when there is room")

// View says why nothing is sold.
func (l noRoom) View() cashier.View {
	return cashier.View{Store: l.store, Lane: l.lane, Starting: true, State: cashier.Stopped, Reason: payment.StorageFull}
}

// Changes never ticks: the end of the stream is the change.
func (noRoom) Changes(context.Context) <-chan struct{} { return make(chan struct{}) }

// OpenSale is refused, as is everything else that would be written.
func (noRoom) OpenSale(context.Context, payment.Money, string) error { return errNoRoom }

// CancelSale is refused.
func (noRoom) CancelSale(context.Context) error { return errNoRoom }

// Next is refused.
func (noRoom) Next(context.Context) error { return errNoRoom }

// Park is refused.
func (noRoom) Park(context.Context) error { return errNoRoom }

// TakeBack is refused.
func (noRoom) TakeBack(context.Context, string) error { return errNoRoom }

// Dismiss is refused.
func (noRoom) Dismiss(context.Context, string) error { return errNoRoom }

// Another is refused.
func (noRoom) Another(context.Context) error { return errNoRoom }

// Carry is refused.
func (noRoom) Carry(context.Context) error { return errNoRoom }

// CustomerView says that the cashier is to be asked.
func (noRoom) CustomerView() customer.View { return customer.View{State: customer.Closed} }

// Void is refused.
func (noRoom) Void(context.Context, payment.ID, string) error { return errNoRoom }

// GiveBack is refused.
func (noRoom) GiveBack(context.Context, cashier.GiveBack) error { return errNoRoom }

// DismissRefund is refused.
func (noRoom) DismissRefund(context.Context, string) error { return errNoRoom }

// SendNow can't ask.
func (noRoom) SendNow(context.Context) (cashier.Sent, error) { return "", errNoRoom }

// Today can't be read.
func (noRoom) Today(context.Context) ([]cashier.Row, error) { return nil, errNoRoom }

// Most isn't known.
func (noRoom) Most() payment.Money { return payment.Money{} }

// Currency is that of HQ's answer.
func (l noRoom) Currency() payment.Currency { return l.currency }
