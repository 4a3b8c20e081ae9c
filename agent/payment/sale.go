package payment

import (
	"fmt"
	"unicode"
)

// MaxLines bounds the basket lines of one sale.
const MaxLines = 500

// MaxSKU bounds an article number, in characters.
const MaxSKU = 64

// TaxLine is what the shop's own POS charged at one rate; tilld never computes tax.
type TaxLine struct {
	Rate   uint16 `cbor:"1,keyasint" json:"rate"`   // in hundredths of a per cent: 800 is 8 %, 1000 is 10 %, 0 is exempt
	Amount int64  `cbor:"2,keyasint" json:"amount"` // gross of the lines at this rate, minor units
	Tax    int64  `cbor:"3,keyasint" json:"tax"`    // the tax within Amount, minor units
}

// exact is the tax within Amount at Rate, rounded down.
func (t *TaxLine) exact() int64 { return t.Amount * int64(t.Rate) / (10_000 + int64(t.Rate)) }

// fits says whether Tax is what a POS can come to that rounds once for the rate, down, up or half up, from the gross or
// from the net: less than one minor unit from the exact value (National Tax Agency, rounding once per invoice and rate).
func (t *TaxLine) fits() bool {
	lead := t.Tax*(10_000+int64(t.Rate)) - t.Amount*int64(t.Rate)
	return -(10_000+int64(t.Rate)) < lead && lead < 10_000+int64(t.Rate)
}

// Eligible says how much of the total may be paid by a wallet, earn points, and earn the cashless rebate
// (bills, stamps and gift cards do not), in minor units.
type Eligible struct {
	Wallet int64 `cbor:"1,keyasint" json:"wallet"`
	Points int64 `cbor:"2,keyasint" json:"points"`
	Rebate int64 `cbor:"3,keyasint" json:"rebate"`
}

// Line is a basket line. Lines live only in an entry's detachable body.
type Line struct {
	Text   string `cbor:"1,keyasint" json:"text"`
	Count  int64  `cbor:"2,keyasint" json:"count"`
	Amount int64  `cbor:"3,keyasint" json:"amount"` // minor units, may be negative (a discount)
	Rate   uint16 `cbor:"4,keyasint" json:"rate"`
}

// Article is a basket line with the shop's own number of the article, which travels beside the lines (Body.SKUs):
// releases from before it read a line's fields as all there are.
type Article struct {
	Line
	SKU string `json:"sku,omitempty"` // empty: not said
}

// Articles are a body's basket lines with their numbers. Numbers that are not one for each line are of no use.
func (b *Body) Articles() []Article {
	var list []Article
	for i, l := range b.Lines {
		a := Article{Line: l}
		if len(b.SKUs) == len(b.Lines) {
			a.SKU = b.SKUs[i]
		}
		list = append(list, a)
	}
	return list
}

// Sale is one checkout of the shop: what is owed, and on what terms. Its payments each have a tender.
type Sale struct {
	ID        ID        `json:"id"`
	Reference string    `json:"reference,omitempty"` // the shop's own, up to 64 printable characters
	Total     Money     `json:"total"`
	Wallet    Money     `json:"-"`                 // the part asked from a wallet; see Due
	Tenders   []Tender  `json:"tenders,omitempty"` // how the shop wants the total paid, when it says; the wallet's part among them
	Tax       []TaxLine `json:"tax,omitempty"`
	Eligible  Eligible  `json:"eligible"`
	Lines     []Line    `json:"lines,omitempty"`
	SKUs      []string  `json:"skus,omitempty"` // one for each line, or none
	Cashier   string    `json:"-"`
	Training  bool      `json:"training,omitempty"`
}

// Due is what the wallet is asked to pay: the tender the shop wants from a wallet, else the total.
func (s *Sale) Due() Money {
	if s.Wallet != (Money{}) {
		return s.Wallet
	}
	return s.Total
}

// Validate says what is wrong with a sale before it is opened, naming the field.
func (s *Sale) Validate() error {
	const op = "payment.Sale"
	if err := s.Total.Validate(); err != nil {
		return Errorf(Invalid, op, "total: %w", err)
	}
	due := s.Due()
	if err := due.Validate(); err != nil {
		return Errorf(Invalid, op, "tenders: %w", err)
	}
	if due.Currency != s.Total.Currency || due.Minor > s.Total.Minor {
		return Errorf(Invalid, op, "tenders: %s is asked of a total of %s", due, s.Total)
	}
	if err := s.validateTenders(); err != nil {
		return Errorf(Invalid, op, "%w", err)
	}
	if err := plainText("reference", s.Reference, 64); err != nil {
		return Errorf(Invalid, op, "%w", err)
	}
	if err := s.validateTax(); err != nil {
		return Errorf(Invalid, op, "%w", err)
	}
	return s.validateParts()
}

func (s *Sale) validateTax() error {
	if len(s.Tax) > 8 {
		return fmt.Errorf("tax: %d rates, at most 8", len(s.Tax))
	}
	var sum int64
	seen := map[uint16]bool{}
	for i, t := range s.Tax {
		switch {
		case t.Rate > 10000:
			return fmt.Errorf("tax[%d].rate: %d is over 100 %%", i, t.Rate)
		case seen[t.Rate]:
			return fmt.Errorf("tax[%d].rate: %d is given twice", i, t.Rate)
		case t.Amount < 0 || t.Amount > MaxMinor || t.Tax < 0 || t.Tax > t.Amount:
			return fmt.Errorf("tax[%d]: the amount must be 0..%d and the tax within it", i, int64(MaxMinor))
		case !t.fits():
			return fmt.Errorf("tax[%d].tax: %d is not the tax within %d at %d.%02d %%, which is %d with any rounding", i, t.Tax, t.Amount, t.Rate/100, t.Rate%100, t.exact())
		}
		seen[t.Rate] = true
		sum += t.Amount
	}
	if len(s.Tax) > 0 && sum != s.Total.Minor {
		return fmt.Errorf("tax: the amounts sum to %d, the total is %d", sum, s.Total.Minor)
	}
	return nil
}

func (s *Sale) validateParts() error {
	const op = "payment.Sale"
	e := s.Eligible
	for _, part := range []struct {
		name  string
		minor int64
	}{{"wallet", e.Wallet}, {"points", e.Points}, {"rebate", e.Rebate}} {
		if part.minor < 0 || part.minor > s.Total.Minor {
			return Errorf(Invalid, op, "eligible.%s: %d is not within 0..%d", part.name, part.minor, s.Total.Minor)
		}
	}
	if len(s.Lines) > MaxLines {
		return Errorf(Invalid, op, "lines: %d, at most %d", len(s.Lines), MaxLines)
	}
	for i, l := range s.Lines {
		if err := plainText(fmt.Sprintf("lines[%d].text", i), l.Text, 200); err != nil {
			return Errorf(Invalid, op, "%w", err)
		}
		if l.Amount > MaxMinor || l.Amount < -MaxMinor {
			return Errorf(Invalid, op, "lines[%d].amount: out of range", i)
		}
	}
	return s.validateSKUs()
}

func (s *Sale) validateSKUs() error {
	const op = "payment.Sale"
	if n := len(s.SKUs); n > 0 && n != len(s.Lines) {
		return Errorf(Invalid, op, "lines: %d, with %d article numbers", len(s.Lines), n)
	}
	for i, sku := range s.SKUs {
		if err := plainText(fmt.Sprintf("lines[%d].sku", i), sku, MaxSKU); err != nil {
			return Errorf(Invalid, op, "%w", err)
		}
	}
	return nil
}

// plainText refuses text that is too long or holds control characters, which could steer a printer.
func plainText(field, s string, most int) error {
	n := 0
	for _, r := range s {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return fmt.Errorf("%s: holds a control character or broken UTF-8", field)
		}
		n++
	}
	if n > most {
		return fmt.Errorf("%s: %d characters, at most %d", field, n, most)
	}
	return nil
}
