package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

// steering is what a journal that somebody made up could hold for whoever looks at it.
const steering = "\x1b[2J\u009b1m\u202e"

// madeJournal is a real journal of two epochs and two keys with its second medium, closed.
type madeJournal struct {
	dir, second string
	database    string
	terminal    payment.ID
	sale, paid  payment.ID // of the first approval, entry 4
	old, new    *wire.Signer
	private     map[string]ed25519.PrivateKey // by key identifier
	rows        []journal.Row
}

// of panics for what can't go wrong in a test.
func of[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (m *madeJournal) signer() *wire.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	s := of(wire.NewSigner(key, nil))
	m.private[s.Public().KID().String()] = key
	return s
}

func makeJournal(t *testing.T) *madeJournal {
	t.Helper()
	m := &madeJournal{dir: t.TempDir(), second: t.TempDir(), terminal: payment.ID{1, 9}, private: map[string]ed25519.PrivateKey{}}
	m.database, m.old, m.new = filepath.Join(m.dir, journal.DatabaseFile), m.signer(), m.signer()
	at := journal.Moment{Date: 20261122, Wall: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), Boot: time.Hour, HQKnown: true, HQAge: time.Minute, Zone: "Asia/Tokyo"}
	ctx := context.Background()
	j := of(journal.Open(ctx, journal.Config{
		Dir: m.dir, Second: m.second, Terminal: m.terminal, Store: "S1", Lane: "L1", Software: "test", Signer: m.old, Random: rand.Reader,
		Now: func() journal.Moment { return at },
	}))
	ids := payment.NewIDs(func() time.Time { return at.Wall }, rand.Reader)
	draft := func(f payment.Fact, sale payment.ID) journal.Draft {
		return journal.Draft{Fact: f, Sale: &sale, Moment: at, Policy: 3}
	}
	seal := of(wire.NewConfidantKey(rand.Reader)).Public()
	sell := func(counter uint64, training bool) (sale, paid payment.ID) {
		sale, paid = of(ids.Next()), of(ids.Next())
		yen := payment.Of(1200, "JPY")
		opened := draft(&payment.SaleOpened{Reference: "R" + steering, Total: yen, Due: yen}, sale)
		approved := draft(&payment.Approved{
			Amount: yen, Wallet: "house", CodeHash: make([]byte, 16), HashKey: 1, Replay: payment.ReplayKey{Phone: make([]byte, 8), Counter: counter}, Issuer: make([]byte, 8),
		}, sale)
		opened.Training, approved.Training, approved.Payment = training, training, &paid
		approved.Body = &payment.Body{Cashier: "aiko" + steering, Account: []byte("account")}
		approved.Evidence, approved.SealTo = []byte("a customer's code"), seal
		of(j.Append(ctx, opened, approved))
		return sale, paid
	}
	of(j.Append(ctx, journal.Draft{Fact: &payment.DayOpened{}, Moment: at}))
	m.sale, m.paid = sell(1, false)
	of(j.ChangeKey(ctx, m.new))
	of(j.Append(ctx, draft(&payment.SaleCompleted{}, m.sale)))
	of(j.NewEpoch(ctx, payment.CauseFork))
	at.Date = 20261123
	of(j.Append(ctx, journal.Draft{Fact: &payment.DayOpened{}, Moment: at}))
	sell(2, true)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	c := of(journal.OpenCopy(ctx, m.database))
	defer c.Close()
	for row, err := range c.Rows(ctx, journal.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		m.rows = append(m.rows, row)
	}
	if len(m.rows) != 10 {
		t.Fatalf("%d rows", len(m.rows))
	}
	return m
}

func (m *madeJournal) secondFile() string { return filepath.Join(m.second, journal.SecondFile) }

func (m *madeJournal) key() string { return hex.EncodeToString(m.old.Public().Bytes()) }

// flipped is a copy of a file with one bit changed.
func flipped(t *testing.T, file string, at int) string {
	t.Helper()
	b := of(os.ReadFile(file))
	b[at] ^= 4
	path := filepath.Join(t.TempDir(), filepath.Base(file))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// canSteer says whether a text could steer a terminal.
func canSteer(s string) bool { return strings.ContainsAny(s, "\x1b\u009b\u202e") }

// filesIn writes files into a directory.
func filesIn(t *testing.T, dir string) func(name string, b []byte) string {
	return func(name string, b []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
}
