package posapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/checkout"
	"tilld/agent/payment"
)

// problemPrefix begins the type of every problem (RFC 9457) that a program may want to tell apart.
const problemPrefix = "urn:tilld:problem:"

// saleOpen is the type of the Conflict with a sale that waits for a code.
const saleOpen = "sale_open"

// statuses says what each kind of error is in HTTP.
var statuses = map[payment.Code]int{
	payment.Invalid:      http.StatusUnprocessableEntity,
	payment.NotFound:     http.StatusNotFound,
	payment.Conflict:     http.StatusConflict,
	payment.NotAllowed:   http.StatusConflict,
	payment.Unauthorized: http.StatusUnauthorized,
	payment.Forbidden:    http.StatusForbidden,
	payment.Retry:        http.StatusServiceUnavailable,
	payment.Internal:     http.StatusInternalServerError,
}

// requestCodes are the types of what is wrong with a request before anybody looks at its meaning.
var requestCodes = map[int]string{
	http.StatusBadRequest:            "malformed",
	http.StatusNotFound:              string(payment.NotFound),
	http.StatusMethodNotAllowed:      "method",
	http.StatusRequestTimeout:        string(payment.Retry),
	http.StatusRequestEntityTooLarge: "too_large",
	http.StatusUnsupportedMediaType:  "media_type",
	http.StatusUnprocessableEntity:   string(payment.Invalid),
}

// problem is an answer that is an error. Its detail is for people and holds no secrets.
func problem(status int, code, detail string) *huma.ErrorModel {
	return &huma.ErrorModel{Type: problemPrefix + code, Title: http.StatusText(status), Status: status, Detail: detail}
}

// refused is a problem with one part of a request, such as "body.total.minor".
func refused(location, message string) *huma.ErrorModel {
	p := problem(http.StatusUnprocessableEntity, string(payment.Invalid), message)
	if location != "" {
		p.Errors = []*huma.ErrorDetail{{Location: location, Message: message}}
	}
	return p
}

// field is how the messages of payment.Sale and of checkout begin when they are about one.
var field = regexp.MustCompile(`^[a-z]+(\[\d+\])?(\.[a-z]+)?$`)

// failed turns an error from below into an answer. One that is ours is logged with its cause, of which the
// POS learns nothing.
func (a *API) failed(ctx context.Context, what string, err error) error {
	if ready, ok := errors.AsType[*huma.ErrorModel](err); ok {
		return ready
	}
	code, message := payment.CodeOf(err), payment.MessageOf(err)
	if ctx.Err() != nil && code == payment.Internal {
		code, message = payment.Retry, "the lane did not answer in time"
	}
	status, ok := statuses[code]
	if !ok {
		code, status = payment.Internal, http.StatusInternalServerError
	}
	switch code {
	case payment.Invalid:
		if name, rest, ok := strings.Cut(message, ": "); ok && field.MatchString(name) {
			return refused("body."+name, rest)
		}
		return refused("", message)
	case payment.Conflict:
		if what == openingSale && errors.Is(err, checkout.ErrPhase) {
			return problem(status, saleOpen, message)
		}
	case payment.Retry:
		return huma.ErrorWithHeaders(problem(status, string(code), message), http.Header{"Retry-After": {"1"}})
	case payment.Internal:
		a.log.ErrorContext(ctx, "request failed", "request", what, "error", err)
		message = "something went wrong at this lane; its log says what"
	}
	return problem(status, string(code), message)
}

// tidy gives huma's own errors our types, and takes out the values that they repeat: a POS that puts a
// customer's code into a wrong field must not find it in its logs.
func tidy(_ huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	if code, ok := requestCodes[p.Status]; ok && p.Type == "" {
		p.Type = problemPrefix + code
	}
	for _, d := range p.Errors {
		if d != nil {
			d.Value = nil
		}
	}
	return p, nil
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
