package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// ReadLane reads and checks a lane's file.
func ReadLane(file string) (*Lane, error) {
	c := &Lane{
		Language: "en",
		Scanner:  Scanner{Profile: "generic", Locks: "/run/lock"},
		Listen:   Listen{Pages: "127.0.0.1:7801", POS: "127.0.0.1:7802"},
		Log:      defaultLog,
	}
	return read(file, c, c.check)
}

// ReadHQ reads and checks HQ's file.
func ReadHQ(file string) (*HQ, error) {
	c := &HQ{
		Settle: Settle{Zone: "UTC", Cut: "05:00"},
		Serve:  Serve{Address: "127.0.0.1:7900"},
		Log:    defaultLog,
	}
	return read(file, c, c.check)
}

// Check reads a file of either role and says which it is.
func Check(file string) (role string, err error) {
	b, err := readFile(file)
	if err != nil {
		return "", err
	}
	var any map[string]any
	if err := toml.Unmarshal(b, &any); err != nil {
		return "", decodeError(file, err)
	}
	if _, ok := any["serve"]; ok || any["embedded_broker"] != nil || any["settle"] != nil {
		_, err = ReadHQ(file)
		return "hq", err
	}
	_, err = ReadLane(file)
	return "lane", err
}

var defaultLog = Log{Level: "info", Format: "text"}

func read[T any](file string, c *T, check func() *Error) (*T, error) {
	b, err := readFile(file)
	if err != nil {
		return nil, err
	}
	d := toml.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(c); err != nil {
		return nil, decodeError(file, err)
	}
	if e := check(); e != nil {
		e.File, e.Line = file, lineOf(b, e.Key)
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
