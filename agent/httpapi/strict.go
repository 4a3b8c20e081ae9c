package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
)

// Bounds of a request's JSON.
const (
	maxDepth  = 16 // of objects and arrays in each other; what the APIs take has 3
	maxDigits = 20 // of a number, with its sign: all that an int64 can be
)

// errDepth reports JSON that only somebody who tries things sends.
var errDepth = fmt.Errorf("is deeper than %d objects and arrays", maxDepth)

// readStrictly is json.Unmarshal for what has one meaning. It refuses a key that comes twice, in the same
// spelling or in one that Go would take for it, and numbers that are not written as whole ones: no API of ours
// takes a fraction, and 1e3 is a number to some readers of JSON and none to others. Errors say where, and hold
// neither values nor Go's names.
func readStrictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := (&reader{d}).value("", 0); err != nil {
		return spoken(err)
	}
	return spoken(json.Unmarshal(data, v))
}

// spoken is an error of encoding/json without what it says of Go and of the values.
func spoken(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return misplaced(wrong.Field, errors.New("has the wrong type"))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON ends too early")
	}
	return err
}

// A place is where in a document something is, such as "tax[0].rate"; "" is the document.
type place string

func (p place) key(name string) place {
	if p == "" {
		return place(name)
	}
	return p + "." + place(name)
}

// sayable are the places that an answer repeats. Others hold keys that no API of ours has.
var sayable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,31}(\[[0-9]{1,6}\])*(\.[A-Za-z_][A-Za-z0-9_-]{0,31}(\[[0-9]{1,6}\])*){0,15}$`)

// misplaced puts the place before an error, if there is one and it can be said.
func misplaced(at string, err error) error {
	if err == nil || !sayable.MatchString(at) {
		return err
	}
	return fmt.Errorf("%s: %w", at, err)
}

// reader looks at a document's tokens.
type reader struct{ *json.Decoder }

func (r *reader) value(at place, depth int) error {
	t, err := r.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Number:
		return misplaced(string(at), whole(t, at))
	case json.Delim:
		if depth == maxDepth {
			return errDepth
		}
		if t == '{' {
			err = r.object(at, depth+1)
		} else {
			err = r.array(at, depth+1)
		}
		if err != nil {
			return err
		}
		_, err = r.Token() // its end
	}
	return err
}

func (r *reader) array(at place, depth int) error {
	for i := 0; r.More(); i++ {
		if err := r.value(place(fmt.Sprintf("%s[%d]", at, i)), depth); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) object(at place, depth int) error {
	seen := map[string]string{} // by what Go would take for the same
	for r.More() {
		t, err := r.Token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return errors.New("a key is not a text")
		}
		folded := strings.Map(fold, name)
		if first, ok := seen[folded]; ok {
			return misplaced(string(at.key(first)), twice(first, name))
		}
		seen[folded] = name
		if err := r.value(at.key(name), depth); err != nil {
			return err
		}
	}
	return nil
}

// twice reports a key that came before.
func twice(first, second string) error {
	if !sayable.MatchString(first) || !sayable.MatchString(second) {
		return errors.New("a key is given twice")
	}
	if first == second {
		return fmt.Errorf("the key %q is given twice", first)
	}
	return fmt.Errorf("the key is given twice, as %q and %q", first, second)
}

// fold is the same for all runes that strings.EqualFold takes for each other.
func fold(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

func whole(n json.Number, at place) error {
	switch {
	case strings.ContainsAny(n.String(), ".eE"):
		if at == "minor" || strings.HasSuffix(string(at), ".minor") {
			return errors.New("must be a whole number of minor units, in digits alone")
		}
		return errors.New("must be a whole number, in digits alone")
	case len(n) > maxDigits:
		return errors.New("is too large a number")
	}
	return nil
}
