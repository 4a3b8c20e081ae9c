package operators

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"tilld/sync/operator"
	"tilld/sync/wire"
)

// columns are the first line of a table of shops.
var columns = []string{"wallet", "store", "lane", "merchant", "shop_store", "shop_terminal"}

// Limits of a table of shops.
const (
	maxTable  = 128 << 20 // bytes: a row for each of 60,000 lanes and ten wallets
	maxName   = 64        // bytes of what an operator calls something
	mostFault = 20        // faults that are told at once
)

// Table is what operators call the shops: which store takes which wallet, and as whom.
type Table struct {
	rows    map[place]operator.Shop
	wallets map[string]int
}

type place struct{ wallet, store, lane string }

// Rows of a table that are not of one store.
const (
	everyStore = "*" // the chain's
	ofGroup    = "@" // before a group's name
)

// Shop is what a wallet's operator calls a lane: the lane's own row, or else its store's, its group's (empty: it is in
// none) or the chain's. false: the store does not take the wallet.
func (t *Table) Shop(wallet, group, store, lane string) (operator.Shop, bool) {
	for _, p := range []place{{wallet, store, lane}, {wallet, store, ""}, {wallet, ofGroup + group, ""}, {wallet, everyStore, ""}} {
		if s, ok := t.rows[p]; ok {
			return s, true
		}
	}
	return operator.Shop{}, false
}

// Rows counts the rows of a wallet.
func (t *Table) Rows(wallet string) int { return t.wallets[wallet] }

// ReadTable reads a table of shops: CSV in UTF-8, with the columns' names in its first line. A row is for one wallet and
// one store, or one lane of it; with "@" and a name in the place of the store, for a group of the policy; with "*", for all. Wallets are those that may stand in it. What is wrong is Faults, each with its line and
// column in Key; the first twenty are told.
func ReadTable(b []byte, wallets []string) (*Table, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff")))) // spreadsheets begin with a byte order mark
	r.FieldsPerRecord, r.ReuseRecord = len(columns), true
	head, err := r.Read()
	if err != nil || !slices.Equal(head, columns) {
		return nil, Faults{faultf("line 1", "want the columns %s", strings.Join(columns, ","))}
	}
	t := &Table{rows: map[place]operator.Shop{}, wallets: map[string]int{}}
	lines := map[place]int{}
	var faults Faults
	for len(faults) < mostFault {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			faults = append(faults, broken(err))
			break
		}
		line, _ := r.FieldPos(0)
		if f := checkRow(row, wallets); f != nil {
			faults = append(faults, faultf(fmt.Sprintf("line %d: %s", line, f.Key), "%s", f.Msg))
			continue
		}
		p := place{row[0], row[1], row[2]}
		if was, ok := lines[p]; ok {
			faults = append(faults, faultf(fmt.Sprintf("line %d", line), "says again what line %d says: %s, store %s, lane %q", was, p.wallet, p.store, p.lane))
			continue
		}
		lines[p] = line
		t.rows[p] = operator.Shop{Merchant: row[3], Store: row[4], Terminal: row[5]}
		t.wallets[p.wallet]++
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return t, nil
}

// Faults are the faults of a table.
type Faults []*Fault

// Error is a line for each.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, e := range f {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

func broken(err error) *Fault {
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		if errors.Is(e.Err, csv.ErrFieldCount) {
			return faultf(fmt.Sprintf("line %d", e.Line), "want %d fields: %s", len(columns), strings.Join(columns, ","))
		}
		return faultf(fmt.Sprintf("line %d", e.Line), "%s", e.Err)
	}
	return faultf("", "%s", err)
}

func checkRow(row, wallets []string) *Fault {
	if !slices.Contains(wallets, row[0]) {
		return faultf(columns[0], "no [[operator]] is there for %q", row[0])
	}
	name, group := strings.CutPrefix(row[1], ofGroup)
	if row[1] != everyStore && wire.CheckName("store", name) != nil {
		return faultf(columns[1], "%q: want 1 to 32 of A-Z a-z 0-9 _ -, beginning with a letter or digit; @ and the name of a group; or * for all stores", row[1])
	}
	if row[2] != "" && (group || row[1] == everyStore) {
		return faultf(columns[2], "%q: lanes have rows in their own stores", row[2])
	}
	if row[2] != "" && wire.CheckName("lane", row[2]) != nil {
		return faultf(columns[2], "%q: want 1 to 32 of A-Z a-z 0-9 _ -, beginning with a letter or digit, or nothing for all lanes", row[2])
	}
	for i, text := range row[3:] {
		if len(text) > maxName || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || text != strings.TrimSpace(text) {
			return faultf(columns[3+i], "want up to %d bytes without control characters, and no space around them", maxName)
		}
	}
	if row[3] == "" {
		return faultf(columns[3], "missing: it is how the operator calls whom it pays")
	}
	return nil
}

// Shops is a table in a file, which is read again when it changes. It is safe for concurrent use.
type Shops struct {
	path    string
	wallets []string
	table   atomic.Pointer[Table]
	was     os.FileInfo // of what was read, or tried, last; Watch's alone
}

// OpenShops reads the table in a file. Its errors are a Fault, or Faults.
func OpenShops(path string, wallets []string) (*Shops, error) {
	s := &Shops{path: path, wallets: wallets}
	return s, s.read()
}

// Shop is the table's, as it is now.
func (s *Shops) Shop(wallet, group, store, lane string) (operator.Shop, bool) {
	return s.table.Load().Shop(wallet, group, store, lane)
}

// Table is the table as it is now.
func (s *Shops) Table() *Table { return s.table.Load() }

func (s *Shops) read() error {
	info, err := os.Stat(s.path)
	if err != nil {
		return faultf("", "%s", system(err))
	}
	s.was = info
	if !info.Mode().IsRegular() || info.Size() > maxTable {
		return faultf("", "is no file, or is larger than %d MiB", maxTable>>20)
	}
	b, err := os.ReadFile(s.path)
	if err != nil {
		return faultf("", "%s", system(err))
	}
	t, err := ReadTable(b, s.wallets)
	if err != nil {
		return err
	}
	s.table.Store(t)
	return nil
}

// lookEvery is how soon a change of the table is noticed.
const lookEvery = 15 * time.Second

// Watch reads the table again whenever its file changes, until ctx ends, and returns ctx's error. One with a fault is
// reported and not taken: what was read before goes on.
func (s *Shops) Watch(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			s.look(log)
		}
	}
}

func (s *Shops) look(log *slog.Logger) {
	info, err := os.Stat(s.path)
	gone := err != nil
	if gone && s.was == nil || !gone && s.was != nil && os.SameFile(info, s.was) && info.ModTime().Equal(s.was.ModTime()) && info.Size() == s.was.Size() {
		return // as it was, or gone for longer
	}
	s.was = nil
	if err := s.read(); err != nil {
		log.Error("the table of shops is not taken; the one before goes on", "file", s.path, "error", err.Error())
		return
	}
	log.Info("the table of shops was read", "file", s.path, "rows", len(s.table.Load().rows))
}
