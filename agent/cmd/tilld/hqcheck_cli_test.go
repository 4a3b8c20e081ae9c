package main

import (
	"path/filepath"
	"strings"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/settle"
)

func TestHQCheckSaysThatAllIsWell(t *testing.T) {
	data := filepath.Join(t.TempDir(), "hq")
	if code, _, errs := tilld(t, "hq", "init", "--data", data, "--chain", "kita"); code != 0 {
		t.Fatal(errs)
	}
	code, out, errs := tilld(t, "hq", "check", "--data", data)
	if code != 0 || errs != "" || strings.Count(out, "\n") != 1 || !strings.Contains(out, "checked: 0 payments") || !strings.Contains(out, "All is well") {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}

func TestHQCheckNamesWhatItFound(t *testing.T) {
	id := payment.ID{15: 1}
	day := ledger.LaneDay{Dimension: ledger.Dimension{Terminal: id, BusinessDate: payment.Date(20261122)}, Approved: settle.Total{Count: 3, Sum: 900}}
	odd := day
	odd.Rejected, odd.Differs = 2, true
	run := []ledger.Range{{Terminal: id, Epoch: 7, From: 4, To: 9}}
	lost := ledger.LostRange{Range: run[0], Store: "S001", Lane: "L1"}
	awaited, older := lost, lost
	awaited.Restored, older.From = true, 10
	tests := []struct {
		name   string
		report ledger.Report
		lines  []string // beginnings of the findings
		want   string   // in the verdict
	}{
		{"nothing", ledger.Report{Days: []ledger.LaneDay{day}}, nil, "checked: 3 payments (1 sum by lane, date and wallet), the postings and the batches. All is well"},
		{"two days", ledger.Report{Days: []ledger.LaneDay{day, day}}, nil, "checked: 6 payments (2 sums "},
		{"missing", ledger.Report{Missing: run}, []string{"missing: terminal " + id.String() + ", epoch 0000000000000007, entries 4 to 9"}, "The books balance; to look at: 1 line above."},
		{"not judged", ledger.Report{Waiting: run}, []string{"not judged yet: "}, "1 line above"},
		{"awaited", ledger.Report{Awaited: 2}, []string{"awaited: 2 settled"}, "1 line above"},
		{"odd approvals", ledger.Report{Days: []ledger.LaneDay{odd}}, []string{"rejected: 2 ", "differs: "}, "2 lines above"},
		{"lost", ledger.Report{Lost: []ledger.LostRange{lost}}, []string{"LOST: entries 4 to 9 of S001/L1, "}, "LACK WHAT HQ HAD ACKNOWLEDGED"},
		{"older than HQ's epoch", ledger.Report{Lost: []ledger.LostRange{older}}, []string{"LOST: S001/L1, "}, "LACK WHAT"},
		{"restored", ledger.Report{Lost: []ledger.LostRange{awaited}}, []string{"awaited: S001/L1, "}, "The books balance; to look at: 1 line above."},
		{"a fault", ledger.Report{Missing: run, Faults: []string{"one and one is three"}}, []string{"missing: ", "FAULT: one and one is three"}, "CONTRADICT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := findings(&tt.report)
			if len(got) != len(tt.lines) {
				t.Fatalf("findings %q, want %q", got, tt.lines)
			}
			for i, line := range tt.lines {
				if !strings.HasPrefix(got[i], line) {
					t.Errorf("%q, want %q", got[i], line)
				}
			}
			if v := verdict(&tt.report, len(got), inSilence(&tt.report)); !strings.Contains(v, tt.want) || (tt.lines == nil) != strings.Contains(v, "All is well") {
				t.Errorf("verdict %q, want %q", v, tt.want)
			}
		})
	}
}
