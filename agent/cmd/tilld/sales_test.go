package main

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"

	"tilld/agent/policy"
)

// TestSalesStory: the POS sends basket lines with its sales, HQ exports them with the account's pseudonym to whom a token
// for that was given, and when the customer wants to be forgotten only amounts are left, the books balance, and the
// lane's journal and HQ's copy of it verify.
func TestSalesStory(t *testing.T) {
	s := newStage(t, 1, func(d *policy.Document) {
		roomy(d)
		d.Features = []string{policy.Sales, policy.SalesAccounts}
	})
	data := s.dir + "/hq"
	finance := s.token
	s.token = s.cli("hq", "token", "add", "--data", data, "--scope", "sales", "figures")
	l, p := s.lanes[0], s.phone()
	s.online(l)
	var sale saleView
	body := map[string]any{
		"total": map[string]any{"minor": 638, "currency": "JPY"},
		"tax":   []any{map[string]any{"rate": 800, "amount": 638, "tax": 47}},
		"lines": []any{
			map[string]any{"sku": "4901234567894", "text": "おにぎり", "count": 2, "amount": 658, "rate": 800},
			map[string]any{"text": "+coupon", "amount": -20, "rate": 800},
		},
	}
	if code := s.call(l, "POST", "/v1/sales", body, &sale); code != http.StatusCreated {
		t.Fatalf("opening a sale: %d\n%s", code, tail(l.log.String()))
	}
	s.hold(l, p, &sale)
	s.call(l, "POST", "/v1/sales/"+sale.ID+"/complete", nil, &sale)
	s.sell(l, s.phone(), 100) // without lines
	s.drained()
	var day struct {
		Date string `json:"business_date"`
	}
	s.call(l, "GET", "/v1/lane", nil, &day)
	export := func() [][]string {
		t.Helper()
		var raw []byte
		if code := s.ask("GET", "/v1/sales?store=S001&business_date="+day.Date, &raw); code != http.StatusOK {
			t.Fatalf("exporting: %d %s", code, raw)
		}
		records, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
		s.must(err)
		return records
	}
	var records [][]string
	s.until("HQ has posted the sale", func() bool { records = export(); return len(records) == 3 })
	if r := records[1]; r[0] != sale.ID || r[14] != "4901234567894" || r[15] != "おにぎり" || r[16] != "2" || r[17] != "658" || r[18] != "8.00" || len(r[11]) != 32 {
		t.Errorf("%q", r)
	}
	if r := records[2]; r[15] != "'+coupon" || r[17] != "-20" || r[11] != records[1][11] {
		t.Errorf("%q", r)
	}
	if code := s.ask("GET", "/v1/settlements", nil); code != http.StatusForbidden {
		t.Errorf("a token for sales figures sees settlements: %d", code)
	}
	pseudonym := records[1][11]
	if out := s.cli("hq", "forget", "--data", data, "--pseudonym", pseudonym, "--why", "asked by letter"); !strings.Contains(out, "erased 2 bodies of 1 payments") {
		t.Error(out)
	}
	if r := export(); len(r) != 2 || r[1][2] != "sold-erased" || strings.Join(r[1][11:], "") != "0" {
		t.Errorf("after the account was forgotten: %q", r)
	}
	if code, _, errs := tilld(t, "hq", "forget", "--data", data, "--pseudonym", pseudonym, "--why", "again"); code != 1 || !strings.Contains(errs, "no payment") {
		t.Errorf("forgotten again: %d, %s", code, errs)
	}
	if out := s.cli("hq", "forget", "--data", data, "--list"); !strings.Contains(out, pseudonym) || !strings.Contains(out, "asked by letter") {
		t.Error(out)
	}
	s.token = finance
	if count, sum := s.cutAll(); count != 2 || sum != 738 {
		t.Errorf("settled %d payments of %d", count, sum)
	}
	l.end()
	s.hq.end()
	s.cli("hq", "check", "--data", data)
	s.cli("journal", "verify", l.dir, "--key", s.dir+"/"+l.name+".request")
}
