package uplink

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// envChaosSeed is the seed of the run that is to be repeated.
const envChaosSeed = "TILLD_ASKER_SEED"

// desk is HQ's memory of attempts, as sync/authorise keeps it, without the operator.
type desk struct {
	state map[string]payment.Outcome
	codes map[string]int // that came, by attempt
}

// take is what HQ says to a question now.
func (d *desk) take(q *wire.Ask, rng *rand.Rand) payment.Outcome {
	if len(q.Code) > 0 {
		d.codes[q.Ref]++
	}
	state, known := d.state[q.Ref]
	switch {
	case q.Want == wire.WantReverse:
		d.state[q.Ref] = payment.NotPaid // a tombstone, when nothing was known
	case !known && len(q.Code) == 0:
		return payment.Unknown // it may be on its way still
	case !known && time.Now().UnixMilli() >= q.NotAfter:
		d.state[q.Ref] = payment.NotPaid
	case !known:
		d.state[q.Ref] = payment.Pending
	case state == payment.Pending && rng.IntN(4) == 0:
		d.state[q.Ref] = []payment.Outcome{payment.Paid, payment.NotPaid}[rng.IntN(2)]
	}
	return d.state[q.Ref]
}

// TestChaos: messages are lost, late, repeated and overtaken on both roads, the link comes and goes, and lanes give up at
// the worst time. Each attempt ends with one final word, which is HQ's; none is told as paid that was given up, and no
// code is sent when its time is over or HQ has been heard.
func TestChaos(t *testing.T) {
	seed := rand.Uint64()
	runs := 15
	if s := os.Getenv(envChaosSeed); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
		runs = 1
	}
	for n := range uint64(runs) {
		t.Run(fmt.Sprintf("%s=%d", envChaosSeed, seed+n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, rand.New(rand.NewPCG(seed+n, 0))) })
		})
	}
}

// event is a message on its way.
type event struct {
	due  time.Time
	up   *mail
	down []byte
}

func chaos(t *testing.T, rng *rand.Rand) {
	l := newTill(t, false) // the second road's calls would come in another order every time; TestOneCallAtATime has those
	defer l.stop()
	hq := &desk{state: map[string]payment.Outcome{}, codes: map[string]int{}}
	loss, slow := rng.Float64()*0.7, time.Duration(1+rng.IntN(20_000))*time.Millisecond
	var road []event
	travel := func(e event) {
		for range 1 + rng.IntN(2) {
			if rng.Float64() >= loss {
				e.due = time.Now().Add(time.Duration(rng.Int64N(int64(slow))))
				road = append(road, e)
			}
		}
	}
	var attempts []Attempt
	given, heard := map[string]bool{}, map[string]bool{}
	for tick := range 2400 { // four minutes; the last one is quiet
		calm := tick >= 1800
		if calm {
			loss, slow = 0, 50*time.Millisecond
		}
		switch rng.IntN(40) {
		case 0:
			if at := try(len(attempts)); !calm {
				attempts = append(attempts, at)
				l.a.Charge(at, []byte(secret))
			}
		case 1:
			l.hq.mu.Lock()
			l.hq.linkErr = map[bool]error{true: fmt.Errorf("down")}[!calm && rng.IntN(2) == 0]
			l.hq.mu.Unlock()
			l.a.LinkUp()
		case 2:
			if n := len(attempts); n > 0 && !calm {
				at := attempts[rng.IntN(n)]
				if !l.finally(at.Ref) { // the lane knows of nothing to give up otherwise
					given[at.Ref] = true
					l.a.Reverse(at)
				}
			}
		case 3:
			l.a.Probe()
		}
		for _, m := range l.passed(100 * time.Millisecond) {
			if m.ask != nil && len(m.ask.Code) > 0 && (heard[m.ask.Ref] || given[m.ask.Ref] || m.at.UnixMilli() >= m.ask.NotAfter) {
				t.Errorf("the code of %s left again", m.ask.Ref)
			}
			travel(event{up: m})
		}
		var left []event
		arrived := road
		road = nil
		for _, e := range arrived {
			switch {
			case e.due.After(time.Now()):
				left = append(left, e)
			case e.down != nil:
				l.a.Message(e.down)
				synctest.Wait()
				for _, ans := range l.answers {
					heard[ans.Ref] = true
				}
			case e.up.ask != nil:
				travel(event{down: l.hq.answer(e.up.ask, hq.take(e.up.ask, rng))})
			default:
				travel(event{down: l.hq.pong(e.up.probe)})
			}
		}
		road = append(road, left...)
	}
	l.settled(hq, attempts, given)
}

// finally says whether the lane has a final word about an attempt.
func (l *till) finally(ref string) bool {
	return slices.ContainsFunc(l.answers, func(a wire.Answer) bool {
		return a.Ref == ref && (a.Outcome == payment.Paid || a.Outcome == payment.NotPaid)
	})
}

// settled holds what the lane was told against what HQ knows.
func (l *till) settled(hq *desk, attempts []Attempt, given map[string]bool) {
	l.Helper()
	final := map[string]payment.Outcome{}
	for _, ans := range l.answers {
		if _, ok := final[ans.Ref]; ok {
			l.Errorf("%s: %v behind a final word", ans.Ref, ans.Outcome)
		}
		if ans.Outcome == payment.Paid || ans.Outcome == payment.NotPaid {
			final[ans.Ref] = ans.Outcome
		}
	}
	for _, at := range attempts {
		ref := at.Ref
		state, known := hq.state[ref]
		if !known { // its code never came: HQ says that it doesn't know, until the lane gives up
			state = 0
		}
		if final[ref] != state && state != payment.Pending {
			l.Errorf("%s: the lane has %v, HQ %v, given up %v", ref, final[ref], state, given[ref])
		}
	}
	if len(attempts) < 10 {
		l.Errorf("only %d attempts", len(attempts))
	}
	if s := l.a.Status(); !s.Up {
		l.Errorf("on a sound road: %+v", s)
	}
}
