package lane

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/payment"
	"tilld/ui/cashier"
	"tilld/ui/customer"
	"tilld/ui/manager"
	"tilld/ui/web"
)

func (n *Node) openPages() error {
	var err error
	if n.pages, err = net.Listen("tcp", n.cfg.Listen.Pages); err != nil {
		return fmt.Errorf("listen.pages: %w", err)
	}
	if n.pos, err = net.Listen("tcp", n.cfg.Listen.POS); err != nil {
		return fmt.Errorf("listen.pos: %w", err)
	}
	zone := func() *time.Location { return n.lane.Place().Zone } // a policy may move it
	n.pin = web.NewPIN(PINStore(n.cfg.Data), time.Now, rand.Reader)
	screen := screen{n}
	cashierPage, err := cashier.New(screen, n.pin, n.cfg.Language, zone, n.log)
	if err != nil {
		return err
	}
	sessions := web.NewSessions(cookieName(n.id.Terminal), false, time.Now, rand.Reader)
	managerPage, err := manager.New(screen, n.pin, sessions, n.cfg.Language, zone, n.log)
	if err != nil {
		return err
	}
	customerPage, err := customer.New(screen, n.cfg.Language, zone, n.log)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	cashierPage.Register(mux)
	customerPage.Register(mux)
	managerPage.Register(mux)
	mux.Handle("GET /assets/", web.Assets())
	mux.HandleFunc("GET /healthz", n.health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics(), promhttp.HandlerOpts{}))
	n.site = web.Guard(nil, mux)
	return n.openAPI()
}

// health says 200 while the lane can sell, and 503 with the reason while it can't.
func (n *Node) health(w http.ResponseWriter, _ *http.Request) {
	sayHealth(w, standstill(n.lane.View()))
}

func sayHealth(w http.ResponseWriter, why payment.Reason) {
	switch why {
	case payment.ReasonNone:
		fmt.Fprintln(w, "ok")
	case payment.StorageFull:
		http.Error(w, "storage full", http.StatusServiceUnavailable)
	default:
		http.Error(w, "the journal has stopped", http.StatusServiceUnavailable)
	}
}

// standstill is why no sale can begin, for want of a journal; ReasonNone: one can.
func standstill(v lane.View) payment.Reason {
	switch {
	case errors.Is(v.Room, journal.ErrNoRoom):
		return payment.StorageFull
	case v.Stopped != nil || v.Room != nil:
		return payment.JournalStopped
	}
	return payment.ReasonNone
}
