package wire

import (
	"errors"
	"testing"
)

// What sets an entry aside is named, since somebody at HQ has to find out why.
func TestUnmarshalKnownNamesTheKey(t *testing.T) {
	type message struct {
		A uint64 `cbor:"1,keyasint"`
		B uint64 `cbor:"24,keyasint"`
		C uint64 `cbor:"-1,keyasint"`
	}
	tests := []struct {
		in, text string
		err      error
	}{
		{"a4 01 01 02 00 1818 01 20 01", "key 2 is not known here", errCritical},
		{"a4 01 01 1818 01 1819 00 20 01", "key 25 is not known here", errCritical},
		{"a4 01 01 1818 01 20 01 6161 00", "key 0x6161 is not known here", errCritical},
		{"a2 1818 01 20 01", "key 1 is missing", errAbsent},
		{"a2 01 01 20 01", "key 24 is missing", errAbsent},
		{"a2 01 01 1818 01", "key -1 is missing", errAbsent},
		{"a3 01 f6 1818 01 20 01", "key 1 is not in its one form", errSpelling},
		{"a3 01 01 1818 01 20 f6", "key -1 is missing", errAbsent},
		{"80", "", nil},
	}
	for _, tt := range tests {
		err := UnmarshalKnown(unhex(t, tt.in), new(message))
		if err == nil || (tt.err != nil && (!errors.Is(err, tt.err) || err.Error() != tt.text)) {
			t.Errorf("%s: %v, want %q", tt.in, err, tt.text)
		}
	}
}

func TestUnmarshalKnown(t *testing.T) {
	type message struct {
		A uint64 `cbor:"1,keyasint"`
		B uint64 `cbor:"-1,keyasint,omitempty"` // a field that was ignorable when it came
	}
	tests := []struct {
		name, in string
		want     message
		ok       bool
	}{
		{"as it is", "a1 01 05", message{A: 5}, true},
		{"with its ignorable field", "a2 01 05 20 07", message{5, 7}, true},
		{"with an unknown ignorable one", "a2 01 05 21 07", message{A: 5}, true},
		{"with both", "a3 01 05 20 07 21 08", message{5, 7}, true},
		{"unknown ignorable ones on both sides", "a4 01 05 20 07 21 08 3903e7 a101f5", message{5, 7}, true},
		{"ignorable with the widest key", "a2 01 05 3b7fffffffffffffff 07", message{A: 5}, true},
		{"known ignorable field that says nothing", "a2 01 05 20 f6", message{A: 5}, true},
		{"a key wider than 64 bits with a sign", "a2 01 05 3bffffffffffffffff 07", message{}, false},
		{"unknown critical", "a2 01 05 02 07", message{}, false},
		{"unknown with a text key", "a2 01 05 6161 07", message{}, false},
		{"known ignorable field of another type", "a2 01 05 20 6161", message{}, false},
		{"field missing", "a1 20 07", message{}, false},
		{"no map", "81 05", message{}, false},
		{"not canonical", "a2 20 07 01 05", message{}, false},
	}
	for _, tt := range tests {
		var got message
		err := UnmarshalKnown(unhex(t, tt.in), &got)
		if (err == nil) != tt.ok {
			t.Errorf("%s: error %v", tt.name, err)
		}
		if tt.ok && got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
