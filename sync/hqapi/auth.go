package hqapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
	"tilld/sync/ledger"
)

// scheme is the name of the security scheme in the OpenAPI document.
const scheme = "token"

type tokenKey struct{}

// caller is the token that a request came with; authorize put it there.
func caller(ctx context.Context) *ledger.Token {
	t, _ := ctx.Value(tokenKey{}).(*ledger.Token)
	return t
}

// needs is the security requirement of an operation that takes one of the scopes.
func needs(scopes ...Scope) []map[string][]string {
	var either []map[string][]string
	for _, s := range scopes {
		either = append(either, map[string][]string{scheme: {string(s)}})
	}
	return either
}

// authorize lets only requests through whose token allows the operation.
func (a *API) authorize(ctx huma.Context, next func(huma.Context)) {
	var scopes []Scope
	for _, need := range ctx.Operation().Security {
		scopes = append(scopes, Scope(need[scheme][0]))
	}
	r, w := humago.Unwrap(ctx)
	if t, ok := a.admit(w, r, scopes...); ok {
		next(huma.WithValue(ctx, tokenKey{}, t))
	}
}

// admit finds the request's token and wants one of the scopes in it. When it says no it has answered.
func (a *API) admit(w http.ResponseWriter, r *http.Request, scopes ...Scope) (*ledger.Token, bool) {
	t, p := a.authenticate(r)
	switch {
	case p != nil && p.Status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="tilld"`)
	case p != nil && p.Status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(int(badTokenFor/time.Second)))
	case p == nil && !may(t, scopes...):
		p = a.forbidden(r.Context(), t, scopes...)
	}
	if p != nil {
		httpapi.WriteProblem(w, p)
		return nil, false
	}
	return t, true
}

// forbidden is the answer to a token without the scope. The refusal is recorded before it is given.
func (a *API) forbidden(ctx context.Context, t *ledger.Token, scopes ...Scope) *huma.ErrorModel {
	var words []string
	for _, s := range scopes {
		words = append(words, string(s))
	}
	wanted := strings.Join(words, " or ")
	a.log.WarnContext(ctx, "request refused", "token", t.ID.String(), "wanted", wanted)
	return httpapi.Problem(http.StatusForbidden, "scope", "this takes a token with the scope "+wanted)
}

// authenticate says who asks, or why that can't be said.
func (a *API) authenticate(r *http.Request) (*ledger.Token, *huma.ErrorModel) {
	secret, ok := readSecret(r.Header.Get("Authorization"))
	if !ok {
		return nil, httpapi.Problem(http.StatusUnauthorized, "token", "send a token: Authorization: Bearer tilld_…")
	}
	now, addr, hash := a.now(), remote(r), hashSecret(secret)
	if !a.failures.allow(now, addr, hash) {
		return nil, httpapi.Problem(http.StatusTooManyRequests, "too_many_bad_tokens", "too many bad tokens from this address")
	}
	t, err := a.books.Token(r.Context(), hash)
	if err != nil && !notFound(err) {
		a.log.ErrorContext(r.Context(), "token not looked up", "error", err.Error())
		return nil, httpapi.ProblemOf(payment.Retry, "tokens can't be checked at the moment")
	}
	if why := refuse(&t, hash, now); why != "" {
		a.failures.bad(now, addr, hash)
		a.metrics.bad.Inc()
		return nil, httpapi.Problem(http.StatusUnauthorized, "token", why)
	}
	a.failures.ok(hash)
	return &t, nil
}
