package signed_test

import (
	"errors"
	"strings"
	"testing"

	"tilld/agent/paycode/signed"
)

func TestBase45(t *testing.T) {
	tests := []struct {
		name, text string
		bytes      string
		err        error
	}{
		{"RFC 9285, example 1", "BB8", "AB", nil},
		{"RFC 9285, example 2", "%69 VD92EX0", "Hello!!", nil},
		{"RFC 9285, example 3", "UJCLQE7W581", "base-45", nil},
		{"RFC 9285, decoding example", "QED8WEX0", "ietf!", nil},
		{"nothing", "", "", nil},
		{"the highest pair of bytes", "FGW", "\xff\xff", nil},
		{"one above the highest pair of bytes", "GGW", "", signed.ErrBase45},
		{"the highest group of all", ":::", "", signed.ErrBase45},
		{"the highest single byte", "U5", "\xff", nil},
		{"one above the highest single byte", "V5", "", signed.ErrBase45},
		{"the highest pair of characters", "::", "", signed.ErrBase45},
		{"a lone character", "B", "", signed.ErrBase45},
		{"a lone last character", "BB8B", "", signed.ErrBase45},
		{"lower case", "bb8", "", signed.ErrBase45},
		{"a character outside the alphabet", "B_8", "", signed.ErrBase45},
		{"a byte above ASCII", "B\xe98", "", signed.ErrBase45},
		{"a line end", "BB8\n", "", signed.ErrBase45},
		{"too long", strings.Repeat("BB8", 6), "", signed.ErrSize},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := signed.Decode45(tt.text, 10)
			if !errors.Is(err, tt.err) || string(got) != tt.bytes {
				t.Fatalf("got %q, %v; want %q, %v", got, err, tt.bytes, tt.err)
			}
			if err != nil && got != nil {
				t.Error("bytes with an error")
			}
			if again := signed.Encode45(got); err == nil && again != tt.text {
				t.Errorf("encodes to %q", again)
			}
		})
	}
}

// What decodes has one spelling, and bytes always come back.
func FuzzBase45(f *testing.F) {
	for _, s := range []string{"", "BB8", "%69 VD92EX0", "FGW", "GGW", "U5", "V5", ":::", "bb8"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := signed.Decode45(s, 1<<10); err == nil && signed.Encode45(b) != s {
			t.Errorf("%q decodes to %x, which is written %q", s, b, signed.Encode45(b))
		}
		if len(s) > 1<<10 {
			return
		}
		b, err := signed.Decode45(signed.Encode45([]byte(s)), 1<<10)
		if err != nil || string(b) != s {
			t.Errorf("%x comes back as %x, %v", s, b, err)
		}
	})
}
