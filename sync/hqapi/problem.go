package hqapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/payment"
)

// problemPrefix begins the type of every problem (RFC 9457) that a program may want to tell apart.
const problemPrefix = "urn:tilld:problem:"

// problem is an answer that is an error. Its detail is for people and holds no secrets.
func problem(status int, code, detail string) *huma.ErrorModel {
	return &huma.ErrorModel{Type: problemPrefix + code, Title: http.StatusText(status), Status: status, Detail: detail}
}

// writeProblem answers outside of huma.
func writeProblem(w http.ResponseWriter, p *huma.ErrorModel) {
	body, err := json.Marshal(p)
	if err != nil { // strings and a number
		http.Error(w, p.Title, p.Status)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone needs no answer
}

// statuses says what each kind of error is in HTTP.
var statuses = map[payment.Code]int{
	payment.Invalid:      http.StatusBadRequest,
	payment.NotFound:     http.StatusNotFound,
	payment.Conflict:     http.StatusConflict,
	payment.NotAllowed:   http.StatusConflict,
	payment.Unauthorized: http.StatusUnauthorized,
	payment.Forbidden:    http.StatusForbidden,
	payment.Retry:        http.StatusServiceUnavailable,
	payment.Internal:     http.StatusInternalServerError,
}

// failed turns an error from below into an answer. One that is ours is logged with its cause, of which the
// client learns nothing.
func (a *API) failed(ctx context.Context, what string, err error) error {
	var ready *huma.ErrorModel
	if errors.As(err, &ready) {
		return ready
	}
	if ctx.Err() != nil {
		return problem(http.StatusServiceUnavailable, string(payment.Retry), "the request was given up")
	}
	code := payment.CodeOf(err)
	if code != payment.Internal {
		return problem(statuses[code], string(code), payment.MessageOf(err))
	}
	a.log.ErrorContext(ctx, "request failed", "request", what, "error", err.Error())
	return problem(http.StatusInternalServerError, string(code), "something went wrong at HQ; its log says what")
}
