package uplink

import (
	"testing"
	"testing/synctest"
	"time"
)

// questions are how long after the link came up each question was put to an HQ that is silent, for that long.
func (s *story) questions(d time.Duration) (at []time.Duration) {
	s.Helper()
	start := time.Now()
	s.up.LinkUp()
	for synctest.Wait(); time.Since(start) < d; synctest.Wait() {
		if len(s.road.take()) > 0 {
			at = append(at, time.Since(start))
		}
		time.Sleep(50 * time.Millisecond)
	}
	return at
}

// TestLanesThatLostHQTogetherDontAskTogether: chance takes up to a quarter off every wait, of the first questions
// and of the longest waits, and nothing else.
func TestLanesThatLostHQTogetherDontAskTogether(t *testing.T) {
	last := map[float64][]time.Duration{}
	for _, jitter := range []float64{0, 0.5, 1} {
		synctest.Test(t, func(t *testing.T) {
			s := beginWith(t, jitter)
			defer s.stop()
			s.lane.write(t, 3)
			last[jitter] = s.questions(5 * time.Minute)
		})
	}
	for jitter, at := range last {
		if len(at) < 6 {
			t.Fatalf("jitter %v: %v", jitter, at)
		}
		for i := 1; i < len(at); i++ {
			full := min(firstWait<<max(i-1, 0), time.Minute)
			want := full - time.Duration(jitter*float64(full)/4)
			if wait := at[i] - at[i-1]; wait < want-100*time.Millisecond || wait > want+100*time.Millisecond {
				t.Errorf("jitter %v: question %d after %v, want %v of %v", jitter, i, wait, want, full)
			}
		}
	}
}

// TestSendNowCutsTheLongestWaitShort: HQ has been silent so long that the lane asks once a minute. Somebody presses
// "send now", HQ is there again, and what waits is with it at once.
func TestSendNowCutsTheLongestWaitShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 3)
		s.questions(10 * time.Minute)
		for synctest.Wait(); len(s.road.take()) == 0; synctest.Wait() {
			time.Sleep(time.Second)
		}
		pressed := time.Now() // a moment after a question: the next would come in a minute
		time.Sleep(time.Second)
		s.carry()
		s.wantAcked(0, 0)
		s.up.SendNow()
		s.carry()
		s.wantAcked(0, 3)
		if waited := time.Since(pressed); waited > 2*time.Second {
			t.Errorf("acknowledged after %v", waited)
		}
	})
}

// TestSendNowBeginsTheBackOffAnew: when HQ is still silent, the lane asks again soon, and not in a minute.
func TestSendNowBeginsTheBackOffAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 3)
		s.questions(10 * time.Minute)
		s.up.SendNow()
		synctest.Wait()
		if len(s.road.take()) == 0 {
			t.Fatal("nothing was asked at once")
		}
		time.Sleep(firstWait + time.Second)
		synctest.Wait()
		if len(s.road.take()) == 0 {
			t.Errorf("nothing was asked within %v", firstWait+time.Second)
		}
	})
}

// TestConnectionIsNotHeldUp: nothing is read while the journal is stopped. Whoever owns the connection can tell of it all
// the same, however much waits; then the last word counts, and what was on its way is sent again.
func TestConnectionIsNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		s.lane.write(t, 3)
		s.up.LinkUp()
		s.carry()
		s.wantAcked(0, 3)
		s.lane.write(t, 3)
		synctest.Wait()
		s.up.Appended()
		synctest.Wait()
		s.stop()
		lost := len(s.road.take())
		if lost == 0 {
			t.Fatal("nothing was on its way")
		}
		for range maxPending {
			s.up.Message([]byte("noise"))
		}
		s.up.LinkDown(nil)
		s.up.LinkUp()
		for range maxPending {
			s.up.SendNow()
		}
		if _, err := s.up.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !s.up.Status().Link || len(s.road.take()) == 0 {
			t.Errorf("%+v, and nothing was asked", s.up.Status())
		}
	})
}
