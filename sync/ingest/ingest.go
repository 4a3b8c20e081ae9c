package ingest

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Ingest is HQ's session with the lanes. Make it with New; run Run once.
type Ingest struct {
	cfg     Config
	hqEpoch uint64
	nonce   []byte // of this session
	count   counters
	log     *quiet
	keys    *registry
	papers  *papers
	erased  erased
	zones   zones

	seed      maphash.Seed
	inbox     []chan message // one for each verifier; a terminal's messages stay in order
	verified  chan *item
	express   express
	answers   chan answer
	wake      chan struct{}         // to the poster: something was stored
	linked    chan struct{}         // to sayHello: the road has come up
	turn      int64                 // the poster's: the history after which it goes on
	examiners int                   // the poster's: how many examine evidence now
	breath    *breath               // of those who do much arithmetic; nil: they do without
	drained   atomic.Uint64         // batches of outboxes that are being emptied
	failing   atomic.Pointer[error] // of the newest commit; nil: it succeeded
	posts     standstill
}

type message struct {
	terminal payment.ID
	payload  []byte
	quick    bool // goes by the express queues
}

// New begins a session: a new one after every start, so that lanes send again what may have been under way.
func New(ctx context.Context, cfg Config) (*Ingest, error) {
	cfg.defaults(runtime.GOMAXPROCS(0))
	g := &Ingest{
		cfg: cfg, nonce: make([]byte, wire.NonceSize), seed: maphash.MakeSeed(),
		log:       &quiet{log: cfg.Log, now: cfg.Now, last: map[string]*repeat{}},
		keys:      newRegistry(cfg.Ledger, cfg.Now),
		papers:    newPapers(cfg.Ledger, cfg.Root, cfg.Now),
		verified:  make(chan *item, cfg.Queue),
		answers:   make(chan answer, 16*cfg.Queue),
		wake:      make(chan struct{}, 1),
		linked:    make(chan struct{}, 1),
		examiners: cfg.Workers,
	}
	for range cfg.Workers {
		g.inbox = append(g.inbox, make(chan message, cfg.Queue))
	}
	g.express.open(cfg.Workers, cfg.Queue)
	var err error
	if g.hqEpoch, err = cfg.Ledger.HQEpoch(ctx); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(cfg.Random, g.nonce); err != nil {
		return nil, fmt.Errorf("making the session's nonce: %w", err)
	}
	return g, nil
}

// Handle takes a message that came in under a topic. It waits for a place in the queue until ctx ends; then
// the message is dropped and counted, and the lane sends it again. It keeps payload.
func (g *Ingest) Handle(ctx context.Context, topic string, payload []byte) {
	g.count.messages.Add(1)
	terminal, ok := terminalOf(topic)
	if !ok {
		g.count.broken.Add(1)
		g.log.warn(ctx, "message under a topic that is no terminal's")
		return
	}
	m, n := message{terminal: terminal, payload: payload}, maphash.Bytes(g.seed, terminal[:])%uint64(len(g.inbox))
	queue := g.inbox[n]
	if m.quick = g.express.takes(m); m.quick {
		queue = g.express.inbox[n]
	}
	select {
	case queue <- m:
	case <-ctx.Done():
		g.express.past(terminal, m.quick)
		g.count.dropped.Add(1)
	}
}

// terminalOf reads the terminal out of its one upward topic.
func terminalOf(topic string) (payment.ID, bool) {
	id, err := payment.ParseID(topic[strings.LastIndexByte(topic, '/')+1:])
	return id, err == nil && topic == wire.UpTopic(id)
}

// errOver tells the stages that one of them has ended.
var errOver = errors.New("another stage of ingest has ended")

// Run works until ctx ends or the ledger stops; then whoever owns the ledger opens it again.
func (g *Ingest) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	stage := func(f func(context.Context) error) {
		all.Go(func() {
			err := f(ctx)
			if err == nil {
				err = errOver
			}
			cancel(err)
		})
	}
	var err error
	if g.breath, err = newBreath(); err != nil { // lanes wait a little longer for their answers
		g.log.warn(ctx, "no pipe to take breath with", "error", err.Error())
	}
	defer g.breath.close()
	g.express.on.Store(true)
	for n := range g.inbox {
		stage(func(ctx context.Context) error { return g.verify(ctx, n) })
	}
	stage(g.write)
	stage(g.acknowledge)
	stage(g.post)
	stage(g.sayHello)
	all.Wait()
	return context.Cause(ctx)
}

// Healthy returns why the newest commit failed, or nil. Lanes that are alive cause one every minute or so.
func (g *Ingest) Healthy() error {
	if err := g.failing.Load(); err != nil {
		return *err
	}
	return nil
}

// LinkUp says that the road has come up; it may be called before Run. Every lane then hears of the session at
// once, however long it has waited.
func (g *Ingest) LinkUp() {
	select {
	case g.linked <- struct{}{}:
	default: // it is about to be said
	}
}

// sayHello tells every lane that HQ reads: at the start or as soon as there is a road, and now and then for
// those that came later.
func (g *Ingest) sayHello(ctx context.Context) error {
	every := time.NewTicker(g.cfg.HelloEvery)
	defer every.Stop()
	for {
		if g.cfg.Linked() {
			if err := g.hello(ctx); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		case <-g.linked:
		}
	}
}

func (g *Ingest) hello(ctx context.Context) error {
	raw, err := wire.Seal(g.cfg.Signer(), wire.TypHello, wire.Hello{Version: wire.MessageVersion, HQEpoch: g.hqEpoch,
		Nonce: g.nonce, Time: g.cfg.Now().UnixMilli()})
	if err != nil {
		return fmt.Errorf("signing a hello: %w", err)
	}
	// With QoS 1, though no lane asks for it: the broker's PUBACK proves nothing, but where none comes, the road leads
	// nowhere (a node of a cluster that has lost the others), and the client takes another.
	g.send(ctx, wire.AllTopic, 1, raw)
	return nil
}

// send frames a signed message and hands it to the road.
func (g *Ingest) send(ctx context.Context, topic string, qos byte, sealed []byte) bool {
	if err := g.cfg.Publish.Publish(ctx, topic, qos, wire.FrameSigned(sealed)); err != nil {
		if ctx.Err() == nil {
			g.log.warn(ctx, "message not sent", "topic", topic, "error", err.Error())
		}
		return false
	}
	return true
}
