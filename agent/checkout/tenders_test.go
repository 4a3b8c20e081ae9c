package checkout

import (
	"reflect"
	"testing"

	"tilld/agent/payment"
)

// What the shop's POS said of how the total is paid is kept in the sale's entry; the wallet is asked for its part.
func TestTendersAreKept(t *testing.T) {
	s := sale(1, 1000)
	s.Wallet, s.Tenders = jpy(700), []payment.Tender{{Kind: payment.TenderCash, Amount: 300}, {Kind: payment.TenderWallet, Amount: 700}}
	d := mustApply(t, State{Day: today}, OpenSale{Sale: s}, lane(t, document()))
	f := d.Drafts[0].Fact.(*payment.SaleOpened)
	if f.Due != jpy(700) || !reflect.DeepEqual(f.Tenders, s.Tenders) {
		t.Errorf("the entry says %+v", f)
	}
	paid := mustApply(t, d.State, goodScan(), lane(t, document()))
	if a := paid.Drafts[0].Fact.(*payment.Approved); a.Amount != jpy(700) {
		t.Errorf("approved %v", a.Amount)
	}
}
