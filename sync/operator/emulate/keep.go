package emulate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// kept is one wallet's book at rest. The codes on customers' screens are not in it: they die with the screens.
type kept struct {
	Customers []Customer   `json:"customers"`
	Charges   []keptCharge `json:"charges"` // oldest first
	Made      int          `json:"made"`
}

type keptCharge struct {
	Charge
	Refunds map[string]int64 `json:"refunds,omitempty"`
}

// Save gives the books as they are, for Config.Book: real operators forget nothing when a demo ends. No code is in it.
func (s *Server) Save() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[Wallet]kept{}
	for w, l := range s.ledgers {
		k := kept{Made: l.made, Customers: []Customer{}, Charges: []keptCharge{}}
		for _, c := range l.customers {
			k.Customers = append(k.Customers, c.Customer)
		}
		slices.SortFunc(k.Customers, func(a, b Customer) int { return strings.Compare(a.Name, b.Name) })
		for _, ref := range l.order {
			k.Charges = append(k.Charges, keptCharge{l.charges[ref].Charge, l.charges[ref].refunds})
		}
		all[w] = k
	}
	return json.Marshal(all)
}

// load takes what Save gave. Wallets that are not played any more are forgotten.
func (s *Server) load(book []byte) error {
	if len(book) == 0 {
		return nil
	}
	var all map[Wallet]kept
	if err := json.Unmarshal(book, &all); err != nil {
		return fmt.Errorf("%w: the book: %w", ErrInvalid, err)
	}
	for w, k := range all {
		l := s.ledgers[w]
		if l == nil {
			continue
		}
		l.made = k.Made
		for _, c := range k.Customers {
			l.customers[c.Name] = &customer{c}
		}
		for _, c := range k.Charges {
			if l.charges[c.Ref] != nil {
				return fmt.Errorf("%w: the book has %q twice", ErrInvalid, c.Ref)
			}
			if c.Refunds == nil {
				c.Refunds = map[string]int64{}
			}
			l.charges[c.Ref] = &entry{Charge: c.Charge, refunds: c.Refunds}
			l.order = append(l.order, c.Ref)
		}
	}
	return nil
}
