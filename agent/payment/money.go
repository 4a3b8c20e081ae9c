package payment

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxMinor is the largest amount, in minor units, that tilld handles: about a thousand times the dearest
// basket, and small enough that a store's yearly sum can't overflow an int64.
const MaxMinor = 1_000_000_000_000

// Errors of Money. Match with errors.Is.
var (
	ErrCurrency = errors.New("unknown currency")
	ErrMixed    = errors.New("amounts in different currencies")
	ErrRange    = errors.New("amount out of range")
	ErrAmount   = errors.New("not an amount")
)

// Currency is an ISO 4217 alphabetic code in capitals, such as "JPY".
type Currency string

// exponents holds the number of decimals that ISO 4217 gives each currency that tilld takes (list one,
// published by SIX). What a till shows may be fewer: TWD has two decimals in ISO and none at the counter.
var exponents = map[Currency]int{
	"JPY": 0, "KRW": 0, "VND": 0,
	"TWD": 2, "CNY": 2, "HKD": 2, "USD": 2, "EUR": 2, "GBP": 2, "SGD": 2, "THB": 2, "PHP": 2, "MYR": 2, "IDR": 2,
}

// ParseCurrency takes a code in capitals that tilld knows; anything else is ErrCurrency.
func ParseCurrency(s string) (Currency, error) {
	if _, ok := exponents[Currency(s)]; !ok {
		return "", fmt.Errorf("%w: %q", ErrCurrency, s)
	}
	return Currency(s), nil
}

// Exponent is the number of decimals of the minor unit, as ISO 4217 has it. An unknown currency has none.
func (c Currency) Exponent() int { return exponents[c] }

// Known says whether tilld takes the currency at all.
func (c Currency) Known() bool { _, ok := exponents[c]; return ok }

// Money is an amount in minor units of one currency. The zero value is no money of no currency.
type Money struct {
	_        struct{} `cbor:",toarray"`
	Minor    int64    `json:"minor"`
	Currency Currency `json:"currency"`
}

// Of makes an amount; it does not check it (see Validate).
func Of(minor int64, c Currency) Money { return Money{Minor: minor, Currency: c} }

// Validate accepts what a customer can be asked to pay: a known currency and 1..MaxMinor minor units.
func (m Money) Validate() error {
	if !m.Currency.Known() {
		return fmt.Errorf("%w: %q", ErrCurrency, string(m.Currency))
	}
	if m.Minor < 1 || m.Minor > MaxMinor {
		return fmt.Errorf("%w: %d is not within 1..%d", ErrRange, m.Minor, int64(MaxMinor))
	}
	return nil
}

// Add sums two amounts of one currency. The zero Money adds to anything.
func (m Money) Add(n Money) (Money, error) {
	if m == (Money{}) {
		return n, nil
	}
	if n == (Money{}) {
		return m, nil
	}
	if m.Currency != n.Currency {
		return Money{}, fmt.Errorf("%w: %s and %s", ErrMixed, m.Currency, n.Currency)
	}
	sum := m.Minor + n.Minor
	if (sum > m.Minor) != (n.Minor > 0) && n.Minor != 0 {
		return Money{}, fmt.Errorf("%w: the sum overflows", ErrRange)
	}
	return Of(sum, m.Currency), nil
}

// String is the amount with its ISO decimals and currency, such as "1200 JPY" or "-12.05 USD".
func (m Money) String() string {
	return m.Decimal(m.Currency.Exponent()) + " " + string(m.Currency)
}

// Decimal is the number alone with the given decimals shown, which may be fewer than ISO's (digits beyond
// them are cut only when they are zero, else all are shown: a till must not hide money).
func (m Money) Decimal(show int) string {
	exp, show := m.Currency.Exponent(), max(show, 0)
	digits := strconv.FormatUint(magnitude(m.Minor), 10)
	if len(digits) <= exp {
		digits = strings.Repeat("0", exp-len(digits)+1) + digits
	}
	whole, frac := digits[:len(digits)-exp], digits[len(digits)-exp:]
	if show < len(frac) && strings.Trim(frac[show:], "0") == "" {
		frac = frac[:show]
	}
	if frac != "" {
		whole += "." + frac
	}
	if m.Minor < 0 {
		return "-" + whole
	}
	return whole
}

// ParseMoney reads a plain decimal such as "1200" or "12.50": digits, at most one point, no sign, no
// separators, no more decimals than ISO gives the currency.
func ParseMoney(s string, c Currency) (Money, error) {
	if !c.Known() {
		return Money{}, fmt.Errorf("%w: %q", ErrCurrency, string(c))
	}
	whole, frac, point := strings.Cut(s, ".")
	exp := c.Exponent()
	if whole == "" || (point && (frac == "" || len(frac) > exp)) || len(s) > 20 || !allDigits(whole) || !allDigits(frac) {
		return Money{}, fmt.Errorf("%w in %s: %q", ErrAmount, c, s)
	}
	n, err := strconv.ParseInt(whole+frac+strings.Repeat("0", exp-len(frac)), 10, 64)
	if err != nil || n > MaxMinor {
		return Money{}, fmt.Errorf("%w: %q", ErrRange, s)
	}
	return Of(n, c), nil
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return uint64(-(n + 1)) + 1
	}
	return uint64(n)
}

func allDigits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}
