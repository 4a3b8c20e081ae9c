package paycode

import (
	"fmt"
	"slices"
)

// object is one data object of BER-TLV (ISO/IEC 8825-1), as EMV uses it.
type object struct {
	tag   uint32 // the tag's bytes as a number, so that it reads as it is printed: 0x5f2d
	head  []byte // tag and length as they were written: a length may be longer than it need be
	value []byte // a part of the input, which head and value make up
	at    int    // where value begins in the whole code
}

// The bounds of what EMV uses: tags of three bytes, lengths of four.
const (
	maxTagBytes    = 3
	maxLengthBytes = 4
)

// name is the tag as specifications print it.
func (o *object) name() string { return tagName(o.tag) }

// start is where the object's tag stands in the whole code.
func (o *object) start() int { return o.at - len(o.head) }

func tagName(tag uint32) string { return fmt.Sprintf("%02X", tag) }

// primitive says that the object holds a value, not further objects: bit 6 of the tag's first byte.
func (o *object) primitive() bool {
	first := o.tag
	for first > 0xff {
		first >>= 8
	}
	return first&0x20 == 0
}

// parseTLV splits bytes, which begin at a place of the whole code, into the objects at their top level. Every byte
// must belong to one. Nothing is allocated by what a length says, only by what is there.
func parseTLV(b []byte, at int) (list []object, fault *Fault) {
	for len(b) > 0 {
		tag, rest, fault := readTag(b)
		if fault != nil {
			return nil, fault.from(at)
		}
		value, rest, fault := readValue(rest, tag)
		if fault != nil {
			return nil, fault.from(at)
		}
		size := len(b) - len(rest)
		head := size - len(value)
		list = append(list, object{tag, b[:head:head], value, at + head})
		b, at = rest, at+size
	}
	return list, nil
}

// readTag reads a tag: one byte, or with its low five bits set, bytes up to one with a clear top bit. A tag
// of 00 is padding elsewhere, and in none of these codes.
func readTag(b []byte) (tag uint32, rest []byte, fault *Fault) {
	if b[0] == 0 {
		return 0, nil, &Fault{Name: FaultBERTag, Tag: tagName(uint32(b[0]))}
	}
	tag = uint32(b[0])
	if b[0]&0x1f != 0x1f {
		return tag, b[1:], nil
	}
	for i := 1; i < len(b) && i < maxTagBytes; i++ {
		tag = tag<<8 | uint32(b[i])
		if b[i]&0x80 == 0 {
			return tag, b[i+1:], nil
		}
	}
	return 0, nil, &Fault{Name: FaultBERTag, Tag: tagName(tag)}
}

// readValue reads a length and takes that many bytes. A first byte of 80 (indefinite) or one that announces
// more than four length bytes is no length: 93, say, is not 147.
func readValue(b []byte, tag uint32) (value, rest []byte, fault *Fault) {
	if len(b) == 0 {
		return nil, nil, &Fault{Name: FaultOverrun, Tag: tagName(tag)}
	}
	n := uint64(b[0])
	b = b[1:]
	if n >= 0x80 {
		size := int(n - 0x80)
		if size == 0 || size > maxLengthBytes {
			return nil, nil, &Fault{Name: FaultBERLength, Tag: tagName(tag)}
		}
		if size > len(b) {
			return nil, nil, &Fault{Name: FaultOverrun, Tag: tagName(tag)}
		}
		n = 0
		for _, c := range b[:size] {
			n = n<<8 | uint64(c)
		}
		b = b[size:]
	}
	if n > uint64(len(b)) {
		return nil, nil, &Fault{Name: FaultOverrun, Tag: tagName(tag)}
	}
	return b[:n:n], b[n:], nil
}

// find gives the value of the first object with the tag.
func find(list []object, tag uint32) (value []byte, ok bool) {
	i := slices.IndexFunc(list, func(o object) bool { return o.tag == tag })
	if i < 0 {
		return nil, false
	}
	return list[i].value, true
}
