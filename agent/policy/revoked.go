package policy

import (
	"bytes"
	"fmt"
	"slices"

	"tilld/agent/payment"
)

// The lengths of revoked identifiers, in bytes.
const (
	AccountSize = 16 // the issuer's pseudonym of an account
	KeySize     = 8  // a phone's or issuer's key identifier
)

// Revoked lists, exactly and in order, what a lane must not take any more.
type Revoked struct {
	Accounts  []Hex        `cbor:"1,keyasint,omitempty" toml:"accounts,omitempty,multiline"`
	Phones    []Hex        `cbor:"2,keyasint,omitempty" toml:"phone_keys,omitempty,multiline"`
	Issuers   []Hex        `cbor:"3,keyasint,omitempty" toml:"issuer_keys,omitempty,multiline"`
	Terminals []payment.ID `cbor:"4,keyasint,omitempty" toml:"terminals,omitempty,multiline"`
}

// Account says whether an account's pseudonym is revoked.
func (r *Revoked) Account(id []byte) bool { return listed(r.Accounts, id) }

// Phone says whether a phone's key is revoked.
func (r *Revoked) Phone(kid []byte) bool { return listed(r.Phones, kid) }

// Issuer says whether an issuer's key is revoked.
func (r *Revoked) Issuer(kid []byte) bool { return listed(r.Issuers, kid) }

// Terminal says whether a terminal may not sell any more.
func (r *Revoked) Terminal(id payment.ID) bool {
	_, found := slices.BinarySearchFunc(r.Terminals, id, compareIDs)
	return found
}

func listed(list []Hex, id []byte) bool {
	_, found := slices.BinarySearchFunc(list, Hex(id), compareHex)
	return found
}

func compareHex(a, b Hex) int        { return bytes.Compare(a, b) }
func compareIDs(a, b payment.ID) int { return bytes.Compare(a[:], b[:]) }

// Sort puts the lists in order and drops repeats: who edits a policy need not care.
func (r *Revoked) Sort() {
	for _, list := range []*[]Hex{&r.Accounts, &r.Phones, &r.Issuers} {
		slices.SortFunc(*list, compareHex)
		*list = slices.CompactFunc(*list, func(a, b Hex) bool { return bytes.Equal(a, b) })
	}
	slices.SortFunc(r.Terminals, compareIDs)
	r.Terminals = slices.Compact(r.Terminals)
}

func (r *Revoked) validate() error {
	for _, l := range []struct {
		key  string
		list []Hex
		size int
	}{{"accounts", r.Accounts, AccountSize}, {"phone_keys", r.Phones, KeySize}, {"issuer_keys", r.Issuers, KeySize}} {
		for i, id := range l.list {
			if len(id) != l.size {
				return &fieldError{"revoked." + l.key, fmt.Sprintf("%s has %d bytes, not %d", id, len(id), l.size)}
			}
			if i > 0 && compareHex(l.list[i-1], id) >= 0 {
				return &fieldError{"revoked." + l.key, fmt.Sprintf("%s is out of order or given twice", id)}
			}
		}
	}
	for i, id := range r.Terminals {
		if id.IsZero() || i > 0 && compareIDs(r.Terminals[i-1], id) >= 0 {
			return &fieldError{"revoked.terminals", fmt.Sprintf("%q is empty, out of order or given twice", id)}
		}
	}
	return nil
}
