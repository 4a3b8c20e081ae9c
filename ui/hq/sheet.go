package hq

import (
	"net/http"
	"strconv"

	"tilld/agent/payment"
	"tilld/ui/web"
)

// The lengths of lists.
const (
	rowsShown  = 50
	linesShown = 200
)

// sheet is one page of the console. Its template is its name; what changes by itself is in NAME.live.
type sheet struct {
	path, name, tab string
	title           string // key of the catalogue
	cursor          string // the query's name for where a list begins
	live            bool
	load            func(p *Page, r *http.Request, f *form) (data any, older string, err error)
}

var sheets = []sheet{
	{"/hq", "overview", "overview", "hq.tab.overview", "", true, (*Page).overview},
	{"/hq/terminals", "terminals", "terminals", "hq.tab.terminals", "after", true, (*Page).terminals},
	{"/hq/payments", "payments", "payments", "hq.tab.payments", "after", true, (*Page).payments},
	{"/hq/payments/{id}", "payment", "payments", "hq.tab.payments", "", false, (*Page).payment},
	{"/hq/batches", "batches", "batches", "hq.tab.batches", "after", true, (*Page).batches},
	{"/hq/batches/{id}", "batch", "batches", "hq.tab.batches", "from", false, (*Page).batch},
	{"/hq/exceptions", "exceptions", "exceptions", "hq.tab.exceptions", "after", true, (*Page).exceptions},
	{"/hq/online", "online", "online", "hq.tab.online", "", true, (*Page).online},
}

func (p *Page) overview(r *http.Request, _ *form) (any, string, error) {
	o, err := p.Office.Overview(r.Context())
	return o, "", err
}

func (p *Page) terminals(r *http.Request, f *form) (any, string, error) {
	q := TerminalQuery{
		Store: f.text("store"), After: f.text("after"), Limit: rowsShown,
		Only: Only(f.one("only", string(OnlyBehind), string(OnlySilent), string(OnlyForked), string(OnlyLost), string(OnlyOpen), string(OnlyRevoked))),
	}
	if f.err != nil {
		return nil, "", f.err
	}
	list, err := p.Office.Terminals(r.Context(), q)
	return list, list.Older, err
}

func (p *Page) payments(r *http.Request, f *form) (any, string, error) {
	q := PaymentQuery{
		State: f.one("state", "posted", "suspense", "lost", "voided"), Store: f.text("store"), Wallet: walletOf(f.text("wallet")),
		Date: f.date("date"), End: typedID(f.text("end")), After: f.text("after"), Limit: rowsShown,
	}
	if f.still = q.End != ""; f.still { // that is looked for once, not all the time
		f.in.Set("end", q.End)
	} else {
		f.in.Del("end")
	}
	if f.err != nil {
		return nil, "", f.err
	}
	list, err := p.Office.Payments(r.Context(), q)
	return list, list.Older, err
}

func (p *Page) payment(r *http.Request, _ *form) (any, string, error) {
	id, err := p.readID(r, r.PathValue("id"))
	if err != nil {
		return nil, "", err
	}
	records, err := p.Office.Payment(r.Context(), id)
	return records, "", err
}

func (p *Page) batches(r *http.Request, f *form) (any, string, error) {
	q := BatchQuery{Wallet: walletOf(f.text("wallet")), Date: f.date("date"), After: f.text("after"), Limit: rowsShown}
	if f.err != nil {
		return nil, "", f.err
	}
	list, err := p.Office.Batches(r.Context(), q)
	return list, list.Older, err
}

func (p *Page) batch(r *http.Request, f *form) (any, string, error) {
	id, err := p.readID(r, r.PathValue("id"))
	from := f.place("from")
	if err != nil {
		return nil, "", err
	}
	if f.err != nil {
		return nil, "", f.err
	}
	b, err := p.Office.Batch(r.Context(), id, from, linesShown)
	older := ""
	if next := from + len(b.Lines); len(b.Lines) > 0 && uint64(next) < b.Count {
		older = strconv.Itoa(next)
	}
	return b, older, err
}

func (p *Page) exceptions(r *http.Request, f *form) (any, string, error) {
	if !f.in.Has("state") {
		f.in.Set("state", "open") // what waits comes first; all is state= with nothing behind it
	}
	q := ExceptionQuery{
		State: f.one("state", "open", "resolved"), Kind: f.text("kind"), Owner: f.text("owner"),
		Terminal: f.id("terminal"), Payment: f.id("payment"), After: f.text("after"), Limit: rowsShown,
	}
	if f.err != nil {
		return nil, "", f.err
	}
	list, err := p.Office.Exceptions(r.Context(), q)
	return list, list.Older, err
}

func (p *Page) readID(r *http.Request, text string) (payment.ID, error) {
	id, err := payment.ParseID(text)
	if err != nil {
		return id, payment.Errorf(payment.Invalid, "hq.readID", "%s", web.Text(p.lang(r), "hq.id.bad"))
	}
	return id, nil
}
