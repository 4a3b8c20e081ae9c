package main

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"tilld/agent/payment"
)

// The rows that a sale leaves in the books: three entries, a payment, its transfer, the code that it spent and the
// account's day.
const rowsOfSale = 7

// BenchmarkDrainOnOldBooks compares the drain into books that are as good as new with the same drain into books that
// hold TILLD_LEDGER_ROWS rows already (70,000 unless set; 10,000,000 are wanted), in one run. Those are
// as large as a sale's own, and were written as they come in: keys rise with time, phones and accounts are random.
//
//	old/new: rate of "posted" on the old books over that on the new ones; at least 0.7 is wanted
func BenchmarkDrainOnOldBooks(b *testing.B) {
	n, rows := benchNumber(b, "TILLD_DRAIN_SALES", 3000), benchNumber(b, "TILLD_LEDGER_ROWS", 70_000)
	for b.Loop() {
		_, fresh := newDrain(b, n).drain()
		d := newDrain(b, n)
		d.grow(rows / rowsOfSale)
		_, old := d.drain()
		b.ReportMetric(0, "ns/op") // the two together say nothing
		b.ReportMetric(float64(n)/fresh.Seconds(), "new-sales/s")
		b.ReportMetric(float64(n)/old.Seconds(), "old-sales/s")
		b.ReportMetric(fresh.Seconds()/old.Seconds(), "old/new")
		b.ReportMetric(float64(d.rowsHeld()-n*rowsOfSale), "rows")
	}
}

// grown are the statements that write sales of a year ago: of 500 terminals in turn, 50 of each. ?1 is how many, ?2
// the time in Unix ms of the first and ?3 the business date. Payloads and bodies are random, and of the size of real
// ones. All of it was settled.
var grown = []string{
	`CREATE TEMP TABLE sale AS WITH RECURSIVE i(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM i WHERE n + 1 < ?1)
		SELECT n, n / 50 % 500 + 1000 AS terminal, n / 25000 * 150 + n % 50 * 3 + 1 AS seq, ?2 + n * 20 AS at, 100 + n % 900 AS amount FROM i`,
	`INSERT INTO header (no, protected) VALUES (1000, randomblob(40))`,
	`INSERT INTO terminal (no, id, entity, store, lane, added_at) SELECT terminal, randomblob(16), 'kita-foods', 'old-' || terminal, 'L1', ?2 FROM sale GROUP BY terminal`,
	`INSERT INTO terminal_key (terminal, n, key) SELECT no, 0, randomblob(40) FROM terminal WHERE no >= 1000`,
	`INSERT INTO epoch (no, terminal, epoch, known) SELECT no, no, no, 0 FROM terminal WHERE no >= 1000`,
	`INSERT INTO branch (no, epoch, from_seq, head, head_hash, judged, first_key, key)
		SELECT terminal, terminal, 1, max(seq) + 2, randomblob(32), max(seq) + 2, 0, 0 FROM sale GROUP BY terminal`,
	`INSERT INTO dimension (no, entity, store, lane, terminal, wallet, business_date, currency)
		SELECT no, entity, store, lane, id, 'house', ?3, 'JPY' FROM terminal WHERE no >= 1000`,
	`INSERT INTO entry (no, branch, seq, kind, hash, header, payload, signature, body, received_at)
		SELECT 3 * n + k + 1, terminal, seq + k, 10 + k, randomblob(32), 1000, randomblob(iif(k = 1, 298, 165)), iif(n % 50 = 49 AND k = 2, randomblob(64), NULL),
			iif(k = 1, randomblob(472), NULL), at FROM sale, (SELECT 0 AS k UNION ALL SELECT 1 UNION ALL SELECT 2) ORDER BY n, k`,
	`INSERT INTO payment (no, id, sale, entry, dimension, amount, state, policy, account, taken_at)
		SELECT n + 1, unhex(printf('%012x', at) || hex(randomblob(10))), unhex(printf('%012x', at) || hex(randomblob(10))), 3 * n + 2, terminal, amount,
			'posted', 1, randomblob(16), at FROM sale ORDER BY n`,
	`INSERT INTO transfer (no, debit, credit, amount, dimension, cause, payment, entry, posted_at)
		SELECT n + 1, 1100, 2100, amount, terminal, 'approved', n + 1, 3 * n + 2, at FROM sale ORDER BY n`,
	`INSERT INTO balance (dimension, account, debits, credits)
		SELECT terminal, a, iif(a = 1100, sum(amount), 0), iif(a = 2100, sum(amount), 0) FROM sale, (SELECT 1100 AS a UNION ALL SELECT 2100) GROUP BY terminal, a`,
	`INSERT INTO spent (phone, counter, payment) SELECT randomblob(8), 1, n + 1 FROM sale ORDER BY 1`,
	`INSERT INTO account_wallet_day (epoch, business_date, wallet, account, currency, spent, count) SELECT p.dimension, ?3, 'house', p.account, 'JPY', p.amount, 1 FROM payment p ORDER BY 1, 4`,
	`INSERT INTO settled (wallet, currency, transfer) SELECT 'house', 'JPY', max(no) FROM transfer`,
	`DROP TABLE sale`,
}

// grow puts as many sales into the books, which nobody else has opened.
func (d *drain) grow(sales int) {
	d.b.Helper()
	file, err := sql.Open("sqlite", "file:"+d.ledgerFile()+"?_journal_mode=WAL&_synchronous=OFF&_txlock=immediate&_pragma=cache_size(-262144)&_pragma=temp_store(FILE)")
	d.must(err)
	file.SetMaxOpenConns(1)
	began := time.Now().AddDate(-1, 0, 0)
	for _, query := range grown {
		_, err := file.ExecContext(d.b.Context(), query, sales, began.UnixMilli(), int64(payment.DateOf(began)))
		if err != nil {
			d.b.Fatalf("%s: %v", query, err)
		}
	}
	d.must(file.QueryRow("SELECT sum(amount) FROM transfer").Scan(&d.before))
	d.must(file.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(new(int), new(int), new(int)))
	d.must(file.Close())
}

func (d *drain) ledgerFile() string { return filepath.Join(d.data(), "ledger.db") }

// rowsHeld counts what the drained and the grown sales left in the books.
func (d *drain) rowsHeld() (rows int) {
	d.b.Helper()
	file, err := sql.Open("sqlite", "file:"+d.ledgerFile()+"?mode=ro")
	d.must(err)
	defer file.Close()
	for _, table := range []string{"entry", "payment", "transfer", "spent", "account_wallet_day"} {
		var n int
		d.must(file.QueryRow("SELECT count(*) FROM " + table).Scan(&n))
		rows += n
	}
	return rows
}
