package ingest

import (
	"context"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/policy"
	"tilld/sync/ledger"
)

// tillLife is for how long HQ vouches for a till: as long as any policy lets a lane go without HQ, and its customers pay
// through their own phones.
const tillLife = atLarge

// tillPaper is HQ's word about a till, for issuers that know no tills, when the lane wants one and its last one is half
// over; nil when there is none to be given.
func (g *Ingest) tillPaper(ctx context.Context, a *answer, version uint64) ([]byte, error) {
	now := g.cfg.Now()
	if a.beat == nil || a.beat.Till == 0 || a.place.Revoked || time.Unix(int64(min(a.beat.Till, 1<<40)), 0).Sub(now) > tillLife/2 {
		return nil, nil
	}
	doc, err := g.papers.policy(ctx, version)
	if err != nil || doc == nil || !doc.Feature(policy.Carried) || doc.Revoked.Terminal(a.terminal) {
		return nil, err
	}
	keys, err := g.keys.of(ctx, a.terminal)
	if err != nil {
		return nil, err
	}
	at, err := g.cfg.Ledger.Terminal(ctx, a.terminal)
	if err != nil || !at.RevokedAt.IsZero() {
		return nil, err
	}
	for _, k := range keys { // the newest first
		if !k.Retired {
			return g.vouch(doc.Chain, &at.Terminal, k, now)
		}
	}
	return nil, nil
}

func (g *Ingest) vouch(chain string, t *ledger.Terminal, k ledger.Key, now time.Time) ([]byte, error) {
	return signed.VouchFor(g.cfg.Signer(), signed.Till{Chain: chain, Terminal: t.ID, Key: k.Key, Store: t.Store, Lane: t.Lane, Until: now.Add(tillLife)})
}
