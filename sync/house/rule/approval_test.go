package rule

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestOfferTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name         string
		until, paper time.Duration
		want         Refusal
	}{
		{"fresh", 10 * time.Minute, time.Hour, None}, {"the last second", time.Second, time.Second, None}, {"over", 0, time.Hour, OfferOver},
		{"the till's paper is over", time.Minute, 0, OfferOver}, {"as far ahead as may be", OfferAhead, time.Hour, None}, {"further", OfferAhead + 1, time.Hour, BadOffer},
	} {
		if got := OfferTime(now.Add(tt.until), now.Add(tt.paper), now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Money never goes back while a lane may still take the approval, and once it does it stays so.
func TestUnclaimed(t *testing.T) {
	l := Defaults()
	given := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	span := rapid.Int64Range(0, int64(4*24*time.Hour))
	rapid.Check(t, func(t *rapid.T) {
		settled, now := given.Add(time.Duration(span.Draw(t, "settled"))), given.Add(time.Duration(span.Draw(t, "now")))
		got := l.Unclaimed(given, settled, now)
		if want := settled.Sub(given) >= OfferSpan || now.Sub(given) >= OfferSpan+l.SyncDelay; got != want {
			t.Fatalf("settled %v, now %v: %v", settled, now, got)
		}
		if got && !l.Unclaimed(given, settled.Add(time.Hour), now.Add(time.Hour)) {
			t.Fatal("it went back, and then did not")
		}
	})
	if OfferSpan < 45*time.Minute {
		t.Error("a lane may still take it")
	}
}
