package ingesttest

import (
	"database/sql"
	"testing"

	// The driver that the real books use.
	_ "modernc.org/sqlite"

	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// Afternoon are HQ's books as one would write them in an afternoon, for benchmarks to be held against: plain
// tables with the real ledger's settings, and one commit for each payment.
type Afternoon struct {
	db                           *sql.DB
	entry, payment, spent, lines *sql.Stmt
}

// OpenAfternoon makes them in a new file; they are closed with the test.
func OpenAfternoon(tb testing.TB, path string) *Afternoon {
	tb.Helper()
	must := func(err error) {
		if err != nil {
			tb.Helper()
			tb.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_pragma=cache_size(-65536)")
	must(err)
	tb.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`CREATE TABLE entry (terminal BLOB, epoch INTEGER, seq INTEGER, hash BLOB, payload BLOB, body BLOB, signature BLOB,
		PRIMARY KEY (terminal, epoch, seq));
		CREATE TABLE payment (id BLOB PRIMARY KEY, terminal BLOB, amount INTEGER, currency TEXT, wallet TEXT, business_date INTEGER);
		CREATE TABLE spent (phone BLOB, counter INTEGER, payment BLOB, PRIMARY KEY (phone, counter));
		CREATE TABLE line (payment BLOB, account INTEGER, amount INTEGER)`)
	must(err)
	a := &Afternoon{db: db}
	for st, query := range map[**sql.Stmt]string{
		&a.entry:   "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)",
		&a.payment: "INSERT INTO payment VALUES (?, ?, ?, ?, ?, ?)",
		&a.spent:   "INSERT INTO spent VALUES (?, ?, ?)",
		&a.lines:   "INSERT INTO line VALUES (?1, 1100, ?2), (?1, 2100, -?2)",
	} {
		*st, err = db.Prepare(query)
		must(err)
	}
	return a
}

// Write keeps a batch and posts the approval in it, in one transaction.
func (a *Afternoon) Write(b *wire.Batch, hashes [][wire.HashSize]byte, p *ledger.Approval) error {
	t, err := a.db.Begin()
	if err != nil {
		return err
	}
	defer t.Rollback() // after a commit it does nothing
	entry := t.Stmt(a.entry)
	for i := range b.Payloads {
		_, err := entry.Exec(b.Terminal[:], int64(b.Epoch), int64(b.First)+int64(i), hashes[i][:], b.Payloads[i], b.Bodies[i], b.Signature)
		if err != nil {
			return err
		}
	}
	for _, step := range []struct {
		st   *sql.Stmt
		args []any
	}{
		{a.payment, []any{p.Payment[:], b.Terminal[:], p.Amount.Minor, string(p.Amount.Currency), p.Wallet, int64(p.BusinessDate)}},
		{a.spent, []any{p.Replay.Phone, int64(p.Replay.Counter), p.Payment[:]}},
		{a.lines, []any{p.Payment[:], p.Amount.Minor}},
	} {
		if _, err := t.Stmt(step.st).Exec(step.args...); err != nil {
			return err
		}
	}
	return t.Commit()
}
