package authorise_test

import (
	"errors"
	"sync"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/authorise/authorisetest"
)

// fact is what a lane writes of an attempt.
type fact int

const (
	asked fact = iota
	paid
	gaveUp
	tookBack
)

type entry struct {
	req  authorise.Request
	fact fact
}

// books are the lanes' journals, and how far HQ has judged each, as HQ's books do it.
type books struct {
	mu      sync.Mutex
	lines   map[payment.ID][]entry
	judged  map[payment.ID]int
	sending map[payment.ID]bool
}

func newBooks() *books {
	return &books{lines: map[payment.ID][]entry{}, judged: map[payment.ID]int{}, sending: map[payment.ID]bool{}}
}

// store is HQ's, which is another one behind a restore.
func (r *room) store() *authorisetest.Memory {
	r.books.mu.Lock()
	defer r.books.mu.Unlock()
	return r.kept
}

// write is an entry in a lane's journal. It reaches HQ at some time behind those before it.
func (r *room) write(req authorise.Request, f fact) {
	b := r.books
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines[req.Payment] = append(b.lines[req.Payment], entry{req, f})
	r.carry(req.Payment)
}

// carry sends what HQ lacks of a journal. The caller holds mu.
func (r *room) carry(id payment.ID) {
	b := r.books
	if b.sending[id] {
		return
	}
	b.sending[id] = true
	r.lanes.Go(func() {
		for more := true; more; {
			if r.int(2) == 0 { // else it comes with the one before
				time.Sleep(r.within(10 * time.Minute))
			}
			more = r.judge(id)
		}
	})
}

// judge takes the next entry of a journal to the books, in one piece with the cursor. False: there is none.
func (r *room) judge(id payment.ID) bool {
	b := r.books
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.judged[id]
	if n == len(b.lines[id]) {
		b.sending[id] = false
		return false
	}
	e := b.lines[id][n]
	for range 1 + r.int(2) { // what it makes of an attempt it makes once
		if err := r.post(e); err != nil {
			r.Errorf("%s: %v", e.req.Ref, err)
		}
	}
	b.judged[id]++
	return true
}

// post is what HQ's books make of an entry: see sync/ledger. The caller holds mu.
func (r *room) post(e entry) error {
	now := time.Now()
	for {
		a, err := r.kept.Get(r.ctx, e.req.Ref)
		none := errors.Is(err, authorise.ErrNone)
		of := authorise.Attempt{Ref: e.req.Ref, Payment: e.req.Payment, Terminal: e.req.Terminal, Store: e.req.Store, Lane: e.req.Lane,
			Wallet: e.req.Wallet, Amount: e.req.Amount, Made: e.req.NotAfter.Add(-30 * time.Second)}
		var did authorise.Event
		switch {
		case e.fact == asked && none && r.back && r.seenBack() && e.req.NotAfter.Before(now):
			r.saw("adopted")
			of = authorise.Adopt(of, authorise.Perhaps, now)
			r.kept.Put(of)
			return nil
		case e.fact == asked:
			return nil
		case e.fact == paid && none:
			r.saw("claimed")
			r.kept.Put(authorise.Adopt(of, authorise.Claimed, now))
			return nil
		case e.fact == gaveUp && none:
			r.kept.Put(authorise.Tombstone(of, r.seenBack(), now))
			return nil
		case e.fact == paid:
			if a.State == authorise.Asked || a.State == authorise.Confirming || a.State == authorise.Doubtful {
				r.saw("claimed")
			}
			did = authorise.Complete{}
		case e.fact == gaveUp:
			did = authorise.Reverse{}
		case e.fact == tookBack:
			did = authorise.Undo{}
		}
		next, err := authorise.Step(a, did, nil, now)
		if err == nil && e.fact == gaveUp && r.seenBack() {
			next, err = authorise.Step(next, authorise.Doubted{}, nil, now)
		}
		if err != nil || next == a {
			return err
		}
		if err := r.kept.Save(r.ctx, &next); !errors.Is(err, authorise.ErrMoved) {
			return err
		}
	}
}

// seenBack says whether the books have been put back.
func (r *room) seenBack() bool {
	r.rngMu.Lock()
	defer r.rngMu.Unlock()
	return r.seen["put back"] > 0
}

// putBack puts HQ's books back by up to half an hour, once. What was open is not given up any more.
func (r *room) putBack() {
	time.Sleep(r.within(8 * time.Hour))
	b := r.books
	b.mu.Lock()
	kept, judged := r.kept.All(), map[payment.ID]int{}
	for id, n := range b.judged {
		judged[id] = n
	}
	b.mu.Unlock()
	time.Sleep(r.within(30 * time.Minute))
	r.mu.Lock()
	kill, end := r.kill, r.end
	r.mu.Unlock()
	kill()
	end()
	time.Sleep(time.Minute) // nobody puts books back faster than a request lives
	old := authorisetest.NewMemory()
	for _, a := range kept {
		switch a.State {
		case authorise.Asked, authorise.Confirming, authorise.Doubtful:
			if a.Claim == authorise.Unclaimed {
				a.Claim = authorise.Perhaps
			}
		}
		old.Put(a)
	}
	b.mu.Lock()
	r.kept, b.judged = old, judged
	r.saw("put back")
	for id := range b.lines {
		r.carry(id)
	}
	b.mu.Unlock()
	r.start()
}
