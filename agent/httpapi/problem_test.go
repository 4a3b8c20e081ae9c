package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/payment"
)

func TestEveryCodeHasAStatus(t *testing.T) {
	for _, c := range []payment.Code{
		payment.Invalid, payment.NotFound, payment.Conflict, payment.NotAllowed, payment.Unauthorized, payment.Forbidden, payment.Retry, payment.Internal,
	} {
		p := ProblemOf(c, "why")
		if statuses[c] == 0 || p.Status != statuses[c] || p.Type != ProblemPrefix+string(c) || p.Title == "" || p.Detail != "why" {
			t.Errorf("%s: %+v", c, p)
		}
	}
	if p := ProblemOf("new", "why"); p.Status != http.StatusInternalServerError || p.Type != ProblemPrefix+"internal" {
		t.Errorf("a code that nobody knows: %+v", p)
	}
}

// huma's own problems become ours: with a type, a detail that says something, and without what was sent.
func TestTidy(t *testing.T) {
	d := func(location, message string) *huma.ErrorDetail {
		return &huma.ErrorDetail{Location: location, Message: message, Value: "281234567890123456"}
	}
	digits := strings.Repeat("7", 40)
	tests := []struct {
		name     string
		status   int
		errs     []*huma.ErrorDetail
		kind     string
		detail   string
		location string // of the first error
	}{
		{"a field", 422, []*huma.ErrorDetail{d("body.total", "expected object")}, "invalid", "total: expected object", "body.total"},
		{"a place that the reader names", 400, []*huma.ErrorDetail{d("body", "tax[0].rate: must be whole")}, "malformed", "tax[0].rate: must be whole", "body.tax[0].rate"},
		{"no place", 400, []*huma.ErrorDetail{d("body", "the JSON ends: too early")}, "malformed", "body: the JSON ends: too early", "body"},
		{"a key that may be a code", 422, []*huma.ErrorDetail{d("body."+digits, "unexpected property")}, "invalid", "body: unexpected property", "body"},
		{"a parameter", 422, []*huma.ErrorDetail{d("query.limit", "must be at most 1000")}, "invalid", "query.limit: must be at most 1000", "query.limit"},
		{"many", 422, []*huma.ErrorDetail{d("body.a", "x"), d("body.b", "x"), nil, d("body.c", "x"), d("body.d", "x")}, "invalid", "a: x; b: x; c: x; and more", "body.a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := tidy(nil, "", &huma.ErrorModel{Status: tt.status, Detail: "validation failed", Errors: tt.errs})
			p, ok := v.(*huma.ErrorModel)
			if err != nil || !ok {
				t.Fatalf("%v, %v", v, err)
			}
			if p.Type != ProblemPrefix+tt.kind || p.Detail != tt.detail || p.Errors[0].Location != tt.location {
				t.Errorf("%s, %q at %s", p.Type, p.Detail, p.Errors[0].Location)
			}
			for _, e := range p.Errors {
				if e != nil && e.Value != nil {
					t.Errorf("%s: the value is sent back", e.Location)
				}
			}
		})
	}
	ours := Invalid("path.id", "want 26 characters")
	if v, err := tidy(nil, "", ours); err != nil || v != ours || ours.Detail != "path.id: want 26 characters" || ours.Type != ProblemPrefix+"invalid" {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := tidy(nil, "", "a body"); err != nil || v != "a body" {
		t.Errorf("%v, %v", v, err)
	}
}

func TestNumbersInWords(t *testing.T) {
	for _, tt := range []struct {
		in   float64
		want string
	}{{1e12, "at most 1000000000000"}, {-1e12, "at most -1000000000000"}, {0.5, "at most 0.5"}} {
		if got := inDigits("at most %v", tt.in); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	if got := inDigits("length %d of %s", 3, "x"); got != "length 3 of x" {
		t.Errorf("%q", got)
	}
}
