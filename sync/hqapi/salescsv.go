package hqapi

import (
	"context"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"tilld/agent/payment"
	"tilld/sync/ledger"
)

// salesColumns are the first record. A column is never taken away or given another meaning; new ones come behind.
var salesColumns = []string{
	"sale", "payment", "kind", "business_date", "entity", "store", "lane", "terminal", "wallet", "currency", "taken_at", "account",
	"line", "lines", "sku", "text", "count", "amount", "tax_rate", "tenders",
}

// The kinds of a record.
const (
	kindSold   = "sold"
	kindVoid   = "void"
	kindErased = "-erased" // behind either: the lines were erased
)

// writeSales writes the figures' lines. A sale whose lines were erased has one record, without a line.
func (a *API) writeSales(ctx context.Context, to io.Writer, rows []ledger.Figure, accounts bool) error {
	w := csv.NewWriter(to)
	w.UseCRLF = true
	if err := w.Write(salesColumns); err != nil {
		return err
	}
	for i := range rows {
		f := &rows[i]
		lines, err := a.books.Lines(ctx, f)
		if err != nil {
			return err
		}
		account := ""
		if accounts && len(f.Account) > 0 {
			p := a.sales.Pseudonym(f.Wallet, f.Account)
			account = hex.EncodeToString(p[:])
		}
		tenders, err := a.books.Tenders(ctx, f)
		if err != nil {
			return err
		}
		if err := writeFigure(w, f, lines, account, tenderText(tenders)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func writeFigure(w *csv.Writer, f *ledger.Figure, lines []payment.Article, account, tenders string) error {
	kind, sign := kindSold, int64(1)
	if f.Back {
		kind, sign = kindVoid, -1
	}
	if len(lines) == 0 {
		kind += kindErased
	}
	head := []string{f.Sale.String(), f.Payment.String(), kind, f.BusinessDate.String(), cell(f.Entity), cell(f.Store), cell(f.Lane), f.Terminal.String(),
		cell(f.Wallet), string(f.Currency), stamp(f.TakenAt), account}
	if len(lines) == 0 {
		return w.Write(append(head, "", "0", "", "", "", "", "", tenders))
	}
	for i, l := range lines {
		record := append(head[:len(head):len(head)], strconv.Itoa(i+1), strconv.Itoa(len(lines)), cell(l.SKU), cell(l.Text),
			strconv.FormatInt(sign*l.Count, 10), strconv.FormatInt(sign*l.Amount, 10), percent(l.Rate), tenders)
		if err := w.Write(record); err != nil {
			return err
		}
	}
	return nil
}

// tenderText is how the whole sale was paid, such as "wallet=700 points/nanaco=300"; empty when the shop did not say.
func tenderText(list []payment.Tender) string {
	parts := make([]string, len(list))
	for i, t := range list {
		kind := string(t.Kind)
		if t.Name != "" {
			kind += "/" + t.Name
		}
		parts[i] = cell(kind + "=" + strconv.FormatInt(t.Amount, 10))
	}
	return strings.Join(parts, " ")
}

// percent is a tax rate in per cent, such as 8.00.
func percent(hundredths uint16) string { return fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100) }

// formula are the characters that a spreadsheet takes a cell that begins with them for a formula: OWASP, "CSV Injection".
// Japanese and Chinese ones take the wide forms, too.
const formula = "=+-@|%＝＋－＠"

// cell is a text that no spreadsheet runs: one that looks like a formula has an apostrophe before it, as people write it
// there. What could not be in a line that came by our API is replaced: a lane's disk can hold anything.
func cell(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
	if first := strings.TrimLeftFunc(s, unicode.IsSpace); first != "" && strings.ContainsRune(formula, []rune(first)[0]) {
		return "'" + s
	}
	return s
}
