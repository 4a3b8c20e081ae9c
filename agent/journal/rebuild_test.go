package journal

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"

	"tilld/agent/payment"
)

// projections are the tables that entries alone decide, in a form that compares: rows that count nothing
// say the same as no row.
var projections = map[string]string{
	"phone":        "SELECT * FROM phone",
	"spent":        "SELECT * FROM spent",
	"spend":        "SELECT * FROM spend WHERE count > 0",
	"exposure":     "SELECT * FROM exposure WHERE count > 0",
	"day":          "SELECT * FROM day",
	"day_total":    "SELECT * FROM day_total",
	"sale":         "SELECT * FROM sale",
	"attempt":      "SELECT * FROM attempt",
	"charge":       "SELECT * FROM charge",
	"charge_total": "SELECT * FROM charge_total",
	"payment":      "SELECT * FROM payment",
	"mark":         "SELECT * FROM projection",
}

// dump writes every projection out.
func dump(t testing.TB, db *sql.DB) string {
	t.Helper()
	var b strings.Builder
	for _, name := range []string{"phone", "spent", "spend", "exposure", "day", "day_total", "sale", "payment", "attempt", "charge", "charge_total", "mark"} {
		list, err := collect(ctx, db.QueryContext, func(rows *sql.Rows) (string, error) {
			names, err := rows.Columns()
			if err != nil {
				return "", err
			}
			row := make([]any, len(names))
			into := make([]any, len(names))
			for i := range row {
				into[i] = &row[i]
			}
			err = rows.Scan(into...)
			return fmt.Sprintf("%v", row), err
		}, projections[name])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s:\n%s\n", name, strings.Join(list, "\n"))
	}
	return b.String()
}

// sameRebuilt empties the projections of a copy of a closed journal, lets opening make them again, and wants
// the same rows.
func sameRebuilt(t testing.TB, j *Journal) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "rebuilt")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(j.cfg.database())
	if err != nil {
		t.Fatal(err)
	}
	cfg := j.cfg
	cfg.Dir, cfg.Second = dir, ""
	if err := os.WriteFile(cfg.database(), b, 0o600); err != nil {
		t.Fatal(err)
	}
	db := rawDB(t, cfg.database())
	want := dump(t, db)
	for _, table := range []string{"phone", "spent", "spend", "exposure", "day", "day_total", "sale", "payment", "attempt", "charge", "charge_total", "offer", "carried", "carried_total"} {
		mustExec(t, db, "DELETE FROM "+table)
	}
	mustExec(t, db, "UPDATE projection SET pos = 0")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := dump(t, again.store.readers); got != want {
		t.Errorf("rebuilt:\n%s\nwere:\n%s", got, want)
	}
}

func TestRebuildProjections(t *testing.T) {
	j := newJournal(t)
	date := today
	mustAppend(t, j, draft(&payment.DayOpened{}))
	r := sell(t, j, 1, 8)
	training := opened(50, 100)
	training.Training = true
	trained := approved(t, 50, 100, 4, 77)
	trained.Training = true
	mustAppend(t, j, training, trained, voided(r[1]), voided(r[6]), saleFact(&payment.SaleCompleted{}, 1), saleFact(&payment.SaleCancelled{}, 2))
	d, err := j.Day(ctx, date)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, draft(&payment.DayClosed{FirstSeq: d.FirstSeq, Totals: d.Totals}), draft(&payment.Refused{Amount: yen(5), Reason: payment.CodeUsed}))
	mustAck(t, j, ackFor(r[3], 2))
	online := sellOnline(t, j)
	if _, err := j.NewEpoch(ctx, payment.CauseFork); err != nil {
		t.Fatal(err)
	}
	sell(t, j, 100, 3)
	mustAppend(t, j, authorised(73, 730, 1, 60), draft(&payment.DayOpened{}))
	if len(online) == 0 {
		t.Fatal("nothing online")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(dump(t, rawDB(t, j.cfg.database())), "house") {
		t.Fatal("nothing to rebuild")
	}
	sameRebuilt(t, j)
}

// TestCatchUpAfterAnOlderBinary: entries that were written without their projections are projected by the
// next opening, and only those.
func TestCatchUpAfterAnOlderBinary(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 2)
	// As an older binary would: the entry, and not what a newer one computes of it.
	list, after, err := j.prepare([]Draft{opened(3, 100), approved(t, 3, 100, 3, 3)}, j.head, j.signer)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if err := j.store.insertRow(ctx, &list[i].Record); err != nil {
			t.Fatal(err)
		}
	}
	j.setHead(after)
	if k, _ := j.Known(ctx, Question{Currency: "JPY"}); k.ExposureCount != 2 {
		t.Fatalf("exposure %+v", k)
	}
	reopen(t, &j)
	if sum, n := exposure(t, j); n != 3 || sum != 300 {
		t.Errorf("exposure %d of %d", sum, n)
	}
	sell(t, j, 4, 1)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	sameRebuilt(t, j)
}
