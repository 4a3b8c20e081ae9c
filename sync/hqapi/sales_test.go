package hqapi

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
)

// seller is a bench whose policy lets HQ export sales figures.
func seller(t *testing.T, features ...string) (b *bench, token string, doc *policy.Document) {
	t.Helper()
	b = newBench(t)
	doc = &policy.Document{Features: features}
	b.sales = Sales{Key: bytes.Repeat([]byte{7}, 32), Chain: "kita", Policy: func(context.Context) (*policy.Document, error) { return doc, nil }}
	return b, b.addToken(t, ScopeSales), doc
}

const salesToday = "/v1/sales?business_date=2026-11-22"

var basket = []payment.Article{
	{Line: payment.Line{Text: "おにぎり, 鮭", Count: 2, Amount: 300, Rate: 800}, SKU: "4901"},
	{Line: payment.Line{Text: "=HYPERLINK(\"http://x\")", Count: 1, Amount: -20, Rate: 1000}},
}

func TestExportSales(t *testing.T) {
	b, token, _ := seller(t, policy.Sales, policy.SalesAccounts)
	l, p := b.hq.Lane("s1", "1"), b.chain.Phone()
	kept := l.SellBasket(p, 280, basket...)
	voided := l.SellBasket(p, 300, basket[0])
	l.Void(voided)
	b.take(t, l, 0)
	a := b.do(t, "GET", salesToday, token, "")
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" || a.Header.Get(headMore) != "false" || a.Header.Get(headClosed) != "false" {
		t.Fatalf("%s %v\n%s", a.Status, a.Header, a.body)
	}
	records, err := csv.NewReader(bytes.NewReader(a.body)).ReadAll()
	if err != nil || len(records) != 5 || bytes.Count(a.body, []byte("\r\n")) != 5 {
		t.Fatalf("%v\n%s", err, a.body)
	}
	pseudonym := b.sales.Pseudonym(ingesttest.Wallet, p.Account[:])
	account := hex.EncodeToString(pseudonym[:])
	want := [][]string{
		salesColumns,
		{kept.Sale.String(), kept.Payment.String(), "sold", "1", "2", "4901", "おにぎり, 鮭", "2", "300", "8.00", "wallet=280 points/nanaco=5"},
		{kept.Sale.String(), kept.Payment.String(), "sold", "2", "2", "", "'=HYPERLINK(\"http://x\")", "1", "-20", "10.00", "wallet=280 points/nanaco=5"},
		{voided.Sale.String(), voided.Payment.String(), "sold", "1", "1", "4901", "おにぎり, 鮭", "2", "300", "8.00", "wallet=300 points/nanaco=5"},
		{voided.Sale.String(), voided.Payment.String(), "void", "1", "1", "4901", "おにぎり, 鮭", "-2", "-300", "8.00", "wallet=300 points/nanaco=5"},
	}
	for i, r := range records {
		got := r
		if i > 0 {
			got = append(r[:3:3], r[12:]...)
			if r[3] != "2026-11-22" || r[5] != "s1" || r[8] != ingesttest.Wallet || r[9] != "JPY" || r[11] != account {
				t.Errorf("record %d: %q", i, r)
			}
		}
		if strings.Join(got, "|") != strings.Join(want[i], "|") {
			t.Errorf("record %d: %q, want %q", i, got, want[i])
		}
	}
	if again := b.do(t, "GET", salesToday, token, ""); !bytes.Equal(again.body, a.body) {
		t.Error("not the same bytes again")
	}
}

// TestSalesPages: pages join to the whole, a cursor finds what came later, and what was given stays as it was.
func TestSalesPages(t *testing.T) {
	b, token, _ := seller(t, policy.Sales)
	l := b.hq.Lane("s1", "1")
	for range 5 {
		l.SellBasket(b.chain.Phone(), 280, basket...)
	}
	b.take(t, l, 0)
	whole := b.do(t, "GET", salesToday, token, "")
	var joined []byte
	next := ""
	for more := "true"; more == "true"; {
		a := b.do(t, "GET", salesToday+"&limit=2&store=s1&after="+next, token, "")
		if a.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", a.Status, a.body)
		}
		head, body, _ := bytes.Cut(a.body, []byte("\r\n"))
		if len(joined) == 0 {
			joined = append(append(joined, head...), "\r\n"...)
		}
		joined, next, more = append(joined, body...), a.Header.Get(headNext), a.Header.Get(headMore)
	}
	if !bytes.Equal(joined, whole.body) {
		t.Errorf("pages:\n%s\nwhole:\n%s", joined, whole.body)
	}
	held := l.Last()
	l.SellBasket(b.chain.Phone(), 280, basket[0])
	l.CloseDay()
	b.take(t, l, held)
	late := b.do(t, "GET", salesToday+"&after="+next, token, "")
	if n := bytes.Count(late.body, []byte("\r\n")); n != 2 || late.Header.Get(headClosed) != "true" {
		t.Errorf("%d records, closed %s", n, late.Header.Get(headClosed))
	}
	if now := b.do(t, "GET", salesToday, token, ""); !bytes.HasPrefix(now.body, whole.body) {
		t.Error("what was exported has moved")
	}
	empty := b.do(t, "GET", salesToday+"&store=s2", token, "")
	if bytes.Count(empty.body, []byte("\r\n")) != 1 {
		t.Errorf("of another store: %s", empty.body)
	}
	wantProblem(t, b.do(t, "GET", salesToday+"&after=nonsense", token, ""), 400, "cursor", "after")
	if _, err := b.books.Restored(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, b.do(t, "GET", salesToday+"&after="+next, token, ""), 410, "cursor_outdated", "restored")
}

// TestSalesRights: only a token for them sees sales figures, it sees nothing else, and the policy in force has the last
// word.
func TestSalesRights(t *testing.T) {
	b, token, doc := seller(t, policy.Sales, policy.SalesAccounts)
	l, p := b.hq.Lane("s1", "1"), b.chain.Phone()
	l.SellBasket(p, 280, basket...)
	b.take(t, l, 0)
	for _, other := range []string{b.read, b.finance, b.operates} {
		wantProblem(t, b.do(t, "GET", salesToday, other, ""), 403, "scope", "sales")
	}
	for _, path := range []string{"/v1/terminals", "/v1/settlements", "/v1/exceptions"} {
		wantProblem(t, b.do(t, "GET", path, token, ""), 403, "scope", "read")
	}
	wantProblem(t, b.do(t, "GET", salesToday, "", ""), 401, "token", "")
	wantProblem(t, b.do(t, "GET", "/v1/sales", token, ""), 422, "", "business_date")
	wantProblem(t, b.do(t, "GET", "/v1/sales?business_date=2026-02-30", token, ""), 422, "", "business_date")
	pseudonym := b.sales.Pseudonym(ingesttest.Wallet, p.Account[:])
	if b.sales.Pseudonym("other", p.Account[:]) == pseudonym || (&Sales{Key: b.sales.Key, Chain: "minami"}).Pseudonym(ingesttest.Wallet, p.Account[:]) == pseudonym {
		t.Error("a pseudonym is the same for another wallet or chain")
	}
	doc.Features = []string{policy.Sales}
	a := b.do(t, "GET", salesToday, token, "")
	if r, err := csv.NewReader(bytes.NewReader(a.body)).ReadAll(); err != nil || len(r) != 3 || r[1][11] != "" {
		t.Errorf("with accounts switched off: %v\n%s", err, a.body)
	}
	doc.Features = []string{policy.SalesAccounts}
	wantProblem(t, b.do(t, "GET", salesToday, token, ""), 403, "policy", "features")
	b.sales.Policy = func(context.Context) (*policy.Document, error) { return nil, errors.New("disk") }
	wantProblem(t, b.do(t, "GET", salesToday, token, ""), 500, "", "log")
	b.sales = Sales{}
	wantProblem(t, b.do(t, "GET", salesToday, token, ""), 403, "policy", "")
}

// TestSalesErased: of an account that was forgotten only the amount of its sale is left, which names nobody.
func TestSalesErased(t *testing.T) {
	b, token, _ := seller(t, policy.Sales, policy.SalesAccounts)
	l, p := b.hq.Lane("s1", "1"), b.chain.Phone()
	sold := l.SellBasket(p, 280, basket...)
	b.take(t, l, 0)
	_, err := b.books.Erase(t.Context(), ledger.AccountOf{Wallet: ingesttest.Wallet, Account: p.Account[:]}, ingesttest.Today, ledger.Erasure{By: "x", Why: "y"})
	b.hq.Must(err)
	a := b.do(t, "GET", salesToday, token, "")
	r, err := csv.NewReader(bytes.NewReader(a.body)).ReadAll()
	if err != nil || len(r) != 2 || r[1][0] != sold.Sale.String() || r[1][2] != "sold-erased" || strings.Join(r[1][11:], "") != "0wallet=280 points/nanaco=5" {
		t.Errorf("%v\n%s", err, a.body)
	}
}

func TestCell(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "milk": "milk", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "  =1": "'  =1", "＝1": "'＝1",
		"a\r\nb": "a\ufffd\ufffdb", "a\xffb": "a\ufffdb", "a=b": "a=b", "\u3000=1": "'\u3000=1",
	} {
		if got := cell(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestCellNeverRuns: whatever a lane's disk holds, a cell comes back from CSV as it was written, begins with nothing that
// a spreadsheet runs, and steers nothing.
func TestCellNeverRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ \x{3000}]*[=+\-@|%＝＋－＠].*`), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
		out := cell(in)
		var b strings.Builder
		w := csv.NewWriter(&b)
		w.UseCRLF = true
		if err := errors.Join(w.Write([]string{out, "x"})); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		back, err := csv.NewReader(strings.NewReader(b.String())).Read()
		if err != nil || back[0] != out {
			t.Fatalf("%q came back as %q, %v", out, back, err)
		}
		if first := strings.TrimLeftFunc(out, unicode.IsSpace); first != "" && strings.ContainsRune(formula, []rune(first)[0]) || strings.ContainsFunc(out, unicode.IsControl) {
			t.Fatalf("%q as %q", in, out)
		}
	})
}
