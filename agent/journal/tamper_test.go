package journal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// busyJournal has something in every projection: payments HQ has and has not got, voids, sales in all states.
func busyJournal(t testing.TB) *Journal {
	t.Helper()
	j := newJournal(t)
	mustAppend(t, j, draft(&payment.DayOpened{}))
	r := sell(t, j, 1, 8) // approvals at 4, 6, ... 18
	training := opened(50, 100)
	training.Training = true
	mustAppend(t, j, voided(r[1]), voided(r[6]), saleFact(&payment.SaleCompleted{}, 1), saleFact(&payment.SaleCancelled{}, 2), training)
	d, err := j.Day(ctx, today)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, draft(&payment.DayClosed{FirstSeq: d.FirstSeq, Totals: d.Totals}))
	mustAck(t, j, ackFor(r[3], 2))
	return j
}

// TestTamperedProjections: who has the file and no key changes what the rules are told. Verification names the
// table and the column, and the lane does not open.
func TestTamperedProjections(t *testing.T) {
	j := busyJournal(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text    string
		table, column string
		stored, want  string // parts
		opens         bool   // the lane can't tell in a time that does not grow
	}{
		{name: "entries made out to be acknowledged", text: `UPDATE epoch SET acked = last`, table: "exposure", column: "minor", stored: "300", want: "not there"},
		{name: "less exposure", text: `UPDATE exposure SET minor = 0`, table: "exposure", column: "minor", stored: "0", want: "300"},
		{name: "fewer payments at risk", text: `UPDATE exposure SET count = 1`, table: "exposure", column: "count", stored: "1", want: "3"},
		{name: "no exposure", text: `DELETE FROM exposure`, table: "exposure", stored: "not there", want: "minor 300"},
		{name: "exposure of another currency", text: `INSERT INTO exposure SELECT epoch, 'TWD', 5, 1 FROM epoch`, table: "exposure", stored: "minor 5", want: "not there"},
		{name: "a phone's counter put back", text: `UPDATE phone SET counter = zeroblob(8) WHERE key = x'0303030303030303'`, table: "phone", column: "counter", stored: "0000000000000000", want: "0000000000000007"},
		{name: "a phone forgotten", text: `DELETE FROM phone WHERE key = x'0303030303030303'`, table: "phone", stored: "not there", want: "counter 0000000000000007"},
		{name: "a phone shut out", text: `UPDATE phone SET counter = x'ffffffffffffffff' WHERE key = x'0303030303030303'`, table: "phone", column: "counter", stored: "ffff", want: "0000000000000007", opens: false},
		{name: "a phone nobody knows", text: `INSERT INTO phone VALUES (x'99', zeroblob(8), 20261122)`, table: "phone", stored: "counter 0000", want: "not there", opens: true},
		{name: "a spent code revived", text: `DELETE FROM spent WHERE counter = x'0000000000000007'`, table: "spent", stored: "not there", want: "payment "},
		{name: "a code spent for another", text: `UPDATE spent SET payment = zeroblob(16) WHERE counter = x'0000000000000007'`, table: "spent", column: "payment", stored: "0000", want: "02"},
		{name: "a code spent that was not", text: `INSERT INTO spent VALUES (x'99', zeroblob(8), zeroblob(16), 20261122)`, table: "spent", stored: "payment 00", want: "not there", opens: true},
		{name: "an account that spent less", text: `UPDATE spend SET minor = 0`, table: "spend", column: "minor", stored: "0", want: "00"},
		{name: "an account that spent nothing", text: `DELETE FROM spend`, table: "spend", stored: "not there", want: "count 1"},
		{name: "an account that spent on another day", text: `UPDATE spend SET business_date = 20261121`, table: "spend", stored: "not there", want: "count 1"},
		{name: "a day begun later", text: `UPDATE day SET first_seq = first_seq + 1`, table: "day", column: "first_seq", stored: "3", want: "2"},
		{name: "a day open again", text: `UPDATE day SET closed_seq = NULL`, table: "day", column: "closed_seq", stored: "NULL", want: "24"},
		{name: "a day that took more", text: `UPDATE day_total SET minor = minor + 1`, table: "day_total", column: "minor", stored: "801", want: "800"},
		{name: "voids gone from a day", text: `UPDATE day_total SET void_count = 0`, table: "day_total", column: "void_count", stored: "0", want: "2"},
		{name: "a sale unpaid", text: `UPDATE sale SET paid = 0 WHERE id = x'02000000000000000000000000000003'`, table: "sale", column: "paid", stored: "0", want: "100"},
		{name: "a sale not completed", text: `UPDATE sale SET completed = NULL`, table: "sale", column: "completed", stored: "NULL", want: "21"},
		{name: "a sale dearer", text: `UPDATE sale SET total = 200, due = 200`, table: "sale", column: "total", stored: "200", want: "100"},
		{name: "a sale renamed", text: `UPDATE sale SET reference = 'x' || char(27) || '[2J'`, table: "sale", column: "reference", stored: `"x\x1b[2J"`, want: `""`},
		{name: "a sale gone", text: `DELETE FROM sale WHERE id = x'02000000000000000000000000000003'`, table: "sale", stored: "not there", want: "total 100"},
		{name: "a payment void", text: `UPDATE payment SET voided = 20 WHERE seq = 4`, table: "payment", column: "voided", stored: "20", want: "NULL"},
		{name: "a payment of less", text: `UPDATE payment SET amount = 1 WHERE seq = 4`, table: "payment", column: "amount", stored: "1", want: "100"},
		{name: "a payment gone", text: `DELETE FROM payment WHERE seq = 4`, table: "payment", stored: "not there", want: "amount 100"},
		{name: "a payment of another account", text: `UPDATE payment SET account = x'00' WHERE seq = 4`, table: "payment", column: "account", stored: "00", want: "6102"},
		{name: "the mark put back", text: `UPDATE projection SET pos = 3`, table: "phone", stored: "counter", want: "not there"},
		{name: "bodies made out to be erased", text: `UPDATE epoch SET erased = 5`, table: "epoch", column: "erased", stored: "5", want: "0", opens: true},
		{name: "retention of tomorrow", text: `INSERT INTO meta VALUES ('counters-from', x'0000000001354c2c'); DELETE FROM phone; DELETE FROM spent`, table: "meta", column: "value", stored: "2027-01-24", want: "no later than 2026-11-22", opens: true},
		{name: "a key nobody used", text: `INSERT INTO signing_key (kid, cose, epoch, first_seq) SELECT zeroblob(8), x'00', epoch, 1 FROM epoch`, table: "signing_key", stored: "there", want: "not there"},
		{name: "a key from later on", text: `UPDATE signing_key SET first_seq = 2`, table: "signing_key", column: "first_seq", stored: "2 of", want: "1 of", opens: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := tamper(t, j.cfg.database(), tt.text)
			report, err := verifyFile(t, path, newSigner(t, 1).Public())
			e, ok := errors.AsType[*DifferError](err)
			if !ok || !errors.Is(err, ErrCorrupt) || report.Entries != 24 {
				t.Fatalf("%v, %+v", err, report)
			}
			if d := e.List[0]; d.Table != tt.table || (d.Column != tt.column && d.Column != "") || !strings.Contains(d.Stored, tt.stored) || !strings.Contains(d.Want, tt.want) {
				t.Errorf("%+v, want %s in %s: %q and %q", d, tt.column, tt.table, tt.stored, tt.want)
			}
			opensNot(t, j.cfg, path, tt.opens)
		})
	}
	report, err := verifyFile(t, tamper(t, j.cfg.database(), `SELECT 1`), newSigner(t, 1).Public())
	if p := report.Projected; err != nil || p.Rows < 30 || p.Resting != 0 || p.Behind != 0 || p.Schema != SchemaVersion {
		t.Errorf("untouched: %v, %+v", err, report.Projected)
	}
}

// opensNot wants the journal refused as damaged, unless it opens all the same.
func opensNot(t *testing.T, cfg Config, path string, opens bool) {
	t.Helper()
	cfg.Dir = filepath.Dir(path)
	j, err := Open(ctx, cfg)
	if err == nil {
		err = j.Close()
		if !opens || err != nil {
			t.Errorf("the lane opens it: %v", err)
		}
	} else if opens || !errors.Is(err, ErrCorrupt) {
		t.Errorf("the lane does not open it: %v", err)
	}
}

// TestTamperedSchema: a trigger less, or one more, and the file does what somebody else wants.
func TestTamperedSchema(t *testing.T) {
	j := busyJournal(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text, key string
		later           bool // a release that is not out yet may have done it
	}{
		{"a trigger gone", `DROP TRIGGER entry_never_changes`, "trigger entry_never_changes", false},
		{"a trigger that does nothing", `DROP TRIGGER entry_is_kept;
			CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry WHEN false BEGIN SELECT RAISE(ABORT, 'journal: an entry is kept until HQ has it and its time is over'); END`, "trigger entry_is_kept", false},
		{"a trigger that forgets", `CREATE TRIGGER forget AFTER INSERT ON exposure BEGIN DELETE FROM exposure; END`, "trigger forget", false},
		{"an index more", `CREATE INDEX fast ON entry (wall)`, "index fast", true},
		{"an index gone", `DROP INDEX sale_request`, "index sale_request", false},
		{"a table more", `CREATE TABLE cat (name TEXT)`, "table cat", true},
		{"a view", `CREATE VIEW cat AS SELECT 1`, "view cat", true},
		{"a column more", `ALTER TABLE spent ADD COLUMN cat TEXT`, "table spent", true},
		{"a check less", `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (minor >= 0)', '') WHERE name = 'exposure'`, "table exposure", false},
		{"a wider key", `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'PRIMARY KEY (phone, counter)', 'PRIMARY KEY (phone, counter, business_date)') WHERE name = 'spent'`, "table spent", false},
		{"a name that steers a terminal", "CREATE TABLE \"\x1b[2J\nVERIFIED\" (name TEXT)", "table \x1b[2J\nVERIFIED", true},
	}
	for _, later := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, later %v", tt.name, later), func(t *testing.T) {
				path := copyFile(t, j.cfg.database())
				db := rawDB(t, path)
				mustExec(t, db, tt.text)
				if later {
					mustExec(t, db, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
				}
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				report, err := verifyFile(t, path, newSigner(t, 1).Public())
				if later && tt.later {
					if err != nil || report.Projected.Schema != 99 {
						t.Errorf("of a later release: %v, %+v", err, report.Projected)
					}
					opensNot(t, j.cfg, path, true)
					return
				}
				if e, ok := errors.AsType[*DifferError](err); !ok || e.List[0].Table != "sqlite_schema" || e.List[0].Key != tt.key {
					t.Errorf("%v, want %s", err, tt.key)
				}
				opensNot(t, j.cfg, path, false)
			})
		}
	}
}

// TestVerifyAfterRetention: what retention took is not missed, and what it left is still held against the
// entries.
func TestVerifyAfterRetention(t *testing.T) {
	yesterday := payment.Date(20261121)
	cfg := config(t, t.TempDir())
	cfg.Now = func() Moment { return moment(yesterday) }
	j := mustOpen(t, cfg)
	var old []Record
	for i := 1; i <= 4; i++ {
		old = append(old, mustAppend(t, j, on(opened(i, 100), yesterday), on(approved(t, i, 100, byte(i), uint64(i)), yesterday))...)
	}
	r := sell(t, j, 10, 6)
	mustAck(t, j, ackFor(r[2], 2))
	if _, err := j.Prune(ctx, Retention{Bodies: today, Counters: today}); err != nil {
		t.Fatal(err)
	}
	if err := j.EraseBody(ctx, r[0].Entry.Epoch, r[0].Entry.Seq); err != nil { // somebody's right
		t.Fatal(err)
	}
	if e := mustState(t, j).Current; e.Erased != r[0].Entry.Seq {
		t.Errorf("erased up to %d, want %d", e.Erased, r[0].Entry.Seq)
	}
	reopen(t, &j)
	p := verifyCopy(t, j).Projected
	if p.BodiesFrom != today || p.CountersFrom != today || p.Resting == 0 {
		t.Errorf("%+v", p)
	}
	for _, text := range []string{`DELETE FROM phone`, `DELETE FROM spent`, `UPDATE spend SET minor = 0`, `DELETE FROM exposure`} {
		path := tamper(t, j.cfg.database(), text)
		if _, err := verifyFile(t, path, newSigner(t, 1).Public()); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", text, err)
		}
		opensNot(t, j.cfg, path, false)
	}
	j = mustOpen(t, j.cfg)
	if _, err := j.Prune(ctx, Retention{Entries: today}); err != nil {
		t.Fatal(err)
	}
	if e := mustState(t, j).Current; e.Pruned != old[len(old)-1].Entry.Seq {
		t.Fatalf("pruned up to %d", e.Pruned)
	}
	reopen(t, &j)
	verifyCopy(t, j)
	for _, text := range []string{`DELETE FROM phone`, `UPDATE phone SET counter = zeroblob(8)`, `DELETE FROM spent`, `DELETE FROM spend`, `UPDATE day_total SET minor = 100`, `DELETE FROM payment`} {
		if _, err := verifyFile(t, tamper(t, j.cfg.database(), text), newSigner(t, 1).Public()); !errors.Is(err, ErrCorrupt) {
			t.Errorf("pruned, and %s: %v", text, err)
		}
	}
}

// TestOpenLooksAtABoundedPart: with more in the outbox than is gone through, what lies before is not judged,
// and the rest is.
func TestOpenLooksAtABoundedPart(t *testing.T) {
	j := busyJournal(t)
	s := j.store
	from, err := s.openFrom(ctx, head{pos: 10_000})
	if err != nil || from != 10_000-openLength+1 {
		t.Errorf("from %d, %v", from, err)
	}
	if from, err = s.openFrom(ctx, head{pos: 24}); err != nil || from != 1 {
		t.Errorf("from %d, %v", from, err)
	}
	if from, err = s.openFrom(ctx, head{pos: 1000}); err != nil || from != 11 { // behind the acknowledgement
		t.Errorf("from %d, %v", from, err)
	}
	for from := int64(1); from <= 24; from++ { // wherever the part begins, a sound journal is sound
		r, err := newRebuild(ctx, schemaVersion, mustState(t, j).Epochs, 24, cuts{})
		if err != nil {
			t.Fatal(err)
		}
		list := rows(ctx, s.query, Filter{after: from - 1})
		if _, err := r.verified(ctx, list, Trust{Keys: []wire.PublicKey{newSigner(t, 1).Public()}, Loose: true}); err != nil {
			t.Fatal(err)
		}
		c := comparison{r: r, stored: s.conn}
		if err := errors.Join(c.run(ctx), c.err(), r.close()); err != nil {
			t.Errorf("from %d: %v", from, err)
		}
	}
}

// TestReportNamesKeys: keys in the order of their first signature.
func TestReportNamesKeys(t *testing.T) {
	report := verifyCopy(t, longJournal(t))
	if k := report.Keys; len(k) != 2 || !bytes.Equal(k[1].Key.Bytes(), newSigner(t, 2).Public().Bytes()) || k[0].First != 1 || k[1].First != 9 || k[0].Epoch != k[1].Epoch {
		t.Errorf("%+v", report.Keys)
	}
}
