package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

func TestJournalList(t *testing.T) {
	m := makeJournal(t)
	for _, source := range [][]string{{"--data", m.dir}, {m.dir}, {m.database}, {m.second}, {m.secondFile()}} {
		tests := []struct {
			args []string
			want []uint64 // sequences
		}{
			{nil, []uint64{1, 2, 3, 4, 5, 6, 1, 2, 3, 4}},
			{[]string{"--kind", "approved"}, []uint64{4, 4}},
			{[]string{"--date", "2026-11-23"}, []uint64{2, 3, 4}},
			{[]string{"--last", "2"}, []uint64{3, 4}},
			{[]string{"--kind", "approved", "--date", "2026-11-22", "--last", "5"}, []uint64{4}},
			{[]string{"--date", "2020-01-01"}, nil},
		}
		for _, tt := range tests {
			args := append(append([]string{"journal", "list"}, source...), tt.args...)
			code, out, errs := tilld(t, append(args, "--json")...)
			var got []uint64
			for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
				var v struct {
					Seq  uint64
					COSE []byte
				}
				if err := dec.Decode(&v); err != nil || v.COSE != nil {
					t.Fatalf("%q: %v: %s", args, err, out)
				}
				got = append(got, v.Seq)
			}
			if code != 0 || errs != "" || fmt.Sprint(got) != fmt.Sprint(tt.want) || canSteer(out) {
				t.Errorf("%q: exit %d, %q, entries %v, want %v", args, code, errs, got, tt.want)
			}
			code, out, errs = tilld(t, args...)
			lines := strings.Count(out, "\n") - strings.Count(out, "epoch ") + strings.Count(out, "of epoch ")
			if code != 0 || errs != "" || lines < len(tt.want) || canSteer(out) {
				t.Errorf("%q: exit %d, %q, %q", args, code, errs, out)
			}
		}
	}
	_, out, _ := tilld(t, "journal", "list", m.dir)
	for _, want := range []string{
		"epoch ", " of terminal " + m.terminal.String(), "     1  2026-11-22  2026-11-22T03:00:00Z  epoch-opened", "first epoch\n", m.paid.String() + "  1200 JPY house\n",
		"1200 JPY house (training)\n", "key-changed", m.sale.String(),
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

func TestJournalShow(t *testing.T) {
	m := makeJournal(t)
	for _, source := range []string{m.dir, m.secondFile()} {
		for what, want := range map[string]int{"4": 2, "6": 1, m.paid.String(): 1, m.sale.String(): 3} {
			code, out, errs := tilld(t, "journal", "show", what, source, "--json")
			if code != 0 || errs != "" || strings.Count(out, "\n") != want {
				t.Errorf("%s: exit %d, %q, %d entries, want %d", what, code, errs, strings.Count(out, "\n"), want)
			}
			code, out, errs = tilld(t, "journal", "show", what, source)
			if code != 0 || errs != "" || strings.Count(out, "entry ") < want || canSteer(out) || strings.Contains(out, "a customer's code") {
				t.Errorf("%s: exit %d, %q, %q", what, code, errs, out)
			}
		}
	}
	_, out, _ := tilld(t, "journal", "show", m.paid.String(), "--data", m.dir)
	for _, want := range []string{
		"entry 4 of epoch ", ": approved\n", "payment        " + m.paid.String(), "sale           " + m.sale.String(), "place          store S1, lane L1",
		"2026-11-22T03:00:00Z (Asia/Tokyo), 1h0m0s after", "HQ's word      1m0s old", "policy         3", m.old.Public().KID().String(), `"wallet": "house"`, `"evidence_bytes"`, `"cashier": "aiko`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	for what, want := range map[string]int{"99": 1, m.terminal.String(): 1, "0": 2, "-4": 2, "x": 2, strings.ToLower(m.paid.String()): 2} {
		if code, out, errs := tilld(t, "journal", "show", what, m.dir); code != want || out != "" || errs == "" {
			t.Errorf("%s: exit %d, %q, %q; want %d", what, code, out, errs, want)
		}
	}
}

// An export verifies with another COSE library and nothing of ours.
func TestJournalExport(t *testing.T) {
	m := makeJournal(t)
	check := func(msg *cose.Sign1Message) {
		t.Helper()
		kid, _ := msg.Headers.Protected[cose.HeaderLabelKeyID].([]byte)
		private, ok := m.private[hex.EncodeToString(kid)]
		if !ok {
			t.Fatalf("signed by %x", kid)
		}
		if err := msg.Verify(nil, of(cose.NewVerifier(cose.AlgorithmEdDSA, private.Public()))); err != nil {
			t.Error(err)
		}
	}
	for _, source := range []string{m.dir, m.secondFile()} {
		code, out, errs := tilld(t, "journal", "export", "--cose", source)
		n := 0
		for dec := cbor.NewDecoder(strings.NewReader(out)); ; n++ {
			var msg cose.Sign1Message
			if err := dec.Decode(&msg); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			check(&msg)
		}
		if code != 0 || errs != "" || n != 10 {
			t.Errorf("exit %d, %q, %d envelopes", code, errs, n)
		}
		code, out, errs = tilld(t, "journal", "export", "--json", "--kind", "approved", source)
		n = 0
		for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); n++ {
			var v struct {
				COSE    []byte
				RawBody []byte `json:"raw_body"`
			}
			var msg cose.Sign1Message
			if err := errors.Join(dec.Decode(&v), msg.UnmarshalCBOR(v.COSE)); err != nil || len(v.RawBody) == 0 {
				t.Fatalf("%v: %s", err, out)
			}
			check(&msg)
		}
		if code != 0 || errs != "" || n != 2 {
			t.Errorf("exit %d, %q, %d entries", code, errs, n)
		}
	}
}

func TestJournalBadInput(t *testing.T) {
	m := makeJournal(t)
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	empty := filepath.Join(dir, "empty")
	for path, content := range map[string]string{text: "tilld", empty: ""} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	head := of(os.ReadFile(m.database))[:100]
	cut := filepath.Join(dir, "cut.db")
	if err := os.WriteFile(cut, head, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		errs string
	}{
		{"no journal named", []string{"list"}, 2, "say which journal"},
		{"two journals named", []string{"list", "--data", m.dir, m.database}, 2, "and not both"},
		{"no such place", []string{"list", dir + "/none"}, 3, "no such file"},
		{"a directory without one", []string{"list", dir}, 3, "neither journal.db nor journal.second"},
		{"some text", []string{"verify", text}, 3, "not a tilld journal"},
		{"nothing", []string{"verify", empty}, 3, "not a tilld journal"},
		{"the first bytes of one", []string{"verify", cut}, 3, "cut.db"},
		{"no such date", []string{"list", "--date", "2026-02-30", m.dir}, 2, "--date"},
		{"no such kind", []string{"list", "--kind", "paid", m.dir}, 2, `"paid" is none of epoch-opened`},
		{"less than none", []string{"list", "--last=-1", m.dir}, 2, "--last"},
		{"an export of no form", []string{"export", m.dir}, 2, "--cose"},
		{"an export of both forms", []string{"export", "--cose", "--json", m.dir}, 2, "--cose"},
		{"nothing to show", []string{"show"}, 2, "what"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, _, errs := tilld(t, append([]string{"journal"}, tt.args...)...)
			if code != tt.code || !strings.Contains(errs, tt.errs) {
				t.Errorf("exit %d, %q; want exit %d and %q", code, errs, tt.code, tt.errs)
			}
		})
	}
}

// Reading leaves nothing behind, so that a read-only disk and a copy as evidence will do.
func TestJournalReadingWritesNothing(t *testing.T) {
	m := makeJournal(t)
	before := of(os.ReadFile(m.database))
	for _, cmd := range []string{"list", "verify"} {
		tilld(t, "journal", cmd, m.dir)
	}
	tilld(t, "journal", "export", "--cose", m.dir)
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if _, err := os.Stat(m.database + suffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", suffix, err)
		}
	}
	if !bytes.Equal(before, of(os.ReadFile(m.database))) {
		t.Error("the database has changed")
	}
}
