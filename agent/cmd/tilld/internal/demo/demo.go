// Package demo runs a chain of one store with two lanes on one machine: HQ with its broker, a line between
// them that can be cut, two lanes with emulated scanners on pseudo-terminals, the house wallet's issuer, the other wallets'
// operators, and customers' phones.
//
// Nothing in it is a path of its own: keys, configuration files, journals, serial ports, broker and books are those of a
// chain, HQ asks the operators over HTTP by its own connectors, phones ask the issuer by its own address, and what is changed
// at HQ is changed by its signed policy. Only the scanner's glass, the phone's camera, the customer's hand and the
// operators' servers (sync/operator/emulate) are played.
package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/cmd/tilld/internal/issuer"
	"tilld/agent/cmd/tilld/internal/lane"
	"tilld/agent/cmd/tilld/internal/serve"
	"tilld/agent/paycode"
	"tilld/drivers/emulate"
	"tilld/sync/outage"
	"tilld/ui/web"
)

// The demo's store; the chain is the market's.
const (
	store = "S001"
	lanes = 2
)

// Options say where the demo lives.
type Options struct {
	Dir      string // data; made when missing, and continued when not
	Port     int    // first of the ports: the phone's; the lanes', HQ's and the operators' follow
	Market   string // one of Markets; empty: the first
	Software string
	Log      *slog.Logger
	Out      io.Writer // where the addresses are printed
}

// notesFile is the demo's own.
const notesFile = "demo.json"

// Demo is a running demo.
type Demo struct {
	opts    Options
	notes   notes
	issuer  *issuer.Node
	ran     bool // Run has begun
	hq      *hq.Node
	market  *market
	lines   []*outage.Proxy // from the lanes to HQ's broker, and to HQ's own address
	played  *played
	nodes   []*lane.Node
	scanner []*emulate.Scanner
	wallet  *wallet
	page    net.Listener
}

// notes are what the demo tells its user again at the next start.
type notes struct {
	PIN   string `json:"pin"`
	Token string `json:"token"`
	Stage int    `json:"stage,omitempty"` // of the policy: see stage
}

// The ports, counted from Options.Port.
const (
	phonePort  = 0
	lanePort   = 10 // and 20; the POS API one above
	brokerPort = 83
	hqPort     = 100

	operatorPort = 110
	issuerPort   = 120 // for customers' phones
	gatewayPort  = 121 // and for HQ
)

func (o *Options) addr(n int) string { return fmt.Sprintf("127.0.0.1:%d", o.Port+n) }

// ErrPort says that a port of the demo's is taken.
var ErrPort = errors.New("a port of the demo's is taken")

// free says whether the ports are, before anything is made: most often a demo runs already.
func (o *Options) free() error {
	ports := []int{phonePort, brokerPort, hqPort, operatorPort, issuerPort, gatewayPort}
	for i := range lanes {
		ports = append(ports, lanePort*(i+1), lanePort*(i+1)+1)
	}
	for _, n := range ports {
		l, err := net.Listen("tcp", o.addr(n))
		if err != nil {
			return fmt.Errorf("%w: %w. Does a demo run already? If not, choose other ports: tilld demo --port %d (or: make demo ARGS=\"--port %d\")",
				ErrPort, err, o.Port+1000, o.Port+1000)
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

func laneName(i int) string { return fmt.Sprintf("L%d", i+1) }

func (d *Demo) path(name string) string { return filepath.Join(d.opts.Dir, name) }

// Open sets the chain up at the first time, and opens everything.
func Open(ctx context.Context, opts Options) (_ *Demo, err error) {
	d := &Demo{opts: opts}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.market, err = marketOf(cmp.Or(opts.Market, markets[0].name)); err != nil {
		return nil, err
	}
	if d.opts.Dir, err = filepath.Abs(opts.Dir); err != nil { // configuration files name no other paths
		return nil, err
	}
	if err := opts.free(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := d.setUp(ctx); err != nil {
		return nil, fmt.Errorf("setting up in %s: %w", opts.Dir, err)
	}
	if err := d.openOperators(); err != nil {
		return nil, fmt.Errorf("the operators: %w", err)
	}
	if err := d.openIssuer(ctx); err != nil {
		return nil, err
	}
	if err := d.openHQ(ctx); err != nil {
		return nil, err
	}
	for i := range lanes {
		if err := d.openLane(ctx, i); err != nil {
			return nil, fmt.Errorf("lane %s: %w", laneName(i), err)
		}
	}
	if d.wallet, err = newWallet(d); err != nil {
		return nil, err
	}
	if d.page, err = net.Listen("tcp", opts.addr(phonePort)); err != nil {
		return nil, fmt.Errorf("the phone's page: %w", err)
	}
	return d, nil
}

// setUp makes the chain by the same steps that people take; a step that was taken is not taken again.
func (d *Demo) setUp(ctx context.Context) error {
	data, m := d.path("hq"), d.market
	_, err := hq.LoadKeys(data)
	if errors.Is(err, hq.ErrNoOffice) {
		err = hq.Init(ctx, data, m.chain, m.currency, m.zone, time.Now)
	}
	if err != nil {
		return err
	}
	o, err := hq.OpenOffice(ctx, data, time.Now)
	if err != nil {
		return err
	}
	err = d.setUpOffice(ctx, o)
	return errors.Join(err, o.Close())
}

func (d *Demo) setUpOffice(ctx context.Context, o *hq.Office) error {
	doc, _, err := o.Policy(ctx)
	if err != nil {
		return err
	}
	if doc.Currency != d.market.currency {
		return fmt.Errorf("%w: this demo's money is %s, that of %s is %s: choose another directory, or begin anew with --fresh",
			ErrMarket, doc.Currency, d.market.name, d.market.currency)
	}
	public, err := d.setUpIssuer()
	if err != nil {
		return fmt.Errorf("the issuer: %w", err)
	}
	if err := o.AddIssuer(ctx, public, paycode.HouseWallet); err != nil {
		return err
	}
	if err := d.loadNotes(); err != nil {
		return err
	}
	if err := d.bringPolicy(ctx, o); err != nil {
		return err
	}
	for i := range lanes {
		if err := d.join(ctx, o, laneName(i)); err != nil {
			return err
		}
	}
	return d.setUpNotes(ctx, o)
}

func (d *Demo) join(ctx context.Context, o *hq.Office, name string) error {
	dir := d.path(name)
	request, id, err := lane.Init(dir, d.opts.Software, time.Now())
	if err != nil {
		return err
	}
	if _, err := lane.LoadJoin(dir, id); !errors.Is(err, lane.ErrNotJoined) {
		return err
	}
	answer, _, err := o.AddTerminal(ctx, request, hq.Place{Store: store, Lane: name, Entity: d.market.entity})
	if err != nil {
		return err
	}
	_, err = lane.Join(dir, answer)
	return err
}

func (d *Demo) loadNotes() error {
	b, err := files.Read(d.path(notesFile))
	if b == nil || err != nil {
		return err
	}
	return json.Unmarshal(b, &d.notes)
}

// setUpNotes makes the manager's PIN and an API token, once, and keeps what the demo has to remember.
func (d *Demo) setUpNotes(ctx context.Context, o *hq.Office) error {
	if d.notes.PIN == "" {
		if err := d.setUpPIN(); err != nil {
			return err
		}
		var err error
		if d.notes.Token, err = o.AddToken(ctx, "demo", 365*24*time.Hour, "finance"); err != nil {
			return err
		}
	}
	b, err := json.Marshal(d.notes)
	if err != nil {
		return err
	}
	return files.Write(d.path(notesFile), b)
}

func (d *Demo) setUpPIN() error {
	n, err := rand.Int(rand.Reader, big.NewInt(900_000))
	if err != nil {
		return err
	}
	d.notes.PIN = fmt.Sprint(100_000 + n.Int64())
	for i := range lanes {
		pin := web.NewPIN(lane.PINStore(d.path(laneName(i))), time.Now, rand.Reader)
		if err := pin.Set(d.notes.PIN); err != nil {
			return err
		}
	}
	return nil
}

func (d *Demo) openHQ(ctx context.Context) error {
	cfg, err := d.hqConfig()
	if err != nil {
		return fmt.Errorf("HQ's configuration: %w", err)
	}
	if d.hq, err = hq.Open(ctx, cfg, d.opts.Software, d.opts.Log.With("part", "hq")); err != nil {
		return fmt.Errorf("HQ: %w", err)
	}
	for _, target := range []string{d.hq.BrokerAddr(), d.hq.Addr()} {
		line, err := outage.Start(outage.Config{Listen: "127.0.0.1:0", Target: target})
		if err != nil {
			return err
		}
		d.lines = append(d.lines, line)
	}
	return nil
}

func (d *Demo) openLane(ctx context.Context, i int) error {
	cfg, err := d.laneConfig(i)
	if err != nil {
		return err
	}
	s, err := emulate.NewScanner(cfg.Scanner.Path, emulate.Options{})
	if err != nil {
		return err
	}
	d.scanner = append(d.scanner, s)
	n, err := lane.Open(ctx, cfg, d.opts.Software, d.opts.Log.With("part", laneName(i)))
	if err != nil {
		return err
	}
	d.nodes = append(d.nodes, n)
	return nil
}

// Run runs everything until ctx ends.
func (d *Demo) Run(ctx context.Context) error {
	defer d.close()
	site, err := d.site()
	if err != nil {
		return err
	}
	if err := d.print(); err != nil {
		return err
	}
	d.ran = true
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return orDone(ctx, d.issuer.Run(ctx)) })
	group.Go(func() error { return d.played.run(ctx, d.opts.Log.With("part", "operators")) })
	group.Go(func() error { return orDone(ctx, d.hq.Run(ctx)) })
	for _, n := range d.nodes {
		group.Go(func() error { return orDone(ctx, n.Run(ctx)) })
	}
	group.Go(func() error {
		if err := d.wallet.open(ctx); err != nil { // who opens the page meanwhile waits
			return fmt.Errorf("the customers' phones: %w", err)
		}
		return serve.HTTP(ctx, d.page, site)
	})
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// orDone makes the end of one part the end of all.
func orDone(ctx context.Context, err error) error {
	if err == nil {
		err = ctx.Err()
	}
	return err
}

func (d *Demo) print() error {
	o := d.opts
	var wallets []string
	for _, w := range d.market.wallets {
		wallets = append(wallets, string(w.name))
	}
	_, err := fmt.Fprintf(o.Out, `tilld demo: a chain of one store with two lanes, on this machine

  the customer's phone  http://%[1]s        shows codes, holds them to a scanner, cuts the line to HQ
  what to try           http://%[1]s/try    each in a few steps, with what you should see
  lane L1               http://%[2]s        type an amount, press Enter, hold the phone to it
  lane L2               http://%[3]s        manager's PIN on both lanes: %[4]s (F9)
  customers' screens    http://%[2]s/customer and http://%[3]s/customer
  HQ's console          http://%[5]s/hq     sign in with the token: %[6]s
  the shop's own POS    http://%[7]s and http://%[8]s (/openapi.json): lanes L1 and L2
  house wallet's issuer http://%[12]s        for customers' phones; its configuration: %[13]s
  wallets' operators    http://%[10]s        played, for HQ alone: %[11]s

  cut batches now, list them, and pull one by its "id" (the same bytes each time):
    curl -X POST -H "Authorization: Bearer %[6]s" -H "Content-Type: application/json" -d "{}" http://%[5]s/v1/settlements
    curl -H "Authorization: Bearer %[6]s" http://%[5]s/v1/settlements
    curl -H "Authorization: Bearer %[6]s" http://%[5]s/v1/settlements/ID.csv

Data is in %[9]s. Ctrl-C ends it; started again it continues.
`, o.addr(phonePort), d.nodes[0].PagesAddr(), d.nodes[1].PagesAddr(), d.notes.PIN, d.hq.Addr(), d.notes.Token,
		d.nodes[0].POSAddr(), d.nodes[1].POSAddr(), o.Dir,
		o.addr(operatorPort), strings.Join(wallets, ", "), d.issuer.PhonesAddr(), d.path(issuerConf))
	return err
}

func (d *Demo) close() {
	if d.page != nil {
		_ = d.page.Close() // the server has closed it when it ran
	}
	for _, s := range d.scanner {
		_ = s.Close() // its pseudo-terminal goes with the process anyway
	}
	for _, l := range d.lines {
		_ = l.Close() // nobody is left to hear
	}
	d.closeIssuer()
	if d.played != nil && d.played.listen != nil {
		_ = d.played.listen.Close() // as above
	}
}

// Forget removes an earlier demo. A directory that is none is left alone.
func Forget(dir string) error {
	list, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(list) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if !isDemo(dir) {
		return fmt.Errorf("%s holds no demo: nothing is removed", dir)
	}
	return os.RemoveAll(dir)
}
