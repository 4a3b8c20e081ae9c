package policy

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of the texts in an authored policy.
var (
	errDuration = errors.New(`not a duration in whole seconds, such as "90s" or "4h"`)
	errStamp    = errors.New(`not a time in UTC, such as "2026-11-22T09:00:00Z"`)
	errHex      = errors.New("not an even number of lower-case hexadecimal digits")
)

// Seconds is a duration in whole seconds; in TOML a text such as "4h" or "90s".
type Seconds uint32

// Duration converts it.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// String is the shortest text that UnmarshalText reads: "4h", "1h30m", "90s" for "1m30s" too.
func (s Seconds) String() string {
	switch {
	case s != 0 && s%3600 == 0:
		return fmt.Sprintf("%dh", s/3600)
	case s != 0 && s%60 == 0:
		return fmt.Sprintf("%dm", s/60)
	}
	return fmt.Sprintf("%ds", s)
}

// MarshalText writes String.
func (s Seconds) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads Go's durations, in whole seconds and not below zero.
func (s *Seconds) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil || d < 0 || d%time.Second != 0 || d > 100*365*24*time.Hour {
		return fmt.Errorf("%w: %q", errDuration, b)
	}
	*s = Seconds(d / time.Second)
	return nil
}

// Stamp is a moment in Unix seconds; in TOML a text in RFC 3339, UTC.
type Stamp int64

// StampOf drops the fraction of a second.
func StampOf(t time.Time) Stamp { return Stamp(t.Unix()) }

// Time converts it.
func (s Stamp) Time() time.Time { return time.Unix(int64(s), 0).UTC() }

// MarshalText writes RFC 3339.
func (s Stamp) MarshalText() ([]byte, error) { return []byte(s.Time().Format(time.RFC3339)), nil }

// UnmarshalText reads RFC 3339 in UTC, to the second.
func (s *Stamp) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.RFC3339, string(b))
	if err != nil || !strings.HasSuffix(string(b), "Z") || t.Nanosecond() != 0 {
		return fmt.Errorf("%w: %q", errStamp, b)
	}
	*s = StampOf(t)
	return nil
}

// Hex is bytes that people read and write in hexadecimal.
type Hex []byte

// String is the lower-case digits.
func (h Hex) String() string { return hex.EncodeToString(h) }

// MarshalText writes String.
func (h Hex) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText wrote. Its error does not repeat the text: it may be half a key.
func (h *Hex) UnmarshalText(b []byte) error {
	raw, err := hex.DecodeString(string(b))
	if err != nil || strings.ToLower(string(b)) != string(b) {
		return errHex
	}
	*h = raw
	return nil
}
