package lane

import (
	"time"

	"tilld/agent/checkout"
	"tilld/agent/policy"
)

// PlaceUnder is a place by the terms of a policy, which says in what zone the store is and when its business
// dates begin. Without a policy the place stays as it is.
func PlaceUnder(p checkout.Place, doc *policy.Document) checkout.Place {
	if doc == nil {
		return p
	}
	terms := doc.Terms(p.Store, p.Lane)
	p.Roll = terms.Roll.Duration()
	// A policy whose zone is not to be had does not load. Should the machine's time zones go away behind that, the
	// zone stays that was in force.
	if zone, err := time.LoadLocation(terms.Zone); err == nil {
		p.Zone = zone
	}
	return p
}

// Place is where the lane stands by the policy in force. When a policy is withdrawn its terms stay until the next
// one's come.
func (l *Lane) Place() checkout.Place {
	_, place := l.believes()
	return place
}

// believes gives what the lane believes and the place under it: two that belong together. The place is made once
// for each policy.
func (l *Lane) believes() (*policy.Bundle, checkout.Place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if doc := l.bundle.Policy(); doc != nil && doc != l.placed {
		l.place, l.placed = PlaceUnder(l.place, doc), doc
	}
	return l.bundle, l.place
}
