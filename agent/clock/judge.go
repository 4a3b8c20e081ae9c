package clock

import "time"

// Slack is how far behind the floor a wall clock may be and still count as right: clocks are slow by
// seconds, and are stepped by the like when time servers are found. It is no licence (see Judge): within
// it the estimate is the floor, not the wall clock.
const Slack = 30 * time.Second

// Trust is how good a reading's estimate of now is.
type Trust uint8

// The levels of trust.
const (
	Untrusted Trust = iota // no HQ-signed time at all, or a clock that is behind the floor
	Restarted              // the wall clock's word, not contradicted, since the machine started without HQ
	Anchored               // HQ's word since the machine started
)

// String is "untrusted", "restarted" or "anchored".
func (t Trust) String() string {
	switch t {
	case Restarted:
		return "restarted"
	case Anchored:
		return "anchored"
	}
	return "untrusted"
}

// Moment is what the machine's own clocks say at one instant.
type Moment struct {
	Wall   time.Time
	Boot   time.Duration // since the machine started, sleep included
	BootID string        // of this start of the machine; "" when its boot-time clock can't be read
}

// Reading is a moment and what is made of it.
type Reading struct {
	Moment
	Now   time.Time // the best estimate, UTC; see the package comment
	Trust Trust
	// Age is the time since HQ's last signed time; it only grows until HQ speaks again. When Trust is
	// Untrusted it is the least that it can be; when Ever is false it is 0 and means nothing.
	Age    time.Duration
	Ever   bool          // HQ has spoken to this lane, in this start of the machine or an earlier one
	Drift  time.Duration // how far the wall clock is ahead of Now; a note for operations
	Behind time.Duration // how far a clock was behind the floor, when that is why Now is the floor
	Step   time.Duration // how far the wall clock was set forward since the last reading; see Clock.Read
}

// EntryAge is Age as a journal entry carries it: milliseconds plus one, and 0 when HQ has not spoken since
// the machine started.
func (r Reading) EntryAge() int64 {
	if r.Trust != Anchored {
		return 0
	}
	return r.Age.Milliseconds() + 1
}

// Judge makes a reading of a moment, from what is known of earlier ones. It is pure.
func Judge(s Saved, m Moment) Reading {
	m.Wall = m.Wall.Round(0).UTC()
	r := Reading{Moment: m, Now: m.Wall, Ever: !s.Anchor.IsZero()}
	if !r.Ever {
		return r
	}
	r.Trust = Restarted
	if since, ok := s.Anchor.elapsed(m); ok {
		r.Now, r.Trust = s.Anchor.time().Add(since), Anchored
	}
	if floor := s.floor(m); r.Now.Before(floor) {
		r.Now, r.Behind = floor, floor.Sub(r.Now)
		if r.Behind > Slack {
			r.Trust = Untrusted
		}
	}
	r.Age = r.Now.Sub(s.Anchor.time())
	r.Drift = m.Wall.Sub(r.Now)
	return r
}

// sameBoot says whether two boot-time clocks are one.
func sameBoot(a, b string) bool { return a != "" && a == b }
