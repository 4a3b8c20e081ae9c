package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// ErrCanonical reports bytes that are not the one encoding of their content (RFC 8949, 4.2.1, and this
// package's limits).
var ErrCanonical = errors.New("not canonical CBOR")

const (
	maxDepth = 8       // of nested arrays and maps
	maxItems = 1 << 16 // in one array or map
)

var (
	encoder = must(encOptions().EncMode())
	// strict refuses fields that the Go type does not have; lenient passes them. Both are used only on
	// bytes that Canonical has accepted, and neither is believed: both turn null into zero, cut a byte
	// string to a Go array's size and take an array of numbers for one, so what they made is encoded again
	// and compared.
	strict  = must(decOptions(cbor.ExtraDecErrorUnknownField).DecMode())
	lenient = must(decOptions(cbor.ExtraDecErrorNone).DecMode())
)

// encOptions are RFC 8949's core deterministic ones, and no null for an empty list or byte string, which
// would be a second way to write it.
func encOptions() cbor.EncOptions {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	o.TagsMd = cbor.TagsForbidden
	return o
}

func decOptions(extra cbor.ExtraDecErrorCond) cbor.DecOptions {
	return cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: maxDepth, ExtraReturnErrors: extra,
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options of our own
	}
	return v
}

// Marshal writes v in the one encoding that all messages use. What Unmarshal would not read (broken UTF-8,
// a float) it does not write: a signer never signs what nobody can open.
func Marshal(v any) ([]byte, error) {
	b, err := encoder.Marshal(v)
	if err != nil {
		return nil, err
	}
	if err := Canonical(b); err != nil {
		return nil, err
	}
	return b, nil
}

// Unmarshal reads into v, which must be zero, the canonical bytes of a value of its type, and refuses unknown
// fields and every other spelling of that value: v encodes to b again.
func Unmarshal(b []byte, v any) error {
	if err := Canonical(b); err != nil {
		return err
	}
	if err := strict.Unmarshal(b, v); err != nil {
		return err
	}
	again, err := encoder.Marshal(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, b) {
		return fmt.Errorf("%w: not the one encoding of a %T", ErrCanonical, v)
	}
	return nil
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
