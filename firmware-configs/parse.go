package firmware

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

const maxFile = 64 << 10 // a profile is some 40 lines

// fields is every key that a profile may hold, and how its value gets into the profile. The decoder of the TOML
// package is not used for this: it takes the number 200 for a duration of 200 ns and words its errors for
// programmers.
var fields = map[string]func(p *Profile, v any) string{
	"name":              text(func(p *Profile) *string { return &p.Name }),
	"description":       text(func(p *Profile) *string { return &p.Description }),
	"source":            text(func(p *Profile) *string { return &p.Source }),
	"usb_ids":           usbIDs,
	"serial.baud":       number(func(p *Profile) *int { return &p.Serial.Baud }),
	"serial.data_bits":  number(func(p *Profile) *int { return &p.Serial.DataBits }),
	"serial.parity":     text(func(p *Profile) *Parity { return &p.Serial.Parity }),
	"serial.stop_bits":  number(func(p *Profile) *int { return &p.Serial.StopBits }),
	"serial.flow":       text(func(p *Profile) *Flow { return &p.Serial.Flow }),
	"framing.suffixes":  suffixes,
	"framing.stx":       text(func(p *Profile) *Presence { return &p.Framing.STX }),
	"framing.aim":       text(func(p *Profile) *Presence { return &p.Framing.AIM }),
	"framing.idle_gap":  duration(func(p *Profile) *time.Duration { return &p.Framing.IdleGap }),
	"framing.blanking":  duration(func(p *Profile) *time.Duration { return &p.Framing.Blanking }),
	"framing.max_frame": number(func(p *Profile) *int { return &p.Framing.MaxFrame }),
}

// required are the keys without a default: guessing one of them means losing scans.
var required = []string{"name", "serial.baud", "framing.suffixes"}

func defaults() Profile {
	return Profile{
		Serial: Serial{DataBits: 8, Parity: ParityNone, StopBits: 1, Flow: FlowNone},
		Framing: Framing{STX: Off, AIM: Optional, MaxFrame: MaxFrame,
			IdleGap: 200 * time.Millisecond, Blanking: 300 * time.Millisecond},
	}
}

// Parse reads a profile. The name file is only for errors. Everything wrong is reported, each as an *Error with
// file, line and key: bad TOML, an unknown key, a missing one, a value of the wrong type, unit or range.
func Parse(file string, r io.Reader) (Profile, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return Profile{}, fmt.Errorf("device profile %s: %w", file, err)
	}
	if len(data) > maxFile {
		return Profile{}, &Error{File: file, Msg: fmt.Sprintf("larger than %d bytes: this is no device profile", maxFile)}
	}
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		return Profile{}, syntaxError(file, err)
	}
	p, bad := decode(tree)
	if len(bad) == 0 {
		bad = p.check()
	}
	if len(bad) == 0 {
		return p, nil
	}
	return Profile{}, locate(file, data, bad)
}

func syntaxError(file string, err error) error {
	e := &Error{File: file, Msg: strings.TrimPrefix(err.Error(), "toml: ")}
	if at, ok := errors.AsType[*toml.DecodeError](err); ok {
		e.Line, _ = at.Position()
	}
	return e
}

func decode(tree map[string]any) (Profile, []*Error) {
	p := defaults()
	flat := make(map[string]any)
	flatten(flat, "", tree)
	var bad []*Error
	for key, v := range flat {
		set, ok := fields[key]
		if !ok {
			bad = append(bad, &Error{Key: key, Msg: "unknown key"})
		} else if msg := set(&p, v); msg != "" {
			bad = append(bad, &Error{Key: key, Msg: msg})
		}
	}
	for _, key := range required {
		if _, ok := flat[key]; !ok {
			bad = append(bad, &Error{Key: key, Msg: "missing"})
		}
	}
	return p, bad
}

// flatten turns tables into dotted keys. An empty table, and a table where a value belongs, keep their own name, so
// that they are found unknown or of the wrong type.
func flatten(flat map[string]any, prefix string, tree map[string]any) {
	for k, v := range tree {
		key := prefix + k
		_, leaf := fields[key]
		if sub, ok := v.(map[string]any); ok && !leaf && (len(sub) > 0 || key == "serial" || key == "framing") {
			flatten(flat, key+".", sub)
			continue
		}
		flat[key] = v
	}
}

// locate gives each error its file and line and joins them in the order of the file.
func locate(file string, data []byte, bad []*Error) error {
	lines := keyLines(data)
	for _, e := range bad {
		e.File = file
		for key := e.Key; key != "" && e.Line == 0; {
			e.Line = lines[key]
			key = key[:max(0, strings.LastIndexByte(key, '.'))] // a missing key: its table's line
		}
	}
	slices.SortFunc(bad, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key))
	})
	all := make([]error, len(bad))
	for i, e := range bad {
		all[i] = e
	}
	return errors.Join(all...)
}

// keyLines finds the line of every key and table of a document that is known to parse.
func keyLines(data []byte) map[string]int {
	var p unstable.Parser
	p.Reset(data)
	lines := make(map[string]int)
	table := ""
	for p.NextExpression() {
		node := p.Expression()
		key, line := dotted(&p, data, node)
		switch node.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = key + "."
		case unstable.KeyValue:
			key = table + key
		default:
			continue
		}
		if lines[key] == 0 {
			lines[key] = line
		}
	}
	return lines
}

func dotted(p *unstable.Parser, data []byte, node *unstable.Node) (key string, line int) {
	if node.Kind != unstable.KeyValue && node.Kind != unstable.Table && node.Kind != unstable.ArrayTable {
		return "", 0
	}
	var parts []string
	for it := node.Key(); it.Next(); {
		if line == 0 {
			line = 1 + bytes.Count(data[:it.Node().Raw.Offset], []byte("\n"))
		}
		parts = append(parts, string(it.Node().Data))
	}
	return strings.Join(parts, "."), line
}

func text[T ~string](field func(*Profile) *T) func(*Profile, any) string {
	return func(p *Profile, v any) string {
		s, ok := v.(string)
		if !ok {
			return "must be text in quotes"
		}
		*field(p) = T(s)
		return ""
	}
}

func number(field func(*Profile) *int) func(*Profile, any) string {
	return func(p *Profile, v any) string {
		n, ok := v.(int64)
		if !ok || n != int64(int32(n)) {
			return "must be a whole number, without quotes or unit"
		}
		*field(p) = int(n)
		return ""
	}
}

func duration(field func(*Profile) *time.Duration) func(*Profile, any) string {
	return func(p *Profile, v any) string {
		s, ok := v.(string)
		d, err := time.ParseDuration(s)
		if !ok || err != nil {
			return `must be a duration in quotes with its unit, such as "200ms"`
		}
		*field(p) = d
		return ""
	}
}

func suffixes(p *Profile, v any) string {
	list, ok := texts(v)
	if !ok {
		return `must be a list, such as ["CR", "CRLF"]`
	}
	p.Framing.Suffixes = nil
	for _, s := range list {
		p.Framing.Suffixes = append(p.Framing.Suffixes, Suffix(s))
	}
	return ""
}

func usbIDs(p *Profile, v any) string {
	list, ok := texts(v)
	if !ok {
		return `must be a list, such as ["0c2e:0b61"]`
	}
	p.USB = nil
	for _, s := range list {
		id, err := ParseUSBID(s)
		if err != nil {
			return err.Error()
		}
		p.USB = append(p.USB, id)
	}
	return ""
}

func texts(v any) ([]string, bool) {
	list, ok := v.([]any)
	out := make([]string, 0, len(list))
	for _, e := range list {
		s, isText := e.(string)
		ok = ok && isText
		out = append(out, s)
	}
	return out, ok
}

// ParseUSBID reads "0c2e:0b61": vendor and product, four hexadecimal digits each, as lsusb prints them.
func ParseUSBID(s string) (USBID, error) {
	vendor, product, _ := strings.Cut(s, ":")
	v, err1 := strconv.ParseUint(vendor, 16, 16)
	p, err2 := strconv.ParseUint(product, 16, 16)
	if err1 != nil || err2 != nil || len(vendor) != 4 || len(product) != 4 {
		return USBID{}, fmt.Errorf("%q is no USB id: four hexadecimal digits, a colon, four more, such as 0c2e:0b61", s)
	}
	return USBID{Vendor: uint16(v), Product: uint16(p)}, nil
}
