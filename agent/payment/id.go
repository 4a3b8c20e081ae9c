package payment

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// ErrID reports text or bytes that are no identifier.
var ErrID = errors.New("not an identifier")

// ID names a terminal, a sale or a payment: 16 bytes that sort by the time they were made, written as 26
// characters of Crockford's base 32 (a ULID). IDs are made where the thing begins, before anything is
// sent, so that every retry carries the same one. The zero ID names nothing.
type ID [16]byte

// ParseID reads the 26 characters of String. Lower case is refused: one ID has one spelling.
func ParseID(s string) (ID, error) {
	u, err := ulid.ParseStrict(s)
	if err != nil || u.String() != s {
		return ID{}, fmt.Errorf("%w: %d characters", ErrID, len(s))
	}
	return ID(u), nil
}

// String is the ID as people and operators see it.
func (id ID) String() string { return ulid.ULID(id).String() }

// IsZero says that the ID names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// Time is the moment in the ID, to the millisecond, by the clock of the machine that made it: a note for
// people, never an order of events.
func (id ID) Time() time.Time { return ulid.Time(ulid.ULID(id).Time()).UTC() }

// MarshalText writes String; the zero ID is the empty text.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = ID{}
		return nil
	}
	v, err := ParseID(string(b))
	if err != nil {
		return err
	}
	*id = v
	return nil
}

// AttemptRef is the reference that a wallet operator sees for attempt n (0..99) of a payment: the ID and
// two digits, 28 characters of [0-9A-Z], within the 32 of [A-Za-z0-9] that every operator takes.
func (id ID) AttemptRef(n int) string { return fmt.Sprintf("%s%02d", id, n) }

// IDs makes identifiers that rise within one process, inside one millisecond and when the clock is set back
// too. It is safe for concurrent use.
type IDs struct {
	now  func() time.Time
	mu   sync.Mutex
	src  *ulid.MonotonicEntropy
	last uint64 // the highest millisecond used
}

// NewIDs takes the clock and the source of randomness (crypto/rand.Reader outside tests).
func NewIDs(now func() time.Time, random io.Reader) *IDs {
	return &IDs{now: now, src: ulid.Monotonic(random, 0)}
}

// Next makes an ID; the error is the random source's.
func (g *IDs) Next() (ID, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	ms := max(ulid.Timestamp(g.now()), g.last)
	u, err := ulid.New(ms, g.src)
	if err != nil {
		return ID{}, fmt.Errorf("making an identifier: %w", err)
	}
	g.last = ms
	return ID(u), nil
}
