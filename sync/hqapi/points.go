package hqapi

import (
	"context"
	"encoding/csv"
	"encoding/hex"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// PointsInput says which points are wanted.
type PointsInput struct {
	Programme string `query:"programme" required:"true" minLength:"1" maxLength:"32" doc:"As the policy names it." example:"nanaco"`
	After     string `query:"after" doc:"Cursor of the last answer (header Tilld-Next); empty begins at the start."`
	Limit     int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"Most lines in one answer."`
}

func (a *API) addPoints(api huma.API) {
	text, truth := &huma.Schema{Type: huma.TypeString}, &huma.Schema{Type: huma.TypeBoolean}
	headers := map[string]*huma.Param{
		headNext: {Description: "Cursor after the last line, for the next request; it stays valid.", Schema: text},
		headMore: {Description: "There are further lines right now.", Schema: truth},
	}
	huma.Register(api, huma.Operation{
		OperationID: "export-points", Method: http.MethodGet, Path: "/v1/points", Tags: []string{"points"},
		Summary: "Export a loyalty programme's points",
		Description: "What members earned, and what was taken back, as CSV (RFC 4180, UTF-8) for the programme's operator, in the order in which HQ judged it. " +
			"Lines are only ever added. Each has a name (line) that stays the same when HQ was restored from a backup and everything is pulled anew: " +
			"whoever has booked a line of that name has booked this one. A member's number is empty once it was erased.",
		Security: needs(ScopePoints), Errors: listErrors,
		Responses: map[string]*huma.Response{"200": {Description: "The lines", Headers: headers, Content: map[string]*huma.MediaType{
			"text/csv": {Schema: text},
		}}},
	}, a.exportPoints)
}

func (a *API) exportPoints(ctx context.Context, in *PointsInput) (*huma.StreamResponse, error) {
	const what = "export points"
	c, err := a.place(ctx, listPoints, in.After, func(ctx context.Context, c cursor) (bool, error) {
		p, err := a.books.Point(ctx, c.pos)
		return p.Payment == c.id && p.Programme == in.Programme, err
	})
	if err != nil {
		return nil, a.failed(ctx, what, err)
	}
	rows, err := a.books.Points(ctx, in.Programme, c.pos, in.Limit+1)
	if err != nil {
		return nil, a.failed(ctx, what, err)
	}
	more := len(rows) > in.Limit
	rows = rows[:min(in.Limit, len(rows))]
	if n := len(rows); n > 0 {
		c.pos, c.id = rows[n-1].Pos, rows[n-1].Payment
	}
	a.log.InfoContext(ctx, "points exported", "programme", in.Programme, "lines", len(rows), "token", caller(ctx).ID.String())
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		h := w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "points.csv"}))
		h.Set(headNext, c.String())
		h.Set(headMore, strconv.FormatBool(more))
		if err := a.writePoints(w, rows); err != nil {
			panic(http.ErrAbortHandler) // the client is gone, and must not take a part for the whole
		}
	}}, nil
}

// pointColumns are the first record. A column is never taken away or given another meaning; new ones come behind.
var pointColumns = []string{
	"line", "programme", "kind", "points", "number", "member", "payment", "sale", "business_date", "entity", "store", "lane", "eligible", "currency", "at",
}

func (a *API) writePoints(to io.Writer, rows []ledger.Point) error {
	w := csv.NewWriter(to)
	w.UseCRLF = true
	if err := w.Write(pointColumns); err != nil {
		return err
	}
	for i := range rows {
		p := &rows[i]
		kind := "earned"
		if p.Back {
			kind = "taken_back"
		}
		err := w.Write([]string{p.Payment.String() + "-" + p.Programme + "-" + kind, p.Programme, kind, strconv.FormatInt(p.Points, 10), cell(a.number(p)),
			hex.EncodeToString(p.Number[:]), p.Payment.String(), p.Sale.String(), p.BusinessDate.String(), cell(p.Entity), cell(p.Store), cell(p.Lane),
			strconv.FormatInt(p.Eligible, 10), string(p.Currency), stamp(p.At)})
		if err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// number is the member's number as the lane read it; empty when it was erased, or is sealed to a key that HQ does not have.
func (a *API) number(p *ledger.Point) string {
	if len(p.Body) == 0 {
		return ""
	}
	b, err := wire.DecodeBody(p.Body)
	if err != nil || len(b.Evidence) == 0 {
		return ""
	}
	kid, err := wire.ParseKID(b.SealKey)
	if err != nil {
		return ""
	}
	key := a.unseal(kid)
	if key == nil {
		return ""
	}
	text, err := key.Open(p.Entry, b.Evidence)
	if err != nil || len(text) > 64 || strings.ContainsFunc(string(text), func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return string(text)
}
