package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
)

func TestJournalVerify(t *testing.T) {
	m := makeJournal(t)
	file := filesIn(t, t.TempDir())
	now := time.Now()
	other := m.signer()
	newer := hex.EncodeToString(m.new.Public().Bytes())
	keys := file("keys.txt", []byte("# keys of the terminal\n"+newer+" # the second\n\n"+strings.ToUpper(m.key())+"\r\n"))
	request := file("request", of(policy.NewJoinRequest(m.old, m.terminal, "test", now)))
	foreign := file("foreign", of(policy.NewJoinRequest(m.old, payment.ID{7}, "test", now)))
	tests := []struct {
		name string
		args []string
		code int
		out  string // must be contained, on either output
	}{
		{"by the first key", []string{"--key", m.key()}, 0, "VERIFIED\n"},
		{"by a file of keys", []string{"--key", keys}, 0, "VERIFIED\n"},
		{"by the join request", []string{"--key", request}, 0, "VERIFIED\n"},
		{"by two keys", []string{"--key", newer, "--key", m.key()}, 0, "VERIFIED\n"},
		{"by its own word", nil, 0, "VERIFIED BY ITS OWN KEY ALONE\nWARNING: no --key was given, so the journal's own first key was believed:\n  " + m.key()},
		{"by another's key", []string{"--key", hex.EncodeToString(other.Public().Bytes())}, 1, "NOT VERIFIED: row 1, entry 1 of epoch"},
		{"by the second key alone", []string{"--key", newer}, 1, "NOT VERIFIED: row 1, entry 1 of epoch"},
		{"by another terminal's request", []string{"--key", foreign}, 1, "NOT VERIFIED: file: the journal belongs to another terminal"},
		{"no such key", []string{"--key", "0102"}, 2, "neither a key in hexadecimal nor a file"},
		{"a file of rubbish", []string{"--key", file("rubbish", []byte("\n\xff\n"))}, 3, "line 2: not hexadecimal"},
		{"a file without keys", []string{"--key", file("empty", []byte("# none\n"))}, 3, "no key is in it"},
		{"a broken request", []string{"--key", file("broken", []byte("tilld join-request 1\nAAAA\n"))}, 3, "broken"},
		{"a private key", []string{"--key", file("private", []byte("-----BEGIN PRIVATE KEY-----\n"))}, 3, "line 1: not hexadecimal"},
	}
	for _, source := range []string{m.dir, m.database, m.secondFile()} {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				code, out, errs := tilld(t, append([]string{"journal", "verify", source}, tt.args...)...)
				if code != tt.code || !strings.Contains(out+errs, tt.out) {
					t.Errorf("%s: exit %d, %q, %q; want exit %d and %q", source, code, out, errs, tt.code, tt.out)
				}
				if code == 0 && (!strings.Contains(out, "10 entries and 2 bodies (0 erased) hold") || strings.Count(out, "epoch ") != 2 || !strings.Contains(out, m.terminal.String())) {
					t.Errorf("%q", out)
				}
				if (errs != "") != (tt.args == nil || code > 1) {
					t.Errorf("standard error %q", errs)
				}
				if code > 1 {
					return
				}
				again, object, _ := tilld(t, append([]string{"journal", "verify", "--json", source}, tt.args...)...)
				var a verifyAnswer
				if err := json.Unmarshal([]byte(object), &a); err != nil || again != code || a.Verified != (code == 0) || (a.Fault == nil) != a.Verified || (a.Trusted == "own") != (tt.args == nil) ||
					(a.Verified && (a.Entries != 10 || len(a.Epochs) != 2 || a.Epochs[1].Epoch != fmt.Sprintf("%016x", m.rows[9].Epoch) || !bytes.Equal(a.Epochs[1].Head, m.rows[9].Hash))) {
					t.Errorf("exit %d, %v, %s", again, err, object)
				}
			})
		}
	}
}

// TestJournalVerifyNamesTheRow flips bits of each entry in a copy, and wants just that entry named.
func TestJournalVerifyNamesTheRow(t *testing.T) {
	m := makeJournal(t)
	for _, file := range []string{m.database, m.secondFile()} {
		whole := of(os.ReadFile(file))
		for i, row := range m.rows {
			parts := [][]byte{row.Envelope}
			if row.Body != nil {
				parts = append(parts, row.Body)
			}
			for _, part := range parts {
				start := bytes.Index(whole, part)
				if start < 0 {
					t.Fatalf("row %d is not in one piece in %s", row.Pos, file)
				}
				for _, at := range []int{0, len(part) / 3, len(part) / 2, len(part) - 1} {
					code, out, errs := tilld(t, "journal", "verify", "--key", m.key(), flipped(t, file, start+at))
					named := strings.Contains(out, fmt.Sprintf("NOT VERIFIED: row %d, entry %d of epoch %016x: ", row.Pos, row.Seq, row.Epoch))
					if file == m.secondFile() { // whose own check sums find it first: what is whole is counted
						named = strings.Contains(out, "NOT VERIFIED: end: ") && strings.Contains(out, fmt.Sprintf("%d entries and", i))
					}
					if code != 1 || errs != "" || !named {
						t.Errorf("row %d, byte %d: exit %d, %q, %q", row.Pos, at, code, out, errs)
					}
				}
			}
		}
	}
}

// TestJournalVerifySeesEverything flips bits all over the files. Each is found, or has changed nothing of the
// entries; nothing crashes, and the other commands say what they can't read.
func TestJournalVerifySeesEverything(t *testing.T) {
	m := makeJournal(t)
	export := func(file string) (int, string) {
		code, out, _ := tilld(t, "journal", "export", "--json", file)
		return code, out
	}
	for _, file := range []string{m.database, m.secondFile()} {
		_, want := export(file)
		size := int(of(os.Stat(file)).Size())
		found, unseen := 0, 0
		for n := range 150 {
			at := n * size / 150
			bad := flipped(t, file, at)
			code, out, errs := tilld(t, "journal", "verify", "--key", m.key(), bad)
			switch {
			case code == 1 && strings.Contains(out, "NOT VERIFIED"):
				found++
			case code == 3 && errs != "":
				found++ // not even a journal any more
			case code == 0:
				unseen++
				if exported, got := export(bad); exported != 0 || got != want {
					t.Errorf("%s, byte %d: verified, and the entries differ", file, at)
				}
			default:
				t.Errorf("%s, byte %d: exit %d, %q, %q", file, at, code, out, errs)
			}
			if n%5 != 0 {
				continue
			}
			for _, args := range [][]string{{"list", bad}, {"list", "--json", bad}, {"show", "4", bad}} {
				if code, out, errs := tilld(t, append([]string{"journal"}, args...)...); code > 3 || canSteer(out+errs) {
					t.Errorf("%s, byte %d: %q: exit %d, %q", file, at, args, code, errs)
				}
			}
		}
		if found == 0 || (file == m.secondFile() && unseen > 0) {
			t.Errorf("%s: %d found, %d changed nothing", file, found, unseen)
		}
	}
}

// A second medium whose last record is torn gives what is whole, and says so.
func TestJournalTornEnd(t *testing.T) {
	m := makeJournal(t)
	b := of(os.ReadFile(m.secondFile()))
	torn := filepath.Join(t.TempDir(), "torn")
	if err := os.WriteFile(torn, b[:len(b)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args  []string
		lines int
	}{{[]string{"list", "--json"}, 9}, {[]string{"export", "--json"}, 9}, {[]string{"list", "--json", "--last", "2"}, 2}, {[]string{"show", "4", "--json"}, 1}} {
		args := append([]string{"journal"}, tt.args...)
		code, out, errs := tilld(t, append(args, torn)...)
		if code != 1 || strings.Count(out, "\n") != tt.lines || !strings.Contains(errs, "torn or damaged") {
			t.Errorf("%q: exit %d, %d lines, %q", args, code, strings.Count(out, "\n"), errs)
		}
	}
	if code, out, _ := tilld(t, "journal", "verify", "--key", m.key(), torn); code != 1 || !strings.Contains(out, "9 entries and 1 bodies") || !strings.Contains(out, "NOT VERIFIED: end: the record at byte") {
		t.Errorf("exit %d, %q", code, out)
	}
}
