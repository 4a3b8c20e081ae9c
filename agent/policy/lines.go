package policy

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// A place is where a key is set in a file.
type place struct {
	line   int
	number bool // to an integer
}

// places maps every dotted key that is set in a file that parsed, such as "store[2].lane[0].share_sum", to
// its place. Tables in an array are numbered from 0.
type places map[string]place

// line finds a key's line; where the key itself is missing, that of the table that should hold it, else 0.
func (m places) line(key string) int {
	for key != "" {
		if at, ok := m[key]; ok {
			return at.line
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 0
}

// A placeFinder walks a file once.
type placeFinder struct {
	parser unstable.Parser
	src    []byte
	at     int // up to which lines were counted
	line   int
	found  places
	arrays map[string]int // name -> tables in it so far
}

func findPlaces(src []byte) places {
	f := &placeFinder{src: src, line: 1, found: places{}, arrays: map[string]int{}}
	f.parser.Reset(src)
	table := ""
	for f.parser.NextExpression() {
		e := f.parser.Expression()
		if e.Kind == unstable.KeyValue {
			f.keyValue(e, table)
			continue
		}
		parts, line := f.key(e)
		if e.Kind == unstable.Table {
			table = keyPath("", parts, f.arrays)
		} else if last := len(parts) - 1; e.Kind == unstable.ArrayTable {
			name := join(keyPath("", parts[:last], f.arrays), parts[last])
			table = fmt.Sprintf("%s[%d]", name, f.arrays[name])
			f.arrays[name]++
		}
		f.found[table] = place{line: line}
	}
	return f.found
}

func (f *placeFinder) keyValue(e *unstable.Node, table string) {
	parts, line := f.key(e)
	path := keyPath(table, parts, f.arrays)
	value := e.Value()
	f.found[path] = place{line: line, number: value.Kind == unstable.Integer}
	if value.Kind != unstable.InlineTable {
		return
	}
	for it := value.Children(); it.Next(); {
		f.keyValue(it.Node(), path)
	}
}

// key is the names of an expression's dotted key, and its line. Lines are counted on from the last key, not
// from the top, since a policy can have a hundred thousand.
func (f *placeFinder) key(e *unstable.Node) (parts []string, line int) {
	for it := e.Key(); it.Next(); {
		n := it.Node()
		if start := int(n.Raw.Offset); start > f.at {
			f.line += bytes.Count(f.src[f.at:start], []byte{'\n'})
			f.at = start
		}
		if line == 0 {
			line = f.line
		}
		parts = append(parts, string(n.Data))
	}
	return parts, line
}

// keyPath writes a key below a table; an array on the way means its last table so far.
func keyPath(table string, parts []string, arrays map[string]int) string {
	for _, part := range parts {
		table = join(table, part)
		if count := arrays[table]; count > 0 {
			table = fmt.Sprintf("%s[%d]", table, count-1)
		}
	}
	return table
}

func join(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}
