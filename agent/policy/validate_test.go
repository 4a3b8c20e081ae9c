package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"tilld/agent/payment"
)

func TestValidate(t *testing.T) {
	stores := func(s ...Store) func(*Document) { return func(d *Document) { d.Stores = s } }
	many := make([]Lane, maxLanes+1)
	for i := range many {
		many[i].Name = fmt.Sprintf("%04d", i)
	}
	tests := []struct {
		key    string // the field that the error names; "" is none
		change func(*Document)
	}{
		{"", func(*Document) {}},
		{"", func(d *Document) { d.Tiers, d.Caps.Unbound, d.Caps.Small = Tiers{}, 0, 0 }},
		{"", func(d *Document) { d.Default = StoreDefault{Lanes: 1} }}, // nothing offline by default
		{"", stores(Store{Name: "1"}, Store{Name: "2", Cap: 3, Lanes: []Lane{{"1", 1, 1, nil}, {"2", 2, 1, nil}}})},
		{"version", func(d *Document) { d.Version = 0 }},
		{"chain", func(d *Document) { d.Chain = "a b" }},
		{"issued", func(d *Document) { d.Issued = 0 }},
		{"currency", func(d *Document) { d.Currency = "" }},
		{"zone", func(d *Document) { d.Zone = "" }},
		{"zone", func(d *Document) { d.Zone = "../etc/passwd" }},
		{"day_roll", func(d *Document) { d.Roll = maxRoll + 1 }},
		{"retention_days", func(d *Document) { d.Retention = 0 }},
		{"retention_days", func(d *Document) { d.Retention = maxDays + 1 }},
		{"features", func(d *Document) { d.Features = []string{"a", "a"} }},
		{"features", func(d *Document) { d.Features = make([]string, maxNames+1) }},
		{"wallets", func(d *Document) { d.Wallets = []string{"-"} }},
		{"caps.account_day", func(d *Document) { d.Caps.AccountDay = payment.MaxMinor + 1 }},
		{"caps.account_count", func(d *Document) { d.Caps.AccountCount = maxShareNum + 1 }},
		{"caps.payment", func(d *Document) { d.Caps.Payment = 0 }},
		{"caps.unbound", func(d *Document) { d.Caps.Unbound = d.Caps.Payment + 1 }},
		{"caps.small", func(d *Document) { d.Caps.Small = -1 }},
		{"code.past", func(d *Document) { d.Code.Past = 0 }},
		{"code.past", func(d *Document) { d.Code.Past = maxSlip + 1 }},
		{"code.future", func(d *Document) { d.Code.Future = maxSlip + 1 }},
		{"tiers.small_for", func(d *Document) { d.Tiers.SmallFor = maxWait + 1 }},
		{"tiers.full_for", func(d *Document) { d.Tiers.FullFor = d.Tiers.SmallFor + 1 }},
		{"tiers.restart_for", func(d *Document) { d.Tiers.RestartFor = d.Tiers.SmallFor + 1 }},
		{"tiers.restart_for", func(d *Document) { d.Tiers.RestartPercent = 0 }},
		{"tiers.restart_payment", func(d *Document) { d.Tiers.RestartPayment = -1 }},
		{"tiers.restart_share_percent", func(d *Document) { d.Tiers.RestartPercent = 101 }},
		{"store_default.cap", func(d *Document) { d.Default.Cap = -1 }},
		{"store_default.lanes", func(d *Document) { d.Default.Lanes = 0 }},
		{"store_default.lanes", func(d *Document) { d.Default.Lanes = maxLanes + 1 }},
		{"store_default.share_sum", func(d *Document) { d.Default.Sum = -1 }},
		{"store_default.share_sum", func(d *Document) { d.Default.Sum = payment.MaxMinor + 1 }},
		{"store_default.share_sum", func(d *Document) { d.Default.Sum = d.Default.Cap }},
		{"store_default.share_count", func(d *Document) { d.Default.Count = maxShareNum + 1 }},
		{"store", func(d *Document) { d.Stores = make([]Store, maxStores+1) }},
		{"store[0].name", stores(Store{Name: "a/b"})},
		{"store[1].name", stores(Store{Name: "1"}, Store{Name: "1"})},
		{"store[1].name", stores(Store{Name: "2"}, Store{Name: "1"})},
		{"store[0].cap", stores(Store{Name: "1", Cap: -1})},
		{"store[0].cap", stores(Store{Name: "1", Cap: 2, Lanes: []Lane{{"1", 1, 1, nil}, {"2", 2, 1, nil}}})},
		{"store[0].zone", stores(Store{Name: "1", Zone: "Mars"})},
		{"store[0].wallets", stores(Store{Name: "1", Wallets: []string{"X"}})},
		{"store[0].wallets", stores(Store{Name: "1", Wallets: []string{"nobody"}})},
		{"store[0].lane", stores(Store{Name: "1", Lanes: many})},
		{"store[0].lane", stores(Store{Name: "1", Lanes: []Lane{{Name: "2"}, {Name: "1"}}})},
		{"store[0].lane[0].name", stores(Store{Name: "1", Lanes: []Lane{{Name: ""}}})},
		{"store[0].lane[0].share_sum", stores(Store{Name: "1", Lanes: []Lane{{Name: "1", Sum: -1}}})},
		{"store[0].lane[0].share_count", stores(Store{Name: "1", Lanes: []Lane{{Name: "1", Count: maxShareNum + 1}}})},
		{"revoked.accounts", func(d *Document) { d.Revoked.Accounts = []Hex{{1}} }},
		{"revoked.phone_keys", func(d *Document) { d.Revoked.Phones = []Hex{make(Hex, 8), make(Hex, 8)} }},
		{"revoked.terminals", func(d *Document) { d.Revoked.Terminals = []payment.ID{{}} }},
		{"codes.rows[1]", func(d *Document) { d.Codes.Rows[1].Source = "" }},
	}
	for _, tt := range tests {
		d := starter()
		tt.change(d)
		err := d.Validate()
		if tt.key == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if !errors.Is(err, ErrInvalid) || !strings.HasPrefix(err.Error(), tt.key+": ") {
			t.Errorf("%s: got %v", tt.key, err)
		}
	}
}

func TestTexts(t *testing.T) {
	for text, want := range map[string]Seconds{"4h": 14400, "90s": 90, "1h30m": 5400, "0s": 0, "2m": 120} {
		var s Seconds
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
		again := s.String()
		if err := s.UnmarshalText([]byte(again)); err != nil || s != want {
			t.Errorf("%s was written as %s, which reads as %d, %v", text, again, s, err)
		}
	}
	for _, text := range []string{"", "4", "-1s", "1.5s", "4 h", "1000000000h"} {
		if err := new(Seconds).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("the duration %q is taken", text)
		}
	}
	for _, text := range []string{"", "2026-11-22", "2026-11-22T09:00:00.5Z", "2026-11-22T09:00:00+00:00"} {
		if err := new(Stamp).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("the time %q is taken", text)
		}
	}
	if d := starter(); d.Feature("x") {
		t.Error("a feature is on by itself")
	}
	d := starter()
	d.Features = []string{"x"}
	if !d.Feature("x") || d.Feature("y") {
		t.Error("a feature's switch is not obeyed")
	}
	names := ""
	for tier := range Tier(5) {
		names += tier.String() + " "
	}
	if names != "none full small restart none " {
		t.Errorf("tiers are called %s", names)
	}
}
