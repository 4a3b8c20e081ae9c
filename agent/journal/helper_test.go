package journal

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

var (
	ctx      = context.Background()
	terminal = payment.ID{0x01, 0x93, 1, 2, 3}
	today    = payment.Date(20261122)
	noon     = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
)

func newSigner(t testing.TB, seed byte) *wire.Signer {
	t.Helper()
	s, err := wire.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newConfidant(t testing.TB) *wire.ConfidantKey {
	t.Helper()
	k, err := wire.ParseConfidantKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// moment is noon of a day in the shop.
func moment(d payment.Date) Moment {
	return Moment{Date: d, Wall: noon, Boot: time.Hour, HQKnown: true, HQAge: time.Minute, Zone: "Asia/Tokyo"}
}

func config(t testing.TB, dir string) Config {
	return Config{
		Dir: dir, Terminal: terminal, Store: "S0001", Lane: "L1", Software: "tilld test", Signer: newSigner(t, 1),
		Now: func() Moment { return moment(today) }, Random: rand.Reader,
	}
}

func mustOpen(t testing.TB, cfg Config) *Journal {
	t.Helper()
	j, err := Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func newJournal(t testing.TB) *Journal {
	t.Helper()
	return mustOpen(t, config(t, t.TempDir()))
}

func mustAppend(t testing.TB, j *Journal, drafts ...Draft) []Record {
	t.Helper()
	r, err := j.Append(ctx, drafts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// id makes an identifier from a number.
func id(n int) *payment.ID {
	i := payment.ID{0x02}
	binary.BigEndian.PutUint64(i[8:], uint64(n))
	return &i
}

func yen(n int64) payment.Money { return payment.Of(n, "JPY") }

func draft(f payment.Fact) Draft { return Draft{Fact: f, Moment: moment(today), Policy: 3} }

func opened(sale int, due int64) Draft {
	d := draft(&payment.SaleOpened{Total: yen(due), Due: yen(due), Eligible: payment.Eligible{Wallet: due}})
	d.Sale = id(sale)
	return d
}

// approved pays a sale with the code that a phone shows for a counter. The payment is sale*10.
func approved(t testing.TB, sale int, amount int64, phone byte, counter uint64) Draft {
	d := draft(&payment.Approved{
		Amount: yen(amount), Wallet: "house", CodeHash: bytes.Repeat([]byte{phone}, 16), HashKey: 1,
		Replay: payment.ReplayKey{Phone: bytes.Repeat([]byte{phone}, 8), Counter: counter}, Issuer: make([]byte, 8),
		Limits: payment.Limits{Payment: 10000, ShareSum: 100000, ShareCount: 100, Tier: 1},
	})
	d.Sale, d.Payment = id(sale), id(sale*10)
	d.Body = &payment.Body{Cashier: "aiko", Account: []byte{'a', phone}}
	d.Evidence, d.SealTo = []byte("a signed code"), newConfidant(t).Public()
	return d
}

// refOf is the reference of a payment's attempt.
func refOf(pay, n int) string { return fmt.Sprintf("%s%02d", id(pay), n) }

// asked begins an attempt of a payment for a sale.
func asked(sale, pay, n int, amount int64) Draft {
	return attempted(&payment.Asked{Amount: yen(amount), Wallet: "paypay", Ref: refOf(pay, n), NotAfter: 1_795_000_030_000, Format: "emvco"}, sale, pay)
}

func authorised(sale, pay, n int, amount int64) Draft {
	return attempted(&payment.Authorised{Amount: yen(amount), Wallet: "paypay", Ref: refOf(pay, n), Transaction: "T1", At: 1_795_000_000_000}, sale, pay)
}

func declined(sale, pay, n int, amount int64) Draft {
	return attempted(&payment.Declined{Amount: yen(amount), Wallet: "paypay", Ref: refOf(pay, n), Why: "no_funds"}, sale, pay)
}

func reversed(sale, pay, n int, amount int64) Draft {
	return attempted(&payment.Reversed{Amount: yen(amount), Wallet: "paypay", Ref: refOf(pay, n), Cause: payment.WaivedSilent}, sale, pay)
}

func attempted(f payment.Fact, sale, pay int) Draft {
	d := draft(f)
	d.Sale, d.Payment = id(sale), id(pay)
	return d
}

func voided(of Record) Draft {
	v := &payment.Voided{Of: of.Entry.Seq}
	switch f := of.Entry.Fact.(type) {
	case *payment.Approved:
		v.Amount, v.Wallet = f.Amount, f.Wallet
	case *payment.Authorised:
		v.Amount, v.Wallet = f.Amount, f.Wallet
	case *payment.Carried:
		v.Amount, v.Wallet = f.Amount, f.Wallet
	}
	d := draft(v)
	d.Sale, d.Payment = of.Entry.Sale, of.Entry.Payment
	d.Moment.Date = of.Entry.BusinessDate
	return d
}

func saleFact(f payment.Fact, sale int) Draft {
	d := draft(f)
	d.Sale = id(sale)
	return d
}

// sell opens and pays n sales of 100 yen, numbered from first on, and returns the approvals.
func sell(t testing.TB, j *Journal, first, n int) []Record {
	t.Helper()
	var list []Record
	for i := first; i < first+n; i++ {
		r := mustAppend(t, j, opened(i, 100), approved(t, i, 100, byte(i%5+1), uint64(i)))
		list = append(list, r[1])
	}
	return list
}

// ackFor is HQ's word that it holds the current epoch up to a record.
func ackFor(r Record, hqEpoch uint64) *wire.Ack {
	e := r.Entry
	return &wire.Ack{
		Version: wire.MessageVersion, HQEpoch: hqEpoch, Terminal: e.Terminal, Epoch: e.Epoch, Acked: e.Seq, Head: r.Hash[:], Judged: e.Seq,
	}
}

func mustAck(t testing.TB, j *Journal, a *wire.Ack) AckResult {
	t.Helper()
	res, err := j.Acknowledge(ctx, a, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// fataler is what a test and a property have in common.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

func mustState(t fataler, j *Journal) State {
	t.Helper()
	s, err := j.State(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// verifyCopy closes the journal and verifies its file with nothing but public keys.
func verifyCopy(t testing.TB, j *Journal, keys ...wire.PublicKey) Report {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := OpenCopy(ctx, j.cfg.database())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if len(keys) == 0 {
		keys = []wire.PublicKey{newSigner(t, 1).Public()}
	}
	report, err := c.Verify(ctx, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return report
}
