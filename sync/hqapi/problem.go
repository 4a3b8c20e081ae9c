package hqapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
)

// failed turns an error from below into an answer. One that is ours is logged with its cause, of which the
// client learns nothing.
func (a *API) failed(ctx context.Context, what string, err error) error {
	if ready, ok := errors.AsType[*huma.ErrorModel](err); ok {
		return ready
	}
	if ctx.Err() != nil {
		return httpapi.ProblemOf(payment.Retry, "the request was given up")
	}
	answer := httpapi.ProblemOf(payment.CodeOf(err), payment.MessageOf(err))
	if answer.Status == http.StatusInternalServerError {
		a.log.ErrorContext(ctx, "request failed", "request", what, "error", err.Error())
		answer.Detail = "something went wrong at HQ; its log says what"
	}
	return answer
}
