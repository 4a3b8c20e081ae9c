package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// shape takes out of a table what a configuration of that type has no place for, and says what that was: keys that
// nobody knows, and values of another kind. What stays can be decoded.
func shape(table map[string]any, kind reflect.Type, prefix string) (faults Faults) {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		key := prefix + keyed(name)
		field, ok := fieldOf(kind, name)
		if !ok {
			faults = append(faults, &Error{Key: key, Msg: "unknown key"})
			delete(table, name)
			continue
		}
		if sub, ok := table[name].(map[string]any); ok && field.Kind() == reflect.Struct {
			faults = append(faults, shape(sub, field, key+".")...)
			continue
		}
		if msg := misfit(table[name], field); msg != "" {
			faults = append(faults, &Error{Key: key, Msg: msg})
			delete(table, name)
		}
	}
	return faults
}

// keyed is a key as it is written: in quotes where it is more than a plain word, and so always on one line.
func keyed(name string) string {
	if strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" || name == "" {
		return strconv.Quote(name)
	}
	return name
}

// fieldOf is the type of what a key of a table holds.
func fieldOf(table reflect.Type, name string) (reflect.Type, bool) {
	for f := range table.Fields() {
		if f.Tag.Get("toml") == name {
			return f.Type, true
		}
	}
	return nil, false
}

// misfit says in the words of the file why a value can't stand there; empty: it can. A configuration holds texts,
// lists of texts, and tables.
func misfit(value any, want reflect.Type) string {
	switch want.Kind() {
	case reflect.Struct:
		return "want a table, got " + inWords(value)
	case reflect.Slice:
		list, ok := value.([]any)
		if !ok {
			return `want a list such as ["one", "two"], got ` + inWords(value)
		}
		for i, v := range list {
			if _, ok := v.(string); !ok {
				return fmt.Sprintf("want a list of texts in quotes, but number %d of it is %s", i+1, inWords(v))
			}
		}
	default:
		if _, ok := value.(string); !ok {
			return "want a text in quotes, got " + inWords(value)
		}
	}
	return ""
}

func inWords(value any) string {
	switch value.(type) {
	case string:
		return "a text"
	case int64, float64:
		return "a number"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return "a date or a time"
}
