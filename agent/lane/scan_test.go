package lane

import (
	"context"
	"testing"
	"time"
)

// TestGoodsArePassedWhateverTheJournalDoes: what is for the POS reaches it though nothing can be written, neither
// the day's roll that is due nor the refusal of a text that nobody knows.
func TestGoodsArePassedWhateverTheJournalDoes(t *testing.T) {
	const goods, unknown = "4901234567894", "M-4711-B"
	scans := func(t *testing.T, r *rig, text string) {
		t.Helper()
		before := r.lane.LastEvent()
		r.scan(text)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if list, err := r.lane.EventsAfter(ctx, before); err != nil || list[0].Kind != ScanPassed || list[0].Text != text || list[0].AIM != "]Q1" {
			t.Errorf("%s: %+v, %v", text, list, err)
		}
	}
	t.Run("the day is to roll", func(t *testing.T) {
		r := newRig(t, nil)
		r.opened()
		r.ok(r.journal.Close())
		r.pass(24 * time.Hour)
		scans(t, r, goods)
		scans(t, r, unknown)
	})
	t.Run("a sale waits", func(t *testing.T) {
		r := newRig(t, nil)
		r.sale(100)
		r.ok(r.journal.Close())
		scans(t, r, goods)
		scans(t, r, unknown)
	})
}
