package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error says what is wrong with a configuration file, and where.
type Error struct {
	File string
	Line int    // 0: the file as a whole
	Key  string // dotted; may be empty
	Msg  string
}

// Error is one line: file:line: key: what is wrong.
func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s += fmt.Sprintf(":%d", e.Line)
	}
	if e.Key != "" {
		s += ": " + e.Key
	}
	return s + ": " + e.Msg
}

// Faults are errors about keys, in the order of the file.
type Faults []*Error

// Error is a line for each.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, e := range f {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives each to errors.As.
func (f Faults) Unwrap() []error {
	list := make([]error, len(f))
	for i, e := range f {
		list[i] = e
	}
	return list
}

func (f Faults) sorted() Faults {
	slices.SortStableFunc(f, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	return f
}

// without leaves out faults of keys about which, or about whose table, something was said before: a text that
// could not be taken is no missing one.
func (f Faults) without(said Faults) Faults {
	return slices.DeleteFunc(f, func(e *Error) bool {
		return slices.ContainsFunc(said, func(s *Error) bool { return e.Key == s.Key || strings.HasPrefix(e.Key, s.Key+".") })
	})
}

// lineOf finds the line of a dotted key in a file that parsed, or of the table that it would be in; 0 when neither is
// in it.
func lineOf(b []byte, key string) int {
	for key != "" {
		if line := exactLineOf(b, key); line > 0 {
			return line
		}
		if i := strings.LastIndexByte(key, '['); i > strings.LastIndexByte(key, '.') {
			key = key[:i]
			continue
		}
		key = key[:max(strings.LastIndexByte(key, '.'), 0)]
	}
	return 0
}

func exactLineOf(b []byte, key string) int {
	table, leaf := "", key
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		table, leaf = key[:i], key[i+1:]
	}
	at, count := "", map[string]int{} // of the tables of each list
	for i, line := range strings.Split(string(b), "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			name := strings.Trim(strings.TrimSpace(strings.SplitN(line, "#", 2)[0]), "[] ")
			list, rest, _ := strings.Cut(name, ".")
			if strings.HasPrefix(line, "[[") {
				count[name]++
			}
			if at = name; count[list] > 0 { // a table of the list's last one
				at = fmt.Sprintf("%s[%d]", list, count[list])
				if rest != "" {
					at += "." + rest
				}
			}
			if at == key || name == key {
				return i + 1
			}
			continue
		}
		name, _, found := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); found && ((at == table && name == leaf) || (at == "" && name == key)) {
			return i + 1
		}
	}
	return 0
}
