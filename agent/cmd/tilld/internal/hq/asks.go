package hq

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"tilld/agent/cmd/tilld/internal/operators"
	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/ledger"
	"tilld/sync/mqtt"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

// asks is HQ's side of online payments: the desk that asks operators, the server that hears lanes, and its own connection
// to the broker. On that of the batches a customer would wait behind every backlog.
type asks struct {
	desk   *authorise.Desk
	server *authorise.Server
	client *mqtt.Client
	shops  *operators.Shops // nil: there are no operators with names of their own for shops
	own    map[string]bool  // wallets whose issuer is one of ours: it calls the shops as we do
	chain  string
	groups groups
	hello  atomic.Int64 // when this connection last heard HQ's own hello, or came up, Unix ns
}

// Limits of what lanes ask.
const (
	chargesEach = 256              // charges under way towards one operator
	otherAsks   = 1024             // what is looked at beside these, probes above all
	askGrace    = 10 * time.Second // how long charges under way have when HQ ends; what is not known by then is asked at the next start
	deafAfter   = 75 * time.Second // HQ says hello twice a minute
)

// openAsks makes desk and server. mc is how to reach the broker.
func (n *Node) openAsks(ctx context.Context, mc mqtt.Config) (err error) {
	a := &n.asks
	all, err := operators.OpenAll(n.cfg.Operators)
	if err != nil {
		return err
	}
	a.chain, a.own = n.Chain, map[string]bool{}
	for i := range n.cfg.Operators {
		a.own[n.cfg.Operators[i].Wallet] = n.cfg.Operators[i].Issuer
	}
	if n.cfg.Shops != "" {
		if a.shops, err = operators.OpenShops(n.cfg.Shops, n.cfg.Wallets()); err != nil {
			return fmt.Errorf("shops: %s: %w", n.cfg.Shops, err)
		}
	}
	a.groups.office = n.Office
	epoch, err := n.Books.HQEpoch(ctx)
	if err != nil {
		return err
	}
	a.desk = authorise.New(authorise.Config{
		Store: roomy{n.Books.Attempts(), n.room.lacks}, Operators: all, Now: n.now, Log: n.log, Most: chargesEach,
		Changed: func(at authorise.Attempt) { a.server.Tell(at) },
		Refunds: roomyRefunds{n.Books.Refunds(), n.room.lacks}, RefundChanged: func(r authorise.Refunding) { a.server.TellRefund(r) },
		Shop: func(at *authorise.Attempt) operator.Shop {
			shop, _ := a.shopOf(at.Wallet, &authorise.Terminal{Store: at.Store, Lane: at.Lane})
			return shop
		},
	})
	mc.ClientID = "hqask-" + rand.Text()[:12]
	mc.Subscriptions = []mqtt.Subscription{{Filter: wire.AskFilter(-1), QoS: 0}}
	if len(mc.Brokers) > 1 {
		mc.Subscriptions = append(mc.Subscriptions, mqtt.Subscription{Filter: wire.AllTopic, QoS: 0}) // see deaf
	}
	mc.Inbox, mc.OnMessage, mc.OnState = otherAsks, n.hearAsk, func(bool, error) { a.hello.Store(n.now().UnixNano()) }
	if a.client, err = mqtt.NewClient(mc); err != nil {
		return err
	}
	a.server = authorise.NewServer(authorise.ServerConfig{
		Who: n.whoAsks, Shop: a.shopOf, Unseal: func(id wire.KID) *wire.ConfidantKey { return n.Keys.Seal[id] },
		Signer: func() *wire.Signer { return n.Keys.Ack }, HQEpoch: epoch, Publish: a.client.Send, Now: n.now, Log: n.log,
		Most: otherAsks + chargesEach*len(all),
	}, a.desk)
	return nil
}

func (n *Node) hearAsk(topic string, payload []byte) {
	if topic == wire.AllTopic {
		n.asks.hello.Store(n.now().UnixNano())
		return
	}
	n.asks.server.Handle(context.Background(), topic, payload)
}

// whoAsks is a terminal by the books, as it is now: one that was revoked a moment ago is declined.
func (n *Node) whoAsks(ctx context.Context, id payment.ID) (authorise.Terminal, error) {
	t, keys, err := n.Books.Attempts().Terminal(ctx, id)
	if payment.CodeOf(err) == payment.NotFound {
		return authorise.Terminal{}, authorise.ErrStranger
	}
	if err != nil {
		return authorise.Terminal{}, err
	}
	now := func(kid wire.KID) (fit []wire.PublicKey) {
		for _, k := range keys {
			if !k.Retired && k.Key.KID() == kid {
				fit = append(fit, k.Key)
			}
		}
		return fit
	}
	return authorise.Terminal{Keys: now, Store: t.Store, Lane: t.Lane, Revoked: !t.RevokedAt.IsZero()}, nil
}

func (a *asks) shopOf(wallet string, t *authorise.Terminal) (operator.Shop, bool) {
	if a.own[wallet] {
		return operator.Shop{Merchant: a.chain, Store: t.Store, Terminal: t.Lane}, true
	}
	if a.shops == nil {
		return operator.Shop{}, false
	}
	return a.shops.Shop(wallet, a.group(t.Store), t.Store, t.Lane)
}

// roomy begins no attempt while there is no room on the disk: what came of it could not be written down.
type roomy struct {
	ledger.Attempts
	lacks func() error
}

// Begin is the ledger's.
func (r roomy) Begin(ctx context.Context, a *authorise.Attempt) error {
	if err := r.lacks(); err != nil {
		return fmt.Errorf("%w: %w", ledger.ErrFull, err)
	}
	return r.Attempts.Begin(ctx, a)
}

// roomyRefunds is roomy, of refunds.
type roomyRefunds struct {
	ledger.Refunds
	lacks func() error
}

// BeginRefund is the ledger's.
func (r roomyRefunds) BeginRefund(ctx context.Context, to *authorise.Refunding) error {
	if err := r.lacks(); err != nil {
		return fmt.Errorf("%w: %w", ledger.ErrFull, err)
	}
	return r.Refunds.BeginRefund(ctx, to)
}

// runAsks runs desk, connection and table of shops until ctx ends, and then lets charges that are under way come to
// their answer for a moment.
func (n *Node) runAsks(ctx context.Context) error {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	var parts sync.WaitGroup
	part := func(run func(context.Context) error) {
		parts.Go(func() {
			if err := run(inner); err != nil && !errors.Is(err, context.Canceled) {
				n.log.Error("a part of online payments ended", "error", err.Error())
			}
		})
	}
	part(n.asks.desk.Run)
	if n.asks.shops != nil {
		part(func(ctx context.Context) error { return n.asks.shops.Watch(ctx, n.log) })
	}
	part(n.listen)
	err := n.asks.client.Run(ctx)
	stop()
	parts.Wait()
	done := make(chan struct{})
	go func() { n.asks.server.Wait(); close(done) }()
	grace := time.NewTimer(askGrace)
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
		n.log.Warn("HQ ends with operators that have not answered; it asks them again at its next start")
	}
	return ended(ctx, err)
}

// listen goes to another broker when this connection does not hear HQ's own hello: with several brokers it may have come
// to another one than the connection of the batches, and lanes are where they are answered.
func (n *Node) listen(ctx context.Context) error {
	tick := time.NewTicker(deafAfter / 5)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			n.listenOnce()
		}
	}
}

func (n *Node) listenOnce() {
	if !n.deaf() {
		return
	}
	n.log.Warn("HQ hears lanes that ask for payments at another broker than their entries; going on to the next")
	n.asks.hello.Store(n.now().UnixNano())
	n.asks.client.Elsewhere()
}

// deaf says that both connections are up, and that the one of the asks has not heard the other for long. With one address
// both are where they should be.
func (n *Node) deaf() bool {
	if len(n.cfg.Broker.Addresses) < 2 || !n.client.Stats().Up || !n.asks.client.Stats().Up {
		return false
	}
	return n.now().Sub(time.Unix(0, n.asks.hello.Load())) > deafAfter
}
