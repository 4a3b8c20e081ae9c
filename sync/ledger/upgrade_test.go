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
	"tilld/sync/authorise"
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

// accounts are what accounts have spent, as the books have it.
const accounts = `SELECT format('%d %d %s %s %s %d %d', epoch, business_date, wallet, hex(account), currency, spent, count)
	FROM account_wallet_day WHERE spent <> 0 ORDER BY 1`

// TestUpgradeFromBeforeTheWallet: what accounts have spent so far is counted on by wallet; and what a program that was
// rolled back takes back is taken off, though it does not know where that is counted now.
func TestUpgradeFromBeforeTheWallet(t *testing.T) {
	b, path := written(t)
	want := column(t, raw(t, path), accounts)
	if len(want) == 0 {
		t.Fatal("no account has spent anything")
	}
	old := asBefore(t, path, 8)
	s := openAt(t, old, func() time.Time { return b.Chain.Now })
	db := raw(t, old)
	if got := column(t, db, accounts); !reflect.DeepEqual(got, want) {
		t.Errorf("accounts have spent\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for range 2 { // by what the release before does, and nothing more
		if _, err := db.Exec("UPDATE payment SET state = 'voided', void = entry WHERE state <> 'voided'"); err != nil {
			t.Fatal(err)
		}
		if got := column(t, db, accounts); len(got) != 0 {
			t.Errorf("all was taken back, and accounts have spent\n%s", strings.Join(got, "\n"))
		}
	}
	if _, err := db.Exec("INSERT INTO account_day (epoch, business_date, account, currency, spent) SELECT epoch, business_date, account, currency, 1 FROM account_wallet_day"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Forget(b.Ctx, b.Chain.Now.AddDate(0, 1, 0), 1000)
	b.Must(err)
	if got := column(t, db, "SELECT account FROM account_wallet_day UNION ALL SELECT account FROM account_day"); len(got) != 0 {
		t.Errorf("%d accounts are not forgotten", len(got))
	}
}

// TestUpgradeFromBeforeOnline: books without online payments take some, and what a release that knows of none writes into
// them afterwards is read as what it is.
func TestUpgradeFromBeforeOnline(t *testing.T) {
	b, path := written(t)
	old := asBefore(t, path, 10)
	db := raw(t, old)
	if _, err := db.Exec(`INSERT INTO attempt (ref, payment, sale, terminal, store, lane, wallet, merchant, shop_store, shop_terminal, amount, currency,
		reference, made, state, call, tries, trouble, no_undo, checked, why, txn, said, version)
		VALUES ('A1', zeroblob(16), zeroblob(16), zeroblob(16), 's1', '1', 'paypay', '', '', '', 5, 'JPY', '', 1, 3, 1, 0, 0, 0, 0, 0, '', '', 1)`); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, old, func() time.Time { return b.Chain.Now })
	if a, err := s.Attempts().Get(b.Ctx, "A1"); err != nil || a.Claim != authorise.Unclaimed || a.State != authorise.Doubtful {
		t.Errorf("%+v, %v", a, err)
	}
	now := b
	now.Ledger = s
	l := now.Lane("s1", "9")
	a := l.Ask(500)
	now.Paid(l, a)
	a = l.Authorise(a)
	now.SendAll(l, 0)
	now.JudgeAll()
	now.WantState(a.Sold, ledger.Posted)
	if got := column(t, db, "SELECT count(*) || ' ' || count(ref) FROM payment"); got[0] != "4 1" {
		t.Errorf("payments, and online ones: %s", got)
	}
	now.Balance()
}

// TestOnlineSchemaRefuses: a shell makes no second posted payment of one charge, and moves none to another attempt.
func TestOnlineSchemaRefuses(t *testing.T) {
	b, path := written(t)
	l := b.Lane("s1", "9")
	a := l.Ask(500)
	b.Paid(l, a)
	l.AuthoriseWith(a, nil, nil)
	twin := l.Clone()
	twin.NewEpoch(payment.CauseRestore)
	twin.Authorise(a)
	b.SendAll(l, 0)
	b.JudgeAll()
	b.SendAll(twin, 0)
	b.JudgeAll()
	db := raw(t, path)
	for _, stmt := range []string{
		"UPDATE payment SET state = 'posted' WHERE ref IS NOT NULL", "UPDATE payment SET ref = NULL", "UPDATE payment SET ref = 'x' WHERE ref IS NOT NULL",
		"UPDATE attempt SET claim = 3, version = version + 1", "UPDATE attempt SET claim = -1, version = version + 1",
		"INSERT INTO payment (id, entry, dimension, amount, state, policy, taken_at, ref) SELECT id, 1, dimension, 5, 'suspense', 1, 0, '' FROM payment LIMIT 1",
		"INSERT INTO payment (id, entry, dimension, amount, state, policy, taken_at, ref, account) SELECT id, 1, dimension, 5, 'suspense', 1, 0, 'x', zeroblob(16) FROM payment LIMIT 1",
	} {
		if _, err := db.Exec(stmt); err == nil {
			t.Errorf("done: %s", stmt)
		}
	}
	if _, err := db.Exec("UPDATE attempt SET state = 8, version = version + 1"); err != nil {
		t.Fatal(err)
	}
	if r, err := b.Check(b.Ctx, time.Time{}); err != nil || len(r.Faults) != 1 || !strings.Contains(r.Faults[0], string(a.Ref)) {
		t.Errorf("a charge that was taken back is posted, and the check says %v, %v", r.Faults, err)
	}
}
