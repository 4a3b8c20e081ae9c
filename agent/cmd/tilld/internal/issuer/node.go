package issuer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/cmd/tilld/internal/serve"
	"tilld/sync/house"
	"tilld/sync/hqapi"
	"tilld/sync/mqtt"
)

// How often is done what nobody asks for.
const (
	tellEvery   = 10 * time.Second // notices that a messenger did not take are tried again
	resumeAfter = 30 * time.Second // a top-up without an answer is asked about again
	forgetEvery = 10 * time.Minute
)

// Node is a running issuer.
type Node struct {
	Books   *house.Issuer
	log     *slog.Logger
	doors   []door
	release func() error
}

// door is an address with what answers there.
type door struct {
	listener net.Listener
	secure   *tls.Config
	handler  http.Handler
}

// Open opens the issuer: its books and its addresses. Nothing runs before Run.
func Open(ctx context.Context, c *config.Issuer, now func() time.Time, log *slog.Logger) (_ *Node, err error) {
	n := &Node{log: log}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.Books, err = OpenBooks(ctx, c, now, log); err != nil {
		return nil, err
	}
	n.release, err = files.Lock(filepath.Join(c.Data, lockFile))
	if errors.Is(err, files.ErrLocked) {
		return nil, fmt.Errorf("an issuer runs here already: %w", err)
	}
	if err != nil {
		return nil, err
	}
	path := c.Gateway.TokenFile
	if path == "" {
		path = filepath.Join(c.Data, tokenFile)
	}
	token, err := readToken(path)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), metrics{n.Books})
	gateway := http.NewServeMux()
	gateway.Handle(house.OperatorPrefix+"/", n.Books.OperatorHandler(token))
	gateway.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	gateway.HandleFunc("GET /healthz", n.healthz)
	if err := n.open(c.Phones.Address, c.Phones.TLS, n.Books.PhoneHandler()); err != nil {
		return nil, err
	}
	return n, n.open(c.Gateway.Address, c.Gateway.TLS, gateway)
}

func (n *Node) open(address string, t config.TLS, h http.Handler) (err error) {
	d := door{handler: h}
	if t != (config.TLS{}) {
		if d.secure, err = mqtt.TLSFiles(t).Server(); err != nil {
			return err
		}
	}
	if d.listener, err = hqapi.Listen(address, d.secure); err != nil {
		return err
	}
	n.doors = append(n.doors, d)
	return nil
}

// healthz is 200 while the books can be read.
func (n *Node) healthz(w http.ResponseWriter, r *http.Request) {
	if _, err := n.Books.Standing(r.Context()); err != nil {
		http.Error(w, "the books can't be used", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// PhonesAddr and GatewayAddr are where the issuer is served, with the ports that were taken.
func (n *Node) PhonesAddr() string { return n.doors[0].listener.Addr().String() }

// GatewayAddr is where HQ reaches it.
func (n *Node) GatewayAddr() string { return n.doors[1].listener.Addr().String() }

// Run runs the issuer until ctx ends, and closes its books when nothing is asked of it any more.
func (n *Node) Run(ctx context.Context) error {
	defer n.close()
	group, ctx := errgroup.WithContext(ctx)
	for _, d := range n.doors {
		group.Go(func() error {
			l := serve.Patient(d.listener, n.log)
			if d.secure != nil {
				l = tls.NewListener(l, d.secure)
			}
			return serve.HTTP(ctx, l, d.handler)
		})
	}
	group.Go(func() error { return n.chores(ctx) })
	n.log.Info("the issuer is open", "phones", n.PhonesAddr(), "gateway", n.GatewayAddr())
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// chores does what nobody asks for: notices that wait, top-ups without an answer, and what may be forgotten.
func (n *Node) chores(ctx context.Context) error {
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	var forgot time.Time
	for {
		n.Books.Deliver(ctx)
		if err := n.Books.Resume(ctx, resumeAfter); err != nil && ctx.Err() == nil {
			n.log.Error("top-ups without an answer could not be asked about", "error", err)
		}
		if now := time.Now(); now.Sub(forgot) >= forgetEvery { // a span of this process's own clock
			forgot = now
			if err := n.Books.Forget(ctx); err != nil && ctx.Err() == nil {
				n.log.Error("what is over could not be dropped", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (n *Node) close() {
	for _, d := range n.doors {
		_ = d.listener.Close() // the server has closed it when it ran
	}
	if n.Books != nil {
		if err := n.Books.Close(); err != nil {
			n.log.Error("closing the books", "error", err)
		}
	}
	if n.release != nil {
		if err := n.release(); err != nil {
			n.log.Error("giving the directory back", "error", err)
		}
	}
}
