package settle

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/payment"
)

const (
	testDate  = payment.Date(20261122)
	testEpoch = Epoch(0xf1e2d3c4b5a69788)
	testHQ    = uint64(1795305600000)
)

var (
	testAt      = time.Date(2026, 11, 22, 19, 0, 0, 123_000_000, time.UTC)
	testAccount = Account{"house", "JPY"}
)

// idOf makes an identifier that a test can name.
func idOf(kind byte, n uint64) payment.ID {
	var id payment.ID
	binary.BigEndian.PutUint64(id[:8], uint64(testAt.UnixMilli())<<16)
	id[6] = kind
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func terminal(n uint64) payment.ID { return idOf('t', n) }

// line is a payment at one lane: entry seq of that lane's terminal.
func line(lane, seq uint64, amount int64) Line {
	kind := KindPayment
	if amount < 0 {
		kind = KindVoid
	}
	return Line{
		Kind: kind, Payment: idOf('p', lane<<32|seq), Entity: "chain", Store: fmt.Sprintf("s%d", lane/10), Lane: fmt.Sprintf("lane-%d", lane),
		Wallet: "house", BusinessDate: testDate, Amount: amount, Currency: "JPY",
		Terminal: terminal(lane), Epoch: testEpoch, Seq: seq, Entry: sha256.Sum256(fmt.Appendf(nil, "%d/%d", lane, seq)),
	}
}

// cutOf makes a cut whose control total fits its lines.
func cutOf(lines ...Line) *Cut {
	c := &Cut{Key: Key{Account: testAccount, SettlementDate: testDate, Number: 1, HQEpoch: testHQ}, Cause: CauseDay, AsOf: 77, At: testAt, Lines: lines}
	for _, l := range lines {
		c.Control.add(l.Amount)
	}
	return c
}

// drawCut is any cut that Build must take.
func drawCut(t *rapid.T) *Cut {
	names := rapid.SampledFrom([]string{"a", "b", "0_x", "chain-7"})
	used := map[[2]uint64]bool{}
	var lines []Line
	for range rapid.IntRange(0, 30).Draw(t, "lines") {
		lane, seq := rapid.Uint64Range(1, 25).Draw(t, "lane"), rapid.Uint64Range(1, 40).Draw(t, "seq")
		if used[[2]uint64{lane, seq}] {
			continue
		}
		used[[2]uint64{lane, seq}] = true
		amount := rapid.Int64Range(1, payment.MaxMinor).Draw(t, "amount")
		if rapid.Bool().Draw(t, "void") {
			amount = -amount
		}
		l := line(lane, seq, amount)
		l.Entity, l.Store = names.Draw(t, "entity"), names.Draw(t, "store")
		l.BusinessDate = payment.DateOf(testDate.Time().AddDate(0, 0, rapid.IntRange(-3, 1).Draw(t, "days")))
		lines = append(lines, l)
	}
	c := cutOf(lines...)
	for lane := range rapid.Uint64Range(0, 6).Draw(t, "terminals") {
		c.Coverage = append(c.Coverage, Coverage{
			Terminal: terminal(lane + 1), Entity: "a", Store: "b", Lane: "c", Epoch: testEpoch,
			Held: rapid.Uint64Range(0, 50).Draw(t, "held"), Known: rapid.Uint64Range(0, 60).Draw(t, "known"),
			Judged:     rapid.Uint64Range(0, 50).Draw(t, "judged"),
			LastClosed: rapid.SampledFrom([]payment.Date{0, 20261121, testDate}).Draw(t, "closed"),
		})
	}
	return c
}

func shuffled(c *Cut, seed uint64) *Cut {
	d := *c
	d.Lines = append([]Line(nil), c.Lines...)
	d.Coverage = append([]Coverage(nil), c.Coverage...)
	r := rand.New(rand.NewPCG(seed, 1))
	r.Shuffle(len(d.Lines), func(i, j int) { d.Lines[i], d.Lines[j] = d.Lines[j], d.Lines[i] })
	r.Shuffle(len(d.Coverage), func(i, j int) { d.Coverage[i], d.Coverage[j] = d.Coverage[j], d.Coverage[i] })
	return &d
}
