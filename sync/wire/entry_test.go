package wire

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"tilld/agent/payment"
)

// fullEntry has every field set.
func fullEntry(l *lane, fact payment.Fact) *Entry {
	e := l.draft(fact)
	sale, pay := testID(40), testID(41)
	e.Sale, e.Payment, e.Shift, e.Training = &sale, &pay, 2, true
	e.BodyHash = bytes.Repeat([]byte{7}, HashSize)
	return e
}

func TestEntryRoundTrip(t *testing.T) {
	l := newLane(t, testSigner(t, EdDSA, "terminal"))
	for kind, fact := range facts() {
		for name, e := range map[string]*Entry{"full": fullEntry(l, fact), "bare": l.draft(fact)} {
			s := l.append(e, nil)
			got, err := DecodeEntry(s.payload)
			if err != nil {
				t.Fatal(err)
			}
			if e.Prev == nil {
				e.Prev = []byte{}
			}
			if !reflect.DeepEqual(got, e) {
				t.Errorf("%s %s: got %+v, want %+v", name, kind, got, e)
			}
			if got.Name() != (Name{l.terminal, l.epoch, e.Seq}) || s.hash != Hash(s.protected, s.payload) {
				t.Errorf("%s %s: %s, %x", name, kind, got.Name(), s.hash)
			}
			if again, err := got.Marshal(); err != nil || !bytes.Equal(again, s.payload) {
				t.Errorf("%s %s: written again as %x, %v", name, kind, again, err)
			}
		}
	}
}

// A sale's tenders came later than the sale: who does not know them reads the rest, and its wallet's part.
func TestTendersAreIgnorable(t *testing.T) {
	l := newLane(t, testSigner(t, EdDSA, "terminal"))
	fact := *facts()[payment.KindSaleOpened].(*payment.SaleOpened)
	fact.Tenders = []payment.Tender{{Kind: payment.TenderWallet, Amount: 1000}, {Kind: payment.TenderCash, Amount: 200}}
	s := l.append(fullEntry(l, &fact), nil)
	got, err := DecodeEntry(s.payload)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Fact, &fact) {
		t.Errorf("got %+v, want %+v", got.Fact, fact)
	}
	raw, err := Marshal(&fact)
	if err != nil {
		t.Fatal(err)
	}
	var before struct {
		Reference string            `cbor:"1,keyasint,omitempty"`
		Total     payment.Money     `cbor:"2,keyasint"`
		Due       payment.Money     `cbor:"3,keyasint"`
		Tax       []payment.TaxLine `cbor:"4,keyasint,omitempty"`
		Eligible  payment.Eligible  `cbor:"5,keyasint"`
		Request   []byte            `cbor:"6,keyasint,omitempty"`
		Digest    []byte            `cbor:"7,keyasint,omitempty"`
	}
	if err := decodeKnown(raw, &before); err != nil || before.Due != fact.Due {
		t.Errorf("a release that knows no tenders: %+v, %v", before, err)
	}
}

// Facts with nothing set are a different path through omitempty; each still has one form.
func TestEmptyFactsRoundTrip(t *testing.T) {
	l := newLane(t, testSigner(t, EdDSA, "terminal"))
	for kind := range facts() {
		want := l.draft(payment.NewFact(kind))
		payload, err := want.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeEntry(payload)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if again, err := got.Marshal(); err != nil || !bytes.Equal(again, payload) {
			t.Errorf("%s: written again as %x, %v", kind, again, err)
		}
	}
}

func TestEntryMarshalRefuses(t *testing.T) {
	l := newLane(t, testSigner(t, EdDSA, "terminal"))
	tests := []struct {
		name   string
		change func(*Entry)
		err    error
	}{
		{"no fact", func(e *Entry) { e.Fact = nil }, ErrEntry},
		{"fact of another kind", func(e *Entry) { e.Kind = payment.KindRefused }, ErrEntry},
		{"version of another release", func(e *Entry) { e.Version = 2 }, ErrEntry},
		{"no version", func(e *Entry) { e.Version = 0 }, ErrEntry},
		{"no terminal", func(e *Entry) { e.Terminal = payment.ID{} }, ErrEntry},
		{"no epoch", func(e *Entry) { e.Epoch = 0 }, ErrEntry},
		{"no sequence", func(e *Entry) { e.Seq = 0 }, ErrEntry},
		{"first with a previous hash", func(e *Entry) { e.Prev = make([]byte, HashSize) }, ErrEntry},
		{"second without", func(e *Entry) { e.Seq = 2 }, ErrEntry},
		{"previous hash short", func(e *Entry) { e.Seq, e.Prev = 2, make([]byte, HashSize-1) }, ErrEntry},
		{"body hash short", func(e *Entry) { e.BodyHash = make([]byte, HashSize-1) }, ErrEntry},
		{"broken text", func(e *Entry) { e.Software = "1.0\xff" }, ErrCanonical},
		{"broken text in the fact", func(e *Entry) { e.Fact = &payment.Approved{Wallet: "\xff"} }, ErrCanonical},
	}
	for _, tt := range tests {
		e := l.draft(&payment.Approved{})
		tt.change(e)
		if b, err := e.Marshal(); !errors.Is(err, tt.err) || b != nil {
			t.Errorf("%s: %x, %v", tt.name, b, err)
		}
		if b, _, err := SealEntry(l.signer, e); !errors.Is(err, tt.err) || b != nil {
			t.Errorf("%s: sealed %x, %v", tt.name, b, err)
		}
	}
}

// An entry that is taken has one form: flip any bit and it is refused, set aside, or says something else.
func TestEntryHasOneForm(t *testing.T) {
	l := newLane(t, testSigner(t, EdDSA, "terminal"))
	var payloads [][]byte
	for _, fact := range facts() {
		payloads = append(payloads, l.append(fullEntry(l, fact), nil).payload)
	}
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(rapid.SampledFrom(payloads).Draw(t, "payload"))
		b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		decodesToItself(t, b)
	})
}

// decodesToItself fails when DecodeEntry gives anything but what it promises for b.
func decodesToItself(t interface{ Fatalf(string, ...any) }, b []byte) {
	e, err := DecodeEntry(b)
	switch {
	case err == nil:
		again, err := e.Marshal()
		if err != nil {
			t.Fatalf("%x is taken and can't be written: %v", b, err)
		}
		if !bytes.Equal(again, b) && !moreIgnorable(b, again) {
			t.Fatalf("%x is written again as %x", b, again)
		}
	case errors.Is(err, ErrSetAside):
		if e.spine().check() != nil || e.Fact != nil || e.Kind != 0 {
			t.Fatalf("%x is set aside as %+v", b, e)
		}
	case errors.Is(err, ErrEntry):
		if e != nil {
			t.Fatalf("%x is no entry, and is %+v", b, e)
		}
	default:
		t.Fatalf("%x: %v", b, err)
	}
}

// moreIgnorable says whether b has more than known only in fields with negative keys, at its top level and
// its fact's.
func moreIgnorable(b, known []byte) bool {
	var fields, knownFields map[int64]cbor.RawMessage
	if lenient.Unmarshal(b, &fields) != nil || lenient.Unmarshal(known, &knownFields) != nil {
		return false
	}
	if onlyIgnorable(fields[21], knownFields[21]) != nil {
		return false
	}
	fields[21] = knownFields[21]
	b, err := Marshal(fields)
	return err == nil && onlyIgnorable(b, known) == nil
}

func FuzzDecodeEntry(f *testing.F) {
	l := newLane(f, testSigner(f, EdDSA, "terminal"))
	for _, fact := range facts() {
		f.Add(l.append(fullEntry(l, fact), nil).payload)
		f.Add(l.append(l.draft(fact), nil).payload)
	}
	f.Fuzz(func(t *testing.T, b []byte) { decodesToItself(t, b) })
}
