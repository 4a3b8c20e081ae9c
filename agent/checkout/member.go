package checkout

import (
	"slices"

	"tilld/agent/payment"
)

// Member is a member of a loyalty programme that was attached to a sale.
type Member struct {
	Programme string
	Hash      string // of the number
}

// member attaches a loyalty number to the sale that is on the screen, before its payment or after it. ok is false when it
// can't be: then the number is the POS's, like any other that starts no payment. It is never refused, for there is
// nothing in it that a sale could wait for.
func member(s State, e *Scan, c Context) (d Decision, ok bool) {
	name, sale := e.Read.Programme, &s.Sale
	doc := c.Bundle.Policy()
	switch {
	case name == "" || doc == nil || doc.Programme(name) == nil:
		return d, false
	case !s.Phase.Waiting() && !s.Phase.Asked() && (s.Phase != Paid || e.Cleared):
		return d, false
	case sale.Eligible.Points <= 0 || sale.Total.Currency != doc.Currency:
		return d, false
	}
	answer := Answer{Kind: Noted, Programme: name, Sale: sale.ID}
	if i := slices.IndexFunc(s.Members, func(m Member) bool { return m.Programme == name }); i >= 0 {
		if s.Members[i].Hash != string(e.Hash) {
			answer.Kind = OtherMember
		}
		return Decision{State: s, Answer: answer}, true
	}
	if c.Stopped || c.Bundle.Trust().Seal(c.Now.known()) == nil { // nobody could be told the number
		return d, false
	}
	s.Members = append(slices.Clone(s.Members), Member{Programme: name, Hash: string(e.Hash)})
	draft := saleDraft(&s, c, &payment.Member{
		Programme: name, Number: e.Hash, HashKey: e.HashKey, Eligible: sale.Eligible.Points, Currency: sale.Total.Currency,
	})
	if s.Phase == Paid && s.Last.Sale == sale.ID {
		draft.Payment = s.Last.Payment
	}
	draft.Evidence = e.Read.Text
	return Decision{State: s, Drafts: []Draft{draft}, Answer: answer}, true
}
