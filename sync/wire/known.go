package wire

import (
	"bytes"
	"errors"
	"fmt"
)

var (
	errNoMap    = errors.New("not a map")
	errCritical = errors.New("is not known here")
	errAbsent   = errors.New("is missing")
	errSpelling = errors.New("is not in its one form")
)

// UnmarshalKnown reads a canonical map into v, which must be zero, as messages between releases are read: a
// field that v does not have is passed when its key is a negative number, and an error otherwise. All else
// is as in Unmarshal.
func UnmarshalKnown(b []byte, v any) error {
	if err := Canonical(b); err != nil {
		return err
	}
	return decodeKnown(b, v)
}

// decodeKnown does the work of UnmarshalKnown on bytes that are known to be canonical.
func decodeKnown(b []byte, v any) error {
	if err := lenient.Unmarshal(b, v); err != nil {
		return err
	}
	again, err := encoder.Marshal(v)
	if err != nil {
		return err
	}
	if bytes.Equal(again, b) {
		return nil
	}
	return onlyIgnorable(b, again)
}

// onlyIgnorable says whether the map b holds nothing but the fields of the map known, as they are there, and
// fields with negative keys. Both are canonical.
func onlyIgnorable(b, known []byte) error {
	major, n, b, err := head(b)
	if err != nil || major != majorMap {
		return errNoMap
	}
	if _, _, known, err = head(known); err != nil {
		return err
	}
	for range n {
		key, field, rest, err := cutField(b)
		if err != nil {
			return err
		}
		if left, ok := bytes.CutPrefix(known, field); ok { // one item is never the beginning of another
			known = left
		} else if key[0]>>5 != majorNegative {
			return differAt(key, known)
		}
		b = rest
	}
	if len(known) != 0 {
		return differAt(nil, known)
	}
	return nil
}

// differAt says what is wrong where a field with this key stands, or none, before what is left of known.
func differAt(key, known []byte) error {
	want, _, _, err := cutField(known)
	switch {
	case key == nil || (err == nil && bytes.Compare(want, key) < 0):
		return fmt.Errorf("key %s %w", keyText(want), errAbsent)
	case bytes.Equal(want, key):
		return fmt.Errorf("key %s %w", keyText(key), errSpelling)
	}
	return fmt.Errorf("key %s %w", keyText(key), errCritical)
}

// keyText is a key for people: a number, or its bytes.
func keyText(key []byte) string {
	switch major, n, _, _ := head(key); major {
	case majorUint:
		return fmt.Sprint(n)
	case majorNegative:
		return fmt.Sprint(-1 - int64(n))
	}
	return fmt.Sprintf("0x%x", key)
}

// cutField cuts the first key and value off the inside of a map; key is the beginning of field.
func cutField(b []byte) (key, field, rest []byte, err error) {
	value, err := item(b, 1)
	if err != nil {
		return nil, nil, nil, err
	}
	if rest, err = item(value, 1); err != nil {
		return nil, nil, nil, err
	}
	return b[:len(b)-len(value)], b[:len(b)-len(rest)], rest, nil
}
