package httpapi

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestReadStrictly(t *testing.T) {
	tests := []struct {
		name, in string
		says     string // "": it is taken
	}{
		{"a sale", `{"total":{"minor":1000,"currency":"JPY"},"lines":[{"text":"a"},{"text":"a"}]}`, ""},
		{"the same key in two objects", `{"a":{"b":1},"b":{"a":1}}`, ""},
		{"the same key in two elements", `[{"a":1},{"a":1}]`, ""},
		{"nothing special", `null`, ""},
		{"the depth that is allowed", nested(maxDepth), ""},
		{"all that an int64 is", `[-9223372036854775808,9223372036854775807,0,-0]`, ""},

		{"a key twice", `{"total":1,"total":1}`, `total: the key "total" is given twice`},
		{"a key twice, escaped", `{"total":1,"tot\u0061l":1}`, `total: the key "total" is given twice`},
		{"a key in two spellings", `{"total":1,"Total":1}`, `total: the key is given twice, as "total" and "Total"`},
		{"a long s", `{"cost":1,"coſt":1}`, "cost: a key is given twice"},
		{"a key twice inside", `{"tax":[{"rate":1},{"rate":1,"RATE":2}]}`, `tax[1].rate: the key is given twice, as "rate" and "RATE"`},
		{"a key that is no name", `{"4901234567894":1,"4901234567894":1}`, "a key is given twice"},
		{"an empty key", `{"":1,"":2}`, "a key is given twice"},
		{"a key far too long", `{"` + strings.Repeat("k", 99) + `":{"a":1,"a":2}}`, `the key "a" is given twice`},
		{"a fraction", `{"total":{"minor":1.5}}`, "total.minor: must be a whole number of minor units, in digits alone"},
		{"an exponent", `{"total":{"minor":1e3}}`, "total.minor: must be a whole number of minor units, in digits alone"},
		{"elsewhere", `{"tax":[{"rate":8E2}]}`, "tax[0].rate: must be a whole number, in digits alone"},
		{"over a float", `[1e999]`, "must be a whole number, in digits alone"},
		{"many digits", `{"a":123456789012345678901}`, "a: is too large a number"},
		{"too deep", nested(maxDepth + 1), errDepth.Error()},
		{"far too deep", strings.Repeat(`{"a":`, 50_000), errDepth.Error()},
		{"nothing", "", "the JSON ends too early"},
		{"half", `{"a":`, "the JSON ends too early"},
		{"more behind it", `{} {}`, "invalid character '{' after top-level value"},
		{"rubbish", "\x00", `invalid character '\x00' looking for beginning of value`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var v any
			got := ""
			if err := readStrictly([]byte(tt.in), &v); err != nil {
				got = err.Error()
			}
			if got != tt.says {
				t.Errorf("%q, want %q", got, tt.says)
			}
		})
	}
}

// What the validator lets through and Go can't hold is said in nobody's jargon.
func TestWrongTypeSpeaksNoGo(t *testing.T) {
	var v struct {
		Tax []struct {
			Rate uint16 `json:"rate"`
		} `json:"tax"`
	}
	for in, want := range map[string]string{
		`{"tax":[{"rate":70000}]}`: "tax.rate: has the wrong type",
		`{"tax":7}`:                "tax: has the wrong type",
		`[]`:                       "has the wrong type",
	} {
		if err := readStrictly([]byte(in), &v); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

// FuzzReadStrictly: what is taken has one meaning. Whatever encoding/json keeps of it is all that was there, no
// two of its keys are one to Go, and its numbers are whole.
func FuzzReadStrictly(f *testing.F) {
	for _, in := range []string{
		`{"a":1,"b":[{"a":-7},null,true,"x:\"y\""]}`, `{"a":1,"A":2}`, `{"a":1,"a":2}`, `{"k":1,"K":1}`, `{"s":{"ſ":1}}`, `{"\ud800":1,"\ufffd":2}`,
		"{\"\xff\":1,\"\xfe\":2}", `[1.0]`, `[1E9]`, `[-0]`, `[12345678901234567890123]`, nested(maxDepth), nested(maxDepth + 1), `{} x`, ` "a" `, `{"a" 1}`, `[1 2]`, `{"a":1,}`,
	} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var v any
		err := readStrictly(in, &v)
		if err != nil {
			if said := err.Error(); len(said) > 300 || strings.Contains(said, "Go ") {
				t.Errorf("said %q", said)
			}
			return
		}
		if !json.Valid(in) {
			t.Fatal("what is no JSON was taken")
		}
		if kept, there := members(t, v, 0), colons(in); kept != there {
			t.Errorf("%d members, %d were kept", there, kept)
		}
	})
}

// members counts an object's, and those within; it looks at what else must hold of them on the way.
func members(t *testing.T, v any, depth int) int {
	if depth > maxDepth {
		t.Fatal("too deep, and taken")
	}
	n := 0
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for a, inner := range v {
			for b := range v {
				if a != b && strings.EqualFold(a, b) {
					t.Errorf("Go takes %q for %q", a, b)
				}
			}
			n += members(t, inner, depth+1)
		}
	case []any:
		for _, inner := range v {
			n += members(t, inner, depth+1)
		}
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1e20 {
			t.Errorf("the number %v was taken", v)
		}
	}
	return n
}

// colons counts those outside of strings: valid JSON has one for each member.
func colons(in []byte) int {
	n, quoted := 0, false
	for i := 0; i < len(in); i++ {
		switch {
		case quoted && in[i] == '\\':
			i++
		case in[i] == '"':
			quoted = !quoted
		case in[i] == ':' && !quoted:
			n++
		}
	}
	return n
}
