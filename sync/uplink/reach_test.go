package uplink

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tilld/agent/payment"
)

// answering answers every probe that comes by the link, for a while in steps of 100 ms.
func (l *till) answering(d time.Duration, down ...string) {
	for range d / (100 * time.Millisecond) {
		for _, m := range l.passed(100 * time.Millisecond) {
			if m.probe != nil {
				l.a.Message(l.hq.pong(m.probe, down...))
			}
		}
	}
	synctest.Wait()
}

func (l *till) roadPongs(down ...string) {
	l.hq.mu.Lock()
	defer l.hq.mu.Unlock()
	l.hq.road = func(m *mail) ([]byte, error) {
		if m.probe == nil {
			return nil, nil
		}
		return l.hq.pong(m.probe, down...), nil
	}
}

// TestProbeWithinThreeSeconds: a sale is opened, and three seconds later the lane knows that HQ is away.
func TestProbeWithinThreeSeconds(t *testing.T) {
	for _, road := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := newTill(t, road)
			defer l.stop()
			l.answering(20 * time.Second)
			l.wantReach("up")
			l.passed(10 * time.Second)
			l.a.Probe()
			l.passed(2900 * time.Millisecond)
			l.wantReach("up")
			l.passed(200 * time.Millisecond)
			l.wantReach("up", "down")
		})
	}
}

// TestSilentFromTheStart: nobody is told that HQ is there before it has said so.
func TestSilentFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		l.passed(2 * time.Second)
		l.wantReach()
		if s := l.a.Status(); s.Known || s.Up {
			t.Errorf("%+v", s)
		}
		l.passed(2 * time.Second)
		l.wantReach("down")
		n := 0
		for range 30 {
			n += len(l.passed(time.Minute))
		}
		if n < 60 || n > 120 { // three messages a probe
			t.Errorf("%d messages in half an hour of silence", n)
		}
	})
}

// TestElectionDoesNotFlip: the broker takes messages and delivers none for 13 s, or is not there at all. The second road
// works, and nobody is told that HQ is away; a payment goes through meanwhile.
func TestElectionDoesNotFlip(t *testing.T) {
	for _, gone := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := newTill(t, true)
			defer l.stop()
			l.answering(10 * time.Second)
			l.roadPongs()
			if gone {
				l.hq.mu.Lock()
				l.hq.linkErr = errors.New("down")
				l.hq.mu.Unlock()
			}
			for range 13 {
				l.a.Probe() // at the worst time, all the time
				l.passed(time.Second)
			}
			l.hq.mu.Lock()
			l.hq.linkErr = nil
			l.hq.mu.Unlock()
			l.a.LinkUp()
			l.answering(5 * time.Minute)
			l.wantReach("up")
		})
	}
}

// TestBothRoadsAwayAndBack: two answers bring HQ back, the second to a question put behind the first.
func TestBothRoadsAwayAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		l.answering(10 * time.Second)
		l.a.Probe()
		lost := l.passed(4 * time.Second)
		l.wantReach("up", "down")
		l.a.Message(l.hq.pong(lost[0].probe)) // late: made before HQ was found away
		l.wantReach("up", "down")
		probes := l.passed(0) // but it is asked at once
		if len(probes) != 1 {
			t.Fatalf("%d probes", len(probes))
		}
		l.a.Message(l.hq.pong(probes[0].probe))
		l.a.Message(l.hq.pong(probes[0].probe))
		l.wantReach("up", "down")
		probes = l.passed(0)
		if len(probes) != 1 {
			t.Fatalf("%d probes", len(probes))
		}
		l.a.Message(l.hq.pong(probes[0].probe))
		l.wantReach("up", "down", "up")
	})
}

// TestBadLineDoesNotFlap: of a line that lets one message in three probes through, nobody says that HQ is there.
func TestBadLineDoesNotFlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		l.answering(10 * time.Second)
		l.a.Probe()
		l.passed(4 * time.Second)
		for n := range 100 {
			for _, m := range l.passed(5 * time.Second) {
				if m.probe != nil && n%6 == 0 {
					l.a.Message(l.hq.pong(m.probe))
					break
				}
			}
			l.a.Probe()
		}
		l.wantReach("up", "down")
	})
}

// TestLateDeliveryProvesNothing: a broker delivers a pong of ten minutes ago, and somebody sends old ones again.
func TestLateDeliveryProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		first := l.passed(0)[0]
		pong := l.hq.pong(first.probe)
		l.a.Message(pong)
		l.answering(10 * time.Second)
		held := l.passed(61 * time.Second)
		l.passed(5 * time.Second)
		l.wantReach("up", "down")
		for range 10 {
			l.a.Message(pong)
			l.passed(10 * time.Minute)
			for _, m := range held {
				l.a.Message(l.hq.pong(m.probe))
			}
		}
		for range 20 { // from now on it delivers everything, 15 s late
			l.a.Probe()
			late := l.passed(15 * time.Second)
			for _, m := range held {
				l.a.Message(l.hq.pong(m.probe))
			}
			held = late
		}
		l.wantReach("up", "down")
	})
}

// TestSlowOperatorIsNotSilence: an attempt without an answer has HQ probed, and HQ answers that.
func TestSlowOperatorIsNotSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		l.answering(10 * time.Second)
		l.a.Charge(try(1), []byte(secret))
		l.answering(25 * time.Second)
		l.wantReach("up")
		l.a.Charge(try(2), []byte(secret))
		l.passed(4500 * time.Millisecond) // now HQ is away: known without a probe of the lane's
		l.wantReach("up", "down")
	})
}

// TestSlowBeat: one probe a minute when nothing else is heard, and none that an answer has made needless.
func TestSlowBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		before := l.a.Status().Asked
		l.answering(10*time.Minute + 5*time.Second)
		if n := l.a.Status().Asked - before; n < 9 || n > 12 {
			t.Errorf("%d probes in ten minutes", n)
		}
		before = l.a.Status().Asked
		l.a.Watch(try(1))
		for range 3000 {
			for _, m := range l.passed(100 * time.Millisecond) {
				if m.ask == nil {
					t.Fatalf("a probe after %s, though HQ answers", time.Since(l.start))
				}
				l.a.Message(l.hq.answer(m.ask, payment.Pending))
			}
		}
		l.wantReach("up")
		if l.a.Status().Asked == before {
			t.Error("nothing was asked")
		}
	})
}

// TestOperatorsDown: an outage is shown for the wallet whose operator is away, when that changes.
func TestOperatorsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		l.answering(2 * time.Minute)
		l.answering(2*time.Minute, "linepay", "paypay")
		l.answering(2*time.Minute, "paypay")
		l.answering(2 * time.Minute)
		l.wantReach("up", "up linepay,paypay", "up paypay", "up")
	})
}

// TestLinkUpAsksAtOnce: what waits for an answer is not left to its back-off.
func TestLinkUpAsksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		l.hq.mu.Lock()
		l.hq.linkErr = errors.New("down")
		l.hq.mu.Unlock()
		l.a.Charge(try(1), []byte(secret))
		l.passed(7500 * time.Millisecond)
		l.wantReach("down")
		l.hq.mu.Lock()
		l.hq.linkErr = nil
		l.hq.mu.Unlock()
		l.a.LinkUp()
		asks := l.after(0) // which answers the probe
		if len(asks) != 1 {
			t.Fatalf("%d asks", len(asks))
		}
		l.after(0)
		l.wantReach("down", "up")
	})
}
