package web

import (
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
)

func TestSay(t *testing.T) {
	fail := func(code payment.Code) error { return payment.Errorf(code, "x", "in English: 01K") }
	for _, tt := range []struct {
		tried, want string
		err         error
	}{
		{DoSale, "say.open", fail(payment.Conflict)},
		{DoCancel, "say.cancel", fail(payment.Conflict)},
		{DoAttempt, "say.settled", fail(payment.Conflict)},
		{DoDismiss, "say.unsettled", fail(payment.Conflict)},
		{DoVoid, "say.void.twice", fail(payment.Conflict)},
		{DoVoid, "say.void.refund", fail(payment.NotAllowed)},
		{DoVoidPractice, "say.void.practice", fail(payment.NotAllowed)},
		{DoVoidPractice, "say.void.twice", fail(payment.Conflict)},
		{DoVoid, "say.again", fail(payment.Retry)},
		{"", "say.broken", io.EOF},
		{DoVoid, "say.pin.wrong", payment.Errorf(payment.Unauthorized, "x", "%w", ErrWrongPIN)},
		{DoVoid, "say.pin.unset", payment.Errorf(payment.NotAllowed, "x", "%w", ErrNoPIN)},
	} {
		for _, lang := range Langs {
			if got := Say(lang, tt.tried, tt.err); got != catalogues[lang][tt.want] {
				t.Errorf("%s: %q after %v is said as %q", lang, tt.tried, tt.err, got)
			}
		}
	}
	if got := Say("ja", "", fail(payment.Conflict)); got != "in English: 01K" {
		t.Errorf("what has no words: %q", got)
	}
}

// TestSayHowLongToWait takes the error from a PIN that has been guessed at.
func TestSayHowLongToWait(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	begun := now
	p := NewPIN(&cell{}, func() time.Time { return now }, rand.Reader)
	p.steady = func() time.Duration { return now.Sub(begun) }
	if err := p.Set("482915"); err != nil {
		t.Fatal(err)
	}
	for range freeTries {
		if err := p.Check("482916"); !errors.Is(err, ErrWrongPIN) {
			t.Fatal(err)
		}
	}
	now = now.Add(20 * time.Second)
	err := p.Check("482915")
	for lang, want := range map[string]string{"en": "wait 40 s", "ja": "40秒", "zh-Hant": "40秒"} {
		if got := Say(lang, "", err); !strings.Contains(got, want) {
			t.Errorf("%s: %q", lang, got)
		}
	}
}
