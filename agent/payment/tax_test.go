package payment

import (
	"testing"

	"pgregory.net/rapid"
)

// TestTaxFitsEveryRounding: whichever way a POS rounds once for a rate, from the gross or from the net, its figure is
// taken; one that is two off is not.
func TestTaxFitsEveryRounding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]uint16{0, 1, 500, 800, 1000, 2500, 9999, 10000}).Draw(t, "rate")
		r := int64(rate)
		gross := rapid.Int64Range(0, MaxMinor).Draw(t, "gross")
		down := gross * r / (10_000 + r)
		up := (gross*r + 9_999 + r) / (10_000 + r)
		half := (2*gross*r + 10_000 + r) / (2 * (10_000 + r))
		for _, tax := range []int64{down, up, half} {
			if l := (TaxLine{Rate: rate, Amount: gross, Tax: tax}); !l.fits() {
				t.Fatalf("%+v", l)
			}
		}
		for _, tax := range []int64{down - 1, up + 1} {
			if l := (TaxLine{Rate: rate, Amount: gross, Tax: tax}); l.fits() {
				t.Fatalf("%+v fits", l)
			}
		}
		net := rapid.Int64Range(0, MaxMinor/2).Draw(t, "net")
		for _, tax := range []int64{net * r / 10_000, (net*r + 9_999) / 10_000, (2*net*r + 10_000) / 20_000} {
			if l := (TaxLine{Rate: rate, Amount: net + tax, Tax: tax}); !l.fits() {
				t.Fatalf("from the net: %+v", l)
			}
		}
	})
}
