package journal

import (
	"bytes"
	"errors"
	"testing"

	"tilld/agent/payment"
)

// withCode makes an intent one about a phone's signed code.
func withCode(d Draft, phone byte, counter uint64) Draft {
	f := d.Fact.(*payment.Asked)
	f.Wallet, f.Replay = "house", &payment.ReplayKey{Phone: bytes.Repeat([]byte{phone}, 8), Counter: counter}
	return d
}

func ofHouse(d Draft) Draft {
	switch f := d.Fact.(type) {
	case *payment.Reversed:
		f.Wallet, f.Cause = "house", payment.WaivedOffline
	case *payment.Declined:
		f.Wallet = "house"
	case *payment.Authorised:
		f.Wallet = "house"
	}
	return d
}

// TestAskedCode: a signed code that HQ was asked about pays once here, whatever came of that; offline it pays the very
// payment alone, in one transaction with the end of the attempt.
func TestAskedCode(t *testing.T) {
	j := newJournal(t)
	known := func(counter uint64) Known {
		t.Helper()
		k, err := j.Known(ctx, Question{Replay: payment.ReplayKey{Phone: bytes.Repeat([]byte{9}, 8), Counter: counter}, Wallet: "house", Date: today, Currency: "JPY"})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	mustAppend(t, j, opened(70, 100), withCode(asked(70, 700, 1, 100), 9, 5))
	if k := known(5); !k.PhoneKnown || k.LastCounter != 5 || k.CodeUsed != *id(700) || k.ExposureSum != 0 {
		t.Errorf("%+v", k)
	}
	for name, list := range map[string][]Draft{
		"another payment offline":             {opened(71, 100), approved(t, 71, 100, 9, 5)},
		"asked about for another payment":     {opened(71, 100), withCode(asked(71, 710, 1, 100), 9, 5)},
		"offline, and the attempt stays open": {approved(t, 70, 100, 9, 5)},
	} {
		if _, err := j.Append(ctx, list...); payment.CodeOf(err) != payment.Conflict {
			t.Errorf("%s: %v", name, err)
		}
	}
	fallback := approved(t, 70, 100, 9, 5)
	mustAppend(t, j, ofHouse(reversed(70, 700, 1, 100)), fallback)
	if k := known(5); k.CodeUsed != *id(700) || k.ExposureSum != 100 {
		t.Errorf("%+v", k)
	}
	mustAppend(t, j, opened(72, 100), withCode(asked(72, 720, 1, 100), 9, 6), ofHouse(declined(72, 720, 1, 100)))
	if _, err := j.Append(ctx, opened(73, 100), approved(t, 73, 100, 9, 6)); !errors.Is(err, ErrCodeUsed) {
		t.Errorf("a code that was declined paid something else: %v", err)
	}
	mustAppend(t, j, approved(t, 72, 100, 9, 6)) // HQ could not ask; the lane decided
	mustAppend(t, j, opened(74, 100), approved(t, 74, 100, 9, 7))
	if _, err := j.Append(ctx, opened(75, 100), withCode(asked(75, 750, 1, 100), 9, 7)); !errors.Is(err, ErrCodeUsed) {
		t.Errorf("a code that paid offline was asked about: %v", err)
	}
	if k := known(8); k.LastCounter != 7 || !k.CodeUsed.IsZero() {
		t.Errorf("%+v", k)
	}
	verifyCopy(t, j)
}
