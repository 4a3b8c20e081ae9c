package policy

import (
	"errors"
	"slices"
	"testing"
)

// grouped is a policy in which a chain, a group, a store and a lane each take something else.
func grouped() *Document {
	d := starter()
	d.Wallets = []string{"house", "paypay", "merpay"}
	d.Groups = []Group{{Name: "stations", Stores: []string{"S1", "S2", "S3"}, Wallets: []string{"house", "paypay"}}, {Name: "bare", Stores: []string{"S9"}}}
	d.Stores = []Store{
		{Name: "S2", Cap: 10, Wallets: []string{"house", "merpay"}, Lanes: []Lane{{Name: "L1", Sum: 5, Count: 1}, {Name: "L2", Sum: 5, Count: 1, Wallets: []string{"linepay"}}}},
		{Name: "S3", Cap: 10, Lanes: []Lane{{Name: "L1", Sum: 5, Count: 1}}},
	}
	return d
}

// TestWalletsAreInherited: a lane takes what is said of it, or else of its store, its group, the chain.
func TestWalletsAreInherited(t *testing.T) {
	d := grouped()
	if err := d.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		store, lane, group string
		want               []string
	}{
		{"S0", "L1", "", d.Wallets}, {"S9", "L1", "bare", d.Wallets}, {"S1", "L1", "stations", []string{"house", "paypay"}},
		{"S2", "L1", "stations", []string{"house", "merpay"}}, {"S2", "L2", "stations", []string{"linepay"}},
		{"S2", "L3", "stations", []string{"house", "merpay"}}, {"S3", "L1", "stations", []string{"house", "paypay"}},
	} {
		terms := d.Terms(tt.store, tt.lane)
		if !slices.Equal(terms.Wallets, tt.want) || d.Group(tt.store) != tt.group {
			t.Errorf("%s/%s takes %v, group %q", tt.store, tt.lane, terms.Wallets, d.Group(tt.store))
		}
	}
	if got := d.AllWallets(); !slices.Equal(got, []string{"house", "paypay", "merpay", "linepay"}) {
		t.Errorf("all are %v", got)
	}
	src, err := RenderTOML(d)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseTOML("p", src)
	if err != nil || !slices.Equal(back.Terms("S2", "L2").Wallets, []string{"linepay"}) || back.Group("S1") != "stations" {
		t.Errorf("%v of\n%s", err, src)
	}
}

func TestGroupFaults(t *testing.T) {
	for _, tt := range []struct {
		key    string
		change func(*Document)
	}{
		{"group", func(d *Document) { d.Groups = make([]Group, maxNames+1) }},
		{"group[1].name", func(d *Document) { d.Groups[1].Name = "two words" }},
		{"group[1].name", func(d *Document) { d.Groups[1].Name = "stations" }},
		{"group[1].stores", func(d *Document) { d.Groups[1].Stores = []string{"S2"} }},
		{"group[0].stores", func(d *Document) { d.Groups[0].Stores = []string{"S1", "S1"} }},
		{"group[0].stores", func(d *Document) { d.Groups[0].Stores = []string{"a shop"} }},
		{"group[0].stores", func(d *Document) { d.Groups[0].Stores = []string{"S2", "S1"} }},
		{"group[0].wallets", func(d *Document) { d.Groups[0].Wallets = []string{"house", "house"} }},
		{"group[0].wallets", func(d *Document) { d.Groups[0].Wallets = []string{"nobody"} }},
		{"store[0].lane[1].wallets", func(d *Document) { d.Stores[0].Lanes[1].Wallets = []string{"nobody"} }},
		{"store[0].lane[1].wallets", func(d *Document) { d.Stores[0].Lanes[1].Wallets = []string{"No"} }},
	} {
		d := grouped()
		tt.change(d)
		err := d.Validate()
		if f, ok := errors.AsType[*fieldError](err); !ok || f.key != tt.key {
			t.Errorf("%s: %v", tt.key, err)
		}
	}
}
