package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/ledger/ledgertest"
)

// written is a ledger with one of everything, and its file.
func written(t *testing.T) (*ledgertest.Bench, string) {
	t.Helper()
	c := ingesttest.NewChain(t)
	path := filepath.Join(t.TempDir(), "hq.db")
	b := &ledgertest.Bench{T: t, Ledger: openAt(t, path, func() time.Time { return c.Now }), Chain: c, Ctx: context.Background()}
	l := b.Lane("s1", "1")
	p := c.Phone()
	code := p.Code("s1", "")
	l.SellWith(p, 100, ingesttest.Change{Code: code})
	l.SellWith(p, 200, ingesttest.Change{Code: code})
	l.Void(l.Sell(p, 300))
	l.CloseDay()
	b.SendAll(l, 0)
	b.JudgeAll()
	b.CloseDay(ingesttest.Today)
	b.Must(b.AddDocument(b.Ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: 1, Sealed: []byte("x")}))
	b.Balance()
	return b, path
}

// raw opens the file past the ledger, as a person with a shell would.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestAppendOnly tries to rewrite history.
func TestAppendOnly(t *testing.T) {
	_, path := written(t)
	db := raw(t, path)
	for _, stmt := range []string{
		"DELETE FROM entry", "UPDATE entry SET payload = x'00'", "UPDATE entry SET hash = zeroblob(32)", "UPDATE entry SET seq = seq + 100",
		"UPDATE entry SET body = x'00'", "UPDATE entry SET signature = NULL", "UPDATE entry SET received_at = 0",
		"DELETE FROM transfer", "UPDATE transfer SET amount = amount + 1", "UPDATE transfer SET debit = 5100",
		"DELETE FROM payment", "UPDATE payment SET amount = 1", "UPDATE payment SET state = 'posted', void = NULL WHERE state = 'voided'",
		"UPDATE payment SET account = zeroblob(16)", "UPDATE payment SET dimension = 1, id = zeroblob(16)",
		"DELETE FROM exception", "UPDATE exception SET state = 'open', outcome = NULL WHERE state = 'resolved'",
		"DELETE FROM batch", "UPDATE batch SET sum = 0", "DELETE FROM batch_line", "UPDATE batch_line SET amount = 1",
		"UPDATE terminal SET store = 's2'",
	} {
		res, err := db.Exec(stmt)
		if err == nil {
			n, _ := res.RowsAffected()
			if strings.Contains(stmt, "'resolved'") && n == 0 {
				continue
			}
			t.Errorf("%s: changed %d rows", stmt, n)
		}
	}
}

// TestSchemaRefuses tries to insert what can't be.
func TestSchemaRefuses(t *testing.T) {
	_, path := written(t)
	db := raw(t, path)
	if _, err := db.Exec("PRAGMA foreign_keys = ON"); err != nil {
		t.Fatal(err)
	}
	const transfer = "INSERT INTO transfer (debit, credit, amount, dimension, cause, payment, entry, exception, batch, posted_at) VALUES "
	for name, stmt := range map[string]string{
		"one account on both sides":      transfer + "(1100, 1100, 5, 1, 'approved', 1, 3, NULL, NULL, 0)",
		"nothing":                        transfer + "(1100, 2100, 0, 1, 'approved', 1, 3, NULL, NULL, 0)",
		"less than nothing":              transfer + "(1100, 2100, -5, 1, 'approved', 1, 3, NULL, NULL, 0)",
		"an account of no chart":         transfer + "(1101, 2100, 5, 1, 'approved', 1, 3, NULL, NULL, 0)",
		"no such dimension":              transfer + "(1100, 2100, 5, 99, 'approved', 1, 3, NULL, NULL, 0)",
		"an approval of no payment":      transfer + "(1100, 2100, 5, 1, 'approved', NULL, NULL, NULL, NULL, 0)",
		"suspense for no exception":      transfer + "(1900, 2900, 5, 1, 'suspense', 1, 3, NULL, NULL, 0)",
		"a cut of a payment":             transfer + "(2100, 2400, 5, 1, 'cut', 1, 3, NULL, 1, 0)",
		"a cut of no batch":              transfer + "(2100, 2400, 5, 1, 'cut', NULL, NULL, NULL, NULL, 0)",
		"text for a number":              transfer + "(1100, 2100, 'five', 1, 'approved', 1, 3, NULL, NULL, 0)",
		"a payment of nothing":           "INSERT INTO payment (id, entry, dimension, amount, state, policy, taken_at) VALUES (zeroblob(16), 1, 1, 0, 'posted', 1, 0)",
		"a payment in no state":          "INSERT INTO payment (id, entry, dimension, amount, state, policy, taken_at) VALUES (zeroblob(16), 1, 1, 5, 'lent', 1, 0)",
		"two payments of one entry":      "INSERT INTO payment (id, entry, dimension, amount, state, policy, taken_at) SELECT id, entry, dimension, amount, state, policy, 0 FROM payment WHERE void IS NULL LIMIT 1",
		"a voided payment, no void":      "UPDATE payment SET state = 'voided' WHERE state = 'posted'",
		"a decided exception, by no one": "UPDATE exception SET state = 'resolved', outcome = 'loss' WHERE state = 'open'",
		"a code spent once more":         "INSERT INTO spent SELECT phone, counter, payment FROM spent LIMIT 1",
		"a cursor beyond the head":       "UPDATE branch SET judged = head + 1",
		"a second day-close of a date":   "INSERT INTO batch SELECT 99, zeroblob(16), wallet, currency, settlement_date, 99, hq_epoch, 'day', root, 0, 0, 0, '', 0 FROM batch LIMIT 1",
		"a hole in a history's place":    "INSERT INTO entry (branch, seq, kind, hash, header, payload, received_at) SELECT branch, seq, kind, hash, header, payload, 0 FROM entry LIMIT 1",
	} {
		if _, err := db.Exec(stmt); err == nil {
			t.Errorf("%s: taken", name)
		} else if !strings.Contains(err.Error(), "constraint") && !strings.Contains(err.Error(), "cannot store") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckFinds damages a copy of the books in ways that the schema can't see, and wants each named.
func TestCheckFinds(t *testing.T) {
	drop := "DROP TRIGGER transfer_stays; DROP TRIGGER transfer_is_kept; DROP TRIGGER payment_is_kept; DROP TRIGGER payment_stays; DROP TRIGGER batch_stays; DROP TRIGGER batch_line_stays; DROP TRIGGER entry_stays; "
	for name, damage := range map[string]string{
		"an amount in a transfer": "UPDATE transfer SET amount = amount + 1 WHERE no = 1",
		"a transfer gone":         "DELETE FROM transfer WHERE no = 2",
		"a balance":               "UPDATE balance SET debits = debits + 1",
		"a balance gone":          "DELETE FROM balance WHERE account = 1900",
		"a payment's amount":      "UPDATE payment SET amount = amount + 1 WHERE state = 'posted'",
		"a payment's state":       "UPDATE payment SET state = 'suspense' WHERE state = 'posted'",
		"a payment gone":          "PRAGMA foreign_keys = OFF; DELETE FROM payment WHERE state = 'posted'",
		"an exception closed":     "UPDATE exception SET state = 'resolved', outcome = 'receivable', resolved_at = 1, resolved_by = 'x', why = 'x' WHERE state = 'open'",
		"a batch's sum":           "UPDATE batch SET sum = sum + 1",
		"a line's amount":         "UPDATE batch_line SET amount = amount + 1 WHERE kind = 'payment'",
		"a signed amount":         "UPDATE entry SET payload = CAST(replace(payload, x'821864', x'821865') AS BLOB) WHERE kind = 5",
	} {
		b, path := written(t)
		if _, err := raw(t, path).Exec(drop + damage); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r, err := b.Check(b.Ctx, time.Time{})
		if err != nil || len(r.Faults) == 0 {
			t.Errorf("%s: not found, %v", name, err)
		}
	}
}

// TestChart holds the code, the schema and the page together.
func TestChart(t *testing.T) {
	_, path := written(t)
	rows, err := raw(t, path).Query("SELECT no, name, type FROM account ORDER BY no")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var schema []ledger.AccountInfo
	for rows.Next() {
		var a ledger.AccountInfo
		if err := rows.Scan(&a.Account, &a.Name, &a.Type); err != nil {
			t.Fatal(err)
		}
		schema = append(schema, a)
	}
	if !slices.Equal(schema, ledger.Chart()) {
		t.Errorf("schema %v\ncode %v", schema, ledger.Chart())
	}
	page, err := os.ReadFile("ACCOUNTS.md")
	if err != nil {
		t.Fatal(err)
	}
	var onPage []ledger.AccountInfo
	for _, m := range regexp.MustCompile(`(?m)^\| (\d{4}) \| ([^|]+) \| (\w+) \|`).FindAllStringSubmatch(string(page), -1) {
		var a ledger.AccountInfo
		if _, err := fmt.Sscan(m[1], &a.Account); err != nil {
			t.Fatal(err)
		}
		a.Name, a.Type = m[2], ledger.Type(m[3])
		onPage = append(onPage, a)
	}
	if !slices.Equal(onPage, ledger.Chart()) {
		t.Errorf("page %v\ncode %v", onPage, ledger.Chart())
	}
	checkKinds(t, string(page))
}

// checkKinds wants every kind of exception on the page, with its owner and account.
func checkKinds(t *testing.T, page string) {
	t.Helper()
	seen := 0
	for _, m := range regexp.MustCompile(`(?m)^\| ([a-z_, ]+) \| ([a-z-]+) \| (\d*) ?\|$`).FindAllStringSubmatch(page, -1) {
		for _, name := range strings.Split(m[1], ", ") {
			k := ledger.Kind(name)
			loss := ""
			if k.Loss() != 0 {
				loss = fmt.Sprint(int(k.Loss()))
			}
			if !k.Known() || k.Owner() != m[2] || loss != m[3] {
				t.Errorf("%s: the page says %s %s, the code %s %s", k, m[2], m[3], k.Owner(), loss)
			}
			seen++
		}
	}
	if want := len(ledger.Kinds()); seen != want {
		t.Errorf("the page names %d kinds of exception, there are %d", seen, want)
	}
}

// TestDurable reads back what every connection promises.
func TestDurable(t *testing.T) {
	_, path := written(t)
	var mode string
	if err := raw(t, path).QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal mode %s, %v", mode, err)
	}
	if err := ledger.ReadBack(context.Background(), path); err != nil {
		t.Error(err)
	}
	if err := ledger.ReadBackLoose(context.Background(), path); err == nil || !strings.Contains(err.Error(), "synchronous") {
		t.Errorf("a connection that is not durable: %v", err)
	}
}

// TestOtherProcess: a terminal that another process enrols is there at once.
func TestOtherProcess(t *testing.T) {
	b, path := written(t)
	other := openAt(t, path, time.Now)
	l := b.Chain.Lane("s2", "1")
	if err := other.AddTerminal(b.Ctx, ledgertest.TerminalOf(l), l.Key.Public()); err != nil {
		t.Fatal(err)
	}
	b.SendAll(l, 0)
	if got, err := other.Terminal(b.Ctx, l.ID); err != nil || got.Epochs[0].Held != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, filepath.Join(dir, "missing", "hq.db"), dir} {
		if s, err := ledger.Open(context.Background(), path, time.Now); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, %v", path, s, err)
		}
	}
}

// TestStopped: after damage to the file the ledger writes nothing more until it is opened again.
func TestStopped(t *testing.T) {
	b, path := written(t)
	damage(t, path)
	l := b.Chain.Lane("s3", "1")
	var err error
	for range 1000 { // until a damaged page is met
		l = b.Chain.Lane("s3", "1")
		if err = b.AddTerminal(b.Ctx, ledgertest.TerminalOf(l), l.Key.Public()); err != nil {
			break
		}
	}
	if !errors.Is(err, ledger.ErrStopped) {
		t.Fatalf("a damaged file: %v", err)
	}
	if err := b.RevokeTerminal(b.Ctx, l.ID, "a", "b"); !errors.Is(err, ledger.ErrStopped) {
		t.Errorf("the next write: %v", err)
	}
	if payment.CodeOf(err) != payment.Internal {
		t.Errorf("code %s", payment.CodeOf(err))
	}
}

// damage puts rubbish over every page but the first, as a failing disk would.
func damage(t *testing.T, path string) {
	t.Helper()
	db := raw(t, path)
	if _, err := db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(strings.Repeat("\xa5", int(st.Size())-4096)), 4096); err != nil {
		t.Fatal(err)
	}
}
