package hq

import (
	"context"
	"crypto/rand"
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
	"golang.org/x/sync/errgroup"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/serve"
	"tilld/agent/disk"
	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/hqapi"
	"tilld/sync/ingest"
	"tilld/sync/mqtt"
	"tilld/sync/settle"
	"tilld/sync/wire"
)

// Node is a running HQ.
type Node struct {
	*Office
	cfg      *config.HQ
	log      *slog.Logger
	broker   *mqtt.Broker
	client   *mqtt.Client
	ingest   *ingest.Ingest
	settler  *settle.Settler
	archive  *settle.Archive
	api      *hqapi.API
	site     http.Handler
	secure   *tls.Config
	listener net.Listener
	release  func() error // of the directory\'s lock
	link     link
	room     room
	asks     asks
	issuers  []*issuerDesk
}

// Open opens HQ: its books, its broker and its addresses. Nothing runs before Run.
func Open(ctx context.Context, cfg *config.HQ, version string, log *slog.Logger) (_ *Node, err error) {
	n := &Node{cfg: cfg, log: log, room: room{disks: disk.Disks{Dirs: []string{cfg.Data}, Probe: probeFile}}}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.Office, err = OpenOffice(ctx, cfg.Data, time.Now); err != nil {
		return nil, err
	}
	if n.release, err = n.Lock(); err != nil {
		return nil, err
	}
	if err := n.CheckPutBack(ctx); err != nil {
		return nil, err
	}
	if err := n.openRevocations(ctx, log); err != nil {
		return nil, err
	}
	if err := n.sayLost(ctx, log); err != nil {
		return nil, err
	}
	if err := n.openBroker(ctx); err != nil {
		return nil, err
	}
	n.ingest, err = ingest.New(ctx, ingest.Config{
		Ledger: gated{n.Books, n.room.lacks}, Publish: n.client, Linked: func() bool { return n.client.Stats().Up }, Root: n.Keys.Root, Signer: func() *wire.Signer { return n.Keys.Ack },
		Unseal:     func(id wire.KID) *wire.ConfidantKey { return n.Keys.Seal[id] },
		CatchUp:    func(ctx context.Context) error { return n.settler.CatchUp(ctx) },
		OnAttempts: func() { n.asks.desk.Stir() },
		Now:        time.Now, Random: rand.Reader, Log: log,
	})
	if err != nil {
		return nil, err
	}
	if err := n.openSettler(); err != nil {
		return nil, err
	}
	if err := n.openIssuers(); err != nil {
		return nil, err
	}
	return n, n.openAPI(version)
}

func (n *Node) openBroker(ctx context.Context) error {
	mc := mqtt.Config{
		ClientID: "hq-" + rand.Text()[:12], Log: n.log,
		Subscriptions: []mqtt.Subscription{{Filter: wire.UpFilter(-1), QoS: 1}},
		OnMessage:     func(topic string, payload []byte) { n.ingest.Handle(context.Background(), topic, payload) },
		OnState:       n.noteLink,
	}
	road := n.outsideBroker
	if n.cfg.Embedded.Listen != "" {
		road = n.ownBroker
	}
	err := road(&mc)
	if err != nil {
		return err
	}
	if n.client, err = mqtt.NewClient(mc); err != nil {
		return err
	}
	return n.openAsks(ctx, mc)
}

// outsideBroker makes the client one of somebody else's broker.
func (n *Node) outsideBroker(mc *mqtt.Config) (err error) {
	b := n.cfg.Broker
	mc.Brokers, mc.KeepAlive = b.Addresses, b.KeepAliveTime()
	if b.CredentialsFile != "" {
		if mc.Username, mc.Password, err = mqtt.ReadCredentials(b.CredentialsFile); err != nil {
			return err
		}
	}
	if b.TLS != (config.TLS{}) {
		mc.TLS, err = mqtt.TLSFiles(b.TLS).Client()
	}
	return err
}

// ownBroker starts the broker in this process and makes the client its own.
func (n *Node) ownBroker(mc *mqtt.Config) (err error) {
	e := n.cfg.Embedded
	bc := mqtt.BrokerConfig{StoreDir: filepath.Join(n.cfg.Data, brokerDir), Listen: e.Listen, Guests: anyLane, Name: "tilld-hq", Log: n.log}
	if e.CredentialsFile != "" {
		list, err := mqtt.ReadCredentialList(e.CredentialsFile)
		if err != nil {
			return err
		}
		bc.Users = brokerUsers(list)
	}
	if e.TLS != (config.TLS{}) {
		if bc.TLS, err = mqtt.TLSFiles(e.TLS).Server(); err != nil {
			return err
		}
		if mc.TLS, err = ownClient(bc.TLS, time.Now()); err != nil {
			return err
		}
	}
	if n.broker, err = mqtt.StartBroker(bc); err != nil {
		return err
	}
	mc.Brokers = []string{n.broker.URL()}
	mc.Username, mc.Password = n.broker.Owner()
	return nil
}

func (n *Node) openSettler() (err error) {
	if n.archive, err = settle.OpenArchive(filepath.Join(n.cfg.Data, archiveDir)); err != nil {
		return err
	}
	zone, err := time.LoadLocation(n.cfg.Settle.Zone)
	if err != nil {
		return err
	}
	after := 24*time.Hour + n.cfg.Settle.CutAfterMidnight()
	n.settler = &settle.Settler{
		Store: n.Books, Archive: n.archive, Now: time.Now, Log: n.log,
		Schedules: func(ctx context.Context) ([]settle.Schedule, error) { return n.schedules(ctx, zone, after) },
	}
	return nil
}

// schedules settles every wallet that the policy lets stores take without asking, or that HQ asks an operator for; none
// while there is no room.
func (n *Node) schedules(ctx context.Context, zone *time.Location, after time.Duration) ([]settle.Schedule, error) {
	if err := n.room.lacks(); err != nil {
		return nil, payment.Errorf(payment.Retry, "hq.settle", "HQ's disk has no room for a batch: %w", err)
	}
	doc, _, err := n.Policy(ctx)
	if err != nil {
		return nil, err
	}
	trust, _, err := n.Trust(ctx)
	if err != nil {
		return nil, err
	}
	wallets := map[string]bool{paycode.HouseWallet: true}
	for _, r := range trust.Rows {
		if r.Wallet != "" {
			wallets[r.Wallet] = true
		}
	}
	for _, w := range n.cfg.Wallets() {
		wallets[w] = true
	}
	var list []settle.Schedule
	for _, w := range doc.AllWallets() {
		if wallets[w] {
			list = append(list, settle.Schedule{Account: settle.Account{Wallet: w, Currency: doc.Currency}, Zone: zone, After: after})
		}
	}
	return list, nil
}

func (n *Node) openAPI(version string) (err error) {
	if t := n.cfg.Serve.TLS; t != (config.TLS{}) {
		if n.secure, err = mqtt.TLSFiles(t).Server(); err != nil {
			return err
		}
	}
	if n.listener, err = hqapi.Listen(n.cfg.Serve.Address, n.secure); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	n.addMetrics(registry)
	n.addHealthMetrics(registry)
	registry.MustRegister(exceptionGauge{n.Books}, askMetrics{n}, issuerMetrics{n})
	sales, err := n.Sales()
	if err != nil {
		return err
	}
	sales.Policy = func(ctx context.Context) (*policy.Document, error) { doc, _, err := n.Policy(ctx); return doc, err }
	n.api, err = hqapi.New(hqapi.Config{
		Books: decider{n.Books, n.settler.CatchUp}, Archive: n.archive, Cutter: n.settler, Now: time.Now, Log: n.log, Registry: registry, Version: version,
		Health: n.health, Sales: sales, Unseal: func(id wire.KID) *wire.ConfidantKey { return n.Keys.Seal[id] },
	})
	if err == nil {
		n.site, err = n.openConsole()
	}
	return err
}

func (n *Node) addMetrics(r *prometheus.Registry) {
	stat := func(name, help string, value func(ingest.Stats) uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "tilld", Subsystem: "ingest", Name: name, Help: help},
			func() float64 { return float64(value(n.ingest.Stats())) }))
	}
	stat("messages_total", "Messages taken from the broker.", func(s ingest.Stats) uint64 { return s.Messages })
	stat("entries_stored_total", "Entries that were not held before.", func(s ingest.Stats) uint64 { return s.Stored })
	stat("batches_repeated_total", "Batches that were held already.", func(s ingest.Stats) uint64 { return s.Repeats })
	stat("batches_gap_total", "Batches behind something that is missing.", func(s ingest.Stats) uint64 { return s.Gaps })
	stat("batches_forked_total", "Batches that began another history.", func(s ingest.Stats) uint64 { return s.Forks })
	stat("messages_refused_total", "Messages that were broken, unsigned, unknown or wrongly addressed.", func(s ingest.Stats) uint64 {
		return s.Broken + s.WrongTopic + s.Unknown + s.Unsigned + s.WrongKey + s.Refused
	})
	stat("acknowledgements_total", "Acknowledgements sent.", func(s ingest.Stats) uint64 { return s.Acks })
	stat("entries_judged_total", "Entries posted, recorded or made an exception.", func(s ingest.Stats) uint64 { return s.Judged })
	stat("exceptions_total", "Exceptions opened.", func(s ingest.Stats) uint64 { return s.Exceptions })
	stat("practice_without_leave_total", "Entries of practice sales under a policy that has practice switched off.", func(s ingest.Stats) uint64 { return s.Practice })
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tilld", Subsystem: "ingest", Name: "queue_messages", Help: "Messages waiting."},
		func() float64 { return float64(n.ingest.Stats().Waiting) }))
}

// Addr is where console and API are served, with the port that was taken.
func (n *Node) Addr() string { return n.listener.Addr().String() }

// BrokerURL is the embedded broker's address; empty without one.
func (n *Node) BrokerURL() string {
	if n.broker == nil {
		return ""
	}
	return n.broker.URL()
}

// BrokerAddr is its host and port.
func (n *Node) BrokerAddr() string {
	if n.broker == nil {
		return ""
	}
	return n.broker.Addr()
}

// Run runs HQ until ctx ends, then closes everything in order.
func (n *Node) Run(ctx context.Context) error {
	defer n.close()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return n.ingest.Run(ctx) })
	group.Go(func() error { return ended(ctx, n.client.Run(ctx)) })
	group.Go(func() error { return n.runAsks(ctx) })
	group.Go(func() error { return n.settler.Run(ctx) })
	for _, d := range n.issuers {
		group.Go(func() error { return d.run(ctx) })
	}
	group.Go(func() error { return n.watch(ctx) })
	group.Go(func() error { return ended(ctx, n.serve(ctx)) })
	n.log.Info("HQ is open", "address", n.Addr(), "broker", n.BrokerURL())
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// ended makes a part that stopped by itself stop the others.
func ended(ctx context.Context, err error) error {
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = fmt.Errorf("a part of HQ ended by itself")
	}
	return err
}

func (n *Node) close() {
	if n.listener != nil {
		_ = n.listener.Close() // the server has closed it when it ran
	}
	if n.broker != nil {
		n.broker.Close()
	}
	if n.Office != nil {
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

// serve answers for the API and the console on one address.
func (n *Node) serve(ctx context.Context) error {
	l := serve.Patient(n.listener, n.log)
	if n.secure != nil {
		l = tls.NewListener(l, n.secure)
	}
	mux := http.NewServeMux()
	for _, path := range []string{"/v1/", "/openapi.json", "/metrics", "/healthz"} {
		mux.Handle(path, n.api)
	}
	mux.HandleFunc("POST /v1/ask", n.askRoad)
	if n.site != nil {
		mux.Handle("/", n.site)
	}
	return serve.HTTP(ctx, l, mux)
}
