package web

import (
	"testing"
	"time"

	"tilld/agent/payment"
)

func TestRiskLevel(t *testing.T) {
	for _, tt := range []struct {
		sum, share    int64
		count, shares uint64
		want          string
	}{
		{0, 100, 0, 10, "calm"}, {49, 100, 4, 10, "calm"}, {50, 100, 0, 10, "raised"}, {0, 100, 5, 10, "raised"}, {79, 100, 7, 10, "raised"},
		{80, 100, 0, 10, "high"}, {0, 100, 9, 10, "high"}, {100, 100, 0, 10, "gone"}, {101, 100, 0, 10, "gone"}, {0, 100, 10, 10, "gone"},
		{0, 0, 0, 10, "gone"}, {0, 100, 0, 0, "gone"},
	} {
		if got := RiskLevel(tt.sum, tt.share, tt.count, tt.shares); got != tt.want {
			t.Errorf("%d of %d, %d of %d: %s, want %s", tt.sum, tt.share, tt.count, tt.shares, got, tt.want)
		}
	}
}

func TestSinceNamesAnotherDay(t *testing.T) {
	zone := time.FixedZone("store", 9*3600)
	p := &Pages{}
	p.SetZone(func() *time.Location { return zone })
	at := time.Date(2026, 11, 22, 0, 5, 0, 0, zone)
	for _, tt := range []struct {
		t    time.Time
		day  payment.Date
		want string
	}{{at, 20261122, "00:05"}, {at.UTC(), 20261122, "00:05"}, {at.Add(-10 * time.Minute), 20261122, "11-21 23:55"}, {time.Time{}, 20261122, "–"}} {
		if got := p.since(tt.t, tt.day); got != tt.want {
			t.Errorf("%v on %v: %q, want %q", tt.t, tt.day, got, tt.want)
		}
	}
	zone = time.FixedZone("the store's after a new policy", 8*3600)
	if got := p.since(at, 20261122); got != "11-21 23:05" {
		t.Errorf("in the zone that it is by now: %q", got)
	}
}

func TestHours(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Hour: "0 h 0 min", 0: "0 h 0 min", 3*time.Hour + 12*time.Minute + 59*time.Second: "3 h 12 min", 24 * time.Hour: "24 h 0 min"} {
		if got := Hours("en", d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
