package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/payment"
)

// ProblemPrefix begins the type of every problem, for programs to tell them apart.
const ProblemPrefix = "urn:tilld:problem:"

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
	http.StatusNotAcceptable:         "not_acceptable",
	http.StatusRequestTimeout:        string(payment.Retry),
	http.StatusRequestEntityTooLarge: "too_large",
	http.StatusUnsupportedMediaType:  "media_type",
	http.StatusUnprocessableEntity:   string(payment.Invalid),
	http.StatusInternalServerError:   string(payment.Internal),
}

// Problem is an answer that is an error. Its detail is for people and holds no secrets.
func Problem(status int, code, detail string) *huma.ErrorModel {
	return &huma.ErrorModel{Type: ProblemPrefix + code, Title: http.StatusText(status), Status: status, Detail: detail}
}

// ProblemOf is the problem that an error of the code is; of a code that nobody knows it is Internal.
func ProblemOf(code payment.Code, detail string) *huma.ErrorModel {
	status, ok := statuses[code]
	if !ok {
		code, status = payment.Internal, http.StatusInternalServerError
	}
	return Problem(status, string(code), detail)
}

// RequestProblem is a problem with a request of which nobody has looked at the meaning.
func RequestProblem(status int, detail string) *huma.ErrorModel {
	return Problem(status, requestCodes[status], detail)
}

// Invalid is a problem with one part of a request, such as "body.total.minor"; "": with all of it.
func Invalid(location, message string) *huma.ErrorModel {
	p := ProblemOf(payment.Invalid, message)
	if location != "" {
		p.Errors = []*huma.ErrorDetail{{Location: location, Message: message}}
		p.Detail = summary(p.Errors)
	}
	return p
}

// WriteProblem answers outside of huma.
func WriteProblem(w http.ResponseWriter, p *huma.ErrorModel) {
	body, err := json.Marshal(p)
	if err != nil { // strings and a number
		http.Error(w, p.Title, p.Status)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone needs no answer
}

// inBody is the location of huma's errors about a whole body.
const inBody = "body"

// tidy gives huma's own errors our types, and takes out the values that they repeat: who puts a customer's code
// into a wrong field must not find it in a log.
func tidy(_ huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	own := p.Type == ""
	if code, ok := requestCodes[p.Status]; ok && own {
		p.Type = ProblemPrefix + code
	}
	for _, d := range p.Errors {
		if d == nil {
			continue
		}
		d.Value = nil
		if rest, ok := strings.CutPrefix(d.Location, inBody+"."); ok && !sayable.MatchString(rest) {
			d.Location = inBody
		}
		if at, message, ok := strings.Cut(d.Message, ": "); ok && d.Location == inBody && sayable.MatchString(at) {
			d.Location, d.Message = inBody+"."+at, message
		}
	}
	if own && len(p.Errors) > 0 {
		p.Detail = summary(p.Errors)
	}
	return p, nil
}

// maxSummed is how many errors a problem's detail tells; its list has all.
const maxSummed = 3

// summary says in a problem's detail what huma only calls "validation failed".
func summary(errs []*huma.ErrorDetail) string {
	var said []string
	for _, d := range errs {
		if len(said) == maxSummed {
			return strings.Join(said, "; ") + "; and more"
		}
		if d != nil {
			said = append(said, strings.TrimPrefix(d.Location, inBody+".")+": "+d.Message)
		}
	}
	return strings.Join(said, "; ")
}
