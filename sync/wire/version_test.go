package wire

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tilld/agent/payment"
)

// fields is an entry's map, its fact's map, or both, as a lane of another release may write them.
type fields = map[any]cbor.RawMessage

// rewrite lets a test change an entry's fields and its fact's.
func rewrite(t testing.TB, payload []byte, entry, fact func(fields)) []byte {
	t.Helper()
	return change(t, payload, func(f fields) {
		if fact != nil {
			f[uint64(21)] = change(t, f[uint64(21)], fact)
		}
		if entry != nil {
			entry(f)
		}
	})
}

func set(key any, value string) func(fields) {
	return func(f fields) { f[key] = must(hexString(value)) }
}

func drop(key any) func(fields) { return func(f fields) { delete(f, key) } }

func k(n int64) any {
	if n >= 0 {
		return uint64(n)
	}
	return n
}

// What a later release may add so that this one still posts the entry.
func TestIgnorableFieldsPass(t *testing.T) {
	l := newLane(t, testSigner(t, EdDSA, "terminal"))
	for kind, fact := range facts() {
		e := fullEntry(l, fact)
		e.Prev = []byte{}
		payload, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{
			"at the top":              rewrite(t, payload, set(k(-1), "f5"), nil),
			"in the fact":             rewrite(t, payload, nil, set(k(-100), "a20001018101")),
			"in both":                 rewrite(t, payload, set(k(-70000), "6161"), set(k(-24), "40")),
			"several":                 rewrite(t, payload, func(f fields) { set(k(-1), "00")(f); set(k(-2), "80")(f) }, nil),
			"with unknown keys in it": rewrite(t, payload, set(k(-1), "a2183200616100"), nil),
		} {
			if got, err := DecodeEntry(b); err != nil || !reflect.DeepEqual(got, e) {
				t.Errorf("%s %s: %+v, %v", kind, name, got, err)
			}
		}
	}
}

// What this release must not guess at is set aside, and its place in the chain is still known.
func TestSetAside(t *testing.T) {
	l := newLane(t, testSigner(t, EdDSA, "terminal"))
	l.append(l.draft(&payment.DayOpened{}), nil)
	e := fullEntry(l, facts()[payment.KindApproved])
	payload, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	limits := "a8 01 192710 02 194e20 03 1903e8 04 1a000493e0 05 19cb20 06 1864 07 11 08 01"
	tests := []struct {
		name        string
		entry, fact func(fields)
	}{
		{"unknown critical field", set(k(22), "00"), nil},
		{"unknown critical field in the fact", nil, set(k(8), "00")},
		{"unknown field with a text key", set("22", "00"), nil},
		{"unknown field with a text key in the fact", nil, set("8", "00")},
		{"unknown ignorable field deeper", nil, set(k(7), limits[:1]+"9"+limits[2:]+" 20 00")},
		{"unknown critical field deeper", nil, set(k(7), limits[:1]+"9"+limits[2:]+" 09 00")},
		{"unknown kind", set(k(6), "1863"), nil},
		{"kind wider than 16 bits", set(k(6), "1a00010005"), nil},
		{"fact of another kind", set(k(6), "01"), nil},
		{"version 2", set(k(1), "02"), nil},
		{"version 2, and nothing but the chain part as it was", func(f fields) { set(k(1), "02")(f); drop(k(6))(f); set(k(9), "f5")(f) }, nil},
		{"highest version", set(k(1), "19ffff"), nil},
		{"field missing", drop(k(18)), nil},
		{"field missing in the fact", nil, drop(k(2))},
		{"kind missing", drop(k(6)), nil},
		{"fact missing", drop(k(21)), nil},
		{"fact null", set(k(21), "f6"), nil},
		{"fact an array", set(k(21), "80"), nil},
		{"sale of 15 bytes", set(k(7), "4f"+"000102030405060708090a0b0c0d0e"), nil},
		{"sale null", set(k(7), "f6"), nil},
		{"store as bytes", set(k(9), "4141"), nil},
		{"date as text", set(k(11), "6161"), nil},
		{"date over 32 bits", set(k(11), "1b0000000100000000"), nil},
		{"shift zero, written out", set(k(12), "00"), nil},
		{"training false, written out", set(k(19), "f4"), nil},
		{"policy negative", set(k(17), "20"), nil},
		{"body hash of 31 bytes", set(k(20), "581f"+"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e"), nil},
		{"amount with a third part", nil, set(k(1), "831903e8634a505900")},
		{"amount over 64 bits", nil, set(k(1), "821bffffffffffffffff634a5059")},
		{"replay key null", nil, set(k(5), "f6")},
		{"wallet as bytes", nil, set(k(2), "4141")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := rewrite(t, payload, tt.entry, tt.fact)
			got, err := DecodeEntry(b)
			if !errors.Is(err, ErrSetAside) || errors.Is(err, ErrEntry) {
				t.Fatalf("%+v, %v", got, err)
			}
			want := &Entry{Version: got.Version, Terminal: e.Terminal, Epoch: e.Epoch, Seq: e.Seq, Prev: e.Prev}
			if got.Version == 0 || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
	if _, err := DecodeEntry(rewrite(t, payload, nil, set(k(7), limits))); err != nil {
		t.Errorf("the limits that the rows above change: %v", err)
	}
}

func TestBrokenChainPart(t *testing.T) {
	l := newLane(t, testSigner(t, EdDSA, "terminal"))
	first, err := l.draft(&payment.DayOpened{}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	l.append(l.draft(&payment.DayOpened{}), nil)
	second, err := l.draft(&payment.DayOpened{}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	hash31, hash32 := "581f"+"0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "5820"+"0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
	at := func(payload []byte, change func(fields)) []byte { return rewrite(t, payload, change, nil) }
	for name, b := range map[string][]byte{
		"empty":                       nil,
		"not a map":                   {0x80},
		"empty map":                   {0xa0},
		"four keys":                   unhex(t, "a4 01 01 02 40 03 01 04 01"),
		"not canonical":               append(bytes.Clone(first), 0),
		"key 0 before it":             at(first, set(k(0), "00")),
		"version 0":                   at(first, set(k(1), "00")),
		"version negative":            at(first, set(k(1), "20")),
		"version over 16 bits":        at(first, set(k(1), "1a00010000")),
		"version as text":             at(first, set(k(1), "6131")),
		"version missing":             at(first, drop(k(1))),
		"terminal of 15 bytes":        at(first, set(k(2), "4f"+"0102030405060708090a0b0c0d0e0f")),
		"terminal of 17 bytes":        at(first, set(k(2), "51"+"0102030405060708090a0b0c0d0e0f1011")),
		"terminal as numbers":         at(first, set(k(2), "90"+"0102030405060708090a0b0c0d0e0f10")),
		"terminal zero":               at(first, set(k(2), "50"+"00000000000000000000000000000000")),
		"terminal missing":            at(first, drop(k(2))),
		"epoch 0":                     at(first, set(k(3), "00")),
		"epoch null":                  at(first, set(k(3), "f6")),
		"sequence 0":                  at(first, set(k(4), "00")),
		"sequence as bytes":           at(first, set(k(4), "4101")),
		"first with a hash":           at(first, set(k(5), hash32)),
		"first with null":             at(first, set(k(5), "f6")),
		"previous hash missing":       at(first, drop(k(5))),
		"second with an empty hash":   at(second, set(k(5), "40")),
		"second with 31 bytes":        at(second, set(k(5), hash31)),
		"second with text for a hash": at(second, set(k(5), "6161")),
		"version 2 does not excuse":   at(second, func(f fields) { set(k(1), "02")(f); set(k(5), "40")(f) }),
	} {
		if e, err := DecodeEntry(b); !errors.Is(err, ErrEntry) || errors.Is(err, ErrSetAside) || e != nil {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	// readSpine is also used where bytes have not been through Canonical.
	for n := range first {
		if s, err := readSpine(first[:n]); (err == nil) != (n >= 35) {
			t.Errorf("cut at %d: %+v, %v", n, s, err)
		}
	}
}
