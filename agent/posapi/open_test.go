package posapi

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
)

func TestOpenSale(t *testing.T) {
	all := func(n int64) payment.Eligible { return payment.Eligible{Wallet: n, Points: n, Rebate: n} }
	tests := []struct {
		name, body string
		want       payment.Sale
	}{
		{"the least", yen1000, payment.Sale{Total: payment.Of(1000, "JPY"), Eligible: all(1000)}},
		{
			"everything", `{"total":{"minor":1080,"currency":"JPY"},"tenders":[{"kind":"wallet","amount":{"minor":500,"currency":"JPY"}}],
			"tax":[{"rate":800,"amount":540,"tax":40},{"rate":1000,"amount":540,"tax":49}],"eligible":{"wallet":900,"points":800,"rebate":0},
			"reference":"R-1","lines":[{"text":"おにぎり","count":2,"amount":300,"rate":800},{"text":"値引","amount":-20}],"cashier":"aiko","training":true}`,
			payment.Sale{
				Total: payment.Of(1080, "JPY"), Wallet: payment.Of(500, "JPY"), Tenders: []payment.Tender{{Kind: payment.TenderWallet, Amount: 500}},
				Reference: "R-1", Cashier: "aiko", Training: true,
				Tax:      []payment.TaxLine{{Rate: 800, Amount: 540, Tax: 40}, {Rate: 1000, Amount: 540, Tax: 49}},
				Eligible: payment.Eligible{Wallet: 900, Points: 800},
				Lines:    []payment.Line{{Text: "おにぎり", Count: 2, Amount: 300, Rate: 800}, {Text: "値引", Count: 1, Amount: -20}},
			},
		},
		{
			"nanaco, which the shop took at its own reader", `{"total":{"minor":700,"currency":"JPY"},
			"tenders":[{"kind":"points","name":"nanaco","amount":{"minor":300,"currency":"JPY"}},{"kind":"wallet"}]}`,
			payment.Sale{
				Total: payment.Of(700, "JPY"), Wallet: payment.Of(400, "JPY"), Eligible: all(700),
				Tenders: []payment.Tender{{Kind: payment.TenderPoints, Amount: 300, Name: "nanaco"}, {Kind: payment.TenderWallet, Amount: 400}},
			},
		},
		{
			"article numbers", `{"total":{"minor":7,"currency":"JPY"},"lines":[{"text":"a","amount":3},{"text":"b","amount":4,"sku":"4901"}]}`,
			payment.Sale{
				Total: payment.Of(7, "JPY"), Eligible: all(7), SKUs: []string{"", "4901"},
				Lines: []payment.Line{{Text: "a", Count: 1, Amount: 3}, {Text: "b", Count: 1, Amount: 4}},
			},
		},
		{
			"a tender without an amount is the total", `{"total":{"minor":7,"currency":"JPY"},"tenders":[{"kind":"wallet"}]}`,
			payment.Sale{Total: payment.Of(7, "JPY"), Wallet: payment.Of(7, "JPY"), Tenders: []payment.Tender{{Kind: payment.TenderWallet, Amount: 7}}, Eligible: all(7)},
		},
		{
			"the wallet pays what cash and points leave", `{"total":{"minor":700,"currency":"JPY"},
			"tenders":[{"kind":"cash","amount":{"minor":300,"currency":"JPY"}},{"kind":"wallet"},{"kind":"points","amount":{"minor":1,"currency":"JPY"}}]}`,
			payment.Sale{
				Total: payment.Of(700, "JPY"), Wallet: payment.Of(399, "JPY"), Eligible: all(700),
				Tenders: []payment.Tender{{Kind: payment.TenderCash, Amount: 300}, {Kind: payment.TenderWallet, Amount: 399}, {Kind: payment.TenderPoints, Amount: 1}},
			},
		},
		{
			"what eligible leaves out is all", `{"total":{"minor":7,"currency":"JPY"},"eligible":{"points":0}}`,
			payment.Sale{Total: payment.Of(7, "JPY"), Eligible: payment.Eligible{Wallet: 7, Rebate: 7}},
		},
		{
			"bills in the basket", `{"total":{"minor":700,"currency":"JPY"},"eligible":{"wallet":200},"tenders":[{"kind":"wallet","amount":{"minor":200,"currency":"JPY"}}]}`,
			payment.Sale{
				Total: payment.Of(700, "JPY"), Wallet: payment.Of(200, "JPY"), Tenders: []payment.Tender{{Kind: payment.TenderWallet, Amount: 200}},
				Eligible: payment.Eligible{Wallet: 200, Points: 700, Rebate: 700},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			res := b.do(t, "POST", "/v1/sales", tt.body)
			sale := res.sale(t, http.StatusCreated)
			if got := b.lane.asked[0]; !reflect.DeepEqual(got.Sale, tt.want) || got.Request != nil || got.Digest != nil {
				t.Errorf("the lane was asked for %+v, want %+v", got, tt.want)
			}
			if loc := res.Header.Get("Location"); loc != "/v1/sales/"+sale.ID.String() {
				t.Errorf("Location %q", loc)
			}
			if sale.State != SaleOpen || sale.Outcome != "undecided" || sale.Due.money() != tt.want.Due() || sale.Reference != tt.want.Reference {
				t.Errorf("sale %+v", sale)
			}
			if strings.Contains(string(res.body), "$schema") {
				t.Errorf("a schema link: %s", res.body)
			}
		})
	}
}

// Every refusal of a body names the field, says it in a problem, and opens nothing.
func TestOpenSaleRefused(t *testing.T) {
	with := func(fields string) string { return `{"total":{"minor":1000,"currency":"JPY"},` + fields + `}` }
	lines := strings.TrimSuffix(strings.Repeat(`{"text":"x","amount":0},`, 501), ",")
	tests := []struct {
		name, body string
		status     int
		location   string // of one of the errors
	}{
		{"no body", "", 400, ""},
		{"rubbish", "\x00\xff{", 400, "body"},
		{"half a body", `{"total":{"minor":10`, 400, "body"},
		{"an array", `[]`, 422, "body"},
		{"nothing", `{}`, 422, "body"},
		{"no currency", `{"total":{"minor":1}}`, 422, "body.total"},
		{"zero", `{"total":{"minor":0,"currency":"JPY"}}`, 422, "body.total.minor"},
		{"negative", `{"total":{"minor":-1,"currency":"JPY"}}`, 422, "body.total.minor"},
		{"more than money is", `{"total":{"minor":1000000000001,"currency":"JPY"}}`, 422, "body.total.minor"},
		{"over an int64", `{"total":{"minor":9223372036854775808,"currency":"JPY"}}`, 422, "body.total.minor"},
		{"far over", `{"total":{"minor":1e300,"currency":"JPY"}}`, 400, "body.total.minor"},
		{"over a float", `{"total":{"minor":1e400,"currency":"JPY"}}`, 400, "body.total.minor"},
		{"over all", `{"total":{"minor":1` + strings.Repeat("0", 400) + `,"currency":"JPY"}}`, 400, "body.total.minor"},
		{"a fraction", `{"total":{"minor":10.5,"currency":"JPY"}}`, 400, "body.total.minor"},
		{"a fraction of nothing", `{"total":{"minor":10.0,"currency":"JPY"}}`, 400, "body.total.minor"},
		{"a text", `{"total":{"minor":"1000","currency":"JPY"}}`, 422, "body.total.minor"},
		{"an exponent", `{"total":{"minor":1e3,"currency":"JPY"}}`, 400, "body.total.minor"},
		{"two totals", `{"total":{"minor":1,"currency":"JPY"},"total":{"minor":2,"currency":"JPY"}}`, 400, "body.total"},
		{"two totals in two spellings", `{"total":{"minor":1,"currency":"JPY"},"Total":{"minor":2,"currency":"JPY"}}`, 400, "body.total"},
		{"two amounts", `{"total":{"minor":1,"MINOR":2,"currency":"JPY"}}`, 400, "body.total.minor"},
		{"another spelling", `{"Total":{"minor":1,"currency":"JPY"}}`, 422, "body.Total"},
		{"depths", strings.Repeat("[", 10_000), 400, "body"},
		{"no such currency", `{"total":{"minor":1,"currency":"XYZ"}}`, 422, "body.total"},
		{"lower case", `{"total":{"minor":1,"currency":"jpy"}}`, 422, "body.total"},
		{"foreign currency", `{"total":{"minor":1,"currency":"USD"}}`, 422, "body.total"},
		{"foreign tender", with(`"tenders":[{"kind":"wallet","amount":{"minor":1,"currency":"USD"}}]`), 422, "body.tenders[0].amount.currency"},
		{"more asked than owed", with(`"tenders":[{"kind":"wallet","amount":{"minor":1001,"currency":"JPY"}}]`), 422, "body.tenders"},
		{"two wallets", with(`"tenders":[{"kind":"wallet"},{"kind":"wallet"}]`), 422, "body.tenders[1]"},
		{"no wallet", with(`"tenders":[{"kind":"cash","amount":{"minor":1000,"currency":"JPY"}}]`), 422, "body.tenders"},
		{"cash without an amount", with(`"tenders":[{"kind":"wallet","amount":{"minor":1,"currency":"JPY"}},{"kind":"cash"}]`), 422, "body.tenders[1].amount"},
		{"nothing left for the wallet", with(`"tenders":[{"kind":"cash","amount":{"minor":1000,"currency":"JPY"}},{"kind":"wallet"}]`), 422, "body.tenders"},
		{"tenders over the total", with(`"tenders":[{"kind":"cash","amount":{"minor":600,"currency":"JPY"}},{"kind":"wallet","amount":{"minor":600,"currency":"JPY"}}]`), 422, "body.tenders"},
		{"a tender of no kind", with(`"tenders":[{"kind":"IOU"}]`), 422, "body.tenders[0].kind"},
		{"nine tenders", with(`"tenders":[` + strings.Repeat(`{"kind":"cash","amount":{"minor":1,"currency":"JPY"}},`, 8) + `{"kind":"wallet"}]`), 422, "body.tenders"},
		{"not for a wallet", with(`"eligible":{"wallet":999}`), 422, "body.tenders"},
		{"eligible below zero", with(`"eligible":{"points":-1}`), 422, "body.eligible.points"},
		{"eligible above all", with(`"eligible":{"rebate":1001}`), 422, "body.eligible.rebate"},
		{"a rate above all", with(`"tax":[{"rate":10001,"amount":1000,"tax":1}]`), 422, "body.tax[0].rate"},
		{"a rate twice", with(`"tax":[{"rate":8,"amount":500,"tax":0},{"rate":8,"amount":500,"tax":0}]`), 422, "body.tax[1].rate"},
		{"tax above its amount", with(`"tax":[{"rate":8,"amount":1000,"tax":1001}]`), 422, "body.tax[0]"},
		{"tax that does not add up", with(`"tax":[{"rate":8,"amount":999,"tax":0}]`), 422, "body.tax"},
		{"a long reference", with(`"reference":"` + strings.Repeat("r", 65) + `"`), 422, "body.reference"},
		{"a reference that steers printers", with(`"reference":"\u001b@"`), 422, "body.reference"},
		{"a reference of broken text", with("\"reference\":\"\xff\""), 422, "body.reference"},
		{"a cashier that steers printers", with(`"cashier":"a\nb"`), 422, "body.cashier"},
		{"a line that steers printers", with(`"lines":[{"text":"\u001b","amount":1}]`), 422, "body.lines[0].text"},
		{"a line beyond money", with(`"lines":[{"text":"","amount":1000000000001}]`), 422, "body.lines[0].amount"},
		{"nothing of a line", with(`"lines":[{"text":"","amount":1,"count":0}]`), 422, "body.lines[0].count"},
		{"too many lines", with(`"lines":[` + lines + `]`), 422, "body.lines"},
		{"a misspelt field", with(`"eligable":{"wallet":0}`), 422, "body.eligable"},
		{"too much", with(`"reference":"` + strings.Repeat("r", maxBody) + `"`), 413, ""},
	}
	b := newBench(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := b.do(t, "POST", "/v1/sales", tt.body)
			p := res.problem(t)
			if res.StatusCode != tt.status {
				t.Fatalf("%s: %s", res.Status, res.body)
			}
			found := tt.location == "" && len(p.Errors) == 0
			for _, e := range p.Errors {
				found = found || e.Location == tt.location
				if strings.Contains(e.Message, "Go ") || strings.Contains(e.Message, "e+") {
					t.Errorf("said in Go's words: %s", e.Message)
				}
				if e.Value != nil {
					t.Errorf("what was sent is sent back: %s", res.body)
				}
			}
			if !found {
				t.Errorf("%s does not name %q", res.body, tt.location)
			}
		})
	}
	if len(b.lane.sales) != 0 {
		t.Errorf("%d sales were opened", len(b.lane.sales))
	}
	if res := b.do(t, "POST", "/v1/sales", yen1000, "Content-Type: text/plain"); res.StatusCode != 415 {
		t.Errorf("a form's content type: %s", res.Status)
	}
}

func TestIdempotencyKey(t *testing.T) {
	key := "Idempotency-Key: "
	tests := []struct {
		name   string
		first  string // body under the key "k"
		second string
		header string
		status int
	}{
		{"the same", yen1000, yen1000, key + "k", 200},
		{"the same in another spelling", yen1000, "{ \"total\": {\"currency\": \"JPY\",\n\"minor\": 1000}, \"lines\": [] }", key + "k", 200},
		{"another amount", yen1000, `{"total":{"minor":1001,"currency":"JPY"}}`, key + "k", 409},
		{"another reference", yen1000, `{"total":{"minor":1000,"currency":"JPY"},"reference":"x"}`, key + "k", 409},
		{"another cashier", yen1000, `{"total":{"minor":1000,"currency":"JPY"},"cashier":"x"}`, key + "k", 409},
		{"training or not", yen1000, `{"total":{"minor":1000,"currency":"JPY"},"training":true}`, key + "k", 409},
		{"another key", yen1000, yen1000, key + "K", 409}, // the first sale is open still
		{"no key", yen1000, yen1000, "X-Other: k", 409},
		{"a wrong body under a used key", yen1000, `{"total":{"minor":-1,"currency":"JPY"}}`, key + "k", 422},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			first := b.do(t, "POST", "/v1/sales", tt.first, key+"k").sale(t, http.StatusCreated)
			res := b.do(t, "POST", "/v1/sales", tt.second, tt.header)
			if res.StatusCode != tt.status {
				t.Fatalf("%s: %s", res.Status, res.body)
			}
			if tt.status == 200 {
				if again := res.sale(t, 200); again.ID != first.ID || res.Header.Get("Location") != "/v1/sales/"+first.ID.String() {
					t.Errorf("%s, not %s", again.ID, first.ID)
				}
			} else {
				res.problem(t)
			}
			if len(b.lane.sales) != 1 {
				t.Errorf("%d sales", len(b.lane.sales))
			}
		})
	}
	t.Run("the two conflicts are told apart", func(t *testing.T) {
		b := newBench(t)
		sale := b.do(t, "POST", "/v1/sales", yen1000, key+"k").sale(t, http.StatusCreated)
		other := b.do(t, "POST", "/v1/sales", `{"total":{"minor":2,"currency":"JPY"}}`, key+"k").problem(t)
		busy := b.do(t, "POST", "/v1/sales", yen1000).problem(t)
		if other.Type != httpapi.ProblemPrefix+"conflict" || busy.Type != httpapi.ProblemPrefix+"sale_open" || !strings.Contains(busy.Detail, sale.ID.String()) {
			t.Errorf("%+v, %+v", other, busy)
		}
	})
	t.Run("the sale as it is now", func(t *testing.T) {
		b := newBench(t)
		b.do(t, "POST", "/v1/sales", yen1000, key+"k").sale(t, http.StatusCreated)
		b.lane.pay()
		if got := b.do(t, "POST", "/v1/sales", yen1000, key+"k").sale(t, 200); got.State != SalePaid || got.Outcome != "paid" {
			t.Errorf("%+v", got)
		}
	})
}

func TestIdempotencyKeyRefused(t *testing.T) {
	b := newBench(t)
	long := strings.Repeat("k", 129)
	for _, headers := range [][]string{
		{"Idempotency-Key: "}, {"Idempotency-Key: " + long}, {"Idempotency-Key: schlüssel"}, {"Idempotency-Key: a\tb"},
		{"Idempotency-Key: a", "Idempotency-Key: b"},
	} {
		res := b.do(t, "POST", "/v1/sales", yen1000, headers...)
		p := res.problem(t)
		at := slices.ContainsFunc(p.Errors, func(d *huma.ErrorDetail) bool { return d.Location == "header.Idempotency-Key" })
		if res.StatusCode != 422 || !at || strings.Contains(string(res.body), "kkkk") {
			t.Errorf("%q: %s %s", headers, res.Status, res.body)
		}
	}
	b.do(t, "POST", "/v1/sales", yen1000, "Idempotency-Key: "+long[1:]).sale(t, http.StatusCreated)
}

// Many requests at once under one key open one sale, and all are told of it.
func TestOneKeyAtOnce(t *testing.T) {
	b := newBench(t)
	const n = 20
	answers, errs := make([]answer, n), make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			answers[i], errs[i] = try(t.Context(), b.url, "POST", "/v1/sales", fmt.Sprintf(`{%*s"total":{"minor":1000,"currency":"JPY"}}`, i, ""), "Idempotency-Key: one")
		})
	}
	close(start)
	wg.Wait()
	created, ids := 0, map[payment.ID]bool{}
	for i, a := range answers {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		if a.StatusCode == http.StatusCreated {
			created++
		}
		ids[a.sale(t, a.StatusCode).ID] = true
	}
	if created != 1 || len(ids) != 1 || len(b.lane.sales) != 1 {
		t.Errorf("%d created, %d identifiers, %d sales", created, len(ids), len(b.lane.sales))
	}
}
