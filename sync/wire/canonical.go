package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// The faults that Canonical names.
var (
	errShort    = errors.New("ends too early")
	errMinimal  = errors.New("a number or length is longer than it needs to be")
	errForm     = errors.New("a float, tag, indefinite length or reserved form")
	errText     = errors.New("text is not UTF-8")
	errKeyOrder = errors.New("map keys are out of order or repeated")
	errDeep     = errors.New("nested too deep")
	errMany     = errors.New("too many items")
)

// The CBOR major types (RFC 8949, 3.1).
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// item checks one item at the front of b, inside depth arrays and maps, and returns what follows it.
func item(b []byte, depth int) (rest []byte, err error) {
	major, n, rest, err := head(b)
	if err != nil {
		return b, err
	}
	if depth == maxDepth && (major == majorArray || major == majorMap) {
		return b, errDeep
	}
	switch major {
	case majorUint, majorNegative:
		return rest, nil
	case majorBytes, majorText:
		if n > uint64(len(rest)) {
			return b, errShort
		}
		if major == majorText && !utf8.Valid(rest[:n]) {
			return b, errText
		}
		return rest[n:], nil
	case majorArray:
		return items(rest, n, depth)
	case majorMap:
		return pairs(rest, n, depth)
	case majorSimple:
		if n < 20 || n > 22 { // false, true, null
			return b, errForm
		}
		return rest, nil
	}
	return b, errForm
}

func items(b []byte, n uint64, depth int) (rest []byte, err error) {
	if n > maxItems {
		return b, errMany
	}
	for range n {
		if b, err = item(b, depth+1); err != nil {
			return b, err
		}
	}
	return b, nil
}

func pairs(b []byte, n uint64, depth int) (rest []byte, err error) {
	if n > maxItems {
		return b, errMany
	}
	var last []byte
	for i := range n {
		at := b
		if b, err = item(b, depth+1); err != nil {
			return b, err
		}
		key := at[:len(at)-len(b)]
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return at, errKeyOrder
		}
		last = key
		if b, err = item(b, depth+1); err != nil {
			return b, err
		}
	}
	return b, nil
}

// head reads an item's first byte and the number behind it, which must be in its shortest form. A float,
// which shares its major type with the simple values, is refused here.
func head(b []byte) (major byte, n uint64, rest []byte, err error) {
	if len(b) == 0 {
		return 0, 0, b, errShort
	}
	major, info := b[0]>>5, b[0]&0x1f
	if info < 24 {
		return major, uint64(info), b[1:], nil
	}
	if info > 27 || major == majorSimple {
		return 0, 0, b, errForm
	}
	size := 1 << (info - 24)
	if len(b) < 1+size {
		return 0, 0, b, errShort
	}
	var wide [8]byte
	copy(wide[8-size:], b[1:1+size])
	n = binary.BigEndian.Uint64(wide[:])
	if least := [...]uint64{24, 1 << 8, 1 << 16, 1 << 32}[info-24]; n < least {
		return 0, 0, b, errMinimal
	}
	return major, n, b[1+size:], nil
}
