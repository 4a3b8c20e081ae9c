// Package operators makes connectors to wallet operators out of HQ's configuration, and reads the table of what
// operators call the shops.
//
// What a reader would get wrong: no error of this package holds a credential, nor a line of a file that should hold one.
// Files are named, and what is wrong with them is said in other words.
package operators

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"tilld/sync/operator"
	"tilld/sync/wire"
)

// The kinds of connectors.
const (
	KindPayPay   = "paypay"
	KindLINEPay  = "linepay"
	KindWeChat   = "wechat"
	KindAlipay   = "alipay"
	KindAcquirer = "acquirer"
)

var kinds = []string{KindPayPay, KindLINEPay, KindWeChat, KindAlipay, KindAcquirer}

// Section is one [[operator]] of HQ's file. The tag "of" names the kinds that have a key, and "need" those that can't be
// without; a key without tags is every kind's.
type Section struct {
	Kind            string `toml:"kind"`
	Wallet          string `toml:"wallet"`           // as the policy and the table of shops name it
	URL             string `toml:"url"`              // scheme and host
	CA              string `toml:"ca"`               // PEM of who signs the operator's certificate; empty: whom the system trusts
	CredentialsFile string `toml:"credentials_file"` // mode 0600; what is in it is by kind: see Open
	Timeout         string `toml:"timeout" need:"acquirer"`
	RefundFor       string `toml:"refund_for" of:"paypay linepay alipay acquirer"` // such as "365d"; empty: the connector's own

	CodeField  string `toml:"code_field" of:"paypay"`
	Product    string `toml:"product" of:"linepay"`
	DeviceType string `toml:"device_type" of:"linepay"`

	Merchant     string            `toml:"merchant" of:"wechat" need:"wechat"`
	App          string            `toml:"app" of:"wechat" need:"wechat"`
	Serial       string            `toml:"serial" of:"wechat" need:"wechat"`
	PlatformKeys map[string]string `toml:"platform_keys" of:"wechat" need:"wechat"` // files of the operator's keys, by their serial or ID

	Client      string `toml:"client" of:"alipay" need:"alipay"`
	KeyVersion  int64  `toml:"key_version" of:"alipay"`
	OperatorKey string `toml:"operator_key" of:"alipay" need:"alipay"` // file
	Method      string `toml:"method" of:"alipay"`
	Name        string `toml:"name" of:"alipay" need:"alipay"`
	NotifyURL   string `toml:"notify_url" of:"alipay" need:"alipay"`
	Sandbox     bool   `toml:"sandbox" of:"alipay"`

	Category    string `toml:"category" of:"wechat alipay" need:"wechat alipay"`
	Description string `toml:"description" of:"wechat alipay"`

	Prefix string            `toml:"prefix" of:"acquirer"`
	Calls  string            `toml:"calls" of:"acquirer"`  // how the acquirer calls the wallet; empty: as we do
	Issuer bool              `toml:"issuer" of:"acquirer"` // it is `tilld issuer`: shops are called there as we call them, and it hears of what lanes took offline
	Terms  Terms             `toml:"terms" of:"acquirer" need:"acquirer"`
	Why    map[string]string `toml:"why" of:"acquirer"` // the acquirer's reasons -> ours
}

// Terms are an acquirer's, by its contract: see operator.Rules.
type Terms struct {
	QueryAfter    string `toml:"query_after"`
	QueryEvery    string `toml:"query_every"`
	GiveUp        string `toml:"give_up"`
	AbsentIsFinal string `toml:"absent_is_final"`
	CancelAfter   string `toml:"cancel_after"` // empty: at once
	CancelZone    string `toml:"cancel_zone"`  // of the operator's day; empty: a cancel is always possible
	CancelDays    int64  `toml:"cancel_days"`
	CancelEnd     string `toml:"cancel_end"` // into that day, such as "15m" or "24h"
	PartialRefund bool   `toml:"partial_refund"`
}

// Fault is what is wrong with a key of a section, or with a line of the table of shops.
type Fault struct {
	Key string // below the section; "": the section as a whole
	Msg string
}

// Error says which key it is.
func (f *Fault) Error() string {
	if f.Key == "" {
		return f.Msg
	}
	return f.Key + ": " + f.Msg
}

func faultf(key, format string, args ...any) *Fault { return &Fault{key, fmt.Sprintf(format, args...)} }

// Check says what is wrong with the text of a section. What its files hold is told by Open.
func (s *Section) Check() (faults []*Fault) {
	if !slices.Contains(kinds, s.Kind) {
		return []*Fault{faultf("kind", "%q: want one of %s", s.Kind, strings.Join(kinds, ", "))}
	}
	faults = append(faults, s.fields()...)
	if err := wire.CheckName("wallet", s.Wallet); err != nil {
		faults = append(faults, faultf("wallet", "want 1 to 32 of A-Z a-z 0-9 _ -, beginning with a letter or digit"))
	}
	if s.CredentialsFile == "" {
		faults = append(faults, faultf("credentials_file", "missing"))
	}
	for key, path := range s.files() {
		if path != "" && !filepath.IsAbs(path) {
			faults = append(faults, faultf(key, "%q must be an absolute path", path))
		}
	}
	if err := (&operator.Reach{BaseURL: s.URL}).Validate(); err != nil {
		faults = append(faults, faultf("url", "%s", bare(err)))
	}
	for key, text := range s.spans() {
		if _, err := span(text); err != nil {
			faults = append(faults, faultf(key, "%s", err))
		}
	}
	if z := s.Terms.CancelZone; z != "" {
		if _, err := time.LoadLocation(z); err != nil || z == "Local" {
			faults = append(faults, faultf("terms.cancel_zone", "%q is no IANA time zone", z))
		}
	}
	for said, why := range s.Why {
		if _, ok := operator.ParseWhy(why); !ok {
			faults = append(faults, faultf("why", "%q is called %q, which is no reason of ours", said, why))
		}
	}
	slices.SortFunc(faults, func(a, b *Fault) int { return strings.Compare(a.Error(), b.Error()) })
	return faults
}

// fields finds keys that this kind has no use for, and those that it can't be without.
func (s *Section) fields() (faults []*Fault) {
	v := reflect.ValueOf(s).Elem()
	for i, f := range slices.Collect(v.Type().Fields()) {
		key, has := f.Tag.Get("toml"), !v.Field(i).IsZero()
		if of := f.Tag.Get("of"); has && of != "" && !named(of, s.Kind) {
			faults = append(faults, faultf(key, "is not for the kind %s, but for %s", s.Kind, of))
		}
		if !has && named(f.Tag.Get("need"), s.Kind) {
			faults = append(faults, faultf(key, "missing"))
		}
	}
	if s.Kind != KindAcquirer || s.Terms == (Terms{}) {
		return faults
	}
	t := reflect.ValueOf(s.Terms)
	for i, f := range slices.Collect(t.Type().Fields()) {
		if key := f.Tag.Get("toml"); t.Field(i).IsZero() && named("query_after query_every give_up absent_is_final", key) {
			faults = append(faults, faultf("terms."+key, "missing"))
		}
	}
	return faults
}

func named(list, name string) bool { return slices.Contains(strings.Fields(list), name) }

// files are the paths that a section names, by key.
func (s *Section) files() map[string]string {
	m := map[string]string{"ca": s.CA, "credentials_file": s.CredentialsFile, "operator_key": s.OperatorKey}
	for _, id := range slices.Sorted(maps.Keys(s.PlatformKeys)) {
		m["platform_keys."+id] = s.PlatformKeys[id]
	}
	return m
}

// spans are the lengths of time of a section, by key.
func (s *Section) spans() map[string]string {
	return map[string]string{
		"timeout": s.Timeout, "refund_for": s.RefundFor, "terms.query_after": s.Terms.QueryAfter, "terms.query_every": s.Terms.QueryEvery,
		"terms.give_up": s.Terms.GiveUp, "terms.absent_is_final": s.Terms.AbsentIsFinal, "terms.cancel_after": s.Terms.CancelAfter,
		"terms.cancel_end": s.Terms.CancelEnd,
	}
}

// span reads a length of time: days ("365d"), or whatever time.ParseDuration does. The empty one is 0.
func span(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n > 0 && n <= 3650 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
		return 0, fmt.Errorf("%q: want days from 1d to 3650d", text)
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf(`%q: want a length of time such as "35s", "15m" or "365d"`, text)
	}
	return d, nil
}

// must is span of a text that Check has read.
func must(text string) time.Duration {
	d, _ := span(text) // Check has refused what it can't read
	return d
}

// bare is an error of a connector without what goes before each of them.
func bare(err error) string {
	text := err.Error()
	if errors.Is(err, operator.ErrConfig) {
		text = strings.ReplaceAll(text, operator.ErrConfig.Error()+": ", "")
	}
	return text
}
