package hqapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/settle"
)

// SettlementView is a batch as it is listed.
type SettlementView struct {
	ID             payment.ID       `json:"id"`
	Wallet         string           `json:"wallet"`
	Currency       payment.Currency `json:"currency" doc:"ISO 4217."`
	Exponent       int              `json:"exponent" doc:"Decimals of the minor unit."`
	SettlementDate payment.Date     `json:"settlement_date"`
	Number         uint32           `json:"number" doc:"From 1 within wallet, currency and settlement date."`
	HQEpoch        uint64           `json:"hq_epoch"`
	Cause          settle.Cause     `json:"cause" enum:"day,part,now" doc:"day closes the settlement date; part: more batches of the same close follow; now: somebody asked."`
	Count          uint64           `json:"count"`
	Sum            int64            `json:"sum" doc:"Minor units."`
	ContentHash    settle.EntryHash `json:"content_hash" doc:"Head of a hash tree over everything in the batch (RFC 6962)."`
	JSON           string           `json:"json" doc:"Path of the batch as JSON."`
	CSV            string           `json:"csv" doc:"Path of the batch's lines as CSV."`
}

func viewBatch(b *ledger.BatchRef) SettlementView {
	path := "/v1/settlements/" + b.ID.String()
	return SettlementView{
		ID: b.ID, Wallet: b.Wallet, Currency: b.Currency, Exponent: b.Currency.Exponent(), SettlementDate: b.SettlementDate,
		Number: b.Number, HQEpoch: b.HQEpoch, Cause: b.Cause, Count: b.Count, Sum: b.Sum, ContentHash: b.Root,
		JSON: path + ".json", CSV: path + ".csv",
	}
}

// addSettlements registers everything under /v1/settlements.
func (a *API) addSettlements(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-settlements", Method: http.MethodGet, Path: "/v1/settlements", Tags: []string{"settlements"},
		Summary:     "List settlement batches",
		Description: "In the order in which they were closed. Keep the cursor and ask again for what is new.",
		Security:    needs(ScopeRead), Errors: listErrors,
	}, a.listSettlements)
	a.addBatch(api)
	a.addProof(api)
	huma.Register(api, huma.Operation{
		OperationID: "cut-settlements", Method: http.MethodPost, Path: "/v1/settlements", Tags: []string{"settlements"},
		Summary:     "Cut batches now",
		Description: "Closes what is due, then cuts what is there, for one wallet or for all. Wallets with nothing to settle get no batch, so asking twice changes nothing.",
		Security:    needs(ScopeFinance), MaxBodyBytes: maxBody,
		Errors: []int{400, 401, 403, 409, 413, 429, 503},
	}, a.cutSettlements)
}

// The statuses that operations document besides success, 422 and 500.
var (
	listErrors = []int{400, 401, 403, 410, 422, 429, 503}
	itemErrors = []int{400, 401, 403, 404, 429, 503}
)

type settlementsOutput struct{ Body *page[SettlementView] }

func (a *API) listSettlements(ctx context.Context, in *PageInput) (*settlementsOutput, error) {
	c, err := a.place(ctx, listBatches, in.After, func(ctx context.Context, c cursor) (bool, error) {
		b, err := a.books.Batch(ctx, c.id)
		return b.Pos == c.pos, err
	})
	if err != nil {
		return nil, a.failed(ctx, "list settlements", err)
	}
	rows, err := a.books.Batches(ctx, c.pos, in.Limit+1)
	if err != nil {
		return nil, a.failed(ctx, "list settlements", err)
	}
	at := func(b *ledger.BatchRef) cursor { return cursor{pos: b.Pos, id: b.ID} }
	return &settlementsOutput{pageOf(c, in.Limit, rows, at, viewBatch)}, nil
}

// CutRequest says what to cut.
type CutRequest struct {
	_        struct{}         `additionalProperties:"false"`
	Wallet   string           `json:"wallet,omitempty" maxLength:"32" doc:"Empty: every wallet."`
	Currency payment.Currency `json:"currency,omitempty" maxLength:"3" doc:"With wallet; ISO 4217."`
}

type cutInput struct{ Body CutRequest }

// CutResult lists the batches that were made.
type CutResult struct {
	Items []SettlementView `json:"items" nullable:"false"`
}

type cutOutput struct{ Body CutResult }

func (a *API) cutSettlements(ctx context.Context, in *cutInput) (*cutOutput, error) {
	var accounts []settle.Account
	if in.Body != (CutRequest{}) {
		account := settle.Account{Wallet: in.Body.Wallet, Currency: in.Body.Currency}
		if err := account.Validate(); err != nil {
			return nil, httpapi.ProblemOf(payment.Invalid, err.Error())
		}
		accounts = append(accounts, account)
	}
	// A client that hangs up must not leave a cut half way: what is begun is finished.
	refs, err := a.cutter.CutNow(context.WithoutCancel(ctx), accounts...)
	for _, r := range refs {
		a.log.InfoContext(ctx, "settlement cut by request", "batch", r.ID.String(), "wallet", r.Wallet, "token", caller(ctx).ID.String())
	}
	if err != nil {
		return nil, a.cutFailed(ctx, err)
	}
	out := &cutOutput{CutResult{Items: []SettlementView{}}}
	for _, r := range refs {
		b, err := a.books.Batch(ctx, r.ID)
		if err != nil {
			return nil, a.failed(ctx, "cut settlements", err)
		}
		out.Body.Items = append(out.Body.Items, viewBatch(&b))
	}
	return out, nil
}

// cutFailed keeps apart what the client asked wrongly and what HQ must look at.
func (a *API) cutFailed(ctx context.Context, err error) error {
	if isOnly(err, settle.ErrNobody) {
		return httpapi.ProblemOf(payment.NotFound, "no such wallet is settled in that currency")
	}
	return a.failed(ctx, "cut settlements", err)
}

// isOnly says that err is target and not a bundle that also holds other errors.
func isOnly(err, target error) bool {
	var bundle interface{ Unwrap() []error }
	return errors.Is(err, target) && !errors.As(err, &bundle)
}

// stamp is a time as the API writes it; the zero time is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
