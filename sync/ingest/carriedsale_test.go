package ingest

import (
	"bytes"
	"testing"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
)

// TestCarriedSaleCounts: a sale that was paid through the customer's own phone is one of the sales figures, and earns
// points, like any other; and a void takes both back.
func TestCarriedSaleCounts(t *testing.T) {
	c := ingesttest.NewChain(t)
	c.Doc.Features = []string{policy.Sales, policy.Points, policy.Carried}
	c.Doc.Programmes = []policy.Programme{{Name: "nanaco", Points: 1, Per: 200}}
	b := benchAt(t, c, t.TempDir()+"/hq.db")
	l := b.Lane("s1", "1")
	card := ingesttest.Member{Programme: "nanaco", Text: "7600123456789012", Hash: bytes.Repeat([]byte{7}, 16), Eligible: 1_000}
	sell := func() ingesttest.Sold {
		sale := l.OpenBasket(1_000, payment.Article{Line: payment.Line{Text: "milk", Count: 1, Amount: 1_000, Rate: 800}})
		l.Attach(card, sale, payment.ID{})
		return l.CarryWith(1_000, ingesttest.CarriedChange{Extra: func(x *ingesttest.Extra) { x.Sale = &sale }})
	}
	kept, gone := sell(), sell()
	l.VoidCarried(gone)
	b.SendAll(l, 0)
	b.post()
	list, err := b.Ledger.Figures(b.Ctx, ledger.FigureFilter{BusinessDate: ingesttest.Today}, 0, 10)
	b.Must(err)
	if len(list) != 3 || list[0].Payment != kept.Payment || list[1].Payment != gone.Payment || !list[2].Back {
		t.Errorf("figures %+v", list)
	}
	if sum, err := b.PointsOf(b.Ctx, "nanaco", card.Hash); err != nil || sum != 5 {
		t.Errorf("%d points, %v", sum, err)
	}
	b.WantState(kept, ledger.Posted)
	b.Balance()
}
