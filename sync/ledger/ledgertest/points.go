package ledgertest

import (
	"bytes"
	"reflect"
	"slices"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
)

var holder = ingesttest.Member{Programme: "nanaco", Text: "7600123456789012", Hash: bytes.Repeat([]byte{7}, 16), Eligible: 1_000}

type pointRow struct {
	payment payment.ID
	points  int64
}

func (b *Bench) points(programme string) (rows []pointRow) {
	b.Helper()
	list, err := b.Ledger.Points(b.Ctx, programme, 0, 100)
	b.Must(err)
	for _, p := range list {
		rows = append(rows, pointRow{p.Payment, p.Points})
	}
	return rows
}

// testPoints: a card that was read before the payment or after it earns once, offline or not, and a payment that is
// taken back takes its points with it.
func testPoints(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	before := b.Chain.ID()
	l.Attach(holder, before, payment.ID{})
	first := l.SellWith(p, 1_000, ingesttest.Change{Sale: before})
	after := l.Sell(p, 1_000)
	l.Attach(holder, after.Sale, after.Payment)
	gone := b.Chain.ID()
	l.Attach(holder, gone, payment.ID{})
	voided := l.SellWith(p, 1_000, ingesttest.Change{Sale: gone})
	l.Void(voided)
	again := l.SellWith(p, 1_000, ingesttest.Change{Sale: gone}) // the same customer pays once more
	l.Attach(holder, b.Chain.ID(), payment.ID{})                 // nobody pays that
	l.Sell(p, 1_000)                                             // nobody's card
	b.SendAll(l, 0)
	b.JudgeAll()
	want := []pointRow{{first.Payment, 10}, {after.Payment, 10}, {voided.Payment, 10}, {voided.Payment, -10}, {again.Payment, 10}}
	if got := b.points("nanaco"); !reflect.DeepEqual(got, want) {
		b.Errorf("points %+v, want %+v", got, want)
	}
	if sum, err := b.PointsOf(b.Ctx, "nanaco", holder.Hash); err != nil || sum != 30 {
		b.Errorf("the member has %d, %v", sum, err)
	}
	if sum, err := b.PointsOf(b.Ctx, "vpoint", holder.Hash); err != nil || sum != 0 {
		b.Errorf("in another programme the member has %d, %v", sum, err)
	}
	list, err := b.Ledger.Points(b.Ctx, "nanaco", 0, 100)
	b.Must(err)
	rest, err := b.Ledger.Points(b.Ctx, "nanaco", list[1].Pos, 2)
	if err != nil || !reflect.DeepEqual(rest, list[2:4]) {
		b.Errorf("a page %+v, %v", rest, err)
	}
	if one, err := b.Ledger.Point(b.Ctx, list[0].Pos); err != nil || !reflect.DeepEqual(one, list[0]) || one.Store != "s1" || one.Eligible != 1_000 ||
		len(one.Body) == 0 || one.Entry.Seq == 0 || !slices.Equal(one.Number[:], holder.Hash) {
		b.Errorf("%+v, %v", one, err)
	}
	if _, err := b.Ledger.Point(b.Ctx, 1_000); payment.CodeOf(err) != payment.NotFound {
		b.Errorf("a line that is not there: %v", err)
	}
	b.Balance()
}

// testPointsOnce: a sale has one member of a programme and earns once in each, whatever a lane writes; and a member of
// another lane's sale earns nothing by it.
func testPointsOnce(b *Bench) {
	l, other := b.Lane("s1", "1"), b.Lane("s1", "2")
	p := b.Chain.Phone()
	sale := b.Chain.ID()
	l.Attach(holder, sale, payment.ID{})
	second := holder
	second.Hash = bytes.Repeat([]byte{8}, 16)
	l.Attach(second, sale, payment.ID{})
	beside := holder
	beside.Programme = "vpoint"
	l.Attach(beside, sale, payment.ID{})
	paid := l.SellWith(p, 500, ingesttest.Change{Sale: sale})
	l.SellWith(p, 500, ingesttest.Change{Sale: sale})
	l.Attach(second, sale, paid.Payment)
	other.Attach(holder, sale, paid.Payment)
	b.SendAll(l, 0)
	b.JudgeAll()
	b.SendAll(other, 0)
	b.JudgeAll()
	want := []pointRow{{paid.Payment, 10}}
	if got := b.points("nanaco"); !reflect.DeepEqual(got, want) {
		b.Errorf("points %+v, want %+v", got, want)
	}
	if got := b.points("vpoint"); !reflect.DeepEqual(got, want) {
		b.Errorf("points of the second programme %+v, want %+v", got, want)
	}
	b.Balance()
}

// testPointsOfALoss: what waits has earned, since the goods are sold; what nobody pays has not.
func testPointsOfALoss(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	var sold []ingesttest.Sold
	for range 2 {
		sale := b.Chain.ID()
		l.Attach(holder, sale, payment.ID{})
		sold = append(sold, l.SellWith(p, 500, ingesttest.Change{Sale: sale}))
	}
	b.SendAll(l, 0)
	b.judgeAs(map[uint64]ledger.Kind{sold[0].Seq: ledger.OverCap, sold[1].Seq: ledger.OverCap})
	open := b.OpenExceptions()
	b.Must(b.Resolve(b.Ctx, []payment.ID{open[0].ID}, ledger.Receivable, "finance", "paid"))
	b.Must(b.Resolve(b.Ctx, []payment.ID{open[1].ID}, ledger.LossTaken, "finance", "not paid"))
	want := []pointRow{{sold[0].Payment, 10}, {sold[1].Payment, 10}, {sold[1].Payment, -10}}
	if got := b.points("nanaco"); !reflect.DeepEqual(got, want) {
		b.Errorf("points %+v, want %+v", got, want)
	}
	b.Balance()
}

// testEraseMember: a member's number goes, in one programme and not in another's; the points and the chain stay.
func testEraseMember(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	beside := holder
	beside.Programme = "vpoint"
	for range 2 {
		sale := b.Chain.ID()
		l.Attach(holder, sale, payment.ID{})
		l.Attach(beside, sale, payment.ID{})
		l.SellWith(p, 500, ingesttest.Change{Sale: sale})
	}
	b.SendAll(l, 0)
	b.JudgeAll()
	who := ledger.Erasure{By: "ops", Why: "asked"}
	if _, err := b.EraseMember(b.Ctx, "nanaco", [16]byte(holder.Hash), ledger.Erasure{By: "ops"}); payment.CodeOf(err) != payment.Invalid {
		b.Errorf("erased without a why: %v", err)
	}
	e, err := b.EraseMember(b.Ctx, "nanaco", [16]byte(holder.Hash), who)
	if err != nil || e.Payments != 2 || e.Bodies != 2 || e.Pseudonym != [16]byte(holder.Hash) {
		b.Errorf("erased %+v, %v", e, err)
	}
	for programme, there := range map[string]bool{"nanaco": false, "vpoint": true} {
		list, err := b.Ledger.Points(b.Ctx, programme, 0, 10)
		b.Must(err)
		for _, line := range list {
			if (len(line.Body) > 0) != there || line.Points != 10 {
				b.Errorf("%s: %+v", programme, line)
			}
		}
	}
	if e, err := b.EraseMember(b.Ctx, "nanaco", [16]byte(holder.Hash), who); err != nil || e.Payments != 2 || e.Bodies != 0 {
		b.Errorf("erased again: %+v, %v", e, err)
	}
	if list, err := b.Erasures(b.Ctx, 10); err != nil || len(list) != 2 || list[1] != func() ledger.Erasure { x := e; x.At = list[1].At; return x }() {
		b.Errorf("erasures %+v, %v", list, err)
	}
	b.wholeChain(l)
	b.Balance()
}
