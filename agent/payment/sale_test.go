package payment

import (
	"errors"
	"strings"
	"testing"
)

// basket is a sale that the shop's POS could send: 1,200 yen of which 1,000 may be paid by a wallet.
func basket() *Sale {
	return &Sale{
		Reference: "POS-7/000123",
		Total:     Of(1200, "JPY"),
		Wallet:    Of(1000, "JPY"),
		Tax:       []TaxLine{{Rate: 800, Amount: 1000, Tax: 74}, {Rate: 0, Amount: 200}},
		Eligible:  Eligible{Wallet: 1000, Points: 1000, Rebate: 1000},
		Lines:     []Line{{Text: "おにぎり 鮭", Count: 2, Amount: 1200, Rate: 800}, {Text: "値引", Count: 1, Amount: -200, Rate: 800}},
	}
}

func TestSaleValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Sale)
		field  string // what the error must name; empty: none
		is     error
	}{
		{"as it came", func(*Sale) {}, "", nil},
		{"no tender named", func(s *Sale) { s.Wallet = Money{} }, "", nil},
		{"no tax given", func(s *Sale) { s.Tax = nil }, "", nil},
		{"nothing eligible", func(s *Sale) { s.Eligible = Eligible{} }, "", nil},
		{"no reference", func(s *Sale) { s.Reference = "" }, "", nil},
		{"longest reference", func(s *Sale) { s.Reference = strings.Repeat("あ", 64) }, "", nil},
		{"whole total eligible", func(s *Sale) { s.Eligible = Eligible{1200, 1200, 1200} }, "", nil},
		{"most lines", func(s *Sale) { s.Lines = make([]Line, MaxLines) }, "", nil},
		{"highest rate", func(s *Sale) { s.Tax = []TaxLine{{Rate: 10000, Amount: 1200, Tax: 600}} }, "", nil},

		{"total zero", func(s *Sale) { s.Total.Minor = 0 }, "total", ErrRange},
		{"total negative", func(s *Sale) { s.Total.Minor = -1200 }, "total", ErrRange},
		{"total too much", func(s *Sale) { s.Total.Minor = MaxMinor + 1 }, "total", ErrRange},
		{"total foreign", func(s *Sale) { s.Total.Currency = "XXX" }, "total", ErrCurrency},
		{"tender zero", func(s *Sale) { s.Wallet.Minor = 0 }, "tenders", ErrRange},
		{"tender negative", func(s *Sale) { s.Wallet.Minor = -5 }, "tenders", ErrRange},
		{"tender over total", func(s *Sale) { s.Wallet.Minor = 1201 }, "tenders", nil},
		{"tender of other currency", func(s *Sale) { s.Wallet = Of(1000, "TWD") }, "tenders", nil},
		{"tenders named", func(s *Sale) { s.Tenders = []Tender{{TenderWallet, 1000, ""}, {TenderCash, 200, ""}} }, "", nil},
		{"a part that no tender names", func(s *Sale) { s.Tenders = []Tender{{TenderWallet, 1000, ""}} }, "", nil},
		{"nine tenders", func(s *Sale) { s.Tenders = make([]Tender, 9) }, "tenders", nil},
		{"a tender of no kind", func(s *Sale) { s.Tenders = []Tender{{TenderWallet, 1000, ""}, {"IOU", 1, ""}} }, "tenders[1].kind", nil},
		{"a tender of nothing", func(s *Sale) { s.Tenders = []Tender{{TenderWallet, 1000, ""}, {TenderCash, 0, ""}} }, "tenders[1].amount", nil},
		{"a tender over the total", func(s *Sale) { s.Tenders = []Tender{{TenderCash, MaxMinor, ""}, {TenderWallet, 1000, ""}} }, "tenders[0].amount", nil},
		{"two wallets", func(s *Sale) { s.Tenders = []Tender{{TenderWallet, 500, ""}, {TenderWallet, 500, ""}} }, "tenders[1]", nil},
		{"no wallet among them", func(s *Sale) { s.Tenders = []Tender{{TenderCash, 200, ""}} }, "tenders", nil},
		{"another wallet's part than is due", func(s *Sale) { s.Tenders = []Tender{{TenderWallet, 999, ""}} }, "tenders", nil},
		{"more tendered than owed", func(s *Sale) { s.Tenders = []Tender{{TenderWallet, 1000, ""}, {TenderCash, 201, ""}} }, "tenders", nil},
		{"reference too long", func(s *Sale) { s.Reference = strings.Repeat("x", 65) }, "reference", nil},
		{"reference with a newline", func(s *Sale) { s.Reference = "a\nb" }, "reference", nil},
		{"reference with delete", func(s *Sale) { s.Reference = "a\x7f" }, "reference", nil},
		{"reference with a C1 control", func(s *Sale) { s.Reference = "a\u009b2J" }, "reference", nil},
		{"reference with broken UTF-8", func(s *Sale) { s.Reference = "a\xff" }, "reference", nil},
		{"nine rates", func(s *Sale) { s.Tax = make([]TaxLine, 9) }, "tax", nil},
		{"rate over 100 %", func(s *Sale) { s.Tax[1].Rate = 10001 }, "tax[1].rate", nil},
		{"rate twice", func(s *Sale) { s.Tax[1].Rate = 800 }, "tax[1].rate", nil},
		{"taxed amount negative", func(s *Sale) { s.Tax[1].Amount = -1 }, "tax[1]", nil},
		{"taxed amount too much", func(s *Sale) { s.Tax[1].Amount = MaxMinor + 1 }, "tax[1]", nil},
		{"tax of another rate", func(s *Sale) { s.Tax[0].Tax = 90 }, "tax[0].tax", nil},
		{"tax one too low", func(s *Sale) { s.Tax[0].Tax = 73 }, "tax[0].tax", nil},
		{"tax rounded up", func(s *Sale) { s.Tax[0].Tax = 75 }, "", nil},
		{"tax of what is exempt", func(s *Sale) { s.Tax[1].Tax = 1 }, "tax[1].tax", nil},
		{"tax negative", func(s *Sale) { s.Tax[0].Tax = -1 }, "tax[0]", nil},
		{"tax over its amount", func(s *Sale) { s.Tax[0].Tax = 1001 }, "tax[0]", nil},
		{"taxed amounts below total", func(s *Sale) { s.Tax[1].Amount = 199 }, "tax", nil},
		{"eligible for wallet negative", func(s *Sale) { s.Eligible.Wallet = -1 }, "eligible.wallet", nil},
		{"eligible for wallet over total", func(s *Sale) { s.Eligible.Wallet = 1201 }, "eligible.wallet", nil},
		{"eligible for points over total", func(s *Sale) { s.Eligible.Points = 1201 }, "eligible.points", nil},
		{"eligible for rebate over total", func(s *Sale) { s.Eligible.Rebate = 1201 }, "eligible.rebate", nil},
		{"too many lines", func(s *Sale) { s.Lines = make([]Line, MaxLines+1) }, "lines", nil},
		{"line text too long", func(s *Sale) { s.Lines[1].Text = strings.Repeat("x", 201) }, "lines[1].text", nil},
		{"line text steers the printer", func(s *Sale) { s.Lines[0].Text = "\x1b@" }, "lines[0].text", nil},
		{"a wallet's tender with a name", func(s *Sale) { s.Tenders = []Tender{{Kind: TenderWallet, Amount: s.Due().Minor, Name: "house"}} }, "tenders[0].name", nil},
		{"a tender's name that is none", func(s *Sale) {
			s.Tenders = []Tender{{Kind: TenderWallet, Amount: s.Due().Minor}, {Kind: TenderCard, Amount: 1, Name: "=x"}}
		}, "tenders[1].name", nil},
		{"article numbers for some lines", func(s *Sale) { s.SKUs = []string{"1"} }, "lines", nil},
		{"article number too long", func(s *Sale) { s.SKUs = []string{"1", strings.Repeat("9", MaxSKU+1)} }, "lines[1].sku", nil},
		{"article number steers the printer", func(s *Sale) { s.SKUs = []string{"\x1b@", ""} }, "lines[0].sku", nil},
		{"line amount too much", func(s *Sale) { s.Lines[1].Amount = MaxMinor + 1 }, "lines[1].amount", nil},
		{"line amount too little", func(s *Sale) { s.Lines[1].Amount = -MaxMinor - 1 }, "lines[1].amount", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := basket()
			tt.change(s)
			err := s.Validate()
			if tt.field == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if CodeOf(err) != Invalid || !strings.HasPrefix(MessageOf(err), tt.field+":") {
				t.Errorf("error %v, want one of code %q about %s", err, Invalid, tt.field)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error %v, want it to be %v", err, tt.is)
			}
		})
	}
}

func TestSaleDue(t *testing.T) {
	s := basket()
	if got := s.Due(); got != Of(1000, "JPY") {
		t.Errorf("with a tender: %v", got)
	}
	s.Wallet = Money{}
	if got := s.Due(); got != s.Total {
		t.Errorf("without: %v", got)
	}
}
