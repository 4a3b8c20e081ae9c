package settle

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldenCut shows everything that a batch can hold.
func goldenCut() *Cut {
	back := line(11, 8, -1200)
	back.Payment = line(11, 4, 1).Payment
	franchise := line(21, 6, 64800)
	franchise.Entity = "fr-0042"
	released := adjustment(980)
	c := cutOf(line(1, 12, 1200), line(1, 4, 350), back, late(line(11, 2, 5000)), franchise, released, refund(30, -980))
	c.Coverage = []Coverage{
		{Terminal: terminal(1), Entity: "chain", Store: "s0", Lane: "lane-1", Epoch: testEpoch, Held: 30, Known: 30, Judged: 30, LastClosed: testDate},
		{Terminal: terminal(11), Entity: "chain", Store: "s1", Lane: "lane-11", Epoch: testEpoch, Held: 8, Known: 12, Judged: 8, LastClosed: 20261121},
		{Terminal: terminal(21), Entity: "fr-0042", Store: "s2", Lane: "lane-21", Epoch: testEpoch, Held: 6, Known: 6, Judged: 6, LastClosed: testDate},
		{Terminal: terminal(22), Entity: "fr-0042", Store: "s2", Lane: "lane-22"},
	}
	return c
}

// TestGolden holds the bytes of format 1. A change here is a change of what others have stored and hashed:
// it needs a new Format, never an update of these files.
func TestGolden(t *testing.T) {
	decimals := cutOf(line(1, 1, 1250), line(1, 2, -5))
	decimals.Currency = "TWD"
	for i := range decimals.Lines {
		decimals.Lines[i].Currency = "TWD"
	}
	for name, cut := range map[string]*Cut{"full": goldenCut(), "empty": cutOf(), "decimals": decimals} {
		t.Run(name, func(t *testing.T) {
			b := mustBuild(t, cut)
			golden(t, name+".json", mustJSON(t, b))
			golden(t, name+".csv", b.CSV())
			golden(t, name+".manifest.json", b.ManifestJSON())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n%s\nwant:\n%s", name, got, want)
	}
}

// TestReadByOthers reads the files with the standard library alone, as an integrator would.
func TestReadByOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := mustBuild(t, drawCut(t))
		rows, err := csv.NewReader(bytes.NewReader(b.CSV())).ReadAll()
		if err != nil || len(rows) != 1+len(b.Lines) {
			t.Fatalf("%d CSV rows of %d lines: %v", len(rows), len(b.Lines), err)
		}
		var doc struct {
			Head struct {
				Sum int64 `json:"sum"`
			} `json:"head"`
			Hash  string           `json:"content_hash"`
			Lines []map[string]any `json:"lines"`
		}
		if err := json.Unmarshal(mustJSON(t, b), &doc); err != nil {
			t.Fatal(err)
		}
		var sum int64
		for i, row := range rows[1:] {
			minor, err := strconv.ParseInt(row[14], 10, 64)
			if err != nil || row[16] != doc.Lines[i]["entry"] || row[5] != doc.Lines[i]["payment"] {
				t.Fatalf("row %q is not line %v", row, doc.Lines[i])
			}
			sum += minor
		}
		if sum != doc.Head.Sum || doc.Hash != b.Root.String() {
			t.Fatalf("the rows sum to %d, the head says %d", sum, doc.Head.Sum)
		}
	})
}

func TestParseGivesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := mustBuild(t, drawCut(t))
		again, err := Parse(mustJSON(t, b))
		if err != nil {
			t.Fatal(err)
		}
		if again.Root != b.Root || !bytes.Equal(again.CSV(), b.CSV()) || again.Ref() != b.Ref() {
			t.Fatal("another batch came back")
		}
	})
}

func TestParseRefuses(t *testing.T) {
	good := string(mustJSON(t, mustBuild(t, goldenCut())))
	swap := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("the batch does not hold %q", from)
		}
		return strings.Replace(good, from, to, 1)
	}
	lines := strings.Split(good, "\n")
	lines[4], lines[5] = lines[5], lines[4]
	tests := []struct{ name, in, says string }{
		{"nothing", "", "EOF"},
		{"half", good[:len(good)/2], ""},
		{"a space more", good + " ", "not those of its content hash"},
		{"an unknown field", swap(`"head":{`, `"head":{"tip":1,`), "tip"},
		{"an amount", swap(`"amount":350`, `"amount":351`), "does not add up"},
		{"lines swapped", strings.Join(lines, "\n"), "out of order"},
		{"another content hash", swap(`"content_hash":"`, `"content_hash":"0`), "hexadecimal"},
		{"content hash by a digit", flip(good, `"content_hash":"`), "not those of its content hash"},
		{"an entry hash", flip(good, `"entry":"`), "not those of its content hash"},
		{"another number", swap(`"number":1`, `"number":2`), "is not the identifier"},
		{"format of the future", swap(Format, "tilld-settlement/2"), "format"},
		{"exponent", swap(`"exponent":0`, `"exponent":2`), "decimals"},
		{"totals", swap(`"net":`, `"net":9`), "totals"},
		{"manifest", swap(`"first_seq":4`, `"first_seq":3`), "totals"},
		{"cut_at", swap(`"cut_at":"2026-11-22T19:00:00.123Z"`, `"cut_at":"yesterday"`), "cut_at"},
		{"a missing terminal left out", swap(`"reason":"never_heard"`, `"reason":"not_judged"`), "not those of its content hash"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := Parse([]byte(tt.in))
			if !errors.Is(err, ErrBatch) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want %v that says %q", err, ErrBatch, tt.says)
			}
			if b != nil {
				t.Error("a batch came with an error")
			}
		})
	}
}

// flip changes the character after the first mark to another hexadecimal digit.
func flip(s, mark string) string {
	at := strings.Index(s, mark) + len(mark)
	digit := byte('0')
	if s[at] == digit {
		digit = '1'
	}
	return s[:at] + string(digit) + s[at+1:]
}

// FuzzParse: whatever is taken is the one form of itself, and adds up.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"full.json", "empty.json", "decimals.json"} {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"head":{"id":"01M808TX00X4GR74NP28PC98Y4","count":18446744073709551615,"sum":-1},"lines":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := Parse(raw)
		if err != nil {
			if !errors.Is(err, ErrBatch) {
				t.Fatalf("unclassified: %v", err)
			}
			return
		}
		if again := mustJSON(t, b); !bytes.Equal(again, raw) {
			t.Fatalf("taken:\n%s\nwritten:\n%s", raw, again)
		}
		var sum int64
		for _, l := range b.Lines {
			sum += l.Amount
		}
		if sum != b.Sum || b.ID != b.Key.ID() {
			t.Fatal("taken, and does not add up")
		}
	})
}
