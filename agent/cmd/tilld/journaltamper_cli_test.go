package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// edited is a copy of a journal's database after somebody's statements, its triggers as they were.
func edited(t *testing.T, file, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(path, of(os.ReadFile(file)), 0o600); err != nil {
		t.Fatal(err)
	}
	db := of(sql.Open("sqlite", "file:"+path))
	defer db.Close()
	db.SetMaxOpenConns(1)
	rows := of(db.Query(`SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'`))
	var drop, again []string
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		drop, again = append(drop, "DROP TRIGGER "+name), append(again, text)
	}
	for _, text := range append(append(append(drop, `PRAGMA ignore_check_constraints = ON`), text), again...) {
		if _, err := db.Exec(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return path
}

// TestJournalVerifyBesideTheEntries: a journal whose entries all hold, with more head-room than they leave.
func TestJournalVerifyBesideTheEntries(t *testing.T) {
	m := makeJournal(t)
	code, out, _ := tilld(t, "journal", "verify", "--key", m.key(), m.database)
	for _, want := range []string{"schema version 7, and ", " rows computed from the entries, compared\n", "NOT CHECKED: what HQ has acknowledged", "--hq", "NOT CHECKED: HQ's answers", "\nVERIFIED\n"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, %q lacks %q", code, out, want)
		}
	}
	code, out, _ = tilld(t, "journal", "verify", "--key", m.key(), m.secondFile())
	if code != 0 || strings.Contains(out, "NOT CHECKED") || strings.Contains(out, "schema") {
		t.Errorf("a second medium has nothing else: exit %d, %q", code, out)
	}
	tests := []struct{ name, text, out, table string }{
		{"exposure", `UPDATE exposure SET minor = 7`, ", currency \"JPY\"): minor is 7, and should be 1200\n", "exposure"},
		{"phone counter", `UPDATE phone SET counter = zeroblob(8)`, "phone (key 0000000000000000): counter is 0000000000000000, and should be 0000000000000002\n", "phone"},
		{"spent codes", `DELETE FROM spent`, "is not there, and should be payment ", "spent"},
		{"schema", `CREATE TRIGGER "` + steering + "\nVERIFIED\n" + `" AFTER INSERT ON phone BEGIN DELETE FROM phone; END`, `sqlite_schema (trigger \x1b[2J\u009b1m\u202e\nVERIFIED\n) is CREATE TRIGGER`, "sqlite_schema"},
		{"a reference that steers", `UPDATE sale SET reference = '` + steering + "\nVERIFIED\n'", `reference is "\x1b[2J\u009b1m\u202e\nVERIFIED\n", and`, "sale"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := edited(t, m.database, tt.text)
			code, out, errs := tilld(t, "journal", "verify", "--key", m.key(), path)
			if code != 1 || errs != "" || !strings.Contains(out, tt.out) || canSteer(out) || strings.Contains(out, "\nVERIFIED") ||
				!strings.Contains(out, "10 entries and 2 bodies (0 erased) hold") || !strings.Contains(out, "NOT VERIFIED: the entries hold, and what lies beside them does not:\n") {
				t.Errorf("exit %d, %q, %q", code, out, errs)
			}
			_, object, _ := tilld(t, "journal", "verify", "--json", "--key", m.key(), path)
			var a verifyAnswer
			if err := json.Unmarshal([]byte(object), &a); err != nil || a.Verified || len(a.Differences) == 0 || a.Differences[0].Table != tt.table || a.Fault.Part != tt.table || a.Entries != 10 || canSteer(object) {
				t.Errorf("%v, %s", err, object)
			}
		})
	}
}

// TestJournalOfABrokenSchema: SQLite's own words hold what it could not read. They stand escaped, in one line.
func TestJournalOfABrokenSchema(t *testing.T) {
	m := makeJournal(t)
	for _, text := range []string{
		`PRAGMA writable_schema = ON; UPDATE sqlite_schema SET name = '` + steering + "\nVERIFIED\n" + `', sql = 'nonsense' WHERE name = 'sale_reference'`,
		`PRAGMA writable_schema = ON; UPDATE sqlite_schema SET name = CAST(x'1b5b324affc30a' AS TEXT), sql = 'CREATE TABLE nonsense (' WHERE name = 'meta'`,
	} {
		path := edited(t, m.database, text)
		for _, args := range [][]string{{"list"}, {"list", "--json"}, {"show", "4"}, {"verify"}, {"verify", "--json"}, {"export", "--json"}} {
			code, out, errs := tilld(t, append(append([]string{"journal"}, args...), path)...)
			if code == 0 || canSteer(out+errs) || strings.Contains(out+errs, "\xff") || strings.Contains("\n"+out+errs, "\nVERIFIED") || !strings.Contains(out+errs, "malformed") {
				t.Errorf("%q: exit %d, %q, %q", args, code, out, errs)
			}
		}
	}
}

func TestInline(t *testing.T) {
	for in, want := range map[string]string{
		"plain 日本 é": "plain 日本 é", "\x1b[2J": `\x1b[2J`, "a\nb\tc": `a\nb\tc`, "\xff\xc3": `\xff\xc3`, "\u202e\u009b": `\u202e\u009b`, "�": "�", "": "",
	} {
		if got := inline(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := plain("a\x1b\nb\r\n"); got != "a\\x1b\nb\\r\n" {
		t.Errorf("%q", got)
	}
}

// office is an HQ for these tests: a root, and a key that signs acknowledgements and policies.
type office struct {
	root, ack     *wire.Signer
	trust, policy []byte
}

func (m *madeJournal) office(t *testing.T) *office {
	t.Helper()
	o := &office{root: m.signer(), ack: m.signer()}
	now := time.Now()
	o.trust = of((&policy.Trust{Version: 1, Chain: "kita", Issued: policy.StampOf(now), Rows: []policy.TrustRow{{
		Use: policy.UseAck, Key: o.ack.Public().Bytes(), NotBefore: policy.StampOf(now), NotAfter: policy.StampOf(now.Add(time.Hour)),
	}, {
		Use: policy.UsePolicy, Key: o.ack.Public().Bytes(), NotBefore: policy.StampOf(now), NotAfter: policy.StampOf(now.Add(time.Hour)),
	}}}).Sign(o.root))
	o.policy = o.rules(3) // which the entries obeyed
	return o
}

func (o *office) rules(version uint64) []byte {
	d := policy.Starter("kita", "JPY", "Asia/Tokyo", time.Now())
	d.Version = version
	return of(d.Sign(o.ack))
}

// acknowledge has the journal keep HQ's word about all of its entries.
func (o *office) acknowledge(t *testing.T, m *madeJournal) {
	t.Helper()
	ctx := context.Background()
	j := of(journal.Open(ctx, journal.Config{
		Dir: m.dir, Second: m.second, Terminal: m.terminal, Store: "S1", Lane: "L1", Software: "test", Signer: m.new, Random: rand.Reader,
		Now: func() journal.Moment { return journal.Moment{Date: 20261123, Wall: time.Now(), Zone: "UTC"} },
	}))
	defer j.Close()
	for _, e := range of(j.State(ctx)).Epochs {
		a := wire.Ack{Version: 1, HQEpoch: 5, Nonce: []byte{}, Time: 1795337000000, Terminal: m.terminal, Epoch: e.Epoch, Acked: e.Last, Head: e.Head, Results: []wire.Result{}, Echo: []byte{}}
		if r := of(j.Acknowledge(ctx, &a, of(wire.Seal(o.ack, wire.TypAck, a)))); !r.Taken {
			t.Fatalf("%+v", r)
		}
	}
	if err := j.SetDocument(ctx, journal.TrustDocument, 1, o.trust); err != nil {
		t.Fatal(err)
	}
	if err := j.SetDocument(ctx, journal.PolicyDocument, 3, o.policy); err != nil {
		t.Fatal(err)
	}
}

func (o *office) answer(m *madeJournal, terminal payment.ID) []byte {
	kid := m.old.Public().KID()
	return of((&policy.JoinAnswer{
		Chain: "kita", Terminal: terminal, Key: kid[:], Store: "S1", Lane: "L1", Entity: "Kita", Zone: "Asia/Tokyo", Currency: "JPY",
		HashKeys: []policy.HashKey{{Epoch: 1, Key: bytes.Repeat([]byte{1}, 32)}}, Trust: o.trust, Policy: o.policy, Made: policy.StampOf(time.Now()),
	}).Sign(o.root))
}

// joined is a lane's data directory of which HQ has never changed the trust bundle.
func joined(t *testing.T, o *office, m *madeJournal) string {
	t.Helper()
	dir := filepath.Dir(edited(t, m.database, `DELETE FROM document`))
	if err := os.WriteFile(filepath.Join(dir, "terminal.join"), o.answer(m, m.terminal), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestJournalVerifyByHQsKey: what HQ has acknowledged is proven by its own signature, and nothing else.
func TestJournalVerifyByHQsKey(t *testing.T) {
	m := makeJournal(t)
	o := m.office(t)
	before := edited(t, m.database, `SELECT 1`) // as long as HQ has said nothing
	o.acknowledge(t, m)
	dir := t.TempDir()
	file := filesIn(t, dir)
	root := hex.EncodeToString(o.root.Public().Bytes())
	answer := file("answer", o.answer(m, m.terminal))
	const signed = ": HQ signed on 2026-11-22T08:43:20Z that it holds entries up to 4\n"
	tests := []struct {
		name, path, hq string
		code           int
		out            string
	}{
		{"the root", m.database, root, 0, signed},
		{"the root's file", m.database, file("root.pub", []byte(root+"\n")), 0, signed},
		{"HQ's answer", m.database, answer, 0, signed},
		{"HQ's answer, no bundle in the journal", edited(t, m.database, `DELETE FROM document`), answer, 0, signed},
		{"the root, and HQ's answer beside the journal", joined(t, o, m), root, 0, signed},
		{"another root, and HQ's answer beside the journal", joined(t, o, m), hex.EncodeToString(m.old.Public().Bytes()), 1, "NOT VERIFIED: HQ's keys: "},
		{"no bundle at all", edited(t, m.database, `DELETE FROM document`), root, 1, "NOT VERIFIED: HQ's keys: no trust bundle is in the journal"},
		{"another root", m.database, hex.EncodeToString(m.old.Public().Bytes()), 1, "NOT VERIFIED: HQ's keys: "},
		{"an answer to another", m.database, file("other", o.answer(m, payment.ID{7})), 1, "NOT VERIFIED: HQ's keys: "},
		{"nothing acknowledged", before, answer, 0, "\nVERIFIED\n"},
		{"a cursor that nothing proves", edited(t, before, `UPDATE epoch SET acked = last, hq_epoch = 5; DELETE FROM exposure`), answer, 1, "NOT PROVEN: epoch "},
		{"a word that was changed", edited(t, m.database, `UPDATE epoch SET ack = CAST(ack || x'00' AS BLOB)`), root, 1, "NOT VERIFIED: acknowledgement of epoch "},
		{"a policy of nobody's", edited(t, m.database, `UPDATE document SET raw = x'00' WHERE kind = 'policy'`), root, 1, "NOT VERIFIED: policy: "},
		{"no policy, where its answer is not here", edited(t, m.database, `DELETE FROM document WHERE kind = 'policy'`), root, 0, "NOT CHECKED: whether policy 3, which the newest entries obeyed, is still there"},
		{"no such file", m.database, dir + "/none", 2, "--hq: "},
		{"a file of rubbish", m.database, file("rubbish", []byte("x")), 3, "--hq: "},
		{"a second medium", m.secondFile(), root, 0, "\nVERIFIED\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := tilld(t, "journal", "verify", "--key", m.key(), "--hq", tt.hq, tt.path)
			if code != tt.code || !strings.Contains(out+errs, tt.out) || (code == 1) != strings.Contains(out, "NOT VERIFIED") {
				t.Errorf("exit %d, %q, %q; want exit %d and %q", code, out, errs, tt.code, tt.out)
			}
		})
	}
	_, object, _ := tilld(t, "journal", "verify", "--json", "--key", m.key(), "--hq", root, m.database)
	var a verifyAnswer
	if err := json.Unmarshal([]byte(object), &a); err != nil || !a.Verified || len(a.Acks) != 2 || a.Acks[1].Acked != 4 || a.Acks[1].HQTime == nil || a.Acks[1].Error != "" || len(a.NotChecked) != 1 {
		t.Errorf("%v, %s", err, object)
	}
}

// TestJournalVerifyNamesTheOlderPolicy: who takes HQ's newer policy out of a lane's journal puts it back to the one
// that it joined with. The entries say what they obeyed.
func TestJournalVerifyNamesTheOlderPolicy(t *testing.T) {
	m := makeJournal(t)
	o := m.office(t)
	o.acknowledge(t, m)
	now := o.policy
	o.policy = o.rules(1) // of HQ's answer, long ago
	root := hex.EncodeToString(o.root.Public().Bytes())
	put := func(version int, raw []byte) string {
		return fmt.Sprintf(`UPDATE document SET version = %d, raw = x'%x' WHERE kind = 'policy'`, version, raw)
	}
	for _, tt := range []struct {
		name, text string
		code       int
		out        string
	}{
		{"as it was", put(3, now), 0, "\nVERIFIED\n"},
		{"the policy deleted", `DELETE FROM document WHERE kind = 'policy'`, 1, "NOT VERIFIED: policy: the newest entries obeyed version 3, and what is left is version 1: "},
		{"everything deleted", `DELETE FROM document`, 1, "NOT VERIFIED: policy: the newest entries obeyed version 3, and what is left is version 1: "},
		{"an older one put in", put(2, o.rules(2)), 1, "NOT VERIFIED: policy: the newest entries obeyed version 3, and what is left is version 2: "},
		{"an older one under its number", put(3, o.rules(2)), 1, "NOT VERIFIED: policy: it is version 2, and the journal calls it 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Dir(edited(t, m.database, tt.text))
			filesIn(t, dir)("terminal.join", o.answer(m, m.terminal))
			code, out, errs := tilld(t, "journal", "verify", "--key", m.key(), "--hq", root, "--data", dir)
			if code != tt.code || !strings.Contains(out, tt.out) {
				t.Errorf("exit %d, %q, %q; want exit %d and %q", code, out, errs, tt.code, tt.out)
			}
		})
	}
}
