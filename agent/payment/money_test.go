package payment

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var currencies = func() []Currency {
	var all []Currency
	for c := range exponents {
		all = append(all, c)
	}
	slices.Sort(all)
	return all
}()

func TestParseMoney(t *testing.T) {
	tests := []struct {
		name, in string
		currency Currency
		want     int64
		err      error
	}{
		{"yen", "1200", "JPY", 1200, nil},
		{"nothing", "0", "JPY", 0, nil},
		{"zeros before", "0001200", "JPY", 1200, nil},
		{"whole dollars", "12", "USD", 1200, nil},
		{"one decimal", "12.5", "USD", 1250, nil},
		{"both decimals", "0.05", "TWD", 5, nil},
		{"the most", "1000000000000", "JPY", MaxMinor, nil},
		{"the most with decimals", "10000000000.00", "USD", MaxMinor, nil},
		{"one more", "1000000000001", "JPY", 0, ErrRange},
		{"one more with decimals", "10000000000.01", "USD", 0, ErrRange},
		{"over int64", "99999999999999999999", "JPY", 0, ErrRange},
		{"over int64 only in minor units", "92233720368547758", "USD", 0, ErrRange},
		{"too long", "000000000000000000001", "JPY", 0, ErrAmount},
		{"empty", "", "JPY", 0, ErrAmount},
		{"minus", "-1", "JPY", 0, ErrAmount},
		{"plus", "+1", "JPY", 0, ErrAmount},
		{"separator", "1,200", "JPY", 0, ErrAmount},
		{"space", "12 ", "JPY", 0, ErrAmount},
		{"exponent", "1e3", "JPY", 0, ErrAmount},
		{"full-width digits", "１２００", "JPY", 0, ErrAmount},
		{"decimals of yen", "12.0", "JPY", 0, ErrAmount},
		{"point and nothing", "12.", "USD", 0, ErrAmount},
		{"nothing before the point", ".50", "USD", 0, ErrAmount},
		{"two points", "1.2.3", "USD", 0, ErrAmount},
		{"three decimals", "1.234", "USD", 0, ErrAmount},
		{"no such currency", "1", "XXX", 0, ErrCurrency},
		{"currency in lower case", "1", "jpy", 0, ErrCurrency},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseMoney(tt.in, tt.currency)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			want := Money{}
			if tt.err == nil {
				want = Of(tt.want, tt.currency)
			}
			if got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestMoneyText(t *testing.T) {
	tests := []struct {
		money Money
		want  string
	}{
		{Of(1200, "JPY"), "1200 JPY"},
		{Of(0, "JPY"), "0 JPY"},
		{Of(5, "USD"), "0.05 USD"},
		{Of(-5, "USD"), "-0.05 USD"},
		{Of(-1205, "USD"), "-12.05 USD"},
		{Of(100, "TWD"), "1.00 TWD"},
		{Of(math.MinInt64, "JPY"), "-9223372036854775808 JPY"},
		{Of(math.MaxInt64, "USD"), "92233720368547758.07 USD"},
	}
	for _, tt := range tests {
		if got := tt.money.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestDecimalHidesNoMoney(t *testing.T) {
	tests := []struct {
		minor int64
		show  int
		want  string
	}{
		{12000, 0, "120"}, {12000, 1, "120.0"}, {12000, 2, "120.00"}, {12000, 9, "120.00"}, {12000, -1, "120"},
		{12050, 0, "120.50"}, {12050, 1, "120.5"}, {12005, 1, "120.05"}, {5, 0, "0.05"}, {0, 0, "0"},
	}
	for _, tt := range tests {
		if got := Of(tt.minor, "TWD").Decimal(tt.show); got != tt.want {
			t.Errorf("%d shown with %d decimals: %q, want %q", tt.minor, tt.show, got, tt.want)
		}
	}
}

// Whatever the till shows can be typed in again and is the same money.
func TestMoneyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Of(rapid.Int64Range(0, MaxMinor).Draw(t, "minor"), rapid.SampledFrom(currencies).Draw(t, "currency"))
		text := m.Decimal(rapid.IntRange(-1, 4).Draw(t, "show"))
		got, err := ParseMoney(text, m.Currency)
		if err != nil || got != m {
			t.Fatalf("%v shown as %q was read as %v, %v", m, text, got, err)
		}
	})
}

func TestMoneyAdd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		sum, err := Of(a, "JPY").Add(Of(b, "JPY"))
		exact := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		switch {
		case exact.IsInt64() && (err != nil || sum != Of(exact.Int64(), "JPY")):
			t.Fatalf("%d + %d = %v, %v", a, b, sum, err)
		case !exact.IsInt64() && !errors.Is(err, ErrRange):
			t.Fatalf("%d + %d overflows and gave %v, %v", a, b, sum, err)
		}
	})
}

func TestMoneyAddCurrencies(t *testing.T) {
	yen, dollar := Of(1, "JPY"), Of(1, "USD")
	if _, err := yen.Add(dollar); !errors.Is(err, ErrMixed) {
		t.Errorf("yen and dollar: %v", err)
	}
	if got, err := (Money{}).Add(yen); err != nil || got != yen {
		t.Errorf("nothing and a yen: %v, %v", got, err)
	}
	if got, err := yen.Add(Money{}); err != nil || got != yen {
		t.Errorf("a yen and nothing: %v, %v", got, err)
	}
}

func TestMoneyValidate(t *testing.T) {
	tests := []struct {
		name  string
		money Money
		err   error
	}{
		{"least", Of(1, "JPY"), nil},
		{"most", Of(MaxMinor, "TWD"), nil},
		{"nothing", Of(0, "JPY"), ErrRange},
		{"negative", Of(-1, "JPY"), ErrRange},
		{"too much", Of(MaxMinor+1, "JPY"), ErrRange},
		{"zero value", Money{}, ErrCurrency},
		{"foreign", Of(1, "XAU"), ErrCurrency},
	}
	for _, tt := range tests {
		if err := tt.money.Validate(); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
	}
}

func TestParseCurrency(t *testing.T) {
	for _, c := range currencies {
		if got, err := ParseCurrency(string(c)); err != nil || got != c || !got.Known() {
			t.Errorf("%s: %v, %v", c, got, err)
		}
	}
	for _, s := range []string{"", "jpy", "JPY ", "YEN", "XXX"} {
		if got, err := ParseCurrency(s); !errors.Is(err, ErrCurrency) || got != "" {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	if Currency("JPY").Exponent() != 0 || Currency("TWD").Exponent() != 2 {
		t.Error("exponents differ from ISO 4217")
	}
}

func FuzzParseMoney(f *testing.F) {
	for _, s := range []string{"1200", "12.50", "0.05", "", "-1", "1,200", "10000000000.01", "92233720368547758.08", "１", "00", "1."} {
		f.Add(s, "JPY")
		f.Add(s, "USD")
	}
	f.Fuzz(func(t *testing.T, s, currency string) {
		m, err := ParseMoney(s, Currency(currency))
		if err != nil {
			if m != (Money{}) {
				t.Fatalf("%q: money %v with error %v", s, m, err)
			}
			return
		}
		if m.Minor < 0 || m.Minor > MaxMinor || !m.Currency.Known() {
			t.Fatalf("%q was read as %v", s, m)
		}
		again, err := ParseMoney(m.Decimal(m.Currency.Exponent()), m.Currency)
		if err != nil || again != m {
			t.Fatalf("%q: %v was read again as %v, %v", s, m, again, err)
		}
	})
}
