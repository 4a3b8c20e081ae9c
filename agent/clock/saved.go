package clock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Anchor ties HQ's time to this machine's clocks at the moment when the question left that HQ's answer
// answers: the answer can't be older than that, so an age counted from it is never too small, and the
// estimate of now is ahead of HQ's clock by at most the answer's way (MaxRoundTrip). The zero Anchor means
// that HQ never spoke.
type Anchor struct {
	HQTime int64  `json:"hq_time"` // Unix ms, by HQ's clock
	Boot   int64  `json:"boot"`    // ms of the boot-time clock
	BootID string `json:"boot_id"`
	Wall   int64  `json:"wall"` // Unix ms, by this machine's wall clock; a note
}

// IsZero says that HQ never spoke.
func (a Anchor) IsZero() bool { return a.HQTime == 0 }

func (a Anchor) time() time.Time { return time.UnixMilli(a.HQTime).UTC() }

// elapsed is the boot time since the anchor, when m is of the same start of the machine. A boot-time clock
// that went back is another machine's (a copied disk, a restored virtual machine): not the same start.
func (a Anchor) elapsed(m Moment) (time.Duration, bool) {
	d := m.Boot - time.Duration(a.Boot)*time.Millisecond
	return d, sameBoot(a.BootID, m.BootID) && d >= 0
}

// Mark is the latest estimate of now that was held for true, and when that was by the boot-time clock.
type Mark struct {
	Time   int64  `json:"time"` // Unix ms
	Boot   int64  `json:"boot"`
	BootID string `json:"boot_id"`
}

// Saved is what must outlive the process. The lane keeps it in the journal's file, in the transaction of
// every entry, so that no restart forgets more than what was never decided on.
type Saved struct {
	Anchor Anchor `json:"anchor"`
	Mark   Mark   `json:"mark"`
}

// floor is the earliest that it can be: the mark, and the boot time since it if that is known.
func (s Saved) floor(m Moment) time.Time {
	floor := time.UnixMilli(max(s.Mark.Time, s.Anchor.HQTime)).UTC()
	since := m.Boot - time.Duration(s.Mark.Boot)*time.Millisecond
	if sameBoot(s.Mark.BootID, m.BootID) && since > 0 {
		floor = floor.Add(since)
	}
	return floor
}

// raise moves the mark up to a reading. A reading without any word of HQ proves nothing and moves nothing.
func (s Saved) raise(r Reading) Saved {
	if r.Ever && r.Now.UnixMilli() >= s.Mark.Time {
		s.Mark = Mark{Time: r.Now.UnixMilli(), Boot: r.Boot.Milliseconds(), BootID: r.BootID}
	}
	return s
}

// MaxRoundTrip is how long an answer of HQ may take and still set the clock: by as much the estimate may be
// ahead, which makes codes look older than they are.
const MaxRoundTrip = 30 * time.Second

// Errors of Clock.Anchor. None of them is a fault: the next answer may do.
var (
	ErrSlow    = errors.New("the answer took too long to set the clock")
	ErrEarlier = errors.New("an answer to a later question has set the clock already")
	ErrBoot    = errors.New("the question was not sent in this start of the machine")
)

// renew makes a new anchor of a fresh answer.
func (s Saved) renew(m Moment, hq time.Time, sent time.Duration) (Saved, error) {
	switch took := m.Boot - sent; {
	case m.BootID == "" || sent < 0 || took < 0:
		return s, ErrBoot
	case took > MaxRoundTrip:
		return s, fmt.Errorf("%w: %v, at most %v", ErrSlow, took.Round(time.Second), MaxRoundTrip)
	case sameBoot(s.Anchor.BootID, m.BootID) && sent.Milliseconds() < s.Anchor.Boot:
		return s, ErrEarlier
	}
	a := Anchor{HQTime: hq.UnixMilli(), Boot: sent.Milliseconds(), BootID: m.BootID, Wall: m.Wall.Add(sent - m.Boot).UnixMilli()}
	next := Saved{Anchor: a, Mark: Mark{Time: a.HQTime, Boot: a.Boot, BootID: a.BootID}}
	if err := next.validate(); err != nil {
		return s, err
	}
	return next, nil
}

// ErrSaved reports bytes that Bytes did not write, or an HQ time that can't be.
var ErrSaved = errors.New("not a saved clock")

// Bytes is what LoadSaved reads.
func (s Saved) Bytes() ([]byte, error) { return json.Marshal(s) }

// LoadSaved reads what Bytes wrote; nothing at all is a lane that HQ never spoke to.
func LoadSaved(b []byte) (Saved, error) {
	if len(b) == 0 {
		return Saved{}, nil
	}
	var s Saved
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return Saved{}, fmt.Errorf("%w: %w", ErrSaved, err)
	}
	if dec.More() {
		return Saved{}, fmt.Errorf("%w: bytes after the end", ErrSaved)
	}
	if s == (Saved{}) {
		return s, nil
	}
	if err := s.validate(); err != nil {
		return Saved{}, err
	}
	return s, nil
}

// The times that a clock can hold: years that a business date can name.
var (
	earliest = time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC).UnixMilli()
	latest   = time.Date(2199, 12, 30, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// maxBoot bounds the boot-time clock to the same two centuries, so that nothing overflows.
var maxBoot = (latest - earliest)

func (s Saved) validate() error {
	switch {
	case s.Anchor.HQTime < earliest || s.Anchor.HQTime > latest:
		return fmt.Errorf("%w: HQ's time is %d ms", ErrSaved, s.Anchor.HQTime)
	case s.Mark.Time < s.Anchor.HQTime:
		return fmt.Errorf("%w: the mark is before HQ's time", ErrSaved)
	case s.Anchor.Boot < 0 || s.Anchor.Boot > maxBoot || s.Mark.Boot < 0 || s.Mark.Boot > maxBoot:
		return fmt.Errorf("%w: the boot time is not within 0..%d ms", ErrSaved, maxBoot)
	}
	return nil
}
