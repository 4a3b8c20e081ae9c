package payment

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDate(t *testing.T) {
	if d, err := ParseDate("2026-11-22"); err != nil || d != 20261122 || d.String() != "2026-11-22" {
		t.Errorf("got %v, %v", d, err)
	}
	for _, s := range []string{"", "2026-02-29", "2026-13-01", "2026-11-31", "20261122", "2026-1-2", "2026-11-22T00:00:00Z", "22.11.2026"} {
		if d, err := ParseDate(s); !errors.Is(err, ErrDate) || d != 0 {
			t.Errorf("%q: %v, %v", s, d, err)
		}
	}
}

func TestDateValidate(t *testing.T) {
	for _, d := range []Date{20000101, 20240229, 20261122, 21991231} {
		if err := d.Validate(); err != nil {
			t.Errorf("%d: %v", d, err)
		}
	}
	for _, d := range []Date{0, 1, 19991231, 22000101, 20260229, 20261301, 20261100, 20260001, 202611221, 4294967295} {
		if err := d.Validate(); !errors.Is(err, ErrDate) {
			t.Errorf("%d: %v", d, err)
		}
	}
}

func TestDateRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 73000).Draw(t, "day"))
		d := DateOf(day)
		if err := d.Validate(); err != nil {
			t.Fatal(err)
		}
		if got, err := ParseDate(d.String()); err != nil || got != d || !d.Time().Equal(day) {
			t.Fatalf("%v was read as %v, %v", d, got, err)
		}
		if want := DateOf(day.AddDate(0, 0, 1)); d.Next() != want || d.Next() <= d {
			t.Fatalf("after %v comes %v, want %v", d, d.Next(), want)
		}
	})
}

func TestDateText(t *testing.T) {
	type row struct{ D Date }
	for text, want := range map[string]Date{`{"D":"2026-11-22"}`: 20261122, `{"D":""}`: 0} {
		var got row
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.D != want {
			t.Errorf("%s: %v, %v", text, got.D, err)
		}
		if b, err := json.Marshal(got); err != nil || string(b) != text {
			t.Errorf("written as %s, %v; want %s", b, err, text)
		}
	}
	var got row
	if err := json.Unmarshal([]byte(`{"D":"tomorrow"}`), &got); !errors.Is(err, ErrDate) {
		t.Errorf("error %v", err)
	}
}

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestBusinessDate(t *testing.T) {
	tests := []struct {
		name, zone, utc string
		roll            time.Duration
		want            Date
	}{
		{"Tokyo is ahead of UTC", "Asia/Tokyo", "2026-11-21T15:00:00Z", 0, 20261122},
		{"just before midnight", "Asia/Tokyo", "2026-11-21T14:59:59.999Z", 0, 20261121},
		{"the small hours belong to the day before", "Asia/Tokyo", "2026-11-21T19:59:59.999Z", 5 * time.Hour, 20261121},
		{"at the roll", "Asia/Tokyo", "2026-11-21T20:00:00Z", 5 * time.Hour, 20261122},
		{"over a month's end", "Asia/Taipei", "2026-02-28T19:59:00Z", 4 * time.Hour, 20260228},
		{"over a year's end", "Asia/Taipei", "2026-12-31T16:30:00Z", time.Hour, 20261231},
		{"roll with minutes", "Asia/Tokyo", "2026-11-21T18:30:00Z", 3*time.Hour + 30*time.Minute, 20261122},

		// 8 March 2026, clocks go from 2 to 3: at 4 by the wall three hours of the day have passed.
		{"clocks go forward, before the roll", "America/New_York", "2026-03-08T07:59:59Z", 4 * time.Hour, 20260307},
		{"clocks go forward, at the roll", "America/New_York", "2026-03-08T08:00:00Z", 4 * time.Hour, 20260308},
		// 1 November 2026, clocks go from 2 back to 1: at 4 by the wall five hours have passed.
		{"clocks go back, before the roll", "America/New_York", "2026-11-01T08:59:59Z", 4 * time.Hour, 20261031},
		{"clocks go back, at the roll", "America/New_York", "2026-11-01T09:00:00Z", 4 * time.Hour, 20261101},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339Nano, tt.utc)
			if err != nil {
				t.Fatal(err)
			}
			if got := BusinessDate(at, mustZone(t, tt.zone), tt.roll); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// Where clocks never change a day lasts 24 hours and ends when the wall shows the roll.
func TestBusinessDateRolls(t *testing.T) {
	zone := mustZone(t, "Asia/Tokyo")
	rapid.Check(t, func(t *rapid.T) {
		roll := time.Duration(rapid.IntRange(0, 12*60).Draw(t, "minutes")) * time.Minute
		at := time.Unix(rapid.Int64Range(946684800, 4102444800).Draw(t, "at"), 0)
		d := BusinessDate(at, zone, roll)
		if got := BusinessDate(at.Add(24*time.Hour), zone, roll); got != d.Next() {
			t.Fatalf("a day after %v is %v", d, got)
		}
		y, m, day := d.Time().Date()
		begin := time.Date(y, m, day, 0, 0, 0, 0, zone).Add(roll)
		if at.Before(begin) || !at.Before(begin.Add(24*time.Hour)) {
			t.Fatalf("%v is given to the day that begins at %v", at.In(zone), begin)
		}
	})
}
