package config

import (
	"errors"
	"fmt"
	"slices"

	"tilld/agent/cmd/tilld/internal/operators"
)

// Wallets are those that HQ asks an operator for, in the file's order.
func (c *HQ) Wallets() (list []string) {
	for i := range c.Operators {
		list = append(list, c.Operators[i].Wallet)
	}
	return list
}

// needsShops says whether an operator has its own names for the shops; an issuer of ours has none.
func needsShops(list []operators.Section) bool {
	return slices.ContainsFunc(list, func(s operators.Section) bool { return !s.Issuer })
}

// issuers are the wallets whose operator is an issuer of ours.
func (c *HQ) issuers() map[string]bool {
	m := map[string]bool{}
	for i := range c.Operators {
		if c.Operators[i].Issuer {
			m[c.Operators[i].Wallet] = true
		}
	}
	return m
}

// operatorKey is where a key of a section stands.
func operatorKey(i int, key string) string {
	at := fmt.Sprintf("operator[%d]", i+1)
	if key != "" {
		at += "." + key
	}
	return at
}

func checkOperators(list []operators.Section, shops string) (faults Faults) {
	first := map[string]int{}
	for i := range list {
		for _, f := range list[i].Check() {
			faults = append(faults, &Error{Key: operatorKey(i, f.Key), Msg: f.Msg})
		}
		w := list[i].Wallet
		if was, ok := first[w]; ok && w != "" {
			faults = append(faults, &Error{Key: operatorKey(i, "wallet"), Msg: fmt.Sprintf("%q is the wallet of operator %d: one is asked for each", w, was)})
			continue
		}
		first[w] = i + 1
	}
	if e := checkPath("shops", shops); e != nil {
		return append(faults, e)
	}
	switch {
	case needsShops(list) && shops == "":
		faults = append(faults, &Error{Key: "shops", Msg: "missing: operators want their own names for the shops"})
	case len(list) == 0 && shops != "":
		faults = append(faults, &Error{Key: "shops", Msg: "is of no use without an [[operator]]"})
	}
	return faults
}

// operators opens every connector, and the table of shops, and keeps none.
func (l *looker) operators(list []operators.Section, path string, wallets []string) {
	for i := range list {
		_, err := list[i].Open()
		if f, ok := errors.AsType[*operators.Fault](err); ok {
			l.fault(operatorKey(i, f.Key), "%s", f.Msg)
		}
	}
	if path == "" || !l.readable("shops", path) {
		return
	}
	shops, err := operators.OpenShops(path, wallets)
	if many, ok := errors.AsType[operators.Faults](err); ok {
		for _, f := range many {
			l.fault("shops", "%s: %s", path, f)
		}
	} else if err != nil {
		l.fault("shops", "%s: %s", path, err)
	} else {
		l.table = shops.Table()
	}
}

// unused says of which wallets no shop is named: nobody can pay with them.
func (l *looker) unused(wallets []string, issuers map[string]bool) {
	for i, w := range wallets {
		if l.table != nil && l.table.Rows(w) == 0 && !issuers[w] {
			l.note(operatorKey(i, "wallet"), "the table of shops has no row for %s: every request for it is declined", w)
		}
	}
}
