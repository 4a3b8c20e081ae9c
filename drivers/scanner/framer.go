package scanner

import (
	"slices"
	"time"

	"tilld/firmware-configs"
)

// Framer finds codes in a stream of bytes by a profile's rules. It is pure: it has no clock and does no I/O, and the
// same bytes with the same times give the same events, however they are cut into pieces. Its zero value is not usable.
//
// A code ends with its terminator and with nothing else. What goes silent without it is a bad read, and so is what
// follows soon after such a silence: the rear half of a code must not be taken for a short one.
type Framer struct {
	rules    firmware.Framing
	prefixes []string
	cr, lf   bool // accepted ends of a code
	crlf     bool
	etx      bool

	state     state
	buf       []byte    // the code so far
	first     time.Time // when the first byte of the code was read
	last      time.Time // when the latest byte was read
	prev      byte      // the latest byte
	skipLF    bool      // the code ended with CR; an LF right behind it belongs to it
	remainder bool      // this code began within the time of mistrust
	mistrust  time.Time // until then what begins is the rest of something

	taken   Symbol    // the latest code that was taken, for the blanking time
	takenAt time.Time // when it ended; zero: there is none
}

type state int

const (
	idle       state = iota // between codes
	collecting              // inside a code
	skipping                // inside a code that is too long: wait for its end
)

// NewFramer returns a framer for a valid profile's rules. A code in which one of housePrefixes stands anywhere but
// in front is refused as two codes run together. Choose prefixes that can't occur by chance inside a code.
func NewFramer(rules firmware.Framing, housePrefixes []string) *Framer {
	has := func(s firmware.Suffix) bool { return slices.Contains(rules.Suffixes, s) }
	return &Framer{rules: rules, prefixes: housePrefixes, cr: has(firmware.SuffixCR), lf: has(firmware.SuffixLF),
		crlf: has(firmware.SuffixCRLF), etx: has(firmware.SuffixETX), buf: make([]byte, 0, rules.MaxFrame+1)}
}

// Join tells the framer that it begins to listen at this time, perhaps in the middle of a code: what begins within an
// idle gap from now is refused.
func (f *Framer) Join(at time.Time) {
	f.abandon()
	f.mistrust = at.Add(f.rules.IdleGap)
}

// Push takes bytes that were read at one time, not before those of earlier calls, and appends what they complete.
func (f *Framer) Push(events []Event, at time.Time, p []byte) []Event {
	events = f.Expire(events, at)
	if at.Before(f.last) {
		at = f.last // a clock that was set back gives no negative silence
	}
	for _, b := range p {
		events = f.take(events, at, b)
		f.prev = b
	}
	return events
}

// Deadline is when a silence would end the code that is under way. ok is false when there is none.
func (f *Framer) Deadline() (at time.Time, ok bool) {
	if f.state == idle {
		return time.Time{}, false
	}
	return f.last.Add(f.rules.IdleGap), true
}

// Expire ends a code that has been silent for too long by now. Push does so by itself; Expire is for when nothing more
// comes. It makes no difference when or how often it is called.
func (f *Framer) Expire(events []Event, now time.Time) []Event {
	deadline, ok := f.Deadline()
	if !ok || now.Before(deadline) {
		return events
	}
	switch {
	case f.state == collecting && len(f.rules.Suffixes) == 0:
		return f.finish(events, deadline)
	case f.state == collecting:
		events = append(events, f.badRead(deadline, f.whySilent()))
	}
	f.abandon()
	// The rest may still come. Mistrust what begins soon: nobody shows a code again that fast.
	f.mistrust = deadline.Add(max(f.rules.IdleGap, f.rules.Blanking))
	return events
}

// whySilent tells half a code from noise, such as the break of an RS-232 plug or a wrong baud rate.
func (f *Framer) whySilent() Reason {
	if text, bad := f.stripSTX(f.buf); bad == 0 {
		if bad = checkBytes(text); bad != 0 {
			return bad
		}
	}
	return ReasonNoTerminator
}

// Cut ends the stream: the scanner is gone. A code that was under way is a bad read.
func (f *Framer) Cut(events []Event, at time.Time) []Event {
	events = f.Expire(events, at)
	if f.state == collecting {
		events = append(events, f.badRead(at, ReasonCut))
	}
	f.abandon()
	return events
}

// take is one byte.
func (f *Framer) take(events []Event, at time.Time, b byte) []Event {
	if f.skipLF {
		f.skipLF = false
		if b == '\n' {
			return events
		}
	}
	switch {
	case b == '\r' && f.cr:
		f.skipLF = f.crlf
		return f.end(events, at)
	case b == '\n' && f.crlf && f.prev == '\r' && f.state != idle:
		f.buf = f.buf[:max(0, len(f.buf)-1)] // the CR was taken for a part of the code until now
		return f.end(events, at)
	case b == '\n' && f.lf, b == 0x03 && f.etx:
		return f.end(events, at)
	}
	return f.collect(events, at, b)
}

func (f *Framer) collect(events []Event, at time.Time, b byte) []Event {
	f.last = at
	switch f.state {
	case skipping:
		return events
	case idle:
		f.state, f.first = collecting, at
		f.remainder = at.Before(f.mistrust)
	case collecting:
	}
	// A CR that may turn out to be half of the end is not counted against the limit.
	if limit := f.rules.MaxFrame; len(f.buf) < limit || len(f.buf) == limit && b == '\r' && f.crlf {
		f.buf = append(f.buf, b)
		return events
	}
	events = append(events, BadRead{At: at, Reason: ReasonOversize, Length: len(f.buf) + 1})
	f.state = skipping
	f.buf = f.buf[:0]
	return events
}

// end is a terminator. Between codes it means nothing: CR LF for a profile that wants CR, a late CR.
func (f *Framer) end(events []Event, at time.Time) []Event {
	if f.state != collecting || len(f.buf) == 0 {
		f.abandon()
		return events
	}
	return f.finish(events, at)
}

// finish makes an event of the collected code.
func (f *Framer) finish(events []Event, at time.Time) []Event {
	defer f.abandon()
	if f.remainder {
		return append(events, f.badRead(at, ReasonRemainder))
	}
	s, bad := f.decode(f.buf)
	if bad != 0 {
		return append(events, f.badRead(at, bad))
	}
	s.At = at
	if gap := f.first.Sub(f.takenAt); !f.takenAt.IsZero() && gap < f.rules.Blanking {
		return append(events, Blanked{Symbol: s, Same: s.Text == f.taken.Text, Gap: gap})
	}
	f.taken, f.takenAt = s, at
	return append(events, s)
}

func (f *Framer) badRead(at time.Time, r Reason) BadRead {
	if f.remainder {
		r = ReasonRemainder
	}
	return BadRead{At: at, Reason: r, Length: len(f.buf)}
}

// abandon forgets what was collected. The next code begins with the next byte.
func (f *Framer) abandon() {
	f.state, f.remainder, f.mistrust = idle, false, time.Time{}
	f.buf = f.buf[:0]
}
