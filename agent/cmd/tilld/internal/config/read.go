package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
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

// The roles of a configuration.
const (
	RoleLane = "lane"
	RoleHQ   = "hq"
)

// Configuration is a Lane's or HQ's.
type Configuration interface {
	Role() string
	// Files looks at the files that the program reads at its start.
	Files() Faults
	// Here looks at all that the file names on this machine, as this user.
	Here() (faults, notes Faults)
}

// Role is RoleLane.
func (*Lane) Role() string { return RoleLane }

// Role is RoleHQ.
func (*HQ) Role() string { return RoleHQ }

// ReadLane reads and checks a lane's file.
func ReadLane(file string) (*Lane, error) {
	from, err := readSource(file, RoleLane)
	if err != nil {
		return nil, err
	}
	c := &Lane{
		Language: "en",
		Scanner:  Scanner{Profile: "generic", Locks: "/run/lock"},
		Listen:   Listen{Pages: "127.0.0.1:7801", POS: "127.0.0.1:7802"},
		Log:      defaultLog,
		from:     from,
	}
	return decode(from, c, c.check)
}

// ReadHQ reads and checks HQ's file.
func ReadHQ(file string) (*HQ, error) {
	from, err := readSource(file, RoleHQ)
	if err != nil {
		return nil, err
	}
	c := &HQ{
		Settle: Settle{Zone: "UTC", Cut: "05:00"},
		Serve:  Serve{Address: "127.0.0.1:7900"},
		Log:    defaultLog,
		from:   from,
	}
	return decode(from, c, c.check)
}

// Read reads a file of either role.
func Read(file string) (Configuration, error) {
	from, err := readSource(file, "")
	if err != nil {
		return nil, err
	}
	if from.role != RoleLane {
		c, err := ReadHQ(file)
		if err == nil {
			return c, nil
		}
		if from.role == RoleHQ {
			return nil, err
		}
	}
	c, err := ReadLane(file)
	if err != nil {
		return nil, err
	}
	return c, nil
}

var defaultLog = Log{Level: "info", Format: "text"}

// source is the text of a file, kept to say where in it something stands.
type source struct {
	file string
	text []byte
	role string // empty: nothing in the file tells
}

// at makes an error about a key.
func (s source) at(key, format string, args ...any) *Error {
	return &Error{File: s.file, Line: lineOf(s.text, key), Key: key, Msg: fmt.Sprintf(format, args...)}
}

// readSource reads a file, which must not be of another role than the one wanted.
func readSource(file, want string) (source, error) {
	b, err := readFile(file)
	if err != nil {
		return source{}, err
	}
	var top map[string]any
	if err := toml.Unmarshal(b, &top); err != nil {
		return source{}, decodeError(file, err)
	}
	s := source{file: file, text: b, role: roleOf(top)}
	switch {
	case want == "" || s.role == "" || s.role == want:
		return s, nil
	case s.role == RoleHQ:
		return s, &Error{File: file, Msg: "this is HQ's configuration: run it with tilld hq -c " + file}
	}
	return s, &Error{File: file, Msg: "this is a lane's configuration: run it with tilld lane -c " + file}
}

// roleOf tells the role by the keys that only one role has; a file with keys of both tells nothing.
func roleOf(top map[string]any) string {
	has := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return top[k] != nil })
	}
	lane, hq := has("scanner", "listen", "language", "second"), has("embedded_broker", "serve", "settle")
	switch {
	case lane && !hq:
		return RoleLane
	case hq && !lane:
		return RoleHQ
	}
	return ""
}

func decode[T any](from source, c *T, check func() *Error) (*T, error) {
	d := toml.NewDecoder(bytes.NewReader(from.text))
	d.DisallowUnknownFields()
	if err := d.Decode(c); err != nil {
		return nil, decodeError(from.file, err)
	}
	if e := check(); e != nil {
		e.File, e.Line = from.file, lineOf(from.text, e.Key)
		return nil, e
	}
	return c, nil
}

const maxFile = 1 << 20

func readFile(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err == nil && info.Size() > maxFile {
		return nil, &Error{File: file, Msg: "is no configuration: larger than 1 MiB"}
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{File: file, Msg: "no such file (tilld config example lane|hq prints one)"}
	}
	if err != nil {
		return nil, &Error{File: file, Msg: errors.Unwrap(err).Error()}
	}
	return b, nil
}

// decodeError gives the decoder's error its file, line and key.
func decodeError(file string, err error) error {
	if missing, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(missing.Errors) > 0 {
		first := missing.Errors[0]
		line, _ := first.Position()
		return &Error{File: file, Line: line, Key: strings.Join(first.Key(), "."), Msg: "unknown key"}
	}
	if at, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := at.Position()
		return &Error{File: file, Line: line, Key: strings.Join(at.Key(), "."), Msg: strings.TrimPrefix(at.Error(), "toml: ")}
	}
	return &Error{File: file, Msg: err.Error()}
}

// lineOf finds the line of a dotted key in a file that parsed; 0 when the key is not in it.
func lineOf(b []byte, key string) int {
	table, leaf := "", key
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		table, leaf = key[:i], key[i+1:]
	}
	at := ""
	for i, line := range strings.Split(string(b), "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			at = strings.Trim(strings.TrimSpace(strings.SplitN(line, "#", 2)[0]), "[] ")
			continue
		}
		name, _, found := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); found && ((at == table && name == leaf) || (at == "" && name == key)) {
			return i + 1
		}
	}
	return 0
}
