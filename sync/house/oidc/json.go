package oidc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

var errForm = errors.New("not an object of JSON with each name once")

// object reads one object. encoding/json takes "ISS" for "iss", and the last of two; two readers of one token could
// then see two people in it. Here a name is itself, and stands once.
func object(b []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errForm
	}
	m := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errForm
		}
		if _, twice := m[name]; twice {
			return nil, errForm
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, errForm
		}
		m[name] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, errForm
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errForm
	}
	return m, nil
}

// text is a member that is a text; "" when it is not there.
func text(m map[string]json.RawMessage, name string) (string, error) {
	v, ok := m[name]
	if !ok {
		return "", nil
	}
	var s *string
	if err := json.Unmarshal(v, &s); err != nil || s == nil {
		return "", fmt.Errorf("%q is no text", name)
	}
	return *s, nil
}

// texts is a member that is a text or a list of them (RFC 7519, 4.1.3).
func texts(m map[string]json.RawMessage, name string) ([]string, error) {
	if one, err := text(m, name); err == nil {
		return []string{one}, nil
	}
	var all []string
	if err := json.Unmarshal(m[name], &all); err != nil || len(all) == 0 {
		return nil, fmt.Errorf("%q is no list of texts", name)
	}
	return all, nil
}

// seconds is a member that is a time in whole seconds (a fraction is dropped), between 1970 and 9999.
func seconds(m map[string]json.RawMessage, name string) (time.Time, error) {
	whole, _, _ := bytes.Cut(m[name], []byte("."))
	n, err := strconv.ParseInt(string(whole), 10, 64)
	const last = 253402300799
	if err != nil || n < 0 || n > last {
		return time.Time{}, fmt.Errorf("%q is no time", name)
	}
	return time.Unix(n, 0).UTC(), nil
}
