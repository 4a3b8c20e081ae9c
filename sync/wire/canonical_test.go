package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The cases of RFC 8949, appendix A, that are in our subset, and others at its edges.
func TestCanonicalTakes(t *testing.T) {
	for _, s := range []string{
		"00", "01", "0a", "17", "1818", "1819", "1864", "18ff", "190100", "1903e8", "1a00010000", "1a000f4240",
		"1b0000000100000000", "1b000000e8d4a51000", "1bffffffffffffffff",
		"20", "29", "37", "3818", "3863", "3903e7", "3bffffffffffffffff",
		"f4", "f5", "f6",
		"40", "4401020304", "60", "6161", "6449455446", "62225c", "62c3bc", "63e6b0b4", "64f0908591",
		"80", "83010203", "8301820203820405",
		"98190102030405060708090a0b0c0d0e0f101112131415161718181819",
		"a0", "a201020304", "a26161016162820203", "826161a161626163", "a56161614161626142616361436164614461656145",
		"a8 0a00 186400 2000 617a00 62616100 81186400 812000 f400", // section 4.2.1: 10, 100, -1, "z", "aa", [100], [-1], false
		"5818" + strings.Repeat("00", 24), "7818" + strings.Repeat("61", 24),
		strings.Repeat("81", 8) + "00", strings.Repeat("a100", 7) + "a10000", strings.Repeat("81", 7) + "80",
		"9a00010000" + strings.Repeat("00", 1<<16),
	} {
		if err := Canonical(unhex(t, s)); err != nil {
			t.Errorf("%.60s: %v", s, err)
		}
	}
}

func TestCanonicalRefuses(t *testing.T) {
	tests := []struct {
		name string
		in   string // several, each to be refused for the same reason
		err  error
	}{
		{"floats", "f90000|f98000|f93c00|f97c00|f97e00|fa47c35000|fb3ff199999999999a", errForm},
		{"undefined and other simple values", "f7|f0|e0|f3|f818|f8ff", errForm},
		{"tags, big numbers among them", "c074323031332d30332d32315432303a30343a30305a|c11a514b67b0|c249010000000000000000|d74401020304|d818456449455446|d9d9f700", errForm},
		{"indefinite lengths", "5f42010243030405ff|7f657374726561646d696e67ff|9fff|9f01ff|bfff|bf6161019fff", errForm},
		{"reserved forms", "1c|1d|1e|1f|3c|3f|5c|7d|9e|bc|dc|fc|fd|fe|ff", errForm},
		{"numbers longer than need be", "1800|1817|190018|1900ff|1a0000ffff|1b00000000ffffffff|3800|3817|3900ff", errMinimal},
		{"lengths longer than need be", "5800|580100|7800|78016 1|9800|980100|b800|b8010000|590001 00|9a00000000", errMinimal},
		{"map keys in the old order", "a80a002000f400186400617a0081200062616100811864 00|a2 20 00 18 64 00", errKeyOrder},
		{"map keys falling", "a202000100|a261620061610 0|a2 6161 00 01 00", errKeyOrder},
		{"map keys twice", "a201000100|a2616100616100|a1 01 a2 02 00 02 00", errKeyOrder},
		{"broken UTF-8", "61ff|62c080|63eda080|6180|64f4908080|a161ff00|62c328", errText},
		{"ends too early", "|18|19ff|1a000000|1b00000000000000|42 01|6261|81|8201|a1|a101|a2 0100|5bffffffffffffffff|7b7fffffffffffffff|9a00010000|5affffffff", errShort},
		{"deeper than eight", strings.Repeat("81", 9) + "00|" + strings.Repeat("81", 8) + "80|" + strings.Repeat("81", 8) + "a0|" + strings.Repeat("a100", 8) + "80", errDeep},
		{"too many items", "9a00010001|9bffffffffffffffff|ba00010001|bbffffffffffffffff", errMany},
	}
	for _, tt := range tests {
		for s := range strings.SplitSeq(tt.in, "|") {
			b := unhex(t, s)
			if err := Canonical(b); !errors.Is(err, ErrCanonical) || !errors.Is(err, tt.err) {
				t.Errorf("%s: %.60s: error %v", tt.name, s, err)
			}
		}
	}
	for _, s := range []string{"0000", "a000", "80ff", "4000"} {
		if err := Canonical(unhex(t, s)); !errors.Is(err, ErrCanonical) || !strings.Contains(err.Error(), "1 bytes after the end") {
			t.Errorf("trailing byte in %s: %v", s, err)
		}
	}
}

func TestCanonicalNamesThePlace(t *testing.T) {
	for s, want := range map[string]string{
		"8301021800":   "at byte 3",
		"a2010002f7":   "at byte 4",
		"82 8101 61ff": "at byte 3",
		"a2 0200 0100": "at byte 3",
	} {
		if err := Canonical(unhex(t, s)); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", s, err, want)
		}
	}
}

// tree draws a value of everything that our messages can hold.
func tree(depth int) *rapid.Generator[any] {
	leaves := []*rapid.Generator[any]{
		rapid.Uint64().AsAny(), rapid.Int64().AsAny(), rapid.IntRange(-300, 300).AsAny(), rapid.Bool().AsAny(),
		rapid.SliceOfN(rapid.Byte(), 0, 40).AsAny(), rapid.StringN(0, 30, 60).AsAny(), rapid.Just[any](nil),
	}
	if depth == 0 {
		return rapid.OneOf(leaves...)
	}
	inner := rapid.Deferred(func() *rapid.Generator[any] { return tree(depth - 1) })
	return rapid.OneOf(append(leaves,
		rapid.SliceOfN(inner, 0, 30).AsAny(),
		rapid.MapOfN(rapid.Int64Range(-400, 400), inner, 0, 30).AsAny(),
		rapid.MapOfN(rapid.StringN(0, 4, 8), inner, 0, 5).AsAny(),
	)...)
}

// Anything that Marshal makes is canonical. Any one byte of it changed is refused, or is the one encoding of
// something else.
func TestCanonicalMeansOneEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, err := Marshal(tree(3).Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		if err := Canonical(b); err != nil {
			t.Fatalf("%x: %v", b, err)
		}
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		oneEncoding(t, b)
	})
}

// oneEncoding fails when Canonical takes b and the CBOR library, decoding and encoding, makes other bytes.
func oneEncoding(t interface{ Fatalf(string, ...any) }, b []byte) {
	if Canonical(b) != nil {
		return
	}
	var v any
	if err := lenient.Unmarshal(b, &v); err != nil {
		return // a map with keys that Go can't have, say
	}
	again, err := encoder.Marshal(v)
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("%x is taken and is encoded again as %x, %v", b, again, err)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{
		"", "00", "1800", "3bffffffffffffffff", "f6", "f7", "f97e00", "5f4101ff", "9fff", "a201000100", "a202000100", "62c080",
		"a56161614161626142616361436164614461656145", "818181818181818181", "9bffffffffffffffff", "c11a514b67b0", "d28443a10126a0f640",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { oneEncoding(t, b) })
}
