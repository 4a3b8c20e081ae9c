package hqapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"mime"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ledger"
)

// Sales is what sales figures need besides the books. Without a Policy there are none.
type Sales struct {
	Policy func(context.Context) (*policy.Document, error) // in force
	Key    []byte                                          // of the pseudonyms: at least 32 random bytes, kept at HQ
	Chain  string
}

// Pseudonym is the name that a chain's sales figures have for a wallet's account: the same in all of them, and to nobody
// without the key a way back to the account, nor from one chain to another.
func (s *Sales) Pseudonym(wallet string, account []byte) [ledger.PseudonymSize]byte {
	h := hmac.New(sha256.New, s.Key)
	for _, part := range [][]byte{[]byte("tilld sales pseudonym"), []byte(s.Chain), []byte(wallet), account} {
		h.Write([]byte{byte(len(part))}) // each is shorter than 256 bytes
		h.Write(part)
	}
	return [ledger.PseudonymSize]byte(h.Sum(nil))
}

// SalesInput says which sales figures are wanted.
type SalesInput struct {
	Date  string `query:"business_date" required:"true" format:"date" doc:"Of the payments." example:"2026-11-22"`
	Store string `query:"store" maxLength:"32" doc:"Empty: every store."`
	After string `query:"after" doc:"Cursor of the last answer (header Tilld-Next); empty begins at the start."`
	Limit int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"Most sales in one answer; each has a record for each of its lines."`
}

// The headers of an answer, which is CSV and has no other place for them.
const (
	headNext   = "Tilld-Next"
	headMore   = "Tilld-More"
	headClosed = "Tilld-Closed"
)

func (a *API) addSales(api huma.API) {
	text, truth := &huma.Schema{Type: huma.TypeString}, &huma.Schema{Type: huma.TypeBoolean}
	headers := map[string]*huma.Param{
		headNext:   {Description: "Cursor after the last sale, for the next request; it stays valid, so that a client can ask for what is new later.", Schema: text},
		headMore:   {Description: "There are further sales right now.", Schema: truth},
		headClosed: {Description: "Every lane that is not revoked has closed the date, and HQ has posted it: nothing will be added.", Schema: truth},
	}
	huma.Register(api, huma.Operation{
		OperationID: "export-sales", Method: http.MethodGet, Path: "/v1/sales", Tags: []string{"sales"},
		Summary: "Export sales figures",
		Description: "The basket lines that the shops' POS sent with paid sales, as CSV (RFC 4180, UTF-8), one record a line; a payment that was taken back " +
			"has its lines again with the other sign. Records are only ever added behind the others, and what was given once is given the same " +
			"again, but for lines and accounts that were erased since, and accounts that the policy no longer lets HQ name. " +
			"Only sales that were paid under a policy with the feature sales are there, and only while the policy in force has it.",
		Security: needs(ScopeSales), Errors: listErrors,
		Responses: map[string]*huma.Response{"200": {Description: "The figures", Headers: headers, Content: map[string]*huma.MediaType{
			"text/csv": {Schema: text},
		}}},
	}, a.exportSales)
}

func (a *API) exportSales(ctx context.Context, in *SalesInput) (*huma.StreamResponse, error) {
	const what = "export sales"
	accounts, err := a.mayExport(ctx)
	if err != nil {
		return nil, a.failed(ctx, what, err)
	}
	date, err := payment.ParseDate(in.Date)
	if err == nil {
		err = date.Validate()
	}
	if err != nil {
		return nil, httpapi.Invalid("query.business_date", "want a date such as 2026-11-22")
	}
	want := ledger.FigureFilter{BusinessDate: date, Store: in.Store}
	c, err := a.place(ctx, listSales, in.After, func(ctx context.Context, c cursor) (bool, error) {
		f, err := a.books.Figure(ctx, c.pos)
		return f.Payment == c.id, err
	})
	if err != nil {
		return nil, a.failed(ctx, what, err)
	}
	// Whether the date is closed is asked first: what is judged meanwhile makes it look open, never closed too soon.
	closed, err := a.books.DateClosed(ctx, want)
	if err != nil {
		return nil, a.failed(ctx, what, err)
	}
	rows, err := a.books.Figures(ctx, want, c.pos, in.Limit+1)
	if err != nil {
		return nil, a.failed(ctx, what, err)
	}
	more := len(rows) > in.Limit
	rows = rows[:min(in.Limit, len(rows))]
	if n := len(rows); n > 0 {
		c.pos, c.id = rows[n-1].Pos, rows[n-1].Payment
	}
	a.log.InfoContext(ctx, "sales figures exported", "date", date.String(), "store", in.Store, "sales", len(rows), "token", caller(ctx).ID.String())
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		h := w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "sales-" + date.String() + ".csv"}))
		h.Set(headNext, c.String())
		h.Set(headMore, strconv.FormatBool(more))
		h.Set(headClosed, strconv.FormatBool(closed))
		if err := a.writeSales(ctx, w, rows, accounts); err != nil {
			if ctx.Err() == nil {
				a.log.ErrorContext(ctx, "request failed", "request", what, "error", err.Error())
			}
			panic(http.ErrAbortHandler) // the client must not take a part for the whole
		}
	}}, nil
}

// mayExport says whether the policy in force lets HQ export sales figures at all, and name accounts in them.
func (a *API) mayExport(ctx context.Context) (accounts bool, err error) {
	if a.sales.Policy == nil {
		return false, httpapi.Problem(http.StatusForbidden, "policy", "this HQ exports no sales figures")
	}
	doc, err := a.sales.Policy(ctx)
	switch {
	case err != nil:
		return false, err
	case !doc.Feature(policy.Sales):
		return false, httpapi.Problem(http.StatusForbidden, "policy", "the policy in force does not let HQ export sales figures (features, \""+policy.Sales+"\")")
	case doc.Feature(policy.SalesAccounts) && len(a.sales.Key) < 32:
		return false, errors.New("the key of the pseudonyms is missing")
	}
	return doc.Feature(policy.SalesAccounts), nil
}
