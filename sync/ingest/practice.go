package ingest

import (
	"context"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// withoutLeave says whether an entry begins or pays a practice sale under a policy that has practice switched off, or
// that HQ has never signed. A lane of ours opens none then; so this one is of another release, or somebody has its key
// and gives goods away for nothing. There is no money in it either way, so HQ tells it and does nothing else with it:
// a policy that can't be read now says nothing, and holds nothing up. A sale during which the switch was turned off is
// told too.
func (g *Ingest) withoutLeave(ctx context.Context, e *wire.Entry) bool {
	switch e.Kind {
	case payment.KindSaleOpened, payment.KindApproved, payment.KindAsked, payment.KindAuthorised, payment.KindOffered, payment.KindCarried:
	default:
		return false
	}
	if e.Policy > 1<<62 {
		return true
	}
	doc, err := g.papers.policy(ctx, e.Policy)
	return err == nil && (doc == nil || !doc.Feature(policy.Training))
}

// tellPractice counts and logs what was practised without leave, of entries that were judged for good.
func (g *Ingest) tellPractice(ctx context.Context, work []ledger.Judgement) {
	for i := range work {
		if w := &work[i]; w.WithoutLeave {
			g.count.practice.Add(1)
			g.log.warn(ctx, "a lane practises without the policy's leave", "terminal", w.Entry.Name.Terminal.String(), "seq", w.Entry.Name.Seq)
		}
	}
}
