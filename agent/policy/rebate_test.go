package policy

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"tilld/agent/payment"
)

// chainStores is the programme of 2019 as the convenience chains gave it: 2 %, at the till.
func chainStores() Rebate {
	return Rebate{Programme: "cashless", Rate: 200, From: 20191001, To: 20200630}
}

func TestRebateGive(t *testing.T) {
	for _, tt := range []struct {
		name          string
		change        func(*Rebate)
		due, eligible int64
		want          int64
	}{
		{"98 for 100", nil, 100, 100, 2},
		{"rounded down", nil, 149, 149, 2},
		{"comes to nothing", nil, 49, 49, 0},
		{"a bill of 5000 is not eligible", nil, 5_100, 100, 2},
		{"nothing is eligible", nil, 100, 0, 0},
		{"the wallet pays a part", nil, 100, 1_000, 2},
		{"at most", func(r *Rebate) { r.Most = 1_000 }, 100_000, 100_000, 1_000},
		{"small shops", func(r *Rebate) { r.Rate = 500 }, 1_000, 1_000, 50},
		{"nothing would be left to pay", func(r *Rebate) { r.Rate = 10_000 }, 1, 1, 0},
		{"no amount", nil, 0, 0, 0},
		{"more than money", nil, payment.MaxMinor + 1, payment.MaxMinor + 1, 0},
		{"all the money", nil, payment.MaxMinor, payment.MaxMinor, payment.MaxMinor / 50},
	} {
		r := chainStores()
		if tt.change != nil {
			tt.change(&r)
		}
		got, ok := r.Give(tt.due, tt.eligible)
		if got.Amount != tt.want || ok != (tt.want > 0) || ok && (got.Programme != "cashless" || got.Eligible != min(tt.due, tt.eligible)) {
			t.Errorf("%s: %+v, %v", tt.name, got, ok)
		}
	}
}

// TestRebateRows: the first row that fits is a payment's: shops of another class, dates and wallets.
func TestRebateRows(t *testing.T) {
	small := Rebate{Programme: "small", Rate: 500, From: 20191001, To: 20200630, Stores: []string{"S2", "S7"}}
	house := Rebate{Programme: "house", Rate: 300, From: 20200101, To: 20200131, Wallets: []string{"house"}}
	rows := []Rebate{small, house, chainStores()}
	if err := CheckRebates(rows); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		store, wallet string
		date          payment.Date
		want          string
	}{
		{"S1", "paypay", 20191001, "cashless"}, {"S1", "paypay", 20200630, "cashless"}, {"S1", "paypay", 20190930, ""}, {"S1", "paypay", 20200701, ""},
		{"S2", "paypay", 20191001, "small"}, {"S7", "house", 20200115, "small"}, {"S1", "house", 20200115, "house"}, {"S1", "house", 20200201, "cashless"},
	} {
		got := ""
		if r := FindRebate(rows, tt.store, tt.wallet, tt.date); r != nil {
			got = r.Programme
		}
		if got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// TestRebateIsJudged: what a lane gives HQ takes, and nothing else that is charged with it.
func TestRebateIsJudged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := chainStores()
		r.Rate = rapid.Uint16Range(1, 5_000).Draw(t, "rate")
		r.Most = rapid.Int64Range(0, 10_000).Draw(t, "most")
		rows := []Rebate{r}
		due := rapid.Int64Range(1, payment.MaxMinor).Draw(t, "due")
		got, ok := r.Give(due, rapid.Int64Range(0, payment.MaxMinor).Draw(t, "eligible"))
		if !ok {
			return
		}
		charged := due - got.Amount
		if charged < 1 || got.Amount > due*int64(r.Rate)/10_000 || r.Most > 0 && got.Amount > r.Most {
			t.Fatalf("%+v of %d", got, due)
		}
		if err := JudgeRebate(rows, "S1", "paypay", 20191101, charged, got); err != nil {
			t.Fatal(err)
		}
		more := got
		more.Amount++
		if JudgeRebate(rows, "S1", "paypay", 20191101, charged-1, more) == nil {
			t.Fatalf("%+v of %d: one more is taken", got, due)
		}
		wider := got
		wider.Eligible = due + 1
		other := got
		other.Programme = "other"
		for _, bad := range []Rebated{wider, other} {
			if JudgeRebate(rows, "S1", "paypay", 20191101, charged, bad) == nil {
				t.Fatalf("%+v is taken", bad)
			}
		}
		if JudgeRebate(rows, "S1", "paypay", 20200701, charged, got) == nil {
			t.Fatal("taken after the programme's end")
		}
	})
	for _, charged := range []int64{0, -1, payment.MaxMinor + 1} {
		if JudgeRebate([]Rebate{chainStores()}, "S1", "paypay", 20191101, charged, Rebated{"cashless", 100, 2}) == nil {
			t.Errorf("a charge of %d", charged)
		}
	}
}

func TestRebateFaults(t *testing.T) {
	for _, tt := range []struct {
		key    string
		change func(*Rebate)
	}{
		{"rebate[0].programme", func(r *Rebate) { r.Programme = "" }},
		{"rebate[0].rate", func(r *Rebate) { r.Rate = 0 }},
		{"rebate[0].rate", func(r *Rebate) { r.Rate = 5_001 }},
		{"rebate[0].most", func(r *Rebate) { r.Most = -1 }},
		{"rebate[0].from", func(r *Rebate) { r.From = 20190231 }},
		{"rebate[0].to", func(r *Rebate) { r.To = r.From - 1 }},
		{"rebate[0].stores", func(r *Rebate) { r.Stores = []string{"S2", "S1"} }},
		{"rebate[0].wallets", func(r *Rebate) { r.Wallets = []string{"x", "x"} }},
	} {
		r := chainStores()
		tt.change(&r)
		if f, ok := errors.AsType[*fieldError](CheckRebates([]Rebate{r})); !ok || f.key != tt.key {
			t.Errorf("%s: %v", tt.key, f)
		}
	}
	if CheckRebates(make([]Rebate, maxNames+1)) == nil {
		t.Error("too many rows")
	}
}
