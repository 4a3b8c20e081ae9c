package ledger_test

import (
	"slices"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
)

// TestPaymentsEnding: what screens show of an identifier finds it, and every other that ends alike, back to a time.
func TestPaymentsEnding(t *testing.T) {
	s := newShop(t)
	l, p := s.lanes[0], s.Chain.Phone()
	day := 24 * time.Hour
	now := s.Chain.Now
	alike := func(at time.Time, high, low byte) payment.ID {
		ms := at.UnixMilli()
		return payment.ID{byte(ms >> 40), byte(ms >> 32), byte(ms >> 24), byte(ms >> 16), byte(ms >> 8), byte(ms), 1, 12: high, 13: 0xab, 14: 0xcd, 15: low}
	}
	// The end is 30 bits: of the byte 12 only the lower six.
	old, young, other, near := alike(now.Add(-80*day), 0x3a, 1), alike(now, 0xfa, 1), alike(now, 0x3b, 1), alike(now, 0x3a, 2)
	after := l.Last()
	for i, id := range []payment.ID{young, old, other, near, young} { // the last is a repeat
		l.SellWith(p, int64(500+i), ingesttest.Change{Payment: id})
	}
	s.SendAll(l, after)
	s.JudgeAll()
	end := young.String()[20:]
	if old.String()[20:] != end || other.String()[20:] == end || near.String()[20:] == end {
		t.Fatal(old, young, other, near)
	}
	find := func(end string, since time.Time, limit int) (ids []payment.ID) {
		t.Helper()
		list, err := s.books.PaymentsEnding(s.Ctx, end, since, limit)
		s.Must(err)
		for _, p := range list {
			ids = append(ids, p.ID)
		}
		return ids
	}
	for _, tt := range []struct {
		what  string
		end   string
		since time.Time
		limit int
		want  []payment.ID
	}{
		{"all", end, now.Add(-90 * day), 9, []payment.ID{young, young, old}},
		{"the newest", end, now.Add(-90 * day), 2, []payment.ID{young, young}},
		{"of late", end, now.Add(-79 * day), 9, []payment.ID{young, young}},
		{"to the millisecond", end, now, 9, []payment.ID{young, young}},
		{"from tomorrow on", end, now.Add(day), 9, nil},
		{"from before all time", end, time.Time{}, 9, []payment.ID{young, young, old}},
		{"another high bit", other.String()[20:], now.Add(-90 * day), 9, []payment.ID{other}},
		{"another low bit", near.String()[20:], now.Add(-90 * day), 9, []payment.ID{near}},
	} {
		if got := find(tt.end, tt.since, tt.limit); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.what, got, tt.want)
		}
	}
	all, err := s.Payments(s.Ctx, ledger.PaymentFilter{}, 0, 1000)
	s.Must(err)
	for _, p := range all {
		if got := find(p.ID.String()[20:], time.Time{}, 50); !slices.Contains(got, p.ID) {
			t.Errorf("the end of %s finds %v", p.ID, got)
		}
	}
	for _, bad := range []string{"", "ABCDE", "ABCDEFG", "abcdef", "ABCDEU", "ABC-EF", "ａBC", young.String(), young.String() + "0"} {
		if _, err := s.books.PaymentsEnding(s.Ctx, bad, now, 9); payment.CodeOf(err) != payment.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
