package sim

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"testing"
	"testing/cryptotest"
	"time"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/simnet"
	"tilld/sync/wire"
)

// World is one run.
type World struct {
	t       *testing.T
	ctx     context.Context
	plan    Plan
	bug     Bug
	dir     string
	loop    *simnet.Loop
	broker  *simnet.Broker
	chain   *ingesttest.Chain
	office  *office
	tills   []*till
	phones  []*phone
	bank    *bank
	tapping *mathrand.Rand // of the customers who pay by the operator's wallet
	truth   *truth
	log     *slog.Logger

	papers     papers
	meddler    *meddler     // who carries the messages instead of the broker; nil: nobody
	forger     *wire.Signer // of words that nobody should believe
	hash       policy.HashKey
	start, end time.Time
	healed     bool
	traced     uint64 // a hash of all that was traced
	out        io.Writer
	zone       *time.Location
}

// failure is how a run ends early; everything in the world is one goroutine, so it is thrown.
type failure struct{ text string }

func (w *World) fail(format string, args ...any) {
	panic(failure{w.stamp() + " " + fmt.Sprintf(format, args...)})
}

func (w *World) must(err error) {
	if err != nil {
		w.fail("%v", err)
	}
}

func (w *World) stamp() string { return w.loop.Now().Format("02 15:04:05.000") }

// trace notes what happens, for whoever reads a failing run and for the test that a seed does the same again.
func (w *World) trace(format string, args ...any) {
	line := w.stamp() + " " + fmt.Sprintf(format, args...) + "\n"
	h := fnv.New64a()
	fmt.Fprint(h, w.traced, line)
	w.traced = h.Sum64()
	if w.out != nil {
		io.WriteString(w.out, line)
	}
}

// Options are what a run has beside its plan.
type Options struct {
	Dir string    // for its files; gone before the next run uses it
	Out io.Writer // for the trace; nil: none
	Log *slog.Logger
	Bug Bug
	// Meddled is how many messages somebody who holds the broker forges, alters, holds back or brings again. 0: nobody
	// does.
	Meddled int
}

// Run does what a plan says and checks what came of it.
func Run(t *testing.T, plan Plan, o Options) (r Result, err error) {
	cryptotest.SetGlobalRandom(t, plan.Seed)
	w := newWorld(t, plan, o)
	defer func() {
		if f := recover(); f != nil {
			bad, ok := f.(failure)
			if !ok {
				panic(f)
			}
			err = fmt.Errorf("%s", bad.text)
		}
		w.close()
		r.Trace = w.traced
	}()
	w.open()
	w.meddle(o.Meddled)
	w.play()
	r = w.settleAndCheck()
	w.meddler.check(&r)
	return r, nil
}

// stream is randomness of its own for one part of the world, so that one more die thrown in one part changes
// nothing in the others.
func (w *World) stream(of uint64) *mathrand.Rand {
	return mathrand.New(mathrand.NewPCG(w.plan.Seed, of))
}

func newWorld(t *testing.T, plan Plan, o Options) *World {
	w := &World{t: t, ctx: context.Background(), plan: plan, bug: o.Bug, dir: o.Dir, out: o.Out, log: o.Log}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	w.start = ingesttest.Noon
	w.loop = simnet.NewLoop(w.start)
	w.end = w.start.Add(plan.Span)
	w.broker = simnet.NewBroker(w.loop, w.stream(1))
	w.truth = newTruth(w)
	return w
}

// open founds the chain and opens everything.
func (w *World) open() {
	c := ingesttest.NewChain(w.t)
	w.chain, w.forger = c, ingesttest.Ed25519(w.t)
	c.Doc.Caps = policy.Caps{Payment: 5_000, AccountDay: 20_000, Unbound: 2_000, Small: 1_000, AccountCount: 4}
	c.Doc.Default = policy.StoreDefault{Cap: 4 * w.plan.Share, Lanes: 4, Sum: w.plan.Share, Count: w.plan.ShareCount}
	c.Doc.Retention = w.plan.Retention
	w.openBank()
	if w.plan.Online > 0 {
		c.Doc.Features, c.Doc.Market = append(c.Doc.Features, policy.Online), "JP"
		c.Doc.Wallets, c.Doc.Codes = append(c.Doc.Wallets, wallet), *paycode.DefaultTable()
	}
	c.Doc.Tiers.RestartFor, c.Doc.Tiers.RestartPayment, c.Doc.Tiers.RestartPercent = 12*3600, 2_000, 25
	w.foundPapers()
	w.hash = policy.HashKey{Epoch: 1, Key: make([]byte, 32)}
	_, err := io.ReadFull(rand.Reader, w.hash.Key)
	w.must(err)
	w.zone, err = time.LoadLocation(ingesttest.Zone)
	w.must(err)
	w.openOffice()
	for n := range w.plan.Lanes {
		w.addTill(n)
	}
	for range w.plan.Phones {
		w.addPhone()
	}
	w.office.start()
	for _, t := range w.tills {
		t.start()
	}
}

// addPhone gives somebody a phone.
func (w *World) addPhone() {
	c := w.chain
	w.phones = append(w.phones, &phone{Phone: c.PhoneWith(c.Issuer, w.start.Add(-time.Hour), 200, 50_000), issuer: c.Issuer.Public().KID()})
}

func (w *World) close() {
	for _, t := range w.tills {
		t.drop()
		t.disk.Forget()
	}
	if w.office != nil {
		w.office.drop()
		w.office.disk.Forget()
	}
}

// next lets one event happen.
func (w *World) next(end time.Time) bool {
	w.chain.Now = w.loop.Now()
	return w.loop.Next(end)
}

// after has something happen with the chain's clock set.
func (w *World) after(d time.Duration, f func()) *simnet.Event {
	return w.loop.After(d, func() { w.chain.Now = w.loop.Now(); f() })
}

// play lets the plan's time pass.
func (w *World) play() {
	w.customers()
	for _, i := range w.plan.Incidents {
		w.after(i.At, func() { w.incident(i) })
	}
	for _, s := range w.plan.Silences {
		w.after(s.At, func() { w.trace("* the operator is silent for %v", s.For); w.bank.silent = true })
		w.after(s.At+s.For, func() { w.bank.silent = false })
	}
	for w.next(w.end) {
	}
}

func between(r *mathrand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)+1))
}

func yen(n int64) payment.Money { return payment.Of(n, "JPY") }
