package policy

import (
	"fmt"
	"slices"

	"tilld/sync/wire"
)

// Group is the name of the group that a store is in; empty: it is in none.
func (d *Document) Group(store string) string {
	if g := d.group(store); g != nil {
		return g.Name
	}
	return ""
}

func (d *Document) group(store string) *Group {
	for i := range d.Groups {
		if _, ok := slices.BinarySearch(d.Groups[i].Stores, store); ok {
			return &d.Groups[i]
		}
	}
	return nil
}

// wallets are those that a lane takes: its own list, else its store's, its group's or the chain's.
func (d *Document) wallets(store string, s *Store, l *Lane) []string {
	g := d.group(store)
	switch {
	case l != nil && len(l.Wallets) > 0:
		return l.Wallets
	case s != nil && len(s.Wallets) > 0:
		return s.Wallets
	case g != nil && len(g.Wallets) > 0:
		return g.Wallets
	}
	return d.Wallets
}

// AllWallets are the wallets that any lane of the chain may take, each once: the chain's first.
func (d *Document) AllWallets() []string {
	list := slices.Clone(d.Wallets)
	add := func(wallets []string) {
		for _, w := range wallets {
			if !slices.Contains(list, w) {
				list = append(list, w)
			}
		}
	}
	for i := range d.Groups {
		add(d.Groups[i].Wallets)
	}
	for i := range d.Stores {
		add(d.Stores[i].Wallets)
		for j := range d.Stores[i].Lanes {
			add(d.Stores[i].Lanes[j].Wallets)
		}
	}
	return list
}

func (d *Document) validateGroups() error {
	if len(d.Groups) > maxNames {
		return badField("group", "%d groups, at most %d", len(d.Groups), maxNames)
	}
	of := map[string]string{}
	for i, g := range d.Groups {
		key := fmt.Sprintf("group[%d]", i)
		switch {
		case wire.CheckName("name", g.Name) != nil:
			return badField(key+".name", "%q: want 1 to 32 of A-Z a-z 0-9 _ -", g.Name)
		case slices.ContainsFunc(d.Groups[:i], func(o Group) bool { return o.Name == g.Name }):
			return badField(key+".name", "%q is given twice", g.Name)
		case len(g.Stores) > maxStores:
			return badField(key+".stores", "%d stores, at most %d", len(g.Stores), maxStores)
		}
		for _, store := range g.Stores {
			if wire.CheckName("store", store) != nil {
				return badField(key+".stores", "%q: want 1 to 32 of A-Z a-z 0-9 _ -", store)
			}
			if other, ok := of[store]; ok {
				return badField(key+".stores", "store %s is in the group %s already", store, other)
			}
			of[store] = g.Name
		}
		if err := checkNames(key+".wallets", g.Wallets); err != nil {
			return err
		}
	}
	return nil
}

// validateAllWallets wants a row in the table of codes for each wallet that a group or a lane takes.
func (d *Document) validateAllWallets(known map[string]bool) error {
	for i, g := range d.Groups {
		if err := checkKnown(fmt.Sprintf("group[%d].wallets", i), g.Wallets, known); err != nil {
			return err
		}
	}
	for i, s := range d.Stores {
		for j, l := range s.Lanes {
			if err := checkKnown(fmt.Sprintf("store[%d].lane[%d].wallets", i, j), l.Wallets, known); err != nil {
				return err
			}
		}
	}
	return nil
}
