package posapi

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/checkout"
	"tilld/agent/httpapi"
	"tilld/agent/payment"
)

// saleOpen is the type of the Conflict with a sale that waits for a code.
const saleOpen = "sale_open"

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
	answer := httpapi.ProblemOf(code, message)
	switch {
	case code == payment.Invalid:
		if name, rest, ok := strings.Cut(message, ": "); ok && field.MatchString(name) {
			return httpapi.Invalid("body."+name, rest)
		}
	case code == payment.Conflict && what == openingSale && errors.Is(err, checkout.ErrPhase):
		answer.Type = httpapi.ProblemPrefix + saleOpen
	case code == payment.Retry:
		return huma.ErrorWithHeaders(answer, http.Header{"Retry-After": {"1"}})
	case answer.Status == http.StatusInternalServerError:
		a.log.ErrorContext(ctx, "request failed", "request", what, "error", err)
		answer.Detail = "something went wrong at this lane; its log says what"
	}
	return answer
}
