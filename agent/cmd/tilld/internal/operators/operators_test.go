package operators

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
)

// office is a directory with every file that a section can name.
type office struct {
	*testing.T
	dir  string
	shop *rsa.PrivateKey
	own  *rsa.PrivateKey
}

const (
	apiKey, apiSecret = "key-of-a-test", "sesame:open"
	token             = "tok_sesame"
)

func newOffice(t *testing.T) *office {
	o := &office{T: t, dir: t.TempDir()}
	var err error
	if o.shop, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if o.own, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(o.shop)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&o.own.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	o.put("pair", []byte(apiKey+":"+apiSecret+"\n"))
	o.put("token", []byte(token+"\n"))
	o.put("key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	o.put("theirs", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	return o
}

func (o *office) path(name string) string { return filepath.Join(o.dir, name) }

func (o *office) put(name string, b []byte) {
	o.Helper()
	if err := os.WriteFile(o.path(name), b, 0o600); err != nil {
		o.Fatal(err)
	}
}

// sections are one of each kind, in order.
func (o *office) sections(url string) map[string]Section {
	return map[string]Section{
		KindPayPay:  {Wallet: "paypay", URL: url, CredentialsFile: o.path("pair"), RefundFor: "30d"},
		KindLINEPay: {Wallet: "linepay", URL: url, CredentialsFile: o.path("pair"), DeviceType: "POS"},
		KindWeChat: {Wallet: "wechat", URL: url, CredentialsFile: o.path("key"), Merchant: "1900000109", App: "wx8888", Serial: "5157F0", Category: "5411",
			PlatformKeys: map[string]string{"PUB_1": o.path("theirs")}},
		KindAlipay: {Wallet: "alipay", URL: url, CredentialsFile: o.path("key"), OperatorKey: o.path("theirs"), Client: "C1", Category: "5411", Name: "Kita",
			NotifyURL: "https://hq.example/n", KeyVersion: 1, Sandbox: true},
		KindAcquirer: {Wallet: "merpay", URL: url, CredentialsFile: o.path("token"), Timeout: "20s", RefundFor: "90d", Prefix: "/v1", Calls: "MERPAY",
			Terms: Terms{QueryAfter: "2s", QueryEvery: "3s", GiveUp: "1m", AbsentIsFinal: "10m", CancelZone: "Asia/Tokyo", CancelDays: 1, CancelEnd: "15m"},
			Why:   map[string]string{"POOR": "no_funds"}},
	}
}

func TestEveryKindOpens(t *testing.T) {
	o := newOffice(t)
	for kind, s := range o.sections("http://127.0.0.1:9") {
		s.Kind = kind
		if f := s.Check(); len(f) > 0 {
			t.Errorf("%s: %v", kind, f)
		}
		op, err := s.Open()
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if r := op.Rules(); r.Timeout < time.Second || r.QueryAfter <= 0 || r.GiveUp <= 0 {
			t.Errorf("%s: rules %+v", kind, r)
		}
	}
	s := o.sections("http://127.0.0.1:9")[KindAcquirer]
	s.Kind = KindAcquirer
	op, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	r := op.Rules()
	if r.Timeout != 20*time.Second || r.RefundFor != 90*24*time.Hour || r.CancelUntil.Days != 1 || r.CancelUntil.End != 15*time.Minute || r.AbsentIsFinal != 10*time.Minute {
		t.Errorf("%+v", r)
	}
}

// TestOpenedConnectorIsTheOperators: what the files hold reaches the operator as it should.
func TestOpenedConnectorIsTheOperators(t *testing.T) {
	o := newOffice(t)
	server, err := emulate.New(emulate.Config{Wallets: map[emulate.Wallet]emulate.Party{emulate.PayPay: {ID: apiKey, Secret: operator.SecretOf(apiSecret)}}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	t.Cleanup(server.Close)
	s := o.sections(web.URL)[KindPayPay]
	s.Kind = KindPayPay
	all, err := OpenAll([]Section{s})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.SetCustomer(emulate.PayPay, emulate.Customer{Name: "Aoki", Balance: payment.Of(5000, "JPY")}); err != nil {
		t.Fatal(err)
	}
	code, err := server.Show(emulate.PayPay, "Aoki")
	if err != nil {
		t.Fatal(err)
	}
	a := all["paypay"].Pay(t.Context(), operator.Charge{Ref: "01ARZ3NDEKTSV4RRFFQ6900001", Code: code, Shop: operator.Shop{Merchant: "246"}, Amount: payment.Of(1200, "JPY"), Made: time.Now()})
	if a.Outcome != operator.Paid {
		t.Errorf("%s, %q, %v", a.Outcome, a.Said, a.Err)
	}
}

func TestSectionFaults(t *testing.T) {
	o := newOffice(t)
	for _, tt := range []struct {
		name, kind string
		change     func(*Section)
		want       string
	}{
		{"no kind", "", func(s *Section) { *s = Section{} }, `kind: "": want one of paypay,`},
		{"another kind", KindPayPay, func(s *Section) { s.Kind = "visa" }, `kind: "visa": want one of`},
		{"no wallet", KindPayPay, func(s *Section) { s.Wallet = "" }, "wallet: want 1 to 32"},
		{"no credentials", KindPayPay, func(s *Section) { s.CredentialsFile = "" }, "credentials_file: missing"},
		{"relative credentials", KindPayPay, func(s *Section) { s.CredentialsFile = "c" }, `credentials_file: "c" must be an absolute path`},
		{"no URL", KindPayPay, func(s *Section) { s.URL = "" }, "url: the base URL is not a URL with a host"},
		{"plain HTTP", KindPayPay, func(s *Section) { s.URL = "http://example.com" }, "url: the base URL of example.com must be https"},
		{"a path", KindPayPay, func(s *Section) { s.URL = "https://example.com/v2" }, "url: the base URL of example.com must be scheme and host alone"},
		{"a timeout of words", KindPayPay, func(s *Section) { s.Timeout = "soon" }, `timeout: "soon": want a length of time`},
		{"no days", KindPayPay, func(s *Section) { s.RefundFor = "0d" }, `refund_for: "0d": want days from 1d to 3650d`},
		{"a key of another kind", KindPayPay, func(s *Section) { s.Merchant = "1" }, "merchant: is not for the kind paypay, but for wechat"},
		{"terms of another kind", KindLINEPay, func(s *Section) { s.Terms.GiveUp = "1m" }, "terms: is not for the kind linepay, but for acquirer"},
		{"no merchant", KindWeChat, func(s *Section) { s.Merchant = "" }, "merchant: missing"},
		{"none of WeChat's keys", KindWeChat, func(s *Section) { s.PlatformKeys = nil }, "platform_keys: missing"},
		{"a relative key", KindWeChat, func(s *Section) { s.PlatformKeys = map[string]string{"P": "k"} }, `platform_keys.P: "k" must be an absolute path`},
		{"no key of Antom's", KindAlipay, func(s *Section) { s.OperatorKey = "" }, "operator_key: missing"},
		{"no terms", KindAcquirer, func(s *Section) { s.Terms = Terms{} }, "terms: missing"},
		{"a term less", KindAcquirer, func(s *Section) { s.Terms.GiveUp = "" }, "terms.give_up: missing"},
		{"no timeout of an acquirer's", KindAcquirer, func(s *Section) { s.Timeout = "" }, "timeout: missing"},
		{"another reason", KindAcquirer, func(s *Section) { s.Why["POOR"] = "poor" }, `why: "POOR" is called "poor", which is no reason of ours`},
		{"no zone", KindAcquirer, func(s *Section) { s.Terms.CancelZone = "Mars" }, `terms.cancel_zone: "Mars" is no IANA time zone`},

		// Found in the files, or by the connector.
		{"a timeout too long", KindPayPay, func(s *Section) { s.Timeout = "5m" }, "a time-out of 5m0s is not within"},
		{"a window without its zone", KindAcquirer, func(s *Section) { s.Terms.CancelZone = "" }, "terms.cancel_zone: missing: a window"},
		{"an odd field", KindPayPay, func(s *Section) { s.CodeField = "a b" }, "PayPay's field for the code"},
		{"no file of credentials", KindPayPay, func(s *Section) { s.CredentialsFile = o.path("none") }, "credentials_file: " + o.path("none") + ": no such file"},
		{"a directory", KindPayPay, func(s *Section) { s.CredentialsFile = o.dir }, "credentials_file: " + o.dir},
		{"a token for a pair", KindPayPay, func(s *Section) { s.CredentialsFile = o.path("token") }, "want one line KEY:SECRET"},
		{"a key for a token", KindAcquirer, func(s *Section) { s.CredentialsFile = o.path("key") }, "want one line of printable"},
		{"a pair for a key", KindWeChat, func(s *Section) { s.CredentialsFile = o.path("pair") }, "the private key is not PEM"},
		{"the shop's key for Antom's", KindAlipay, func(s *Section) { s.OperatorKey = o.path("key") }, "the operator's key is not"},
		{"no CA", KindPayPay, func(s *Section) { s.CA = o.path("none") }, "ca: " + o.path("none") + ": no such file"},
		{"a CA of words", KindPayPay, func(s *Section) { s.CA = o.path("token") }, "ca: " + o.path("token") + " holds no certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := o.sections("http://127.0.0.1:9")[tt.kind]
			s.Kind = tt.kind
			tt.change(&s)
			var said string
			if faults := s.Check(); len(faults) > 0 {
				if len(faults) > 1 {
					t.Errorf("%d faults: %v", len(faults), faults)
				}
				said = faults[0].Error()
			} else if _, err := s.Open(); err != nil {
				if _, ok := errors.AsType[*Fault](err); !ok {
					t.Errorf("%T", err)
				}
				said = err.Error()
			}
			if !strings.Contains(said, tt.want) {
				t.Errorf("got %q, want %q", said, tt.want)
			}
			for _, secret := range []string{apiKey, apiSecret, token, "sesame", "BEGIN"} {
				if strings.Contains(said, secret) {
					t.Errorf("%q holds a credential", said)
				}
			}
		})
	}
}

func TestCredentialsForAllToSee(t *testing.T) {
	o := newOffice(t)
	if err := os.Chmod(o.path("pair"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := o.sections("http://127.0.0.1:9")[KindPayPay]
	s.Kind = KindPayPay
	_, err := OpenAll([]Section{s})
	if err == nil || !strings.Contains(err.Error(), "operator 1 (paypay): credentials_file: ") || !strings.Contains(err.Error(), "has mode 0644") {
		t.Errorf("%v", err)
	}
}

const header = "wallet,store,lane,merchant,shop_store,shop_terminal\n"

func TestReadTable(t *testing.T) {
	table, err := ReadTable([]byte("\ufeff"+header+"paypay,S001,,M1,1001,\r\npaypay,S001,L2,M1,1001,T2\nmerpay,S001,,M2,7,\n"), []string{"paypay", "merpay"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		wallet, store, lane string
		want                operator.Shop
		ok                  bool
	}{
		{"paypay", "S001", "L1", operator.Shop{Merchant: "M1", Store: "1001"}, true},
		{"paypay", "S001", "L2", operator.Shop{Merchant: "M1", Store: "1001", Terminal: "T2"}, true},
		{"merpay", "S001", "L2", operator.Shop{Merchant: "M2", Store: "7"}, true},
		{"paypay", "S002", "L1", operator.Shop{}, false},
		{"merpay", "S002", "", operator.Shop{}, false},
	} {
		if got, ok := table.Shop(tt.wallet, "", tt.store, tt.lane); got != tt.want || ok != tt.ok {
			t.Errorf("%+v: %+v, %t", tt, got, ok)
		}
	}
	if table.Rows("paypay") != 2 || table.Rows("merpay") != 1 || table.Rows("none") != 0 {
		t.Errorf("rows: %v", table.wallets)
	}
}

// TestShopsOfGroups: a lane goes by its own row, or else by its store's, its group's or the chain's.
func TestShopsOfGroups(t *testing.T) {
	table, err := ReadTable([]byte(header+"paypay,*,,all,,\npaypay,@kita,,group,,\npaypay,S001,,store,,\npaypay,S001,L1,lane,,\nmerpay,@kita,,g2,,\n"), []string{"paypay", "merpay"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ wallet, group, store, lane, want string }{
		{"paypay", "kita", "S001", "L1", "lane"}, {"paypay", "kita", "S001", "L2", "store"}, {"paypay", "kita", "S002", "L1", "group"},
		{"paypay", "minami", "S003", "L1", "all"}, {"paypay", "", "S003", "L1", "all"}, {"merpay", "kita", "S001", "L1", "g2"}, {"merpay", "", "S001", "L1", ""},
	} {
		if got, ok := table.Shop(tt.wallet, tt.group, tt.store, tt.lane); got.Merchant != tt.want || ok != (tt.want != "") {
			t.Errorf("%+v: %+v, %t", tt, got, ok)
		}
	}
}

func TestTableFaults(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"empty":             {"", "line 1: want the columns wallet,store,lane,"},
		"no header":         {"paypay,S001,,M1,1,1\n", "line 1: want the columns"},
		"a column less":     {header + "paypay,S001,,M1,1\n", "line 2: want 6 fields: wallet,"},
		"a wallet mistyped": {header + "papay,S001,,M1,1,1\n", `line 2: wallet: no [[operator]] is there for "papay"`},
		"no store":          {header + "paypay,,,M1,1,1\n", `line 2: store: "": want`},
		"a store of words":  {header + "paypay,S001,,M1,1,1\npaypay,Kita 2,,M1,1,1\n", `line 3: store: "Kita 2": want`},
		"a group of words":  {header + "paypay,@Kita 2,,M1,1,1\n", `line 2: store: "@Kita 2": want`},
		"no group":          {header + "paypay,@,,M1,1,1\n", `line 2: store: "@": want`},
		"a lane of a group": {header + "paypay,@kita,L1,M1,1,1\n", `line 2: lane: "L1": lanes have rows in their own stores`},
		"a lane of all":     {header + "paypay,*,L1,M1,1,1\n", `line 2: lane: "L1": lanes have`},
		"all twice":         {header + "paypay,*,,M1,1,1\npaypay,*,,M2,1,1\n", "line 3: says again what line 2 says: paypay, store *"},
		"a lane of words":   {header + "paypay,S001,lane 1,M1,1,1\n", `line 2: lane: "lane 1": want`},
		"a long name":       {header + "paypay,S001,," + strings.Repeat("1", 65) + ",1,1\n", "line 2: merchant: want up to 64"},
		"a space":           {header + "paypay,S001,,M1, 1,1\n", "line 2: shop_store: want up to 64"},
		"a control letter":  {header + "paypay,S001,,M1,1,\"a\nb\"\n", "line 2: shop_terminal: want up to 64"},
		"no merchant":       {header + "paypay,S001,,,1001,\n", "line 2: merchant: missing"},
		"twice":             {header + "paypay,S001,L1,M1,1,1\npaypay,S001,L1,M2,1,1\n", "line 3: says again what line 2 says: paypay, store S001"},
		"a lonely quote":    {header + "paypay,S001,,\"M1,1,1\n", "line 2: "},
	} {
		got, err := ReadTable([]byte(tt.text), []string{"paypay"})
		if got != nil || err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	_, err := ReadTable([]byte(header+strings.Repeat("x,S001,,M1,1,1\n", 100)), []string{"paypay"})
	if many, ok := errors.AsType[Faults](err); !ok || len(many) != mostFault {
		t.Errorf("%v", err)
	}
}

// TestShopsAreReadAgain when the file changes; one with a fault is said once and not taken.
func TestShopsAreReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shops.csv")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	put(header + "paypay,S001,,M1,,\n")
	s, err := OpenShops(path, []string{"paypay"})
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	look := func(what, merchant, says string) {
		t.Helper()
		said.Reset()
		s.look(log)
		if got, _ := s.Shop("paypay", "", "S001", "L1"); got.Merchant != merchant || (says == "") != (said.Len() == 0) || !strings.Contains(said.String(), says) {
			t.Errorf("%s: %+v, %q", what, got, said.String())
		}
	}
	look("as it was", "M1", "")
	put(header + "paypay,S001,,M2,,\n")
	look("another", "M2", "was read")
	look("the same", "M2", "")
	put(header + "paypay,S001,,,,\n")
	look("a faulty one", "M2", "line 2: merchant")
	look("the same faulty one", "M2", "")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	look("gone", "M2", "no such file")
	look("gone for longer", "M2", "")
	put(header + "paypay,S001,,M3,,\n")
	look("back", "M3", "was read")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Watch(ctx, log); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := OpenShops(filepath.Join(t.TempDir(), "none"), nil); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

// FuzzReadTable: whatever is in the file is refused with a line, or every row of it is found again.
func FuzzReadTable(f *testing.F) {
	f.Add(header + "paypay,S001,,M1,1001,\n")
	f.Add(header + "paypay,S001,L1,\"M,1\",1001,T\n")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := ReadTable([]byte(text), []string{"paypay"})
		if err != nil {
			if table != nil || !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("%v", err)
			}
			return
		}
		for p, shop := range table.rows {
			if got, ok := table.Shop(p.wallet, "", p.store, p.lane); !ok || got != shop || p.store == "" || shop.Merchant == "" {
				t.Errorf("%+v: %+v", p, got)
			}
		}
	})
}
