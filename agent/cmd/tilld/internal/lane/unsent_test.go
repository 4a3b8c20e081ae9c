package lane

import (
	"testing"
	"time"

	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/payment"
)

// TestTheCashierCountsPayments: a sale is several entries of the journal, and whoever takes payments counts those.
func TestTheCashierCountsPayments(t *testing.T) {
	if got := viewOf(lane.View{UsedCount: 12, Stats: journal.Stats{Pending: 37}}).Unsent; got != 12 {
		t.Errorf("of 12 payments in 37 entries %d are not yet at head office", got)
	}
}

// TestUnsentIsOnePageAndTheOther: what the cashier's page and the manager's call not yet at head office are the same
// payments: money of customers, taken and not given back. Entries that are none of that are told apart from it.
func TestUnsentIsOnePageAndTheOther(t *testing.T) {
	n := joined(t, "127.0.0.1:0")
	now := time.Now()
	at := journal.Moment{Date: payment.DateOf(now), Wall: now, Zone: "Asia/Tokyo"}
	yen := func(minor int64) payment.Money { return payment.Of(minor, "JPY") }
	add := func(drafts ...journal.Draft) (last uint64) {
		t.Helper()
		for i := range drafts {
			drafts[i].Moment = at
		}
		list, err := n.journal.Append(t.Context(), drafts...)
		if err != nil {
			t.Fatal(err)
		}
		return list[len(list)-1].Entry.Seq
	}
	sell := func(no byte, minor int64, training bool) (approval uint64) {
		t.Helper()
		sale, paid := payment.ID{no}, payment.ID{no, 1}
		return add(journal.Draft{Fact: &payment.SaleOpened{Reference: "R", Total: yen(minor), Due: yen(minor)}, Sale: &sale, Training: training},
			journal.Draft{Fact: &payment.Approved{
				Amount: yen(minor), Wallet: "house", CodeHash: make([]byte, 16), HashKey: 1, Issuer: make([]byte, 8),
				Replay: payment.ReplayKey{Phone: make([]byte, 8), Counter: uint64(no)}, Limits: payment.Limits{Payment: 5000, ShareSum: 5000, ShareCount: 9, Tier: 1},
			}, Sale: &sale, Payment: &paid, Training: training})
	}
	check := func(when string, payments int, sum int64, entries uint64) {
		t.Helper()
		n.close()
		again, err := Open(t.Context(), n.cfg, "test", n.log)
		if err != nil {
			t.Fatal(err)
		}
		n = again
		s := screen{n}
		b, err := s.Board(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if v := s.View(); v.Unsent != payments || b.Unsent != uint64(payments) || b.UnsentSum != yen(sum) || b.Entries < entries {
			t.Errorf("%s: the cashier reads %d, the manager %d of %v and %d entries; want %d of %d, and at least %d entries",
				when, v.Unsent, b.Unsent, b.UnsentSum, b.Entries, payments, sum, entries)
		}
	}
	add(journal.Draft{Fact: &payment.DayOpened{}}, journal.Draft{Fact: &payment.Refused{Amount: yen(900), Reason: payment.CodeExpired, Wallet: "house"}})
	check("nobody has paid", 0, 0, 2)
	sell(1, 500, true)
	check("somebody has practised", 0, 0, 4)
	sell(2, 640, false)
	third := sell(3, 320, false)
	check("two have paid", 2, 960, 8)
	add(journal.Draft{Fact: &payment.Voided{Of: third, Amount: yen(320), Wallet: "house"}, Sale: &payment.ID{3}, Payment: &payment.ID{3, 1}})
	check("one was taken back", 1, 640, 9)
	n.close()
}
