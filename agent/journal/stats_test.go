package journal

import (
	"strings"
	"testing"
)

// TestStatsReadNoGrowingTable: the lane asks for its figures after each scan, and a journal holds months.
func TestStatsReadNoGrowingTable(t *testing.T) {
	j := mustOpen(t, config(t, t.TempDir()))
	plan, err := j.store.readers.QueryContext(ctx, "EXPLAIN QUERY PLAN "+statsQuery)
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close()
	steps := 0
	for ; plan.Next(); steps++ {
		var id, parent, unused int
		var text string
		if err := plan.Scan(&id, &parent, &unused, &text); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"entry", "body", "payment", "sale", "attempt", "charge", "carried", "offer"} {
			if strings.HasPrefix(text, "SCAN "+table) && !strings.Contains(text, "sale_all_taken") {
				t.Errorf("%s", text)
			}
		}
	}
	if err := plan.Err(); err != nil || steps == 0 {
		t.Fatalf("%d steps: %v", steps, err)
	}
}

// TestStatsCountWhatIsKept holds the figure to the rows, before and after some were pruned.
func TestStatsCountWhatIsKept(t *testing.T) {
	j := newSecond(t)
	dates := sellDays(t, j, 5, 20)
	for _, prune := range []bool{false, true} {
		if prune {
			if p, err := j.Prune(ctx, Retention{Entries: dates[2]}); err != nil || p.Entries == 0 {
				t.Fatalf("pruned %+v: %v", p, err)
			}
		}
		var rows uint64
		if err := j.store.readers.QueryRowContext(ctx, "SELECT count(*) FROM entry").Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if s, err := j.Stats(ctx); err != nil || s.Entries != rows || rows == 0 {
			t.Errorf("pruned %v: %d entries, want %d (%v)", prune, s.Entries, rows, err)
		}
	}
}
