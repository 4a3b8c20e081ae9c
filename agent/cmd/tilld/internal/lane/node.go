package lane

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	firmware "tilld/firmware-configs"

	"tilld/agent/checkout"
	"tilld/agent/clock"
	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/cmd/tilld/internal/serve"
	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/agent/posapi"
	"tilld/drivers/port"
	"tilld/drivers/scanner"
	"tilld/sync/mqtt"
	"tilld/sync/outbox"
	"tilld/sync/uplink"
	"tilld/sync/wire"
	"tilld/ui/web"
)

// defaultRoll is when business dates begin until a policy says so.
const defaultRoll = 4 * time.Hour

// Node is a running lane.
type Node struct {
	cfg     *config.Lane
	log     *slog.Logger
	id      Identity
	join    *policy.JoinAnswer
	journal *journal.Journal
	clock   *clock.Clock
	lane    *lane.Lane
	uplink  *uplink.Uplink
	asker   *uplink.Asker
	client  *mqtt.Client
	scanner *scanner.Scanner
	pages   net.Listener
	pos     net.Listener
	site    http.Handler
	api     *posapi.API
	ids     *payment.IDs
	pin     *web.PIN // the manager's
	version string
}

// Open opens everything that a lane needs and takes its addresses; nothing runs before Run. Software is the
// program's name and version.
func Open(ctx context.Context, cfg *config.Lane, software string, log *slog.Logger) (_ *Node, err error) {
	n := &Node{cfg: cfg, log: log, version: software}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.id, err = LoadIdentity(cfg.Data); err != nil {
		return nil, err
	}
	if n.join, err = LoadJoin(cfg.Data, n.id); err != nil {
		return nil, err
	}
	n.log = log.With("store", n.join.Store, "lane", n.join.Lane)
	if err := n.openWithRoom(ctx, software); err != nil {
		return nil, err
	}
	if err := n.openScanner(); err != nil {
		return nil, err
	}
	if err := n.openUplink(software); err != nil {
		return nil, err
	}
	return n, n.openPages()
}

func (n *Node) openLane(ctx context.Context, software string) error {
	zone, err := time.LoadLocation(n.join.Zone)
	if err != nil {
		return fmt.Errorf("the store's time zone: %w", err)
	}
	src, err := clock.System()
	if err != nil {
		return err
	}
	place := checkout.Place{Terminal: n.id.Terminal, Store: n.join.Store, Lane: n.join.Lane, Zone: zone, Roll: defaultRoll}
	staged, err := journal.LoadStagedKey(filepath.Join(n.cfg.Data, keyFile), rand.Reader)
	if err != nil {
		return err
	}
	cause, err := beginning(n.cfg.Data)
	if err != nil {
		return err
	}
	if err := unrecovered(ctx, n.cfg); err != nil {
		return err
	}
	n.journal, err = journal.Open(ctx, journal.Config{
		Cause: cause,
		Dir:   n.cfg.Data, Second: n.cfg.Second, Terminal: n.id.Terminal, Store: n.join.Store, Lane: n.join.Lane,
		Software: software, Signer: n.id.Signer, Staged: staged, Random: rand.Reader, Log: n.log,
		Now: func() journal.Moment { return n.moment(src, place) },
	})
	if err != nil {
		return behind(err, n.cfg)
	}
	if cause == payment.CauseFirst { // else it is there, and a full disk must not keep the lane from saying so
		if err := files.Write(filepath.Join(n.cfg.Data, begunFile), nil); err != nil {
			return err
		}
	}
	if staged != nil && n.journal.Signer().Public().KID() == staged.Public().KID() {
		if err := journal.PromoteKey(filepath.Join(n.cfg.Data, keyFile)); err != nil {
			return err
		}
	}
	bundle, err := loadBundle(ctx, n.journal, n.join)
	if err != nil {
		return err
	}
	if err := n.checkAcks(ctx, bundle); err != nil {
		return err
	}
	if bundle.Policy() == nil {
		n.log.WarnContext(ctx, "no policy that may be obeyed is on this machine; nothing is sold until HQ sends one")
	}
	place = lane.PlaceUnder(place, bundle.Policy())
	raw, err := n.journal.ClockAnchor(ctx)
	if err != nil {
		return err
	}
	saved, err := clock.LoadSaved(raw)
	if err != nil {
		return err
	}
	n.clock = clock.New(src, saved)
	n.ids = payment.NewIDs(n.clock.Wall, rand.Reader)
	if err := n.openAsker(); err != nil {
		return err
	}
	n.lane, err = lane.New(ctx, lane.Config{
		Journal: n.journal, Clock: n.clock, Place: place, Bundle: bundle, Log: n.log,
		HashKey: n.join.HashKeys[len(n.join.HashKeys)-1], IDs: n.ids, Asker: asker{n.asker},
	})
	return err
}

// beginning says why a journal begins, should there be none: this terminal's first, or in the place of one
// that is gone.
func beginning(dir string) (payment.Cause, error) {
	switch _, err := os.Stat(filepath.Join(dir, begunFile)); {
	case err == nil:
		return payment.CauseRestore, nil
	case errors.Is(err, fs.ErrNotExist):
		return payment.CauseFirst, nil
	default:
		return 0, err
	}
}

// moment dates the entries that the journal makes itself: by the business date that is open at the lane's place as
// it is by then. Before the lane is there it is the clock that says which.
func (n *Node) moment(src clock.Source, place checkout.Place) journal.Moment {
	if n.lane == nil {
		return moment(src, place)
	}
	m := moment(src, n.lane.Place())
	m.Date = cmp.Or(n.lane.View().Day, m.Date)
	return m
}

// moment dates an entry by the clock.
func moment(src clock.Source, place checkout.Place) journal.Moment {
	wall := src.Wall()
	boot, err := src.Boot()
	if err != nil {
		boot = 0
	}
	return journal.Moment{Date: payment.BusinessDate(wall, place.Zone, place.Roll), Wall: wall, Boot: boot, Zone: place.Zone.String()}
}

func (n *Node) openScanner() error {
	profile, err := firmware.Load(n.cfg.Scanner.Profile)
	if err != nil {
		return err
	}
	spec, err := port.ParseSpec(n.cfg.Scanner.Port())
	if err != nil {
		return fmt.Errorf("scanner: %w", err)
	}
	n.scanner, err = scanner.New(scanner.Config{
		Spec: spec, Profile: profile, HousePrefixes: []string{paycode.HousePrefix}, LockDir: n.cfg.Scanner.Locks, Log: n.log,
	})
	return err
}

func (n *Node) openUplink(software string) error {
	b := n.cfg.Broker
	addresses := b.Addresses
	if len(addresses) == 0 {
		addresses = n.join.Brokers
	}
	if len(addresses) == 0 {
		return errors.New("no broker: neither broker.addresses nor HQ's answer names one")
	}
	mc := mqtt.Config{
		Brokers: addresses, ClientID: "lane-" + n.id.Terminal.String(), Log: n.log, KeepAlive: b.KeepAliveTime(),
		Subscriptions: []mqtt.Subscription{{Filter: wire.DownTopic(n.id.Terminal)}, {Filter: wire.AllTopic}},
		OnMessage:     func(_ string, payload []byte) { n.uplink.Message(payload) },
		OnState: func(up bool, reason error) {
			if up {
				n.uplink.LinkUp()
				n.asker.LinkUp()
			} else {
				n.uplink.LinkDown(reason)
			}
		},
	}
	var err error
	if b.CredentialsFile != "" {
		if mc.Username, mc.Password, err = mqtt.ReadCredentials(b.CredentialsFile); err != nil {
			return err
		}
	}
	if b.TLS != (config.TLS{}) {
		if mc.TLS, err = mqtt.TLSFiles(b.TLS).Client(); err != nil {
			return err
		}
	}
	if n.client, err = mqtt.NewClient(mc); err != nil {
		return err
	}
	n.uplink = uplink.New(uplink.Config{
		Terminal: n.id.Terminal, Signer: n.journal.Signer, Software: software,
		Outbox: outbox.New(n.journal, n.log), Link: n.client, HQKeys: n.lane.Keys,
		Policy:    func() uint64 { return n.lane.Bundle().PolicyVersion() },
		Trust:     n.trustVersion,
		Till:      n.lane.TillUntil,
		OnPolicy:  func(ctx context.Context, _ wire.Typ, sealed []byte) error { return n.lane.Policy(ctx, sealed) },
		OnContact: func(ctx context.Context, c uplink.Contact) error { return n.lane.Contact(ctx, c.HQTime, c.Sent) },
		OnAck:     n.lane.Acked, OnForked: n.lane.Forked, OnOther: n.asker.Message, Elsewhere: n.client.Elsewhere,
		Now: time.Now, Boot: n.clock.Boot, Jitter: mathrand.Float64, Log: n.log,
		Random: func(b []byte) { _, _ = rand.Read(b) }, // crypto/rand.Read never fails
	})
	return nil
}

// Lane is the lane itself, for those who run several in one process.
func (n *Node) Lane() *lane.Lane { return n.lane }

// PagesAddr and POSAddr are where the lane is served, with the ports that were taken.
func (n *Node) PagesAddr() string { return n.pages.Addr().String() }

// POSAddr is where the shop's own program is served.
func (n *Node) POSAddr() string { return n.pos.Addr().String() }

// Place says where the lane stands.
func (n *Node) Place() (store, lane string) { return n.join.Store, n.join.Lane }

// Run runs the lane until ctx ends, then closes everything in order: first what is asked of it from outside,
// then the lane itself, which still answers that, and the journal last.
func (n *Node) Run(ctx context.Context) error {
	defer n.close()
	group, ctx := errgroup.WithContext(ctx)
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var doors sync.WaitGroup
	for _, door := range []func() error{
		func() error { return serve.HTTP(ctx, serve.Patient(n.pages, n.log), n.site) },
		func() error { return n.api.Serve(ctx, serve.Patient(n.pos, n.log)) },
	} {
		doors.Add(1)
		group.Go(func() error { defer doors.Done(); return door() })
	}
	group.Go(func() error { doors.Wait(); stop(); return nil })
	for _, part := range []func(context.Context) error{
		n.lane.Run, n.runUplink, n.asker.Run, n.client.Run, n.watch, n.prune,
		func(ctx context.Context) error {
			return n.scanner.Run(ctx, func(e scanner.Event) { n.lane.Scanned(ctx, e) })
		},
	} {
		group.Go(func() error { return part(inner) })
	}
	n.log.Info("lane is open", "terminal", n.id.Terminal.String(), "pages", n.PagesAddr(), "pos", n.POSAddr())
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// runUplink runs the uplink again after the journal has stopped and was reopened.
func (n *Node) runUplink(ctx context.Context) error {
	for {
		err := n.uplink.Run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n.log.Error("the uplink ended; it begins again", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
}

// watch tells the uplink that the journal has grown, and the screens whether HQ answers.
func (n *Node) watch(ctx context.Context) error {
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for {
		changed := n.journal.Changed()
		n.uplink.Appended()
		s := n.uplink.Status()
		n.lane.SetOnline(lane.Online{Up: s.HQ, Since: s.Since, Lost: s.Lost})
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-ticker.C:
		}
	}
}

// prune lets the retention work on each business date, as soon as that is open and nobody stands at the till. What
// fails is tried again within a minute.
func (n *Node) prune(ctx context.Context) error {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	changes := n.lane.Changes(ctx)
	var done payment.Date
	for {
		var err error
		changed := changes
		if done, err = n.lane.Retain(ctx, done); err != nil {
			n.log.Error("retention failed", "error", err)
			changed = nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-ticker.C:
		}
	}
}

func (n *Node) close() {
	for _, l := range []net.Listener{n.pages, n.pos} {
		if l != nil {
			_ = l.Close() // the server has closed it when it ran
		}
	}
	if n.journal != nil {
		if err := n.journal.Close(); err != nil {
			n.log.Error("closing the journal", "error", err)
		}
	}
}

// cookieName keeps the sign-ins of two lanes on one machine apart: cookies know no ports.
func cookieName(id payment.ID) string {
	return "tilld-manager-" + strings.ToLower(hex.EncodeToString(id[10:]))
}

// trustVersion is the version of the trust bundle in force; 0: none.
func (n *Node) trustVersion() uint64 {
	if t := n.lane.Bundle().Trust(); t != nil {
		return t.Version
	}
	return 0
}
