package hqapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/payment"
	"tilld/sync/ledger"
)

// ExceptionView is something that somebody must decide or know.
type ExceptionView struct {
	ID         payment.ID `json:"id"`
	Kind       string     `json:"kind" doc:"Such as code_spent_twice or fork."`
	Owner      string     `json:"owner" doc:"Who decides it."`
	State      string     `json:"state" enum:"open,resolved"`
	Detail     string     `json:"detail"`
	Store      string     `json:"store"`
	Lane       string     `json:"lane"`
	Wallet     string     `json:"wallet" doc:"Empty: no money waits."`
	Entry      EntryView  `json:"entry" doc:"What it is about."`
	Payment    payment.ID `json:"payment" doc:"Empty: no money waits."`
	Amount     *MoneyView `json:"amount,omitempty" doc:"What waits, or waited."`
	OpenedAt   string     `json:"opened_at" format:"date-time"`
	Outcome    string     `json:"outcome" doc:"Empty while open."`
	Account    int        `json:"account" doc:"Loss account that it was decided to; 0: none."`
	ResolvedAt string     `json:"resolved_at" doc:"Empty while open."`
	ResolvedBy string     `json:"resolved_by"`
	Why        string     `json:"why"`
}

// The states of an exception, as the API names them.
const (
	stateOpen     = "open"
	stateResolved = "resolved"
)

func viewException(x *ledger.Exception) ExceptionView {
	v := ExceptionView{
		ID: x.ID, Kind: string(x.Kind), Owner: x.Owner, State: stateResolved, Detail: x.Detail, Store: x.Store, Lane: x.Lane,
		Wallet: x.Wallet, Entry: viewEntry(x.Entry), Payment: x.Payment, OpenedAt: stamp(x.OpenedAt), Outcome: string(x.Decision),
		Account: int(x.Account), ResolvedAt: stamp(x.ResolvedAt), ResolvedBy: x.ResolvedBy, Why: x.Why,
	}
	if x.Open() {
		v.State = stateOpen
	}
	if !x.Payment.IsZero() {
		money := viewMoney(x.Amount)
		v.Amount = &money
	}
	return v
}

func (a *API) addExceptions(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-exceptions", Method: http.MethodGet, Path: "/v1/exceptions", Tags: []string{"exceptions"},
		Summary:     "List exceptions",
		Description: "In the order in which they were opened.",
		Security:    needs(ScopeRead), Errors: listErrors,
	}, a.listExceptions)
	huma.Register(api, huma.Operation{
		OperationID: "resolve-exception", Method: http.MethodPost, Path: "/v1/exceptions/{id}/resolve", Tags: []string{"exceptions"},
		Summary:     "Decide an exception",
		Description: "Once, for good. The scope finance decides any, operations those that it owns and in which no money waits.",
		Security:    needs(ScopeFinance, ScopeOperations), MaxBodyBytes: maxBody,
		Errors: append([]int{409, 413}, itemErrors...),
	}, a.resolveException)
}

// ExceptionsInput is a page of a filtered list.
type ExceptionsInput struct {
	PageInput
	State string `query:"state" enum:"open,resolved" doc:"Empty: both."`
	Kind  string `query:"kind" maxLength:"32"`
	Owner string `query:"owner" maxLength:"32"`
}

type exceptionsOutput struct{ Body *page[ExceptionView] }

func (a *API) listExceptions(ctx context.Context, in *ExceptionsInput) (*exceptionsOutput, error) {
	c, err := a.place(ctx, listExceptions, in.After, func(ctx context.Context, c cursor) (bool, error) {
		x, err := a.books.Exception(ctx, c.id)
		return x.Pos == c.pos, err
	})
	if err != nil {
		return nil, a.failed(ctx, "list exceptions", err)
	}
	f := ledger.ExceptionFilter{State: in.State, Kind: ledger.Kind(in.Kind), Owner: in.Owner}
	rows, err := a.books.Exceptions(ctx, f, c.pos, in.Limit+1)
	if err != nil {
		return nil, a.failed(ctx, "list exceptions", err)
	}
	at := func(x *ledger.Exception) cursor { return cursor{pos: x.Pos, id: x.ID} }
	return &exceptionsOutput{pageOf(c, in.Limit, rows, at, viewException)}, nil
}

// ResolveRequest is a decision.
type ResolveRequest struct {
	_       struct{} `additionalProperties:"false"`
	Outcome string   `json:"outcome" enum:"receivable,loss,noted" doc:"receivable: the wallet pays, as if nothing had been wrong; loss: written off to the account of its kind; noted: seen, where no money waits."`
	Why     string   `json:"why" minLength:"1" maxLength:"120" doc:"Kept with the decision."`
}

type resolveInput struct {
	ID   string `path:"id" doc:"Identifier of the exception."`
	Body ResolveRequest
}

type exceptionOutput struct{ Body ExceptionView }

func (a *API) resolveException(ctx context.Context, in *resolveInput) (*exceptionOutput, error) {
	id, err := parseID("id", in.ID)
	if err != nil {
		return nil, err
	}
	x, err := a.books.Exception(ctx, id)
	if err != nil {
		return nil, a.failed(ctx, "resolve exception", err)
	}
	by := caller(ctx)
	if !may(by, ScopeFinance) && (x.Owner != ledger.OwnerOperations || !x.Payment.IsZero()) {
		return nil, a.forbidden(ctx, by, ScopeFinance)
	}
	if err := a.books.Resolve(ctx, []payment.ID{id}, ledger.Decision(in.Body.Outcome), who(by), in.Body.Why); err != nil {
		return nil, a.failed(ctx, "resolve exception", err)
	}
	a.log.InfoContext(ctx, "exception resolved", "exception", id.String(), "outcome", in.Body.Outcome, "token", by.ID.String())
	if x, err = a.books.Exception(ctx, id); err != nil {
		return nil, a.failed(ctx, "resolve exception", err)
	}
	return &exceptionOutput{viewException(&x)}, nil
}
