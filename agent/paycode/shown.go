package paycode

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Field is one thing that a code says.
type Field struct {
	Path  string // tags from the top, as "61.57" in a customer's and "26.00" in a merchant's code, or a word
	Name  string // what it is in words; empty: not known, or Path says it
	Value string // text, or bytes in upper-case hexadecimal
}

// label is the path with the name, for reading.
func (f *Field) label() string {
	if f.Name == "" {
		return f.Path
	}
	return f.Path + " (" + f.Name + ")"
}

// Fields are in the order of the code; no path is there twice.
type Fields []Field

// Get is the value at a path.
func (f Fields) Get(path string) (value string, ok bool) {
	for _, field := range f {
		if field.Path == path {
			return field.Value, true
		}
	}
	return "", false
}

// MarshalJSON writes one object, path to value, in order.
func (f Fields) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, field := range f {
		if i > 0 {
			b = append(b, ',')
		}
		for j, s := range []string{field.Path, field.Value} {
			quoted, err := json.Marshal(s)
			if err != nil {
				return nil, fmt.Errorf("writing the field %s: %w", field.Path, err)
			}
			b = append(b, quoted...)
			if j == 0 {
				b = append(b, ':')
			}
		}
	}
	return append(b, '}'), nil
}

// asText is a value as text, if every character of it can be seen.
func asText(value []byte) (text string, ok bool) {
	text = string(value)
	ok = utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
	return text, ok
}

// leastNumber is the shortest number whose last four are shown: of a shorter one too much would be.
const leastNumber = 8

// lastFour hides all but the last four characters, or a short number's all.
func lastFour(number string) string {
	if len(number) < leastNumber {
		return stars(len(number))
	}
	return stars(len(number)-4) + number[len(number)-4:]
}
