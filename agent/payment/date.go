package payment

import (
	"errors"
	"fmt"
	"time"
)

// ErrDate reports text or a number that is no calendar date.
var ErrDate = errors.New("not a date")

// Date is a calendar day without a zone, as yyyymmdd in decimal: 20261122. A business date is the store's
// own and is set and signed by the lane; a settlement date is HQ's. The zero Date is none.
type Date uint32

// DateOf is the calendar day of t in t's own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date(y*10000 + int(m)*100 + d)
}

// BusinessDate is the store's day at t: days roll when the store's own clock shows roll after midnight, so
// that the small hours belong to the day before. On a day whose clocks change it is still the clock on the
// wall that counts, not the hours that passed; where clocks go back over roll itself the day before comes
// again for that hour, and a journal that has opened the new day stays in it.
func BusinessDate(t time.Time, zone *time.Location, roll time.Duration) Date {
	local := t.In(zone)
	y, m, d := local.Date()
	hour, minute, sec := local.Clock()
	shown := time.Date(y, m, d, hour, minute, sec, local.Nanosecond(), time.UTC)
	return DateOf(shown.Add(-roll))
}

// ParseDate reads "2026-11-22".
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%w: %q (want yyyy-mm-dd)", ErrDate, s)
	}
	return DateOf(t), nil
}

// Validate accepts real calendar days of the years 2000 to 2199.
func (d Date) Validate() error {
	if t := d.Time(); DateOf(t) != d || t.Year() < 2000 || t.Year() > 2199 {
		return fmt.Errorf("%w: %d", ErrDate, uint32(d))
	}
	return nil
}

// Time is midnight UTC of the day, for arithmetic on days.
func (d Date) Time() time.Time {
	return time.Date(int(d/10000), time.Month(d/100%100), int(d%100), 0, 0, 0, 0, time.UTC)
}

// Next is the following day.
func (d Date) Next() Date { return DateOf(d.Time().AddDate(0, 0, 1)) }

// String is "2026-11-22"; the zero Date is empty.
func (d Date) String() string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d/10000, d/100%100, d%100)
}

// MarshalText writes String.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = 0
		return nil
	}
	v, err := ParseDate(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}
