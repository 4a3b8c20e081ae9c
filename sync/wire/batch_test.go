package wire

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tilld/agent/payment"
)

// threeSales is a journal of 11 entries: the epoch, the day and three sales of three entries each.
func threeSales(t testing.TB, alg Alg) *lane {
	l := newLane(t, testSigner(t, alg, "terminal"))
	l.append(l.draft(&payment.EpochOpened{Cause: payment.CauseFirst, PublicKey: l.signer.Public().Bytes()}), nil)
	l.append(l.draft(&payment.DayOpened{}), nil)
	for n := range byte(3) {
		l.sell(10+10*n, testConfidant(t, "hq").Public(), []byte("a signed code"))
	}
	return l
}

func TestBatchVerifies(t *testing.T) {
	for _, alg := range []Alg{EdDSA, ES256} {
		l := threeSales(t, alg)
		for first := range uint64(11) {
			for last := first; last < 11; last++ {
				b := l.batch(first+1, last+1)
				hashes, err := b.Verify(OneKey(l.signer.Public()))
				if err != nil {
					t.Fatalf("%d to %d: %v", first+1, last+1, err)
				}
				if b.Last() != last+1 || len(hashes) != len(b.Payloads) || hashes[0] != l.entries[first].hash || hashes[last-first] != l.entries[last].hash {
					t.Fatalf("%d to %d: last %d, hashes %x", first+1, last+1, b.Last(), hashes)
				}
			}
		}
	}
}

// Wherever the chain is broken, the error says from which entry on nothing is vouched for.
func TestBatchChainBroken(t *testing.T) {
	l := threeSales(t, EdDSA)
	const first, last = 3, 11
	keys := OneKey(l.signer.Public())
	at := func(seq uint64) string { return fmt.Sprintf("/%d", seq) }
	check := func(what string, seq uint64, b *Batch, want error, place string) {
		t.Helper()
		hashes, err := b.Verify(keys)
		if !errors.Is(err, want) || !strings.HasSuffix(err.Error(), place) || hashes != nil {
			t.Errorf("%s %d: %v, want %v at %s", what, seq, err, want, place)
		}
	}
	for seq := uint64(first); seq <= last; seq++ {
		i := seq - first

		altered := l.batch(first, last)
		altered.Payloads[i] = rewrite(t, altered.Payloads[i], set(k(18), "65312e302e31"), nil) // of software 1.0.1
		if seq < last {
			check("altered", seq, altered, ErrChain, at(seq+1))
		} else {
			check("altered", seq, altered, ErrSignature, at(seq))
		}

		renamed := l.batch(first, last)
		renamed.Payloads[i] = rewrite(t, renamed.Payloads[i], set(k(4), "1863"), nil)
		check("another sequence", seq, renamed, ErrChain, at(seq))

		moved := l.batch(first, last)
		moved.Payloads[i] = rewrite(t, moved.Payloads[i], set(k(3), "01"), nil)
		check("another epoch", seq, moved, ErrChain, at(seq))

		foreign := l.batch(first, last)
		foreign.Payloads[i] = rewrite(t, foreign.Payloads[i], set(k(2), "50"+"ffffffffffffffffffffffffffffffff"), nil)
		check("another terminal", seq, foreign, ErrChain, at(seq))

		if seq == last {
			continue
		}
		swapped := l.batch(first, last)
		swapped.Payloads[i], swapped.Payloads[i+1] = swapped.Payloads[i+1], swapped.Payloads[i]
		check("swapped", seq, swapped, ErrChain, at(seq))

		gap := l.batch(first, last)
		gap.Payloads = append(gap.Payloads[:i:i], gap.Payloads[i+1:]...)
		check("left out", seq, gap, ErrChain, at(seq))

		twice := l.batch(first, last)
		twice.Payloads = append(twice.Payloads[:i+1:i+1], twice.Payloads[i:]...)
		check("twice", seq, twice, ErrChain, at(seq+1))
	}
}

func TestBatchEndsBroken(t *testing.T) {
	l, other := threeSales(t, EdDSA), testSigner(t, EdDSA, "other")
	ackHead := must(Protected(l.signer.Public(), TypAck))
	tests := []struct {
		name   string
		change func(*Batch)
		keys   Keys
		err    error
	}{
		{"as it is", func(*Batch) {}, nil, nil},
		{"previous hash of another", func(b *Batch) { b.Prev = bytes.Repeat([]byte{1}, HashSize) }, nil, ErrChain},
		{"previous hash left out", func(b *Batch) { b.Prev = nil }, nil, ErrChain},
		{"first sequence", func(b *Batch) { b.First++ }, nil, ErrChain},
		{"epoch", func(b *Batch) { b.Epoch++ }, nil, ErrChain},
		{"terminal", func(b *Batch) { b.Terminal[15]++ }, nil, ErrChain},
		{"last entry cut off", func(b *Batch) { b.Payloads = b.Payloads[:8] }, nil, ErrSignature},
		{"first entry cut off", func(b *Batch) { b.Payloads = b.Payloads[1:] }, nil, ErrChain},
		{"signature of the entry before", func(b *Batch) { b.Signature = l.entries[9].signature }, nil, ErrSignature},
		{"signature of a message of another purpose", func(b *Batch) { b.Protected = ackHead }, nil, ErrTyp},
		{"header of another key", func(b *Batch) { b.Protected = must(Protected(other.Public(), TypEntry)) }, nil, ErrUnknownKey},
		{"header of another key that is known", func(b *Batch) { b.Protected = must(Protected(other.Public(), TypEntry)) }, OneKey(other.Public()), ErrChain},
		{"header broken", func(b *Batch) { b.Protected = b.Protected[1:] }, nil, ErrEnvelope},
		{"a terminal that is not known", func(*Batch) {}, func(KID) []PublicKey { return nil }, ErrUnknownKey},
		{"entry without a chain part", func(b *Batch) { b.Payloads[4] = []byte{0xa0} }, nil, ErrBatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := l.batch(3, 11)
			tt.change(b)
			keys := tt.keys
			if keys == nil {
				keys = OneKey(l.signer.Public())
			}
			hashes, err := b.Verify(keys)
			if !errors.Is(err, tt.err) || (hashes != nil) != (tt.err == nil) {
				t.Errorf("%v, %v; want %v", hashes, err, tt.err)
			}
		})
	}
}

// A terminal may hold two keys of one identifier for a while; the signature decides which it was.
func TestBatchOfKeysThatShareAnIdentifier(t *testing.T) {
	l := threeSales(t, EdDSA)
	wrong := testSigner(t, EdDSA, "other").Public()
	wrong.kid = l.signer.Public().KID()
	b := l.batch(1, 11)
	if _, err := b.Verify(func(KID) []PublicKey { return []PublicKey{wrong, l.signer.Public()} }); err != nil {
		t.Error(err)
	}
	if _, err := b.Verify(func(KID) []PublicKey { return []PublicKey{wrong} }); !errors.Is(err, ErrSignature) {
		t.Error(err)
	}
}

// The signature does not cover bodies: the hashes in the entries do.
func TestBatchBodiesSwapped(t *testing.T) {
	l := threeSales(t, EdDSA)
	b := l.batch(1, 11)
	b.Bodies[3], b.Bodies[6] = b.Bodies[6], b.Bodies[3]
	msg, err := EncodeBatch(b)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = DecodeBatch(msg); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Verify(OneKey(l.signer.Public())); err != nil {
		t.Fatal(err)
	}
	var fit, unfit []int
	for i, payload := range b.Payloads {
		e, err := DecodeEntry(payload)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case b.Bodies[i] == nil:
		case CheckBody(b.Bodies[i], e.BodyHash) == nil:
			fit = append(fit, i)
		default:
			unfit = append(unfit, i)
		}
	}
	if !slices.Equal(fit, []int{9}) || !slices.Equal(unfit, []int{3, 6}) {
		t.Errorf("bodies %v are their entries', %v are not", fit, unfit)
	}
}

// What later releases write travels through this one: the chain is checked without understanding it.
func TestBatchOfOtherVersionsVerifies(t *testing.T) {
	l := newLane(t, testSigner(t, EdDSA, "terminal"))
	for n, write := range []func(fields){
		func(fields) {}, set(k(-1), "f5"), set(k(22), "00"), set(k(6), "1863"), func(f fields) { set(k(1), "02")(f); drop(k(21))(f) }, func(fields) {},
	} {
		e := l.draft(&payment.DayOpened{})
		payload, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		head := must(Protected(l.signer.Public(), TypEntry))
		payload = change(t, payload, func(f map[any]cbor.RawMessage) { write(f) })
		sig, err := l.signer.Sign(ToBeSigned(head, payload))
		if err != nil {
			t.Fatal(err)
		}
		l.entries = append(l.entries, sealed{protected: head, payload: payload, signature: sig, hash: Hash(head, payload)})
		b := l.batch(1, uint64(n)+1)
		msg, err := EncodeBatch(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeBatch(msg)
		if err != nil || !reflect.DeepEqual(got.Payloads, b.Payloads) {
			t.Fatalf("entry %d: %v", n+1, err)
		}
		if _, err := got.Verify(OneKey(l.signer.Public())); err != nil {
			t.Errorf("entry %d: %v", n+1, err)
		}
		if _, err := DecodeEntry(payload); err != nil && !errors.Is(err, ErrSetAside) {
			t.Errorf("entry %d: %v", n+1, err)
		}
	}
}
