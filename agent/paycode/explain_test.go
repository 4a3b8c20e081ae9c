package paycode_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tilld/agent/paycode"
)

// The JSON is an interface: names, order and emptiness are promised.
func TestExplainJSON(t *testing.T) {
	for text, want := range map[string]string{
		"280012345678901234": `{"kind":"payment","format":"numeric",` +
			`"candidates":[{"wallet":"alipay","online_only":true,"confidence":"verified","market":"CN"},{"wallet":"icashpay","online_only":true,"confidence":"doubtful","market":"TW"}],` +
			`"fields":{"begins":"28","length":"18"},"warnings":[],"error":"","reason":"none"}`,
		"]E04901777018686\r\n": `{"kind":"not-payment","format":"ean-13","candidates":[],"fields":{"gtin":"4901777018686"},` +
			`"warnings":["aim_identifier:]E0"],"error":"","reason":"not_payment_code"}`,
		"": `{"kind":"invalid","format":"text","candidates":[],"fields":{},"warnings":[],"error":"empty (nothing was read)","reason":"malformed_code"}`,
		"/ABCD12": `{"kind":"unknown","format":"text","candidates":[],"fields":{"begins":"/A","length":"7"},"warnings":[],` +
			`"error":"not_a_carrier_and_not_a_payment_code (begins like an invoice carrier and is none, nor a payment code)","reason":"unknown_code"}`,
	} {
		got, err := json.Marshal(explained(text, false))
		if err != nil || string(got) != want {
			t.Errorf("%q:\ngot  %s\nwant %s", text, got, want)
		}
	}
}

// Rows that only length and market tell: named in their market and in no other, and where nobody said where, with
// the warning that it is a guess. Every row of the shipped table can be met.
func TestExplainMarket(t *testing.T) {
	for _, tt := range []struct {
		text, market string
		kind         paycode.Kind
		wallets      string
		warnings     string
	}{
		{"771234567890123456", "TW", paycode.Payment, "linepay TW", ""},
		{"771234567890123456", "TH", paycode.Unknown, "", ""},
		{"771234567890123456", "JP", paycode.Unknown, "", ""},
		{"771234567890123456", "", paycode.Payment, "linepay TW", "only_in_market:TW"},
		{"771234567890", "TH", paycode.Payment, "linepay TH", ""},
		{"771234567890", "TW", paycode.Unknown, "", ""},
		{"771234567890", "", paycode.Payment, "linepay TH", "only_in_market:TH"},
		{"280012345678901234", "TW", paycode.Payment, "icashpay TW, alipay CN", ""},
		{"280012345678901234", "JP", paycode.Payment, "alipay CN, icashpay TW", ""},
		{"9527", "TW", paycode.NotPayment, "", ""},
		{"9527", "JP", paycode.Unknown, "", ""},
		{"9527", "", paycode.NotPayment, "", "only_in_market:TW"},
	} {
		e := paycode.Explainer{Table: paycode.DefaultTable(), Market: tt.market, Now: noon}.Explain(tt.text)
		var list []string
		for _, c := range e.Candidates {
			list = append(list, c.Wallet+" "+c.Market)
		}
		if got := strings.Join(list, ", "); e.Kind != tt.kind || got != tt.wallets || strings.Join(e.Warnings, " ") != tt.warnings {
			t.Errorf("%s in %q: %s, %q, warnings %q", tt.text, tt.market, e.Kind, got, e.Warnings)
		}
	}
}

func TestExplainSigned(t *testing.T) {
	text := houseCode(t)
	for _, tt := range []struct {
		now  time.Time
		want string
	}{
		{noon, "signature_not_checked"},
		{noon.Add(23 * time.Hour), "signature_not_checked certificate_expired"},
		{noon.Add(-2 * time.Hour), "signature_not_checked certificate_not_yet_valid"},
	} {
		e := paycode.Explainer{Table: paycode.DefaultTable(), Now: tt.now}.Explain(text)
		if got := strings.Join(e.Warnings, " "); got != tt.want || !e.Chargeable() {
			t.Errorf("%v: %s, warnings %q, want %q", tt.now, e.Kind, got, tt.want)
		}
		wantFields(t, e.Fields, map[string]string{
			"store": "0231", "lane": "3", "counter": "7", "time": "2026-11-22T03:00:00Z", "expiry": "2026-11-23T02:00:00Z",
			"not_before": "2026-11-22T02:00:00Z", "cap": "10000 JPY", "issuer": signer(t, "issuer").Public().KID().String(),
		})
		if !slices.Equal(e.Candidates, []paycode.Candidate{{Wallet: "house", Confidence: "verified", Enabled: true, Source: "paycode/signed/FORMAT.md"}}) {
			t.Errorf("candidates %+v", e.Candidates)
		}
	}
}

func TestWriteHuman(t *testing.T) {
	tests := map[string]string{
		"280012345678901234": `kind        payment
format      numeric
wallet      alipay (online only, at home in CN, verified)
            icashpay (online only, at home in TW, doubtful)
field       begins = "28"
field       length = "18"
`,
		"9000000000123456789": `kind        unknown
format      numeric
field       begins = "90"
field       length = "19"
warning     valid_to:linepay 2025-04-30
error       unknown_code (fits no wallet of the table and nothing else that is known)
reason      unknown_code
`,
	}
	for text, want := range tests {
		var b strings.Builder
		if err := explained(text, false).WriteHuman(&b); err != nil || b.String() != want {
			t.Errorf("%v\ngot:\n%s\nwant:\n%s", err, b.String(), want)
		}
	}
	broken := errors.New("no paper")
	if err := explained("1", false).WriteHuman(failing{broken}); !errors.Is(err, broken) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// A code that holds nothing but the word of how its text is written is an empty one.
func TestNothingButAnEscape(t *testing.T) {
	c := paycode.Classify(`\000026`, paycode.Options{AIM: "]Q2", Table: paycode.DefaultTable()})
	if c.Kind != paycode.Invalid || c.Err == nil || c.Text != "" {
		t.Errorf("%+v", c)
	}
}

// Whatever is scanned, there is an answer that keeps its promises, and the same one again.
func FuzzClassify(f *testing.F) {
	house := houseCode(f)
	for _, text := range []string{
		house, house[:100], house + house, "281234567890123456", "7600123412341234", bill, "/AB12345", "4901777018686",
		b64(emvHead, tlv("61", aidOne, track2)), b64(jpqrHead, tlv("61", tlv("4f", "12345678"))), b64(raw("8520"), "CPV01"),
		mpm("00", "01", "59", "本舗"), "upi://pay", "]Q1" + house, `\000026x`, "\x1d91", "ほげ", "",
	} {
		f.Add(text, "]Q2", "TW")
		f.Add(text, "", "")
	}
	f.Add(`\000026`, "]Q2", "")
	table := paycode.DefaultTable()
	f.Fuzz(func(t *testing.T, text, aim, market string) {
		o := paycode.Options{AIM: aim, Table: table, On: 20261122, Market: market}
		c := paycode.Classify(text, o)
		checkPromises(t, &c)
		if aim != "]Q2" && c.Text != text {
			t.Errorf("%q became %q", text, c.Text)
		}
		if again := paycode.Classify(text, o); again.Kind != c.Kind || again.Format != c.Format || !slices.Equal(wallets(&again), wallets(&c)) {
			t.Errorf("%q is first %s, then %s", text, c.Kind, again.Kind)
		}
		if _, err := json.Marshal(paycode.Explainer{Table: table, Market: market, Now: noon}.Explain(text)); err != nil {
			t.Error(err)
		}
	})
}
