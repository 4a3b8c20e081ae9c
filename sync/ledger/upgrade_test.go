package ledger_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"tilld/agent/payment"
	"tilld/sync/ledger"
)

// asBefore makes a ledger of the schema up to a version, with everything in it that the file at path has.
func asBefore(t *testing.T, path string, version int64) string {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	old := filepath.Join(t.TempDir(), "old.db")
	db := raw(t, old)
	db.SetMaxOpenConns(1)
	p, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migration"))
	must(err)
	_, err = p.UpTo(context.Background(), version)
	must(err)
	_, err = db.Exec("ATTACH ? AS src", path)
	must(err)
	for _, table := range column(t, db, "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%'") {
		columns := strings.Join(column(t, db, fmt.Sprintf("SELECT name FROM pragma_table_info('%s', 'main')", table)), ", ")
		_, err := db.Exec(fmt.Sprintf("INSERT OR IGNORE INTO main.%[1]s (%[2]s) SELECT %[2]s FROM src.%[1]s", table, columns))
		must(err)
	}
	must(db.Close())
	return old
}

func column(t *testing.T, db *sql.DB, query string) (list []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestUpgradeFromBeforeTheAlarms: what was in the books stays there, exceptions with money behind them too.
func TestUpgradeFromBeforeTheAlarms(t *testing.T) {
	b, path := written(t)
	exceptions := func(s ledgerOf) []ledger.Exception {
		t.Helper()
		list, err := s.Exceptions(b.Ctx, ledger.ExceptionFilter{}, 0, 100)
		b.Must(err)
		return list
	}
	want := exceptions(b)
	if len(want) == 0 {
		t.Fatal("no exceptions to keep")
	}
	s := openAt(t, asBefore(t, path, 4), func() time.Time { return b.Chain.Now })
	if got := exceptions(s); !reflect.DeepEqual(got, want) {
		t.Errorf("exceptions %+v, want %+v", got, want)
	}
	r, err := s.Check(b.Ctx, time.Time{})
	b.Must(err)
	if len(r.Faults) != 0 || len(r.Days) == 0 {
		t.Errorf("%+v", r)
	}
	b.Must(s.Resolve(b.Ctx, []payment.ID{want[0].ID}, ledger.LossTaken, "who", "why"))
}

type ledgerOf interface {
	Exceptions(context.Context, ledger.ExceptionFilter, uint64, int) ([]ledger.Exception, error)
}

// TestAlarmPlan: whether a journal exists twice is asked with every message, and must not read a terminal's
// exceptions one by one.
func TestAlarmPlan(t *testing.T) {
	_, path := written(t)
	db := raw(t, path)
	rows, err := db.Query("EXPLAIN QUERY PLAN "+ledger.AlarmPlan(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var a, b, c int
		var line string
		if err := rows.Scan(&a, &b, &c, &line); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, line)
	}
	if got := strings.Join(plan, "\n"); rows.Err() != nil || strings.Count(got, "exception_alarm") != 2 || strings.Contains(got, "SCAN") {
		t.Errorf("%v\n%s", rows.Err(), got)
	}
}
