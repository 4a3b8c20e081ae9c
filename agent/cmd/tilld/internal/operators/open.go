package operators

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"tilld/sync/operator"
	"tilld/sync/operator/acquirer"
	"tilld/sync/operator/alipay"
	"tilld/sync/operator/issuer"
	"tilld/sync/operator/linepay"
	"tilld/sync/operator/paypay"
	"tilld/sync/operator/wechat"
)

// maxFile bounds what is read as a credential or a key, in bytes.
const maxFile = 64 << 10

// Open makes the connector of a section, which Check has found in order, and reads the files that it names. The
// credentials file holds one line KEY:SECRET for the kinds paypay (API key and its secret) and linepay (channel ID and
// its secret), one line with the token for acquirer, and the private key in PEM for wechat and alipay. Errors are Faults.
func (s *Section) Open() (operator.Operator, error) {
	reach, secret, fault := s.reach()
	if fault != nil {
		return nil, fault
	}
	op, err := s.connect(reach, secret)
	if fault, ok := errors.AsType[*Fault](err); ok {
		return nil, fault
	}
	if err != nil {
		return nil, faultf("", "%s", bare(err))
	}
	return op, nil
}

// OpenIssuer makes the client that tells a wallet's issuer what lanes took offline; nil when the section is of an operator
// that is none. Errors are Faults.
func (s *Section) OpenIssuer() (*issuer.Client, error) {
	if !s.Issuer {
		return nil, nil
	}
	reach, secret, fault := s.reach()
	if fault != nil {
		return nil, fault
	}
	c, err := issuer.New(reach, s.Prefix, secret.first)
	if err != nil {
		return nil, faultf("", "%s", bare(err))
	}
	return c, nil
}

// reach reads the files that say how to get to the operator.
func (s *Section) reach() (reach operator.Reach, secret credential, _ *Fault) {
	reach = operator.Reach{BaseURL: s.URL, Timeout: must(s.Timeout)}
	if s.CA != "" {
		text, fault := readText("ca", s.CA)
		if fault != nil {
			return reach, secret, fault
		}
		reach.Roots = x509.NewCertPool()
		if !reach.Roots.AppendCertsFromPEM([]byte(text)) {
			return reach, secret, faultf("ca", "%s holds no certificate", s.CA)
		}
	}
	secret, fault := s.credentials()
	return reach, secret, fault
}

// credential is what a credentials file holds: one or two secrets.
type credential struct{ first, second operator.Secret }

func (s *Section) credentials() (c credential, _ *Fault) {
	const key = "credentials_file"
	if info, err := os.Stat(s.CredentialsFile); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return c, faultf(key, "%s has mode %#o: others must not read it (chmod 600)", s.CredentialsFile, info.Mode().Perm())
	}
	text, fault := readText(key, s.CredentialsFile)
	if fault != nil {
		return c, fault
	}
	switch s.Kind {
	case KindWeChat, KindAlipay:
		return credential{first: operator.SecretOf(text)}, nil
	}
	line := strings.TrimRight(text, "\r\n")
	if line == "" || strings.ContainsFunc(line, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return c, faultf(key, "%s: want one line of printable characters without a space", s.CredentialsFile)
	}
	if s.Kind == KindAcquirer {
		return credential{first: operator.SecretOf(line)}, nil
	}
	first, second, _ := strings.Cut(line, ":")
	if first == "" || second == "" {
		return c, faultf(key, "%s: want one line KEY:SECRET", s.CredentialsFile)
	}
	return credential{operator.SecretOf(first), operator.SecretOf(second)}, nil
}

func readText(key, path string) (string, *Fault) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", faultf(key, "%s: %s", path, system(err))
	case !info.Mode().IsRegular():
		return "", faultf(key, "%s is no file", path)
	case info.Size() > maxFile:
		return "", faultf(key, "%s is larger than 64 KiB", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", faultf(key, "%s: %s", path, system(err))
	}
	return string(b), nil
}

// system is a system's error without the path, which is said already.
func system(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

func (s *Section) connect(reach operator.Reach, c credential) (operator.Operator, error) {
	switch s.Kind {
	case KindPayPay:
		return paypay.New(paypay.Config{Reach: reach, CodeField: s.CodeField, RefundFor: must(s.RefundFor)}, paypay.Credentials{Key: c.first, Secret: c.second})
	case KindLINEPay:
		return linepay.New(linepay.Config{Reach: reach, Product: s.Product, DeviceType: s.DeviceType, RefundFor: must(s.RefundFor)},
			linepay.Credentials{ChannelID: c.first, ChannelSecret: c.second})
	case KindWeChat:
		return s.weChat(reach, c)
	case KindAlipay:
		return s.aliPay(reach, c)
	case KindAcquirer:
		return s.acquirer(reach, c)
	}
	return nil, faultf("kind", "%q is none", s.Kind)
}

func (s *Section) weChat(reach operator.Reach, c credential) (operator.Operator, error) {
	keys := map[string]string{}
	for id, path := range s.PlatformKeys {
		text, fault := readText("platform_keys."+id, path)
		if fault != nil {
			return nil, fault
		}
		keys[id] = text
	}
	return wechat.New(wechat.Config{Reach: reach, Merchant: s.Merchant, App: s.App, Serial: s.Serial, Category: s.Category, Description: s.Description,
		PlatformKeys: keys}, wechat.Credentials{Key: c.first})
}

func (s *Section) aliPay(reach operator.Reach, c credential) (operator.Operator, error) {
	key, fault := readText("operator_key", s.OperatorKey)
	if fault != nil {
		return nil, fault
	}
	return alipay.New(alipay.Config{Reach: reach, Client: s.Client, KeyVersion: int(s.KeyVersion), AntomKey: key, Method: s.Method, Category: s.Category,
		Name: s.Name, NotifyURL: s.NotifyURL, Description: s.Description, Sandbox: s.Sandbox, RefundFor: must(s.RefundFor)},
		alipay.Credentials{Key: c.first})
}

func (s *Section) acquirer(reach operator.Reach, c credential) (operator.Operator, error) {
	calls := s.Calls
	if calls == "" {
		calls = s.Wallet
	}
	terms, err := s.Terms.rules()
	if err != nil {
		return nil, err
	}
	terms.Timeout, terms.RefundFor = must(s.Timeout), must(s.RefundFor)
	return acquirer.New(acquirer.Config{Reach: reach, Prefix: s.Prefix, Wallet: calls, Terms: terms, Why: s.Why}, acquirer.Credentials{Token: c.first})
}

func (t *Terms) rules() (r operator.Rules, err error) {
	r = operator.Rules{QueryAfter: must(t.QueryAfter), QueryEvery: must(t.QueryEvery), GiveUp: must(t.GiveUp), AbsentIsFinal: must(t.AbsentIsFinal),
		CancelAfter: must(t.CancelAfter), PartialRefund: t.PartialRefund}
	if t.CancelZone == "" {
		if t.CancelDays != 0 || t.CancelEnd != "" {
			return r, faultf("terms.cancel_zone", "missing: a window of days needs the zone of the operator's day")
		}
		return r, nil
	}
	zone, err := time.LoadLocation(t.CancelZone)
	if err != nil {
		return r, faultf("terms.cancel_zone", "%q is no IANA time zone", t.CancelZone)
	}
	r.CancelUntil = operator.Window{Zone: zone, Days: int(t.CancelDays), End: must(t.CancelEnd)}
	return r, nil
}

// OpenAll makes the connectors of all sections, by wallet. The error names the section by its place, from 1, and its
// wallet.
func OpenAll(list []Section) (map[string]operator.Operator, error) {
	all := map[string]operator.Operator{}
	for i := range list {
		op, err := list[i].Open()
		if err != nil {
			return nil, fmt.Errorf("operator %d (%s): %w", i+1, list[i].Wallet, err)
		}
		all[list[i].Wallet] = op
	}
	return all, nil
}
