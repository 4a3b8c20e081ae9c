package policy

import (
	"fmt"
	"slices"

	"tilld/agent/payment"
)

// Rebate is what a cashless programme gives a customer at the till: the wallet is charged so much less, and the programme
// owes the shop the rest (98 for 100, as the convenience chains did it at the till from October 2019 to June 2020). Shops
// of another class are another row, with their stores and their rate; the first row that fits a payment is its.
//
// These are the rules alone. No document has such rows yet, so no lane gives a rebate.
type Rebate struct {
	Programme string
	Rate      uint16       // in hundredths of a per cent: 200 is 2 %
	Most      int64        // for one payment, minor units; 0: no bound
	From, To  payment.Date // business dates, both included
	Stores    []string     // in order; none: all
	Wallets   []string     // none: all
}

// Rebated is the part of a payment that a programme pays, as the entry says it.
type Rebated struct {
	Programme string
	Eligible  int64 // of what is due, minor units: bills, stamps and gift cards aside
	Amount    int64 // that the programme pays, minor units
}

// Fits says whether the row is for a wallet's payment at a store on a business date.
func (r *Rebate) Fits(store, wallet string, date payment.Date) bool {
	if date < r.From || date > r.To || len(r.Wallets) > 0 && !slices.Contains(r.Wallets, wallet) {
		return false
	}
	if len(r.Stores) == 0 {
		return true
	}
	_, ok := slices.BinarySearch(r.Stores, store)
	return ok
}

// Give is the rebate on what is due, of which a part is eligible: rounded down, once for the payment. false: there is none,
// for it comes to nothing, or would leave the wallet nothing to pay.
func (r *Rebate) Give(due, eligible int64) (Rebated, bool) {
	eligible = min(eligible, due)
	if due <= 0 || due > payment.MaxMinor || eligible <= 0 {
		return Rebated{}, false
	}
	amount := eligible * int64(r.Rate) / 10_000 // 40 and 16 bits at most
	if r.Most > 0 {
		amount = min(amount, r.Most)
	}
	if amount <= 0 || amount >= due {
		return Rebated{}, false
	}
	return Rebated{Programme: r.Programme, Eligible: eligible, Amount: amount}, true
}

// FindRebate is the first row that fits a payment; nil when none does.
func FindRebate(rows []Rebate, store, wallet string, date payment.Date) *Rebate {
	for i := range rows {
		if rows[i].Fits(store, wallet, date) {
			return &rows[i]
		}
	}
	return nil
}

// JudgeRebate holds the rebate of a payment against the rows of the policy that its entry names: charged is what the wallet
// pays. It recomputes the amount; what is eligible is the lane's word, but never more than was due. An error says what
// differs, for the owner of an exception.
func JudgeRebate(rows []Rebate, store, wallet string, date payment.Date, charged int64, got Rebated) error {
	r := FindRebate(rows, store, wallet, date)
	if r == nil {
		return fmt.Errorf("no programme gives a rebate on %s at store %s on %s", wallet, store, date)
	}
	if charged <= 0 || charged > payment.MaxMinor || got.Amount <= 0 || got.Amount > payment.MaxMinor {
		return fmt.Errorf("a rebate of %d on a charge of %d", got.Amount, charged)
	}
	want, ok := r.Give(charged+got.Amount, got.Eligible)
	if !ok || want != got {
		return fmt.Errorf("a rebate of %d by %s on %d, of which %d are eligible; by the policy it is %d by %s, on %d eligible",
			got.Amount, got.Programme, charged+got.Amount, got.Eligible, want.Amount, want.Programme, want.Eligible)
	}
	return nil
}

// CheckRebates says which row can't be, by its place.
func CheckRebates(rows []Rebate) error {
	if len(rows) > maxNames {
		return badField("rebate", "%d rows, at most %d", len(rows), maxNames)
	}
	for i, r := range rows {
		key := fmt.Sprintf("rebate[%d]", i)
		switch {
		case !namePattern.MatchString(r.Programme):
			return badField(key+".programme", "%q: want 1 to 32 of a-z 0-9 -, beginning with a letter or digit", r.Programme)
		case r.Rate < 1 || r.Rate > 5_000:
			return badField(key+".rate", "%d is not within 1..5000 hundredths of a per cent", r.Rate)
		case r.Most < 0 || r.Most > payment.MaxMinor:
			return badField(key+".most", "%d is not within 0..%d", r.Most, int64(payment.MaxMinor))
		case r.From.Validate() != nil:
			return badField(key+".from", "%d is no date", uint32(r.From))
		case r.To.Validate() != nil || r.To < r.From:
			return badField(key+".to", "%s is no date from %s on", r.To, r.From)
		case len(r.Stores) > maxStores || !slices.IsSorted(r.Stores):
			return badField(key+".stores", "want at most %d, in order", maxStores)
		}
		if err := checkNames(key+".wallets", r.Wallets); err != nil {
			return err
		}
	}
	return nil
}
