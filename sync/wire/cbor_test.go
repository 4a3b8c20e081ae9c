package wire

import (
	"errors"
	"math"
	"strings"
	"testing"

	"tilld/agent/payment"
)

// What a CBOR library lets pass when it fills Go values, and what would be a second spelling of a message.
func TestUnmarshalTakesOneSpelling(t *testing.T) {
	type inner struct {
		ID    payment.ID    `cbor:"1,keyasint"`
		Money payment.Money `cbor:"2,keyasint"`
		Bytes []byte        `cbor:"3,keyasint"`
		Maybe uint32        `cbor:"4,keyasint,omitempty"`
		List  []uint64      `cbor:"5,keyasint"`
	}
	const id = "50 0102030405060708090a0b0c0d0e0f10"
	good := "a4 01 " + id + " 02 8219 04b0 634a5059 03 43 aabbcc 05 80"
	var v inner
	if err := Unmarshal(unhex(t, good), &v); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, in string }{
		{"identifier one byte short", strings.Replace(good, id, "4f 0102030405060708090a0b0c0d0e0f", 1)},
		{"identifier one byte long", strings.Replace(good, id, "51 0102030405060708090a0b0c0d0e0f1011", 1)},
		{"identifier as numbers", strings.Replace(good, id, "90 0102030405060708090a0b0c0d0e0f10", 1)},
		{"identifier as text", strings.Replace(good, id, "70 61616161616161616161616161616161", 1)},
		{"identifier null", strings.Replace(good, id, "f6", 1)},
		{"money null", strings.Replace(good, "8219 04b0 634a5059", "f6", 1)},
		{"money with a third part", strings.Replace(good, "8219 04b0 634a5059", "8319 04b0 634a5059 00", 1)},
		{"money as a map", strings.Replace(good, "8219 04b0 634a5059", "a0", 1)},
		{"currency as bytes", strings.Replace(good, "634a5059", "434a5059", 1)},
		{"amount as true", strings.Replace(good, "19 04b0", "f5", 1)},
		{"bytes null", strings.Replace(good, "43 aabbcc", "f6", 1)},
		{"bytes as text", strings.Replace(good, "43 aabbcc", "63 616161", 1)},
		{"bytes as numbers", strings.Replace(good, "43 aabbcc", "83 010203", 1)},
		{"list null", strings.Replace(good, "05 80", "05 f6", 1)},
		{"default written out", strings.Replace(strings.Replace(good, "a4", "a5", 1), "05 80", "04 00 05 80", 1)},
		{"field missing", strings.Replace(strings.Replace(good, "a4", "a3", 1), "03 43 aabbcc", "", 1)},
		{"field unknown", strings.Replace(good, "a4", "a5", 1) + " 06 00"},
		{"field unknown, ignorable", strings.Replace(good, "a4", "a5", 1) + " 20 00"},
		{"field named in text", strings.Replace(good, "a4", "a5", 1) + " 6134 05"},
		{"null for all", "f6"},
		{"array for all", "80"},
		{"one byte more", good + "00"},
	}
	for _, tt := range tests {
		var v inner
		if err := Unmarshal(unhex(t, tt.in), &v); err == nil {
			t.Errorf("%s is taken: %+v", tt.name, v)
		}
	}
}

// A signer never signs what nobody can open.
func TestMarshalRefusesWhatNobodyReads(t *testing.T) {
	deep := any(1)
	for range maxDepth + 1 {
		deep = []any{deep}
	}
	for name, v := range map[string]any{
		"broken UTF-8": "a\xff", "a float": 1.5, "not a number": math.NaN(), "too deep": deep, "too long": make([]bool, maxItems+1),
	} {
		if b, err := Marshal(v); !errors.Is(err, ErrCanonical) || b != nil {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	if b, err := Marshal(make(chan int)); err == nil {
		t.Errorf("a channel: %x", b)
	}
}

func TestMarshalWritesNoNullForEmpty(t *testing.T) {
	empty, err := Marshal(&Ack{})
	if err != nil {
		t.Fatal(err)
	}
	full, err := Marshal(&Ack{Nonce: []byte{}, Head: []byte{}, Results: []Result{}, Echo: []byte{}})
	if err != nil {
		t.Fatal(err)
	}
	if string(empty) != string(full) || strings.Contains(string(empty), "\xf6") {
		t.Errorf("nil: %x\nempty: %x", empty, full)
	}
}
