package lane

import (
	"bytes"
	"testing"
	"time"

	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/payment"
	"tilld/ui/cashier"
)

// TestLeftBehindIsListed: a sale that was paid before the day rolled and never completed is what the banner counts,
// so it is what the cashier finds in the list, with its date.
func TestLeftBehindIsListed(t *testing.T) {
	n := joined(t, "127.0.0.1:0")
	sale, paid := payment.ID{1}, payment.ID{2}
	yen := payment.Of(640, "JPY")
	at := journal.Moment{Date: payment.DateOf(time.Now().AddDate(0, 0, -2)), Wall: time.Now().AddDate(0, 0, -2), Zone: "Asia/Tokyo"}
	key := func(size int) []byte { return bytes.Repeat([]byte{3}, size) }
	if _, err := n.journal.Append(t.Context(),
		journal.Draft{Fact: &payment.DayOpened{}, Moment: at},
		journal.Draft{Fact: &payment.SaleOpened{Total: yen, Due: yen}, Sale: &sale, Moment: at},
		journal.Draft{Fact: &payment.Approved{
			Amount: yen, Wallet: "house", CodeHash: key(16), HashKey: 1, Replay: payment.ReplayKey{Phone: key(8), Counter: 1}, Issuer: key(8),
			Limits: payment.Limits{Payment: 5000, ShareSum: 5000, ShareCount: 9, Tier: 1},
		}, Sale: &sale, Payment: &paid, Moment: at},
	); err != nil {
		t.Fatal(err)
	}
	n.close()
	again, err := Open(t.Context(), n.cfg, "test", n.log)
	if err != nil {
		t.Fatal(err)
	}
	defer run(t, again)()
	if err := again.lane.Contact(t.Context(), time.Now(), again.clock.Boot()); err != nil { // else the date stays
		t.Fatal(err)
	}
	next := lane.NewSale{Sale: payment.Sale{Total: yen, Eligible: payment.Eligible{Wallet: yen.Minor}}}
	if _, _, err := again.lane.OpenSale(t.Context(), next); err != nil { // rolls the day
		t.Fatal(err)
	}
	s := screen{again}
	rows, err := s.Today(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v := s.View(); v.Uncompleted != 1 || v.BusinessDate <= at.Date || len(rows) != 1 || rows[0].Date != at.Date || !rows[0].Uncompleted ||
		rows[0].Payment != paid || rows[0].Amount != yen || rows[0].State != cashier.AtLane || rows[0].Voidable {
		t.Errorf("on %v the banner counts %d, the list has %+v", v.BusinessDate, v.Uncompleted, rows)
	}
}
