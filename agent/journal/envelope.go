package journal

import (
	"encoding/binary"
	"errors"
)

// errEnvelope reports bytes that don't have an envelope's form.
var errEnvelope = errors.New("not an envelope")

// parts is an envelope taken apart.
type parts struct{ protected, payload, signature []byte }

// cutEnvelope takes apart an envelope that wire.Envelope put together: tag 18, an array of four, and in it
// a byte string, the empty map, and two byte strings. It neither copies nor verifies: reading the outbox of
// thousands of entries must not check what was checked when they were written. Where the origin is in
// doubt, use wire.Open.
func cutEnvelope(b []byte) (p parts, err error) {
	if len(b) < 2 || b[0] != 0xd2 || b[1] != 0x84 {
		return p, errEnvelope
	}
	rest := b[2:]
	if p.protected, rest, err = cutBytes(rest); err != nil {
		return parts{}, err
	}
	if len(rest) == 0 || rest[0] != 0xa0 {
		return parts{}, errEnvelope
	}
	if p.payload, rest, err = cutBytes(rest[1:]); err != nil {
		return parts{}, err
	}
	if p.signature, rest, err = cutBytes(rest); err != nil || len(rest) != 0 {
		return parts{}, errEnvelope
	}
	return p, nil
}

// cutBytes cuts a CBOR byte string off the front.
func cutBytes(b []byte) (s, rest []byte, err error) {
	if len(b) == 0 || b[0] < 0x40 || b[0] > 0x5a {
		return nil, nil, errEnvelope
	}
	n, size := uint64(b[0]&0x1f), 0
	if n >= 24 {
		size = 1 << (n - 24)
		var wide [8]byte
		if len(b) < 1+size {
			return nil, nil, errEnvelope
		}
		copy(wide[8-size:], b[1:1+size])
		n = binary.BigEndian.Uint64(wide[:])
	}
	b = b[1+size:]
	if n > uint64(len(b)) {
		return nil, nil, errEnvelope
	}
	return b[:n:n], b[n:], nil
}
