package web

import (
	"net/http"

	"tilld/agent/payment"
)

// statuses says, in one table, how an error's code is answered over HTTP.
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

// Status is the HTTP status for an error; an unclassified one is a 500.
func Status(err error) int {
	if s, ok := statuses[payment.CodeOf(err)]; ok {
		return s
	}
	return http.StatusInternalServerError
}
