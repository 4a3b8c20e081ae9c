package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"tilld/agent/payment"
)

// maxText bounds what an operator's own words may be in an Answer.
const maxText = 64

// NoAnswer is the Answer to a call that brought none.
func NoAnswer(err error) Answer {
	if errors.Is(err, ErrNotSent) {
		return Answer{Outcome: NotSent, Err: err}
	}
	return Answer{Outcome: Unknown, Err: err}
}

// TakenBack is what a cancel comes to that the operator refused without saying why, when a query now finds the charge
// so. Declined is Reversed then: there was nothing to take back, and there will be nothing.
func TakenBack(now Answer) Answer {
	switch now.Outcome {
	case Paid, Refunded:
		now.Outcome = TooLate
	case Declined:
		now.Outcome, now.Why = Reversed, NoReason
	case NotSent: // the cancel was
		now.Outcome = Unknown
	case Unknown, Confirming, Absent, Reversed, TooLate:
	}
	return now
}

// Identified is f with the operator's own ID of the charge, asked for when f has none. The Answer is for a refund that
// can't be asked for without.
func Identified(ctx context.Context, o Operator, f Find) (Find, *Answer) {
	if f.Transaction != "" {
		return f, nil
	}
	a := o.Query(ctx, f)
	switch {
	case a.Err != nil: // this refund may have been paid before: that nothing of it was sent now says little
		a = NoAnswer(a.Err)
	case a.Transaction == "":
		a = Answer{Outcome: Absent, Said: a.Said}
	default:
		f.Transaction = a.Transaction
		return f, nil
	}
	return f, &a
}

// Text is an operator's own word as an Answer may carry it: 1 to 64 printable ASCII characters without a space. What is
// anything else, or holds one of the secrets, is "": an operator that repeats the request doesn't get a code into a log.
func Text(s string, secrets ...string) string {
	if len(s) > maxText {
		return ""
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return ""
		}
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(s, secret) {
			return ""
		}
	}
	return s
}

// Guarded is a with Transaction and Said passed through Text.
func (a Answer) Guarded(secrets ...string) Answer {
	a.Transaction, a.Said = Text(a.Transaction, secrets...), Text(a.Said, secrets...)
	return a
}

// ReadJSON decodes one JSON value and nothing after it: an ErrGarbled that quotes nothing.
func ReadJSON(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(into); err != nil {
		return ErrGarbled
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: something follows it", ErrGarbled)
	}
	return nil
}

// Whole reads a number without decimals, or whose decimals are zeros ("100", "100.00"), of at most payment.MaxMinor.
func Whole(n json.Number) (int64, error) {
	whole, frac, point := strings.Cut(string(n), ".")
	if (point && frac == "") || strings.Trim(frac, "0") != "" || whole == "" || len(whole) > 13 || len(frac) > 8 {
		return 0, fmt.Errorf("%w: not a whole amount", ErrGarbled)
	}
	var v int64
	for i := range len(whole) {
		if whole[i] < '0' || whole[i] > '9' {
			return 0, fmt.Errorf("%w: not a whole amount", ErrGarbled)
		}
		v = v*10 + int64(whole[i]-'0')
	}
	if v > payment.MaxMinor {
		return 0, fmt.Errorf("%w: an amount out of range", ErrGarbled)
	}
	return v, nil
}
