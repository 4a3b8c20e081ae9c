package uplink

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestASilentLinkIsGivenUp: on a link that is up and on which HQ says nothing, another broker is asked for, soon at
// first and then rarely, since it may be HQ that is away; an answer of HQ's makes it soon again.
func TestASilentLinkIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		start, moved := time.Now(), []time.Duration(nil)
		given := make(chan time.Duration, 1)
		s.up.cfg.Elsewhere = func() { given <- time.Since(start) }
		down := func(d time.Duration) { // each time the link comes up anew, and nobody answers
			for end := time.After(d); ; {
				select {
				case at := <-given:
					moved = append(moved, at)
					s.up.LinkDown(nil)
					s.up.LinkUp()
				case <-end:
					return
				}
			}
		}
		s.up.LinkUp()
		down(2 * time.Hour)
		waits := slices.Clone(moved)
		for i := len(waits) - 1; i > 0; i-- {
			waits[i] -= waits[i-1]
		}
		want := []time.Duration{75 * time.Second, 135 * time.Second, 255 * time.Second, 495 * time.Second, 975 * time.Second, 975 * time.Second}
		if len(waits) < len(want) {
			t.Fatalf("given up after %v, want after %v", waits, want)
		}
		for i, w := range want {
			if off := (waits[i] - w).Abs(); off > 10*time.Second {
				t.Errorf("given up after %v, want about %v", waits, want)
				break
			}
		}

		s.road.take()
		s.up.SendNow() // HQ answers, and is silent again
		s.carry()
		if !s.up.Status().HQ {
			t.Fatal("HQ is not heard")
		}
		n := len(moved)
		down(4 * time.Minute)
		if len(moved) == n {
			t.Error("a link that was good and has gone silent is not given up soon")
		}
	})
}

// TestALinkThatAnswersIsKept, whatever time passes.
func TestALinkThatAnswersIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.up.cfg.Elsewhere = func() { t.Error("given up") }
		s.up.LinkUp()
		for range 3600 {
			time.Sleep(time.Second)
			s.carry()
		}
	})
}
