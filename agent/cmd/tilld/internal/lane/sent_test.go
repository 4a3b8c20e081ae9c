package lane

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tilld/ui/cashier"
)

// TestSentSaysWhatCameOfIt, and when: at once when HQ has everything, else when patience ends.
func TestSentSaysWhatCameOfIt(t *testing.T) {
	const never = time.Hour
	for _, tt := range []struct {
		heard, all time.Duration // since the question
		want       cashier.Sent
		within     time.Duration
	}{
		{0, 0, cashier.SentAll, 0},
		{time.Second, 2 * time.Second, cashier.SentAll, 2*time.Second + sendLook},
		{never, 0, cashier.Unheard, sendPatience}, // what HQ had before says nothing of the line
		{time.Second, never, cashier.SentSome, sendPatience},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), sendPatience)
			defer cancel()
			start := time.Now()
			since := func(d time.Duration) bool { return time.Since(start) >= d }
			got, err := sent(ctx, func() bool { return since(tt.heard) }, func() (bool, error) { return since(tt.all), nil })
			if took := time.Since(start); err != nil || got != tt.want || took > tt.within {
				t.Errorf("%+v: %q after %v, %v", tt, got, took, err)
			}
		})
	}
	if _, err := sent(t.Context(), func() bool { return true }, func() (bool, error) { return false, errors.New("stopped") }); err == nil {
		t.Error("a journal that can't be read is passed over")
	}
}

// TestSendNowWithoutALine: nobody is there, and the cashier is told.
func TestSendNowWithoutALine(t *testing.T) {
	n := joined(t, "127.0.0.1:0")
	defer run(t, n)()
	if got, err := (screen{n}).SendNow(t.Context()); err != nil || got != cashier.Unheard {
		t.Errorf("%q, %v", got, err)
	}
}
