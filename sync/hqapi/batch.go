package hqapi

import (
	"context"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/settle"
)

// BatchInput names a batch and the form that is wanted.
type BatchInput struct {
	ID     string `path:"id" doc:"Identifier of the batch, optionally with .json or .csv behind it." example:"01M808TX00X4GR74NP28PC98Y4.csv"`
	Format string `query:"format" enum:"json,csv" doc:"Wins over Accept; without either it is JSON."`
	Accept string `header:"Accept" hidden:"true"`
}

func (a *API) addBatch(api huma.API) {
	text := &huma.Schema{Type: huma.TypeString}
	headers := map[string]*huma.Param{"ETag": {Description: "The content hash; for CSV with .csv behind it.", Schema: text}}
	huma.Register(api, huma.Operation{
		OperationID: "get-settlement", Method: http.MethodGet, Path: "/v1/settlements/{id}", Tags: []string{"settlements"},
		Summary:     "Get a settlement batch",
		Description: "The archived bytes, the same each time. Conditional and range requests are answered.",
		Security:    needs(ScopeRead), Errors: append([]int{406}, itemErrors...),
		Responses: map[string]*huma.Response{"200": {Description: "The batch", Headers: headers, Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: huma.TypeObject, Description: "Head, content hash and lines; see sync/settle/FORMAT.md."}},
			"text/csv":         {Schema: text},
		}}},
	}, a.getBatch)
}

// forms holds what can be asked for. The tags differ, as two forms of one thing must (RFC 9110, 8.8.3).
var forms = map[string]struct {
	file  settle.Form
	media string
	tag   string // behind the content hash
}{
	"json": {settle.FormJSON, "application/json", ""},
	"csv":  {settle.FormCSV, "text/csv; charset=us-ascii; header=present", ".csv"},
}

func (a *API) getBatch(ctx context.Context, in *BatchInput) (*huma.StreamResponse, error) {
	name, suffix, _ := strings.Cut(in.ID, ".")
	id, err := parseID("id", name)
	if err != nil {
		return nil, err
	}
	format, err := chooseForm(suffix, in.Format, in.Accept)
	if err != nil {
		return nil, err
	}
	b, err := a.books.Batch(ctx, id) // what the ledger does not show is not visible, archived or not
	if err != nil {
		return nil, a.failed(ctx, "get settlement", err)
	}
	form := forms[format]
	file, err := a.archive.Open(id, form.file)
	if err != nil {
		return nil, a.failed(ctx, "get settlement", err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer file.Close()
		r, w := humago.Unwrap(hc)
		h := w.Header()
		h.Set("Content-Type", form.media)
		h.Set("ETag", strconv.Quote(b.Root.String()+form.tag))
		h.Set("Vary", "Accept")
		h.Set("Cache-Control", "private, no-cache") // may be kept, and is asked for with the token each time
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName(&b, format)}))
		http.ServeContent(w, r, "", time.Time{}, file)
	}}, nil
}

func fileName(b *ledger.BatchRef, format string) string {
	return "settlement-" + b.Wallet + "-" + string(b.Currency) + "-" + b.SettlementDate.String() + "-" + strconv.FormatUint(uint64(b.Number), 10) + "." + format
}

// chooseForm takes the path's suffix, else the query, else the Accept header.
func chooseForm(suffix, query, accept string) (string, error) {
	for _, explicit := range []string{suffix, query} {
		if explicit == "" {
			continue
		}
		if _, ok := forms[explicit]; !ok {
			return "", httpapi.ProblemOf(payment.NotFound, "a batch is there as .json and .csv")
		}
		if suffix != "" && query != "" && suffix != query {
			return "", httpapi.ProblemOf(payment.Invalid, "the path and the parameter format differ")
		}
		return explicit, nil
	}
	if strings.TrimSpace(accept) == "" {
		return "json", nil
	}
	json, csv := accepts(accept, "application", "json"), accepts(accept, "text", "csv")
	switch {
	case json == 0 && csv == 0:
		return "", httpapi.Problem(http.StatusNotAcceptable, "not_acceptable", "a batch is there as application/json and text/csv")
	case csv > json:
		return "csv", nil
	}
	return "json", nil
}

// accepts is how much (0 to 1) an Accept header wants a media type: the most specific range decides
// (RFC 9110, 12.5.1).
func accepts(header, kind, sub string) float64 {
	best, want := 0, 0.0
	for part := range strings.SplitSeq(header, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		rank := map[string]int{kind + "/" + sub: 3, kind + "/*": 2, "*/*": 1}[media]
		if rank <= best {
			continue
		}
		best, want = rank, 1
		if q, ok := params["q"]; ok {
			if want, err = strconv.ParseFloat(q, 64); err != nil || want < 0 || want > 1 {
				want = 0
			}
		}
	}
	return want
}
