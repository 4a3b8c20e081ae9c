package wire

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// ErrCanonical reports bytes that are not the one encoding of their content (RFC 8949, 4.2.1, and this
// package's limits).
var ErrCanonical = errors.New("not canonical CBOR")

const (
	maxDepth = 8       // of nested arrays and maps; our deepest message has five
	maxItems = 1 << 16 // in one array or map
)

var (
	encoder = must(cbor.CoreDetEncOptions().EncMode())
	// strict refuses fields that the Go type does not have; lenient passes them. Both are used only on
	// bytes that Canonical has accepted, so neither has to guard against duplicate keys or depth again.
	strict  = must(cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, MaxNestedLevels: maxDepth, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField}.DecMode())
	lenient = must(cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, MaxNestedLevels: maxDepth}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options of our own
	}
	return v
}

// Marshal writes v in the one encoding that all messages use.
func Marshal(v any) ([]byte, error) { return encoder.Marshal(v) }

// Unmarshal reads canonical bytes into v and refuses unknown fields.
func Unmarshal(b []byte, v any) error {
	if err := Canonical(b); err != nil {
		return err
	}
	return strict.Unmarshal(b, v)
}

// UnmarshalKnown reads a canonical map into v as messages between releases are read: a field that v does not
// have is passed when its key is negative, and an error when it is positive.
func UnmarshalKnown(b []byte, v any) error {
	if err := Canonical(b); err != nil {
		return err
	}
	return decodeKnown(b, v)
}

// Canonical checks that b is exactly one CBOR item in deterministic encoding: shortest lengths and
// integers, definite lengths, map keys in order and without repeats, UTF-8 text, no floats, no tags, no
// simple values but false, true and null, nested at most 8 deep.
func Canonical(b []byte) error {
	rest, err := item(b, 0)
	if err != nil {
		return fmt.Errorf("%w: %w at byte %d", ErrCanonical, err, len(b)-len(rest))
	}
	if len(rest) != 0 {
		return fmt.Errorf("%w: %d bytes after the end", ErrCanonical, len(rest))
	}
	return nil
}
