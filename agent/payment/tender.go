package payment

import (
	"fmt"
	"regexp"
	"slices"
)

// MaxTenders bounds the tenders of one sale.
const MaxTenders = 8

// TenderKind names a way of paying.
type TenderKind string

// The kinds. Of these tilld takes the wallet's part; the others are the shop's own affair and are kept as it stated
// them, so that a receipt, a refund or a report can say how a sale was paid as a whole.
const (
	TenderWallet  TenderKind = "wallet" // a customer's payment code
	TenderCash    TenderKind = "cash"
	TenderCard    TenderKind = "card"
	TenderPoints  TenderKind = "points"
	TenderVoucher TenderKind = "voucher" // gift cards, coupons with a value
	TenderOther   TenderKind = "other"
)

func (k TenderKind) known() bool {
	switch k {
	case TenderWallet, TenderCash, TenderCard, TenderPoints, TenderVoucher, TenderOther:
		return true
	}
	return false
}

// Tender is a part of a sale's total and the way in which the shop wants it paid.
type Tender struct {
	Kind   TenderKind `cbor:"1,keyasint" json:"kind"`
	Amount int64      `cbor:"2,keyasint" json:"amount"` // minor units of the total's currency
	// Name says what exactly the shop took, such as nanaco at its own reader: 1 to 32 of a-z 0-9 -, or empty. The wallet's
	// tender has none. It travels beside the tenders (SaleOpened.TenderNames), for releases that know none.
	Name string `cbor:"-" json:"name,omitempty"`
}

// TenderNames are the tenders' names, one for each; nil when no tender has one.
func TenderNames(list []Tender) []string {
	names, any := make([]string, len(list)), false
	for i, t := range list {
		names[i], any = t.Name, any || t.Name != ""
	}
	if !any {
		return nil
	}
	return names
}

// NamedTenders are the tenders of a sale with their names. Names that are not one for each are of no use.
func (f *SaleOpened) NamedTenders() []Tender {
	list := slices.Clone(f.Tenders)
	if len(f.TenderNames) == len(list) {
		for i := range list {
			list[i].Name = f.TenderNames[i]
		}
	}
	return list
}

var tenderName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// validateTenders holds what is wanted of each tender against the total, and the wallet's against Due. A part of the
// total that no tender names is the shop's affair too.
func (s *Sale) validateTenders() error {
	if len(s.Tenders) > MaxTenders {
		return fmt.Errorf("tenders: %d, at most %d", len(s.Tenders), MaxTenders)
	}
	var sum, wallet int64
	for i, t := range s.Tenders {
		switch {
		case !t.Kind.known():
			return fmt.Errorf("tenders[%d].kind: there is no %q", i, t.Kind)
		case t.Amount < 1 || t.Amount > s.Total.Minor:
			return fmt.Errorf("tenders[%d].amount: %d is not within 1..%d", i, t.Amount, s.Total.Minor)
		case t.Name != "" && (t.Kind == TenderWallet || !tenderName.MatchString(t.Name)):
			return fmt.Errorf("tenders[%d].name: %q: want 1 to 32 of a-z 0-9 -, beginning with a letter or digit, and none for the wallet", i, t.Name)
		case t.Kind == TenderWallet && wallet > 0:
			return fmt.Errorf("tenders[%d]: a second wallet: a sale is paid by one", i)
		case t.Kind == TenderWallet:
			wallet = t.Amount
		}
		sum += t.Amount
	}
	switch due := s.Due(); {
	case len(s.Tenders) == 0:
		return nil
	case wallet == 0:
		return fmt.Errorf("tenders: none of them is a wallet: there is nothing to take here")
	case wallet != due.Minor:
		return fmt.Errorf("tenders: the wallet's is %d and %d is due", wallet, due.Minor)
	case sum > s.Total.Minor:
		return fmt.Errorf("tenders: they sum to %d, the total is %d", sum, s.Total.Minor)
	}
	return nil
}
