package ingest

import (
	"context"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// figures says what the policy that an entry names lets HQ export of its sale.
func (g *Ingest) figures(ctx context.Context, e *wire.Entry) (ledger.Figures, error) {
	if e.Policy > 1<<62 {
		return ledger.NoFigures, nil
	}
	doc, err := g.papers.policy(ctx, e.Policy)
	switch {
	case err != nil || doc == nil || !doc.Feature(policy.Sales):
		return ledger.NoFigures, err
	case doc.Feature(policy.SalesAccounts):
		return ledger.FiguresWithAccounts, nil
	}
	return ledger.FiguresOnly, nil
}

// basket examines the opening of a sale. Lines that came without their body, or with a broken one, are no sales figures;
// there is no money in them, and nobody has to decide.
func (g *Ingest) basket(ctx context.Context, j *ledger.Judgement, e *wire.Entry) error {
	if e.Sale == nil || e.Sale.IsZero() || len(j.Entry.Body) == 0 {
		return nil
	}
	may, err := g.figures(ctx, e)
	if err != nil || may == ledger.NoFigures {
		return err
	}
	if wire.CheckBody(j.Entry.Body, e.BodyHash) != nil {
		return nil
	}
	if b, err := wire.DecodeBody(j.Entry.Body); err == nil && len(b.Lines) > 0 && len(b.Lines) <= payment.MaxLines {
		j.Basket = &ledger.Basket{Sale: *e.Sale}
	}
	return nil
}
