package rule

import "time"

// OfferSpan is the longest that a lane can still take an approval after it was given: the offer is shown for as long as
// forty minutes, and its approval is taken for a few more (agent/checkout). The rest is room.
const OfferSpan = time.Hour

// OfferAhead is the furthest that an offer's end may be ahead of the issuer's clock: lanes say ten minutes. What says more
// comes from a till whose clock is wrong.
const OfferAhead = 15 * time.Minute

// OfferTime says whether an offer that ends at until, of a till that HQ vouches for up to paper, is taken now.
func OfferTime(until, paper, now time.Time) Refusal {
	switch {
	case !now.Before(until), !now.Before(paper):
		return OfferOver
	case until.Sub(now) > OfferAhead:
		return BadOffer
	}
	return None
}

// Unclaimed says whether the money of an approval that was given at a moment goes back to the customer now, unless HQ has
// said that a lane took it: every lane that could have has said so by now, as HQ says (settled), or would have, however
// late. Before that nobody can know.
func (l *Limits) Unclaimed(given, settled, now time.Time) bool {
	over := given.Add(OfferSpan)
	return !settled.Before(over) || !now.Before(over.Add(l.SyncDelay))
}
