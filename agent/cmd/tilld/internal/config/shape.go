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
		if list, ok := table[name].([]any); ok && field.Kind() == reflect.Slice && field.Elem().Kind() == reflect.Struct {
			f, fit := shapes(list, field.Elem(), key)
			if faults = append(faults, f...); !fit {
				delete(table, name)
			}
			continue
		}
		if msg := misfit(table[name], field); msg != "" {
			faults = append(faults, &Error{Key: key, Msg: msg})
			delete(table, name)
		}
	}
	return faults
}

// shapes is shape of the tables of a list, [[key]] in the file. It is not fit to be decoded when one of them is no table.
func shapes(list []any, kind reflect.Type, key string) (faults Faults, fit bool) {
	fit = true
	for i, v := range list {
		at := fmt.Sprintf("%s[%d]", key, i+1)
		table, ok := v.(map[string]any)
		if !ok {
			faults, fit = append(faults, &Error{Key: at, Msg: "want a table, got " + inWords(v)}), false
			continue
		}
		faults = append(faults, shape(table, kind, at+".")...)
	}
	return faults, fit
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
// lists of texts, tables, and now and then a number or a yes.
func misfit(value any, want reflect.Type) string {
	switch want.Kind() {
	case reflect.Struct:
		return "want a table, got " + inWords(value)
	case reflect.Map:
		return misfitTexts(value)
	case reflect.Bool:
		if _, ok := value.(bool); !ok {
			return "want true or false, got " + inWords(value)
		}
	case reflect.Int64:
		if _, ok := value.(int64); !ok {
			return "want a whole number, got " + inWords(value)
		}
	case reflect.Slice:
		list, ok := value.([]any)
		if !ok && want.Elem().Kind() == reflect.Struct {
			return "want tables in double brackets, got " + inWords(value)
		}
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

// misfitTexts is misfit for a table of texts, whose keys are free.
func misfitTexts(value any) string {
	table, ok := value.(map[string]any)
	if !ok {
		return "want a table, got " + inWords(value)
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if _, ok := table[name].(string); !ok {
			return fmt.Sprintf("want a table of texts in quotes, but %s of it is %s", keyed(name), inWords(table[name]))
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
