package operator

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"tilld/agent/payment"
)

// ErrAsk reports a charge, a question or a refund that can't be put to an operator as it is.
var ErrAsk = errors.New("can't be asked")

// maxCode bounds a customer's code: an EMVCo CPM reader copes with 512 bytes, and what it reads is sent as it is.
const maxCode = 512

// Validate says what is wrong with a charge, without naming its code.
func (c *Charge) Validate() error {
	if err := c.Ref.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrAsk, err)
	}
	if err := c.Amount.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrAsk, err)
	}
	if len(c.Code) == 0 || len(c.Code) > maxCode {
		return fmt.Errorf("%w: a code of %d bytes", ErrAsk, len(c.Code))
	}
	for i := range len(c.Code) {
		if b := c.Code[i]; b < ' ' || b > '~' {
			return fmt.Errorf("%w: a code with a byte that is not printable ASCII", ErrAsk)
		}
	}
	if c.Made.IsZero() {
		return fmt.Errorf("%w: a charge of no time", ErrAsk)
	}
	for name, s := range map[string]string{"merchant": c.Shop.Merchant, "store": c.Shop.Store, "terminal": c.Shop.Terminal, "sale": c.Sale} {
		if len(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
			return fmt.Errorf("%w: a %s of %d bytes, or with control characters", ErrAsk, name, len(s))
		}
	}
	return nil
}

// Validate says what is wrong with it.
func (f *Find) Validate() error {
	if err := f.Ref.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrAsk, err)
	}
	if err := f.Amount.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrAsk, err)
	}
	if f.Transaction != Text(f.Transaction) {
		return fmt.Errorf("%w: a transaction that is not 1 to %d printable characters", ErrAsk, maxText)
	}
	return nil
}

// Validate says what is wrong with it: the charge's own faults, another currency, or more than was paid.
func (r *Refund) Validate() error {
	if err := r.Of.Validate(); err != nil {
		return err
	}
	if err := r.Ref.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrAsk, err)
	}
	if err := r.Amount.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrAsk, err)
	}
	if r.Amount.Currency != r.Of.Amount.Currency {
		return fmt.Errorf("%w: a refund in %s of %s: %w", ErrAsk, r.Amount.Currency, r.Of.Amount.Currency, payment.ErrMixed)
	}
	if r.Amount.Minor > r.Of.Amount.Minor {
		return fmt.Errorf("%w: a refund of more than was paid: %w", ErrAsk, payment.ErrRange)
	}
	return nil
}

// Refused is the Answer to what could not be asked: nothing was sent.
func Refused(err error) Answer { return NoAnswer(fmt.Errorf("%w: %w", ErrNotSent, err)) }

// ParseWhy reads what Why.String wrote; "" is NoReason.
func ParseWhy(s string) (Why, bool) {
	for w := range whyEnd {
		if w.String() == s {
			return w, true
		}
	}
	return NoReason, false
}
