package authorise_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/authorise/authorisetest"
	"tilld/sync/operator"
)

var (
	chaosSeed  = flag.Uint64("chaos.seed", 0, "run this seed alone")
	chaosSeeds = flag.Uint64("chaos.seeds", 100, "how many seeds to run")
)

// TestOneCharge: operators that answer late, twice, never, or approve after a cancel; an HQ that dies anywhere; lanes
// that give up, repeat themselves, fall silent and reverse before they ask. In the end each customer was charged once for
// what the lane completed and did not void, and for nothing else; and what could not be put right has a name. In every
// other seed HQ's books are put back once, and the lanes send again what they lack.
func TestOneCharge(t *testing.T) {
	if *chaosSeed != 0 {
		synctest.Test(t, func(t *testing.T) { chaos(t, *chaosSeed) })
		return
	}
	seen := map[string]int{}
	for seed := uint64(1); seed <= *chaosSeeds; seed++ {
		synctest.Test(t, func(t *testing.T) {
			for k, n := range chaos(t, seed) {
				seen[k] += n
			}
		})
		if t.Failed() {
			t.Fatalf("again: go test ./sync/authorise -run OneCharge -chaos.seed=%d", seed)
		}
	}
	t.Logf("%d seeds: %v", *chaosSeeds, seen)
	for _, want := range []string{"completed", "declined", "closed", "manual", "paid", "refunded", "charged after a cancel", "tombstone", "crash", "lane_silent", "voided",
		"put back", "adopted"} {
		if seen[want] == 0 {
			t.Errorf("never seen: %s", want)
		}
	}
}

// mortal is a store that stops taking anything when its HQ dies.
type mortal struct {
	authorise.Store
	dead *atomic.Bool
	die  func() // now and then
}

var errDead = errors.New("HQ has died")

func (m mortal) Begin(ctx context.Context, a *authorise.Attempt) error {
	if m.die(); m.dead.Load() {
		return errDead
	}
	return m.Store.Begin(ctx, a)
}

func (m mortal) Save(ctx context.Context, a *authorise.Attempt) error {
	if m.die(); m.dead.Load() {
		return errDead
	}
	return m.Store.Save(ctx, a)
}

// room is one run.
type room struct {
	*testing.T
	rng   *rand.Rand
	rngMu sync.Mutex
	op    *ugly
	kept  *authorisetest.Memory
	ctx   context.Context

	mu    sync.Mutex
	desk  *authorise.Desk
	end   func()
	kill  func()
	calm  atomic.Bool
	seen  map[string]int
	lanes sync.WaitGroup
	took  map[payment.ID]operator.Ref // what a lane completed
	books *books
	back  bool                    // the books are put back in this run: lanes keep to the rules
	wish  map[operator.Ref]string // what HQ was told, and has to come to nothing
}

func (r *room) int(n int) int {
	r.rngMu.Lock()
	defer r.rngMu.Unlock()
	return r.rng.IntN(n)
}

func (r *room) within(d time.Duration) time.Duration { return time.Duration(r.int(int(d))) }

func (r *room) wishes(ref operator.Ref, what string) {
	r.rngMu.Lock()
	defer r.rngMu.Unlock()
	r.wish[ref] = what
}

func (r *room) saw(what string) {
	r.rngMu.Lock()
	defer r.rngMu.Unlock()
	r.seen[what]++
}

// start begins another life of HQ.
func (r *room) start() {
	ctx, stop := context.WithCancel(r.ctx)
	dead, done := new(atomic.Bool), make(chan struct{})
	die := func() {
		if !r.calm.Load() && !r.back && r.int(60) == 0 && dead.CompareAndSwap(false, true) {
			stop()
			r.saw("crash")
			time.AfterFunc(r.within(time.Minute), r.start)
		}
	}
	d := authorise.New(authorise.Config{Store: mortal{r.store(), dead, die}, Operators: map[string]operator.Operator{"w": r.op},
		Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	r.mu.Lock()
	r.desk = d
	r.kill = func() { dead.Store(true); stop() }
	r.end = func() { stop(); <-done }
	r.mu.Unlock()
	go func() {
		defer close(done)
		_ = d.Run(ctx)
	}()
}

func (r *room) hq() *authorise.Desk {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.desk
}

// chaos plays one seed and checks what came of it. It says what was seen.
func chaos(t *testing.T, seed uint64) map[string]int {
	r := &room{T: t, rng: rand.New(rand.NewPCG(seed, 1)), kept: authorisetest.NewMemory(), seen: map[string]int{}, took: map[payment.ID]operator.Ref{},
		wish: map[operator.Ref]string{}, books: newBooks(), back: seed%2 == 0}
	var stop func()
	r.ctx, stop = context.WithCancel(t.Context())
	defer stop()
	r.op = newUgly(rand.New(rand.NewPCG(seed, 2)))
	r.start()
	if r.back {
		r.lanes.Go(r.putBack)
	}
	for n := range 6 {
		r.lanes.Go(func() {
			time.Sleep(r.within(8 * time.Hour)) // virtual time: into the next of the operator's days
			r.customer(byte(n + 1))
		})
	}
	r.lanes.Wait()
	time.Sleep(2 * time.Hour)
	r.calm.Store(true)
	r.op.mu.Lock()
	r.op.calm, r.op.never = true, true
	r.op.mu.Unlock()
	time.Sleep(48 * time.Hour)
	synctest.Wait()
	r.hqEnds()
	r.check()
	return r.seen
}

func (r *room) hqEnds() {
	r.mu.Lock()
	end := r.end
	r.mu.Unlock()
	end()
}

// customer is one payment at a lane: up to three codes are shown.
func (r *room) customer(n byte) {
	id := authorisetest.ID(n)
	for try := range 3 {
		ref, err := operator.NewRef(id, try)
		if err != nil {
			r.Error(err)
		}
		req := authorise.Request{Ref: ref, Payment: id, Terminal: authorisetest.ID(99), Store: "S", Lane: "L", Wallet: "w",
			Amount: payment.Money{Minor: 500 + int64(n), Currency: "JPY"}, Code: "280812820366966512", NotAfter: time.Now().Add(30 * time.Second)}
		if r.attempt(req) {
			return
		}
		time.Sleep(r.within(20 * time.Second))
	}
}

// attempt is one code. True: there is nothing more to try.
func (r *room) attempt(req authorise.Request) (over bool) {
	r.write(req, asked)
	if !r.back && r.int(12) == 0 { // the reversal overtakes the request
		if _, err := r.hq().Reverse(r.ctx, req); err == nil {
			r.saw("tombstone")
			r.wishes(req.Ref, "tombstone")
		}
	}
	if r.int(12) == 0 { // it lay about
		time.Sleep(40 * time.Second)
		r.wishes(req.Ref, "late")
	}
	gone := time.Now().Add(time.Duration(10+r.int(80)) * time.Second) // until when the lane waits
	for time.Now().Before(gone) {
		a, err := r.ask(req)
		switch {
		case err != nil: // HQ is away, or another attempt is open still
		case a.State.Outcome() == payment.Paid:
			r.complete(req)
			return true
		case a.State.Unpaid():
			return false
		}
		time.Sleep(time.Second + r.within(3*time.Second))
	}
	switch r.int(10) {
	case 0:
		return true // it fell silent
	case 1, 2: // another code is shown at once; the reversal is still to reach HQ
		r.write(req, gaveUp)
		r.lanes.Go(func() { r.reverse(req) })
		return false
	case 3: // another code is shown, and there is none: the lane has lost its mind
		if !r.back {
			return false
		}
	}
	return !r.reverse(req).State.Unpaid()
}

// reverse says it until HQ has heard it.
func (r *room) reverse(req authorise.Request) authorise.Attempt {
	r.write(req, gaveUp)
	for {
		a, err := r.hq().Reverse(r.ctx, req)
		if err == nil {
			r.wishes(req.Ref, "reversed")
			return a
		}
		time.Sleep(5 * time.Second)
	}
}

// ask asks, sometimes twice at once. The lane waits some seconds and asks again; what HQ does meanwhile goes on.
func (r *room) ask(req authorise.Request) (authorise.Attempt, error) {
	type answer struct {
		a   authorise.Attempt
		err error
	}
	got := make(chan answer, 2)
	d := r.hq()
	for range 1 + r.int(2) {
		go func() {
			a, err := d.Ask(r.ctx, req)
			got <- answer{a, err}
		}()
	}
	select {
	case g := <-got:
		return g.a, g.err
	case <-time.After(4 * time.Second):
		return authorise.Attempt{}, context.DeadlineExceeded
	}
}

// complete is the lane's entry, which reaches HQ in the end, and perhaps twice; or the lane's disk dies with it. Perhaps
// the payment is voided.
func (r *room) complete(req authorise.Request) {
	if r.int(8) == 0 {
		return
	}
	r.write(req, paid)
	void := r.int(5) == 0
	r.rngMu.Lock()
	if r.took[req.Payment] = req.Ref; void {
		delete(r.took, req.Payment)
		r.wish[req.Ref] = "voided"
		r.seen["voided"]++
	}
	r.rngMu.Unlock()
	if void {
		r.write(req, tookBack)
	}
}

// check holds HQ's books against the operator's, and both against what the lanes took.
func (r *room) check() {
	kept := map[payment.ID]int{}
	for _, a := range r.store().All() {
		p := r.op.of(a.Ref)
		r.seen[a.State.String()]++
		if a.Trouble != authorise.NoTrouble {
			r.seen[a.Trouble.String()]++
		}
		if len(p.refunds) > 0 {
			r.seen["refunded"]++
		}
		if p.closed && p.charged > 0 {
			r.seen["charged after a cancel"]++
		}
		want := 0
		switch a.State {
		case authorise.Completed:
			want = 1
		case authorise.Paid:
			want = 1
			if a.Trouble != authorise.LaneSilent {
				r.Errorf("%s: paid, and nobody is told", a.Ref)
			}
		case authorise.Manual:
			want = 1
			if a.Trouble != authorise.NoWayBack {
				r.Errorf("%s: it can't be taken back, and nobody is told", a.Ref)
			}
		case authorise.Declined, authorise.Closed:
			if a.State == authorise.Closed && !a.Checked {
				r.Errorf("%s: closed, and never looked at again", a.Ref)
			}
		default:
			r.Errorf("%s: still %s, next %s at %s", a.Ref, a.State, a.Call, a.Due)
		}
		if p.net() != want || p.asked > 1 && !r.back || p.charged > 1 {
			r.Errorf("%s is %s (%s); the charge came %d times, the customer was charged %d times and paid back %d times", a.Ref, a.State,
				a.Trouble, p.asked, p.charged, p.back)
		}
		switch wish := r.wish[a.Ref]; {
		case wish != "" && !a.State.Unpaid() && a.State != authorise.Manual:
			r.Errorf("%s was %s, and is %s", a.Ref, wish, a.State)
		case (wish == "late" || wish == "tombstone") && p.asked > 0 && !r.back:
			r.Errorf("%s was %s, and the operator was asked", a.Ref, wish)
		}
		kept[a.Payment] += want
		if a.State == authorise.Manual {
			kept[a.Payment]-- // owed to the customer by name
		}
		took := r.took[a.Payment] == a.Ref
		if took != (a.State == authorise.Completed) {
			r.Errorf("%s is %s, and the lane completed %s", a.Ref, a.State, r.took[a.Payment])
		}
	}
	for id, n := range kept {
		if n > 1 {
			r.Errorf("payment %s was paid %d times", id, n)
		}
	}
	if r.Failed() {
		r.Log(fmt.Sprint(r.seen))
	}
}
