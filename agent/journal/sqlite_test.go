package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rawDB opens a database without any of the journal's guards.
func rawDB(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func mustExec(t testing.TB, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, text string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(ctx, text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func TestEveryConnectionIsSet(t *testing.T) {
	j := newJournal(t)
	ask := func(conn *sql.Conn, list []pragma) {
		for _, p := range list {
			var got string
			if err := conn.QueryRowContext(ctx, "PRAGMA "+p.name).Scan(&got); err != nil || got != p.want {
				t.Errorf("%s is %q (%v), want %q", p.name, got, err, p.want)
			}
		}
	}
	ask(j.store.conn, pragmas)
	for range maxReaders { // hold them all, so that each is another connection
		conn, err := j.store.readers.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ask(conn, readerPragmas)
		if _, err := conn.ExecContext(ctx, `DELETE FROM meta`); err == nil {
			t.Error("a reading connection writes")
		}
	}
}

// TestPragmaThatDiffers: SQLite ignores what it can't do or doesn't know; we don't.
func TestPragmaThatDiffers(t *testing.T) {
	tests := []struct {
		name string
		p    pragma
	}{
		{"not what was asked for", pragma{"synchronous", "NORMAL", "2"}},
		{"misspelt", pragma{"sinchronous", "FULL", "2"}},
		{"a mode that a database in memory can't have", pragma{"journal_mode", "WAL", "wal"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			extra := url.Values{}
			if tt.p.name == "journal_mode" {
				extra.Set("mode", "memory")
			}
			c, err := connect(filepath.Join(t.TempDir(), "x.db"), []pragma{tt.p}, extra)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := c.Connect(ctx)
			if !errors.Is(err, ErrPragma) || !strings.Contains(err.Error(), tt.p.name) {
				t.Errorf("connection %v, error %v", conn, err)
			}
		})
	}
}

// TestSQLiteVersion keeps out the versions with the WAL-reset bug (3.7.0 to 3.51.2; sqlite.org/wal.html).
func TestSQLiteVersion(t *testing.T) {
	j := newJournal(t)
	var v string
	if err := j.store.conn.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&v); err != nil {
		t.Fatal(err)
	}
	var major, minor, patch int
	if _, err := fmt.Sscanf(v, "%d.%d.%d", &major, &minor, &patch); err != nil {
		t.Fatal(err)
	}
	if major*1_000_000+minor*1000+patch < 3_051_003 {
		t.Errorf("SQLite %s can lose committed data", v)
	}
}

func TestPathsWithOddCharacters(t *testing.T) {
	for _, name := range []string{"a b", "a?b=c", "a%20b", "a#b", "日本"} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t, filepath.Join(t.TempDir(), name))
			j := mustOpen(t, cfg)
			sell(t, j, 1, 1)
			verifyCopy(t, j)
		})
	}
}

// TestLaterSchema: a binary that was rolled back opens what a later release expanded, and goes on.
func TestLaterSchema(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 1)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	db := rawDB(t, j.cfg.database())
	for _, table := range []string{"sale", "payment", "day", "attempt"} {
		mustExec(t, db, `ALTER TABLE `+table+` ADD COLUMN loyalty TEXT`)
	}
	mustExec(t, db, `CREATE TABLE later (x INTEGER) STRICT`)
	mustExec(t, db, `INSERT INTO projection (name, pos) VALUES ('later', 3)`)
	mustExec(t, db, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	j = mustOpen(t, j.cfg)
	sell(t, j, 2, 1)
	verifyCopy(t, j)
}

// TestSchemaBeyondThisRelease: what a later release says that nobody older may work with is left as it is, and
// the refusal says what to do. Nothing in it is lost to the later one.
func TestSchemaBeyondThisRelease(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 1)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	db := rawDB(t, j.cfg.database())
	mustExec(t, db, `ALTER TABLE sale RENAME COLUMN reference TO receipt`)
	mustExec(t, db, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
	mustExec(t, db, `PRAGMA user_version = 99`)
	mustExec(t, db, `PRAGMA wal_checkpoint(TRUNCATE)`)
	before, err := os.ReadFile(j.cfg.database())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, j.cfg); !errors.Is(err, ErrLater) || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "schema 99") {
		t.Errorf("opened with %v", err)
	}
	if after, err := os.ReadFile(j.cfg.database()); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the journal was changed, %v", err)
	}
	mustExec(t, db, `ALTER TABLE sale RENAME COLUMN receipt TO reference`) // the later release, put back and mended
	mustExec(t, db, `PRAGMA user_version = 2`)
	mustExec(t, db, `DELETE FROM goose_db_version WHERE version_id = 99`)
	j = mustOpen(t, j.cfg)
	sell(t, j, 2, 1)
	verifyCopy(t, j)
}

// TestTriggersRefuse tries by hand what no code of ours does.
func TestTriggersRefuse(t *testing.T) {
	j := newJournal(t)
	r := sell(t, j, 1, 3)
	mustAck(t, j, ackFor(r[1], 5))
	sellOnline(t, j)
	if err := j.SetDocument(ctx, PolicyDocument, 4, []byte("four")); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, text string }{
		{"change an entry", `UPDATE entry SET envelope = envelope`},
		{"change an entry's sale", `UPDATE entry SET sale = NULL WHERE pos = 2`},
		{"delete an acknowledged entry", `DELETE FROM entry WHERE seq = 2`},
		{"delete an entry in the outbox", `DELETE FROM entry WHERE seq = 7`},
		{"insert over one", `INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE seq = 2`},
		{"insert beside the chain", `INSERT INTO entry SELECT pos + 10, epoch, seq + 10, hash, prev, envelope, kind, sale, payment, business_date, wall FROM entry WHERE seq = 2`},
		{"insert with another head", `INSERT INTO entry SELECT pos + 1, epoch, seq + 1, hash, zeroblob(32), envelope, kind, sale, payment, business_date, wall FROM entry WHERE seq = 7`},
		{"an entry of no epoch", `INSERT INTO entry SELECT pos + 1, 77, 1, hash, x'', envelope, kind, sale, payment, business_date, wall FROM entry WHERE seq = 7`},
		{"change a body", `UPDATE body SET raw = x'01' WHERE pos = 3`},
		{"erase a body that HQ has not got", `UPDATE body SET raw = NULL WHERE pos = 7`},
		{"delete a body", `DELETE FROM body WHERE pos = 3`},
		{"a body of no entry", `INSERT INTO body (pos, raw) VALUES (99, x'01')`},
		{"an outbox that goes back", `UPDATE epoch SET acked = 1`},
		{"an outbox beyond the end", `UPDATE epoch SET acked = 99`},
		{"a head that goes back", `UPDATE epoch SET last = 5, acked = 5`},
		{"an HQ epoch that goes back", `UPDATE epoch SET hq_epoch = 4`},
		{"pruning beyond the outbox", `UPDATE epoch SET pruned = 7`},
		{"a fork forgotten", `UPDATE epoch SET forked = -1`},
		{"delete an epoch", `DELETE FROM epoch`},
		{"an older policy", `UPDATE document SET version = 3`},
		{"another policy of one version", `UPDATE document SET raw = x'02'`},
		{"a sale paid and cancelled", `UPDATE sale SET cancelled = 9`},
		{"a sale paid too much", `UPDATE sale SET paid = due + 1`},
		{"exposure below nothing", `UPDATE exposure SET minor = -1`},
		{"an attempt under way and over", `UPDATE attempt SET ended = 9 WHERE state = 'asked'`},
		{"an attempt over and nobody says when", `UPDATE attempt SET ended = NULL WHERE state <> 'asked'`},
		{"an attempt in no state", `UPDATE attempt SET state = 'lost'`},
		{"an attempt of nothing", `UPDATE attempt SET amount = 0`},
		{"two attempts of a payment at once", `INSERT INTO attempt SELECT ref || 'x', payment, sale, epoch, seq + 100, business_date, wall, wallet, currency, amount, training, not_after, 'asked', NULL FROM attempt`},
		{"two charges of one attempt", `INSERT INTO charge SELECT zeroblob(16), sale, epoch, seq + 100, business_date, wall, wallet, currency, amount, training, ref, NULL FROM charge`},
		{"a sale paid online too much", `UPDATE sale SET online = due + 1 - paid`},
		{"a sale paid online and cancelled", `UPDATE sale SET cancelled = 9 WHERE online > 0`},
		{"a sale paid online and again", `UPDATE sale SET paid = due WHERE online > 0`},
		{"text for a number", `UPDATE sale SET wall = 'noon'`},
		{"a hash cut short", `UPDATE epoch SET head = x'00'`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := j.store.conn.ExecContext(ctx, tt.text); err == nil {
				t.Error("done")
			}
		})
	}
	verifyCopy(t, j)
}
