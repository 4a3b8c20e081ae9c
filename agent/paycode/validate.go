package paycode

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
)

// Validate checks every row, naming the field of the first that is wrong.
func (t *Table) Validate() error {
	if len(t.Rows) > MaxRows {
		return fmt.Errorf("%w: %d rows, at most %d", ErrTable, len(t.Rows), MaxRows)
	}
	for i := range t.Rows {
		if err := t.Rows[i].validate(); err != nil {
			return fmt.Errorf("%w: rows[%d] (%s): %w", ErrTable, i, printable([]byte(t.Rows[i].Wallet)), err)
		}
	}
	return nil
}

// MarketName says whether a text can be a market: two capital letters, as ISO 3166 has them.
func MarketName(s string) bool { return len(s) == 2 && all(s, isUpper) }

func (r *Row) validate() error {
	switch {
	case r.Wallet == "" || len(r.Wallet) > 32 || !all(r.Wallet, isWalletChar):
		return errors.New("wallet: want 1 to 32 of a-z, 0-9 and -")
	case r.Kind != "" && r.Kind != Payment && r.Kind != Loyalty:
		return fmt.Errorf("kind: %q is neither payment nor loyalty", r.Kind)
	case r.Market != "" && !MarketName(r.Market):
		return fmt.Errorf("market: %q is not two capital letters", r.Market)
	case !slices.Contains(confidences, r.Confidence):
		return fmt.Errorf("confidence: %q is not verified, reported or doubtful", r.Confidence)
	case r.Source == "" || len(r.Source) > 300:
		return errors.New("source: want 1 to 300 bytes that say where the rule is from")
	case !slices.Contains([]Symbology{AnySymbology, QR, Code128, Code39}, r.Symbology):
		return fmt.Errorf("symbology: %q is not qr, code128 or code39", r.Symbology)
	case r.Offline != (r.Format == Signed):
		return errors.New("offline: a lane can check signed codes and no others")
	case len(r.PANPrefixes) > 0 && r.Format != EMVCoCPM:
		return errors.New("pan_prefixes: only EMVCo codes have an account number")
	}
	if err := r.validateDates(); err != nil {
		return err
	}
	switch r.Format {
	case Numeric, Text:
		return r.validateOpaque()
	case EMVCoCPM, JPQRCPM, Signed:
		return r.validateStructured()
	}
	return fmt.Errorf("format: %q is not numeric, text, emvco-cpm, jpqr-cpm or signed", r.Format)
}

func (r *Row) validateDates() error {
	for _, d := range []payment.Date{r.ValidFrom, r.ValidTo} {
		if d == 0 {
			continue
		}
		if err := d.Validate(); err != nil {
			return fmt.Errorf("valid_from, valid_to: %w", err)
		}
	}
	if r.ValidTo != 0 && r.ValidTo < r.ValidFrom {
		return fmt.Errorf("valid_to: %s is before valid_from", r.ValidTo)
	}
	return nil
}

func (r *Row) validateOpaque() error {
	switch {
	case !slices.Contains(classes, r.Class) || (r.Format == Numeric) != (r.Class == Digits):
		return fmt.Errorf("class: %q; want digits for numeric, upper or alnum for text", r.Class)
	case r.MinLength < 8 || r.MaxLength < r.MinLength || r.MaxLength > 512:
		return errors.New("min_length, max_length: want 8 <= min <= max <= 512")
	case r.MinLength <= billLength && billLength <= r.MaxLength:
		return fmt.Errorf("min_length, max_length: %d characters are a bill's", billLength)
	case len(r.Prefixes) == 0 && (!r.Fallback || r.Market == ""):
		return errors.New("prefixes: a row without any must be a fallback with a market")
	}
	for _, p := range r.Prefixes {
		switch {
		case p == "" || len(p) > int(r.MinLength) || !all(p, r.Class.holds):
			return fmt.Errorf("prefixes: %q is empty, too long or not of the class", printable([]byte(p)))
		case strings.HasPrefix(p, signed.House):
			return fmt.Errorf("prefixes: %q is the house wallet's", p)
		}
	}
	return nil
}

func (r *Row) validateStructured() error {
	if r.Class != "" || r.MinLength != 0 || r.MaxLength != 0 {
		return fmt.Errorf("class, min_length, max_length: not for %s", r.Format)
	}
	for _, p := range append(slices.Clone(r.Prefixes), r.PANPrefixes...) {
		if p == "" || len(p) > 32 || !all(p, Alnum.holds) {
			return fmt.Errorf("prefixes: %q is not 1 to 32 letters and digits", printable([]byte(p)))
		}
	}
	if r.Format == EMVCoCPM && !all(strings.Join(r.Prefixes, ""), isUpperHex) {
		return errors.New("prefixes: an application identifier is capital hexadecimal")
	}
	return nil
}

// holds says whether a character is of the class.
func (c Class) holds(b byte) bool {
	switch c {
	case Digits:
		return isDigit(b)
	case Upper:
		return isDigit(b) || isUpper(b)
	}
	return isDigit(b) || isLetter(b)
}

func isWalletChar(c byte) bool { return isDigit(c) || c == '-' || ('a' <= c && c <= 'z') }
func isUpperHex(c byte) bool   { return isDigit(c) || ('A' <= c && c <= 'F') }
