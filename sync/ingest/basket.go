package ingest

import (
	"context"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// figures says what the policy that an entry names lets HQ export of its sale, and whether it has points.
func (g *Ingest) figures(ctx context.Context, e *wire.Entry) (may ledger.Figures, points bool, err error) {
	if e.Policy > 1<<62 {
		return ledger.NoFigures, false, nil
	}
	doc, err := g.papers.policy(ctx, e.Policy)
	if err != nil || doc == nil {
		return ledger.NoFigures, false, err
	}
	switch {
	case doc.Feature(policy.Sales) && doc.Feature(policy.SalesAccounts):
		may = ledger.FiguresWithAccounts
	case doc.Feature(policy.Sales):
		may = ledger.FiguresOnly
	}
	return may, doc.Feature(policy.Points), nil
}

// member examines a loyalty programme's member. What makes no sense, or is of no programme of the policy that the entry
// names, earns nothing; there is no money in it, and nobody has to decide.
func (g *Ingest) member(ctx context.Context, j *ledger.Judgement, e *wire.Entry, f *payment.Member) error {
	if e.Sale == nil || e.Sale.IsZero() || e.Policy > 1<<62 || len(f.Number) != ledger.PseudonymSize {
		return nil
	}
	doc, err := g.papers.policy(ctx, e.Policy)
	if err != nil || doc == nil {
		return err
	}
	programme := doc.Programme(f.Programme)
	if programme == nil || f.Currency != doc.Currency || f.Eligible <= 0 || f.Eligible > payment.MaxMinor {
		return nil
	}
	j.Member = &ledger.Member{Sale: *e.Sale, Programme: f.Programme, Number: f.Number, Eligible: f.Eligible, Points: programme.Earned(f.Eligible)}
	if e.Payment != nil {
		j.Member.Payment = *e.Payment
	}
	return nil
}

// basket examines the opening of a sale. Lines that came without their body, or with a broken one, are no sales figures;
// there is no money in them, and nobody has to decide.
func (g *Ingest) basket(ctx context.Context, j *ledger.Judgement, e *wire.Entry) error {
	if e.Sale == nil || e.Sale.IsZero() || len(j.Entry.Body) == 0 {
		return nil
	}
	may, _, err := g.figures(ctx, e)
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
