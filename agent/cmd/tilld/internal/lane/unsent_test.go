package lane

import (
	"testing"

	"tilld/agent/journal"
	"tilld/agent/lane"
)

// TestTheCashierCountsPayments: a sale is several entries of the journal, and whoever takes payments counts those.
func TestTheCashierCountsPayments(t *testing.T) {
	if got := viewOf(lane.View{UsedCount: 12, Stats: journal.Stats{Pending: 37}}).Unsent; got != 12 {
		t.Errorf("of 12 payments in 37 entries %d are not yet at head office", got)
	}
}
