package wire

import (
	"errors"
	"fmt"
	"math"

	"tilld/agent/payment"
)

var errType = errors.New("is of another type")

// spine is the part of an entry that holds the chain together: the keys 1 to 5 in this order, at the very
// front of the map, in every version for ever. So a reader of any release can check the chain of an entry
// of which it understands nothing else.
type spine struct {
	version  uint64
	terminal payment.ID
	epoch    uint64
	seq      uint64
	prev     []byte
}

// readSpine reads the front of a payload. It takes one spelling only; ErrEntry for anything else.
func readSpine(payload []byte) (*spine, error) {
	major, fields, b, err := head(payload)
	if err != nil || major != majorMap || fields < 5 {
		return nil, fmt.Errorf("%w: not a map that begins with the keys 1 to 5", ErrEntry)
	}
	var s spine
	var terminal []byte
	for i, into := range []any{&s.version, &terminal, &s.epoch, &s.seq, &s.prev} {
		if b, err = spineField(b, byte(i+1), into); err != nil {
			return nil, fmt.Errorf("%w: key %d %w", ErrEntry, i+1, err)
		}
	}
	if len(terminal) != len(s.terminal) {
		return nil, fmt.Errorf("%w: terminal of %d bytes", ErrEntry, len(terminal))
	}
	s.terminal = payment.ID(terminal)
	if err := s.check(); err != nil {
		return nil, err
	}
	return &s, nil
}

// spineField reads one key and its value, a number or a byte string, and returns what follows.
func spineField(b []byte, key byte, into any) (rest []byte, err error) {
	if len(b) == 0 || b[0] != key {
		return nil, errAbsent
	}
	major, n, rest, err := head(b[1:])
	if err != nil {
		return nil, errSpelling
	}
	switch into := into.(type) {
	case *uint64:
		if major != majorUint {
			return nil, errType
		}
		*into = n
	case *[]byte:
		if major != majorBytes {
			return nil, errType
		}
		if n > uint64(len(rest)) {
			return nil, errAbsent
		}
		*into, rest = rest[:n:n], rest[n:]
	}
	return rest, nil
}

func (s *spine) check() error {
	switch {
	case s.version == 0 || s.version > math.MaxUint16:
		return fmt.Errorf("%w: version %d", ErrEntry, s.version)
	case s.terminal.IsZero() || s.epoch == 0 || s.seq == 0:
		return fmt.Errorf("%w: terminal, epoch and sequence must be set", ErrEntry)
	case s.seq == 1 && len(s.prev) != 0, s.seq > 1 && len(s.prev) != HashSize:
		return fmt.Errorf("%w: sequence %d with a previous hash of %d bytes", ErrEntry, s.seq, len(s.prev))
	}
	return nil
}

// entry is the entry of which only the spine is known. It shares no memory with the payload.
func (s *spine) entry() *Entry {
	prev := append([]byte{}, s.prev...)
	return &Entry{Version: uint(s.version), Terminal: s.terminal, Epoch: s.epoch, Seq: s.seq, Prev: prev}
}
