package hq

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tilld/agent/payment"
)

// maxField bounds what a filter takes, in bytes.
const maxField = 64

// form reads a query's filters and keeps the first that makes no sense.
type form struct {
	in    url.Values
	err   error
	still bool // what it asks for is shown once and not kept live
}

func (f *form) bad(name, want string) {
	if f.err == nil {
		f.err = payment.Errorf(payment.Invalid, "hq.form", "%s: %s is wanted", name, want)
	}
}

// text is any short text, without the spaces around it.
func (f *form) text(name string) string {
	text := strings.TrimSpace(f.in.Get(name))
	if len(text) > maxField {
		f.bad(name, "a shorter text")
		return ""
	}
	return text
}

// one is empty or one of some words.
func (f *form) one(name string, of ...string) string {
	text := f.in.Get(name)
	if text != "" && !slices.Contains(of, text) {
		f.bad(name, "one of "+strings.Join(of, ", "))
		return ""
	}
	return text
}

// date is a date with the year first, with hyphens, strokes or nothing between its parts, in any width. A date field of
// the browser's own would show its own order, whatever language the page is in.
func (f *form) date(name string) payment.Date {
	text := strings.ReplaceAll(narrow(f.in.Get(name)), "/", "")
	if text == "" {
		return 0
	}
	if len(text) == 8 {
		text = text[:4] + "-" + text[4:6] + "-" + text[6:]
	}
	d, err := payment.ParseDate(text)
	if err != nil || d.Validate() != nil {
		f.bad(name, "a date such as 2026-11-22")
		return 0
	}
	return d
}

// id is an identifier; empty is the zero one.
func (f *form) id(name string) (id payment.ID) {
	if err := id.UnmarshalText([]byte(f.in.Get(name))); err != nil {
		f.bad(name, "an identifier")
	}
	return id
}

// place is a number from 0.
func (f *form) place(name string) int {
	text := f.in.Get(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		f.bad(name, "a number")
	}
	return int(n)
}

// with is the query with one value set, or without it when it is empty.
func with(in url.Values, name, value string) string {
	out := maps.Clone(in)
	out.Del(name)
	if value != "" {
		out.Set(name, value)
	}
	return out.Encode()
}
