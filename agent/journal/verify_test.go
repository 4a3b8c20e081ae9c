package journal

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// longJournal has two epochs, two keys, bodies, an erased one, and a pruned front.
func longJournal(t testing.TB) *Journal {
	t.Helper()
	j := newJournal(t)
	r := sell(t, j, 1, 3)
	mustAck(t, j, ackFor(r[2], 1))
	if err := j.EraseBody(ctx, r[1].Entry.Epoch, r[1].Entry.Seq); err != nil {
		t.Fatal(err)
	}
	if _, err := j.ChangeKey(ctx, newSigner(t, 2)); err != nil {
		t.Fatal(err)
	}
	sell(t, j, 10, 1)
	if _, err := j.NewEpoch(ctx, payment.CauseFork); err != nil {
		t.Fatal(err)
	}
	sell(t, j, 20, 2)
	return j
}

// copyFile copies a closed journal.
func copyFile(t testing.TB, from string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), DatabaseFile)
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

func verifyFile(t testing.TB, path string, keys ...wire.PublicKey) (Report, error) {
	t.Helper()
	c, err := OpenCopy(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Verify(ctx, keys...)
}

func TestVerifyCopy(t *testing.T) {
	j := longJournal(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	path := copyFile(t, j.cfg.database())
	r, err := verifyFile(t, path, newSigner(t, 1).Public())
	if err != nil {
		t.Fatal(err)
	}
	if r.Entries != 15 || r.Bodies != 6 || r.Erased != 1 || len(r.Epochs) != 2 || r.Terminal != terminal ||
		r.Epochs[0].Last != 10 || r.Epochs[1].Last != 5 {
		t.Errorf("report %+v", r)
	}
	if _, err := verifyFile(t, path, newSigner(t, 3).Public()); !errors.Is(err, wire.ErrUnknownKey) {
		t.Errorf("a key that never signed: %v", err)
	}
	if _, err := verifyFile(t, path, newSigner(t, 2).Public()); !errors.Is(err, wire.ErrUnknownKey) {
		t.Errorf("only the second key: %v", err)
	}
	if _, err := verifyFile(t, path); !errors.Is(err, wire.ErrUnknownKey) {
		t.Errorf("no key at all: %v", err)
	}
}

// TestVerifyNamesTheRow changes each column of one row in the middle and wants that row named, and what of
// it does not hold.
func TestVerifyNamesTheRow(t *testing.T) {
	j := longJournal(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	// Row 5 is the approval of sale 2, whose body is erased; row 7 that of sale 3.
	tests := []struct {
		name, text string
		seq        uint64 // as the row says
		part       string
	}{
		{"position", `UPDATE entry SET pos = 99 WHERE pos = 15`, 5, "order"},
		{"a first position", `UPDATE entry SET pos = 0 WHERE pos = 1`, 1, "order"},
		{"epoch", `UPDATE entry SET epoch = epoch + 1 WHERE pos = 7`, 7, "epoch"},
		{"sequence", `UPDATE entry SET seq = 77 WHERE pos = 7`, 77, "seq"},
		{"hash", flip("hash"), 7, "hash"},
		{"previous hash", flip("prev"), 7, "prev"},
		{"kind", `UPDATE entry SET kind = 6 WHERE pos = 7`, 7, "kind"},
		{"sale", flip("sale"), 7, "sale"},
		{"no sale", `UPDATE entry SET sale = NULL WHERE pos = 7`, 7, "sale"},
		{"payment", flip("payment"), 7, "payment"},
		{"business date", `UPDATE entry SET business_date = 20261123 WHERE pos = 7`, 7, "business_date"},
		{"wall time", `UPDATE entry SET wall = wall + 1 WHERE pos = 7`, 7, "wall"},
		{"body", `UPDATE body SET raw = zeroblob(length(raw)) WHERE pos = 7`, 7, "body"},
		{"body gone", `DELETE FROM body WHERE pos = 7`, 7, "body"},
		{"a body where none was", `INSERT INTO body (pos, raw) SELECT 6, raw FROM body WHERE pos = 7`, 6, "body"},
		{"a body for another", `UPDATE body SET raw = (SELECT raw FROM body WHERE pos = 3) WHERE pos = 7`, 7, "body"},
		{"an erased body made up", `UPDATE body SET raw = x'a0' WHERE pos = 5`, 5, "body"},
		{"envelope of another row", `UPDATE entry SET envelope = (SELECT envelope FROM entry WHERE pos = 3) WHERE pos = 7`, 7, "seq"},
		{"row gone", `DELETE FROM body WHERE pos = 7; DELETE FROM entry WHERE pos = 7`, 8, "chain"},
		{"row gone, positions closed up", `DELETE FROM body WHERE pos = 7; DELETE FROM entry WHERE pos = 7;
			UPDATE entry SET pos = pos - 1 WHERE pos > 7`, 8, "chain"},
		{"last row gone", `DELETE FROM body WHERE pos = 15; DELETE FROM entry WHERE pos = 15`, 5, "head"},
		{"the head", `UPDATE epoch SET head = zeroblob(32) WHERE id = 1`, 10, "head"},
		{"first rows gone", `DELETE FROM body WHERE pos < 6; DELETE FROM entry WHERE pos < 6`, 6, "chain"},
		{"first rows gone, and said to be pruned", `DELETE FROM body WHERE pos < 6; DELETE FROM entry WHERE pos < 6;
			UPDATE epoch SET pruned = 5, pruned_head = zeroblob(32) WHERE id = 1`, 6, "chain"},
		{"an epoch gone", `DELETE FROM body WHERE pos <= 10; DELETE FROM entry WHERE pos <= 10; UPDATE entry SET pos = pos - 10`, 1, "signature"},
		{"an epoch that no list has", `DELETE FROM epoch WHERE id = 2`, 5, "epoch"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := tamper(t, j.cfg.database(), tt.text)
			_, err := verifyFile(t, path, newSigner(t, 1).Public())
			f, ok := errors.AsType[*Fault](err)
			if !ok || f.Seq != tt.seq || f.Part != tt.part {
				t.Errorf("%v, want the %s of entry %d", err, tt.part, tt.seq)
			}
		})
	}
}

// flip changes the first byte of a blob column of row 7.
func flip(column string) string {
	return fmt.Sprintf(`UPDATE entry SET %s = unhex(iif(substr(hex(%[1]s), 1, 2) = '00', '01', '00') || substr(hex(%[1]s), 3)) WHERE pos = 7`, column)
}

// tamper changes a copy as somebody would who has the file: no triggers, no checks, and afterwards the triggers
// stand there as before.
func tamper(t testing.TB, from, text string) string {
	t.Helper()
	path := copyFile(t, from)
	db := rawDB(t, path)
	for _, off := range []string{"foreign_keys = OFF", "ignore_check_constraints = ON", "synchronous = OFF"} {
		mustExec(t, db, "PRAGMA "+off)
	}
	triggers, err := collect(ctx, db.QueryContext, func(rows *sql.Rows) (o object, err error) { err = rows.Scan(&o.name, &o.text); return o, err },
		`SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'`)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range triggers {
		mustExec(t, db, "DROP TRIGGER "+o.name)
	}
	mustExec(t, db, text)
	for _, o := range triggers {
		mustExec(t, db, o.text)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestEveryBitOfAnEnvelope flips each bit of one envelope: none may go unseen, and the row is named.
func TestEveryBitOfAnEnvelope(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 2)
	var list []Row
	for row, err := range rows(ctx, j.store.readers.QueryContext, Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, row)
	}
	trust := Trust{Terminal: terminal, Keys: []wire.PublicKey{newSigner(t, 1).Public()}}
	if _, err := VerifyAll(seqOf(list), trust); err != nil {
		t.Fatal(err)
	}
	row := &list[2]
	good := row.Envelope
	for bit := range len(good) * 8 {
		row.Envelope = bytes.Clone(good)
		row.Envelope[bit/8] ^= 1 << (bit % 8)
		_, err := VerifyAll(seqOf(list), trust)
		if f, ok := errors.AsType[*Fault](err); !ok || f.Seq != row.Seq {
			t.Fatalf("bit %d: %v", bit, err)
		}
	}
	row.Envelope = good
	body := row.Body
	for bit := range len(body) * 8 {
		row.Body = bytes.Clone(body)
		row.Body[bit/8] ^= 1 << (bit % 8)
		_, err := VerifyAll(seqOf(list), trust)
		if f, ok := errors.AsType[*Fault](err); !ok || f.Seq != row.Seq || f.Part != "body" {
			t.Fatalf("bit %d of the body: %v", bit, err)
		}
	}
}

func seqOf(list []Row) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, r := range list {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// TestVerifyForgeries: entries that are well formed and wrong, each signed by the terminal's own key.
func TestVerifyForgeries(t *testing.T) {
	s1, s2 := newSigner(t, 1), newSigner(t, 2)
	open := &payment.EpochOpened{Cause: payment.CauseFirst, PublicKey: s1.Public().Bytes()}
	prove := func(at wire.Name) *payment.KeyChanged {
		f, err := wire.ProveKey(s2, at)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	at := func(seq uint64) wire.Name { return wire.Name{Terminal: terminal, Epoch: 1, Seq: seq} }
	tests := []struct {
		name  string
		facts []payment.Fact
		by    []*wire.Signer
		part  string // "" is none
	}{
		{"all in order", []payment.Fact{open, &payment.DayOpened{}}, []*wire.Signer{s1, s1}, ""},
		{"no opening", []payment.Fact{&payment.DayOpened{}}, []*wire.Signer{s1}, "kind"},
		{"opened twice", []payment.Fact{open, open}, []*wire.Signer{s1, s1}, "kind"},
		{"opened with another's key", []payment.Fact{&payment.EpochOpened{Cause: 1, PublicKey: s2.Public().Bytes()}}, []*wire.Signer{s1}, "key"},
		{"a key nobody brought in", []payment.Fact{open, &payment.DayOpened{}}, []*wire.Signer{s1, s2}, "signature"},
		{"a key change", []payment.Fact{open, prove(at(2)), &payment.DayOpened{}}, []*wire.Signer{s1, s1, s2}, ""},
		{"the old key signs on", []payment.Fact{open, prove(at(2)), &payment.DayOpened{}}, []*wire.Signer{s1, s1, s1}, "signature"},
		{"a proof for another place", []payment.Fact{open, prove(at(3))}, []*wire.Signer{s1, s1}, "key"},
		{"no proof", []payment.Fact{open, &payment.KeyChanged{NewKey: s2.Public().Bytes()}}, []*wire.Signer{s1, s1}, "key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var list []Row
			var prev []byte
			for i, f := range tt.facts {
				e := &wire.Entry{Version: 1, Terminal: terminal, Epoch: 1, Seq: uint64(i + 1), Prev: prev, Kind: f.Kind(), BusinessDate: today, Zone: "UTC", Fact: f}
				envelope, hash, err := wire.SealEntry(tt.by[i], e)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, Row{Pos: int64(i + 1), Epoch: 1, Seq: e.Seq, Hash: hash[:], Prev: prev, Envelope: envelope, Kind: e.Kind, BusinessDate: today})
				prev = hash[:]
			}
			_, err := VerifyAll(seqOf(list), Trust{Keys: []wire.PublicKey{s1.Public()}})
			if tt.part == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if f, ok := errors.AsType[*Fault](err); !ok || f.Part != tt.part || int(f.Seq) != len(tt.facts) {
				t.Errorf("%v, want the %s of entry %d", err, tt.part, len(tt.facts))
			}
		})
	}
}

// TestOpenVerifiesTheEnd: what the end of the chain can show is found before anything is sold.
func TestOpenVerifiesTheEnd(t *testing.T) {
	j := longJournal(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, text string }{
		{"an entry changed", `UPDATE entry SET envelope = (SELECT envelope FROM entry WHERE pos = 3) WHERE pos = 14`},
		{"the last entry gone", `DELETE FROM body WHERE pos = 15; DELETE FROM entry WHERE pos = 15`},
		{"another head", `UPDATE epoch SET head = zeroblob(32) WHERE id = 2`},
		{"an epoch without entries", `INSERT INTO epoch (epoch) VALUES (77)`},
		{"a body changed", `UPDATE body SET raw = zeroblob(20) WHERE pos = 15`},
		{"projections ahead", `UPDATE projection SET pos = 16`},
		{"no key", `DELETE FROM signing_key`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := j.cfg
			cfg.Dir = filepath.Dir(tamper(t, j.cfg.database(), tt.text))
			if _, err := Open(ctx, cfg); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%v, want ErrCorrupt", err)
			}
		})
	}
	mustOpen(t, j.cfg)
}

func TestOpenCopyRefuses(t *testing.T) {
	dir := t.TempDir()
	rubbish := filepath.Join(dir, "rubbish")
	if err := os.WriteFile(rubbish, []byte(strings.Repeat("x", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.db")
	db := rawDB(t, other)
	mustExec(t, db, `CREATE TABLE cat (name TEXT)`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{rubbish, other, dir, filepath.Join(dir, "none")} {
		c, err := OpenCopy(ctx, path)
		if err == nil {
			_ = c.Close()
			t.Errorf("%s opened", path)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("reading left files behind: %v, %v", left, err)
	}
}

// TestCopyOfALiveJournal: a copy of database and log, taken while the lane runs, verifies.
func TestCopyOfALiveJournal(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 2)
	dir := t.TempDir()
	for _, suffix := range []string{"", "-wal"} { // by another process in life; SQLite's locks don't matter to this test's end
		b, err := os.ReadFile(j.cfg.database() + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, DatabaseFile+suffix), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := verifyFile(t, filepath.Join(dir, DatabaseFile), newSigner(t, 1).Public())
	if err != nil || r.Entries != 5 {
		t.Errorf("report %+v, %v", r, err)
	}
}
