package lane

import (
	"bytes"
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/payment"
	"tilld/ui/cashier"
)

// TestTrainingGoesWithItsSale: what says that nothing is charged is never beside a sale that is, nor on a screen that
// asks for the next amount.
func TestTrainingGoesWithItsSale(t *testing.T) {
	for _, tt := range []struct {
		phase   checkout.Phase
		cleared bool
		want    bool
	}{
		{checkout.Open, false, true}, {checkout.Refused, false, true}, {checkout.Paid, false, true},
		{checkout.Paid, true, false},      // Next, and the POS has not completed it
		{checkout.Completed, true, false}, // Next, or the POS has the outcome for long enough
		{checkout.Completed, false, true},
		{checkout.Cancelled, true, false}, {checkout.Cancelled, false, false}, {checkout.Voided, true, false},
	} {
		v := viewOf(lane.View{Phase: tt.phase, Cleared: tt.cleared, Sale: payment.Sale{ID: payment.ID{1}, Training: true}})
		if v.Training != tt.want || (v.State == cashier.Idle && v.Training) {
			t.Errorf("%v, cleared %v: the %s screen says training: %v", tt.phase, tt.cleared, v.State, v.Training)
		}
	}
	if viewOf(lane.View{Phase: checkout.Open, Sale: payment.Sale{ID: payment.ID{1}}}).Training {
		t.Error("a real sale is called training")
	}
}

// TestTrainingIsNoMoney: a practice payment is called that in the cashier's list, and is in no list or sum of what
// customers have paid; the POS, which opened the sale, still finds it among those that it has to complete.
func TestTrainingIsNoMoney(t *testing.T) {
	n := joined(t, "127.0.0.1:0")
	sale, paid := payment.ID{1}, payment.ID{2}
	yen := payment.Of(640, "JPY")
	now := time.Now()
	at := journal.Moment{Date: payment.DateOf(now), Wall: now, Zone: "Asia/Tokyo"}
	key := func(size int) []byte { return bytes.Repeat([]byte{3}, size) }
	if _, err := n.journal.Append(t.Context(),
		journal.Draft{Fact: &payment.DayOpened{}, Moment: at},
		journal.Draft{Fact: &payment.SaleOpened{Reference: "R-1", Total: yen, Due: yen}, Sale: &sale, Moment: at, Training: true},
		journal.Draft{Fact: &payment.Approved{
			Amount: yen, Wallet: "house", CodeHash: key(16), HashKey: 1, Replay: payment.ReplayKey{Phone: key(8), Counter: 1}, Issuer: key(8),
			Limits: payment.Limits{Payment: 5000, ShareSum: 5000, ShareCount: 9, Tier: 1},
		}, Sale: &sale, Payment: &paid, Moment: at, Training: true},
	); err != nil {
		t.Fatal(err)
	}
	n.close()
	again, err := Open(t.Context(), n.cfg, "test", n.log)
	if err != nil {
		t.Fatal(err)
	}
	defer run(t, again)()
	s := screen{again}
	rows, err := s.Today(t.Context())
	if err != nil || len(rows) != 1 || rows[0].State != cashier.Practice || !rows[0].Training || rows[0].Uncompleted {
		t.Errorf("the cashier's list: %+v, %v", rows, err)
	}
	if v := s.View(); v.State != cashier.Paid || !v.Training || v.Uncompleted != 0 {
		t.Errorf("the screen is %s, training %v, and counts %d", v.State, v.Training, v.Uncompleted)
	}
	b, err := s.Board(t.Context())
	if err != nil || len(b.Open) != 0 || len(b.Wallets) != 0 || len(b.Hours) != 0 || b.AtRisk.Minor != 0 {
		t.Errorf("the manager's: %+v, %v", b, err)
	}
	list, err := till{again}.Uncompleted(t.Context(), 9)
	if err != nil || len(list) != 1 || !list[0].Training {
		t.Errorf("the POS's: %+v, %v", list, err)
	}
}
