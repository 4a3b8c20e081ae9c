package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// The roles of a configuration.
const (
	RoleLane = "lane"
	RoleHQ   = "hq"
)

// Configuration is a Lane's, HQ's or an Issuer's.
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

// ReadLane reads and checks a lane's file. What is wrong with the text of the file is Faults, all of them.
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

// ReadHQ reads and checks HQ's file, as ReadLane does.
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

// Read reads a file of any role.
func Read(file string) (Configuration, error) {
	from, err := readSource(file, "")
	if err != nil {
		return nil, err
	}
	if from.role == RoleIssuer {
		c, err := ReadIssuer(file)
		if err != nil {
			return nil, err
		}
		return c, nil
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
	top  map[string]any // the text, parsed
	role string         // empty: nothing in the file tells
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
	s := source{file: file, text: b, top: top, role: roleOf(top)}
	switch {
	case want == "" || s.role == "" || s.role == want:
		return s, nil
	case s.role == RoleHQ:
		return s, &Error{File: file, Msg: "this is HQ's configuration: run it with tilld hq -c " + file}
	case s.role == RoleIssuer:
		return s, &Error{File: file, Msg: "this is an issuer's configuration: run it with tilld issuer -c " + file}
	}
	return s, &Error{File: file, Msg: "this is a lane's configuration: run it with tilld lane -c " + file}
}

// roleOf tells the role by the keys that only one role has; a file with keys of both tells nothing.
func roleOf(top map[string]any) string {
	has := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return top[k] != nil })
	}
	lane, hq := has("scanner", "listen", "language", "second"), has("embedded_broker", "serve", "settle", "operator", "shops")
	issuer := has("phones", "gateway", "messages", "funding", "chain", "limits", "known_passwords")
	switch {
	case lane && !hq && !issuer:
		return RoleLane
	case hq && !lane && !issuer:
		return RoleHQ
	case issuer && !lane && !hq:
		return RoleIssuer
	}
	return ""
}

// decode fills in a configuration and looks at all of it before it complains, so that one reading names all that is
// to be mended.
func decode[T any](from source, c *T, check func() Faults) (*T, error) {
	faults := shape(from.top, reflect.TypeFor[T](), "")
	fitting, err := toml.Marshal(from.top)
	if err == nil {
		err = toml.Unmarshal(fitting, c)
	}
	if err != nil {
		return nil, &Error{File: from.file, Msg: err.Error()}
	}
	if faults = append(faults, check().without(faults)...); len(faults) == 0 {
		return c, nil
	}
	for _, e := range faults {
		e.File, e.Line = from.file, lineOf(from.text, e.Key)
	}
	return nil, faults.sorted()
}

const maxFile = 1 << 20

func readFile(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err == nil && info.Size() > maxFile {
		return nil, &Error{File: file, Msg: "is no configuration: larger than 1 MiB"}
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{File: file, Msg: "no such file (tilld config example lane|hq|issuer prints one)"}
	}
	if err != nil {
		return nil, &Error{File: file, Msg: errors.Unwrap(err).Error()}
	}
	return b, nil
}

// decodeError gives the parser's error its file, line and key.
func decodeError(file string, err error) error {
	if at, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := at.Position()
		return &Error{File: file, Line: line, Key: strings.Join(at.Key(), "."), Msg: strings.TrimPrefix(at.Error(), "toml: ")}
	}
	return &Error{File: file, Msg: err.Error()}
}
