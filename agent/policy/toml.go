package policy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"tilld/agent/paycode"
	"tilld/agent/payment"
)

// SourceError says what is wrong with an authored policy, and where.
type SourceError struct {
	File string
	Line int    // 0: the file as a whole
	Key  string // dotted, such as "caps.payment" or "store[2].cap"; may be empty
	Msg  string
}

// Error is one line: file:line: key: what is wrong.
func (e *SourceError) Error() string {
	s := e.File
	if e.Line > 0 {
		s += fmt.Sprintf(":%d", e.Line)
	}
	if e.Key != "" {
		s += ": " + e.Key
	}
	return s + ": " + e.Msg
}

// Unwrap makes it match ErrInvalid.
func (e *SourceError) Unwrap() error { return ErrInvalid }

// Starter is a small, cautious policy to begin editing from. Its market is the currency's country.
func Starter(chain string, currency payment.Currency, zone string, issued time.Time) *Document {
	d := defaults()
	d.Version, d.Chain, d.Currency, d.Zone, d.Issued = 1, chain, currency, zone, StampOf(issued)
	d.Market, d.Roll = home(currency), 4*3600
	d.Wallets, d.Codes = []string{paycode.HouseWallet}, *paycode.DefaultTable()
	d.Caps = Caps{Payment: 5_000, AccountDay: 10_000, Unbound: 2_000, Small: 2_000, AccountCount: 10}
	d.Tiers.RestartFor, d.Tiers.RestartPayment, d.Tiers.RestartPercent = 12*3600, 2_000, 25
	d.Default = StoreDefault{Cap: 400_000, Lanes: 4, Sum: 100_000, Count: 200}
	return d
}

// home is the country that a currency's code begins with (ISO 4217 takes it from ISO 3166); none for the euro.
func home(c payment.Currency) string {
	if len(c) < 2 || c == "EUR" {
		return ""
	}
	return string(c[:2])
}

// defaults are the values of what an authored policy leaves out.
func defaults() *Document {
	return &Document{
		Retention: 30,
		Code:      Tolerance{Past: 60, Future: 120},
		Tiers:     Tiers{FullFor: 4 * 3600, SmallFor: 24 * 3600},
	}
}

// ParseTOML reads a policy as people write it. An unknown key, a wrong unit and a value that can't be are a
// *SourceError with file, line and key. Left out, code is 60 s past and 120 s future, tiers are 4 h full
// and 24 h small with nothing after a restart, and retention is 30 days. Lists may be in any order.
func ParseTOML(file string, src []byte) (*Document, error) {
	if len(src) > 4*MaxDocument {
		return nil, &SourceError{File: file, Msg: "too large for a policy"}
	}
	d := defaults()
	dec := toml.NewDecoder(bytes.NewReader(src))
	if err := dec.DisallowUnknownFields().Decode(d); err != nil {
		return nil, decodeError(file, err)
	}
	at := findPlaces(src)
	d.Revoked.Sort()
	err := at.checkQuoted()
	if err == nil {
		err = d.validate()
	}
	if err != nil {
		bad := &SourceError{File: file, Msg: err.Error()}
		if f, ok := errors.AsType[*fieldError](err); ok {
			bad.Key, bad.Msg, bad.Line = f.key, f.msg, at.line(f.key)
		}
		return nil, bad
	}
	d.sort()
	return d, nil
}

// quoted are the keys whose values are texts with a unit. The decoder would take a bare number for seconds.
var quoted = []string{"day_roll", "issued", "past", "future", "full_for", "small_for", "restart_for"}

func (m places) checkQuoted() error {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if m[key].number && slices.Contains(quoted, key[strings.LastIndexByte(key, '.')+1:]) {
			return badField(key, `a number without a unit; want a text such as "4h", or a time such as "2026-11-22T09:00:00Z"`)
		}
	}
	return nil
}

// sort puts into order what readers search.
func (d *Document) sort() {
	d.Revoked.Sort()
	for i := range d.Groups {
		slices.Sort(d.Groups[i].Stores)
	}
	slices.SortFunc(d.Stores, func(a, b Store) int { return cmp.Compare(a.Name, b.Name) })
	for i := range d.Stores {
		slices.SortFunc(d.Stores[i].Lanes, func(a, b Lane) int { return cmp.Compare(a.Name, b.Name) })
	}
}

// decodeError gives the decoder's error its file, line and key.
func decodeError(file string, err error) error {
	at, ok := errors.AsType[*toml.DecodeError](err)
	if missing, is := errors.AsType[*toml.StrictMissingError](err); is && len(missing.Errors) > 0 {
		at = &missing.Errors[0]
		line, _ := at.Position()
		return &SourceError{File: file, Line: line, Key: strings.Join(at.Key(), "."), Msg: "unknown key"}
	}
	if !ok {
		return &SourceError{File: file, Msg: strings.TrimPrefix(err.Error(), "toml: ")}
	}
	line, _ := at.Position()
	return &SourceError{File: file, Line: line, Key: strings.Join(at.Key(), "."), Msg: strings.TrimPrefix(at.Error(), "toml: ")}
}
