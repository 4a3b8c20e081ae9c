package paycode_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

func TestDefaultTableIsValid(t *testing.T) {
	table := paycode.DefaultTable()
	if err := table.Validate(); err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) < 25 {
		t.Errorf("%d rows", len(table.Rows))
	}
	// It is handed out fresh, so that nobody's change is everybody's.
	table.Rows[0].Wallet, table.Rows[1].Prefixes[0] = "changed", "changed"
	if again := paycode.DefaultTable(); again.Rows[0].Wallet == "changed" || again.Rows[1].Prefixes[0] == "changed" {
		t.Error("two tables share rows")
	}
}

// The table travels inside the signed policy and is edited as text; it survives both.
func TestTableEncodings(t *testing.T) {
	want := paycode.DefaultTable()
	for name, trip := range map[string]func() (*paycode.Table, error){
		"cbor": func() (*paycode.Table, error) {
			b, err := wire.Marshal(want)
			if err != nil {
				return nil, err
			}
			got := new(paycode.Table)
			return got, wire.Unmarshal(b, got) // which demands that it encodes to the same bytes again
		},
		"json": func() (*paycode.Table, error) {
			b, err := json.Marshal(want)
			if err != nil {
				return nil, err
			}
			got := new(paycode.Table)
			return got, json.Unmarshal(b, got)
		},
		"toml": func() (*paycode.Table, error) {
			b, err := toml.Marshal(want)
			if err != nil {
				return nil, err
			}
			got := new(paycode.Table)
			return got, toml.NewDecoder(strings.NewReader(string(b))).DisallowUnknownFields().Decode(got)
		},
	} {
		got, err := trip()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: comes back otherwise", name)
		}
	}
}

func TestValidateNamesTheField(t *testing.T) {
	good := paycode.Row{
		Wallet: "anypay", Format: paycode.Numeric, Market: "JP", Class: paycode.Digits, Prefixes: []string{"77"},
		MinLength: 18, MaxLength: 20, Confidence: paycode.ConfidenceVerified, Source: "test",
	}
	tests := []struct {
		field  string // how the message begins; empty: valid
		change func(*paycode.Row)
	}{
		{"", func(*paycode.Row) {}},
		{"wallet", func(r *paycode.Row) { r.Wallet = "" }},
		{"wallet", func(r *paycode.Row) { r.Wallet = "AnyPay" }},
		{"kind", func(r *paycode.Row) { r.Kind = paycode.NotPayment }},
		{"market", func(r *paycode.Row) { r.Market = "Japan" }},
		{"confidence", func(r *paycode.Row) { r.Confidence = "" }},
		{"source", func(r *paycode.Row) { r.Source = "" }},
		{"symbology", func(r *paycode.Row) { r.Symbology = paycode.EAN }},
		{"offline", func(r *paycode.Row) { r.Offline = true }},
		{"pan_prefixes", func(r *paycode.Row) { r.PANPrefixes = []string{"1"} }},
		{"valid_from", func(r *paycode.Row) { r.ValidFrom = 20261301 }},
		{"valid_to", func(r *paycode.Row) { r.ValidFrom, r.ValidTo = 20260202, 20260201 }},
		{"format", func(r *paycode.Row) { r.Format = paycode.EMVCoMPM }},
		{"class", func(r *paycode.Row) { r.Class = paycode.Alnum }},
		{"class", func(r *paycode.Row) { r.Class = "hex" }},
		{"class", func(r *paycode.Row) { r.Format = paycode.Text }},
		{"min_length", func(r *paycode.Row) { r.MinLength = 7 }},
		{"min_length", func(r *paycode.Row) { r.MinLength = 21 }},
		{"min_length", func(r *paycode.Row) { r.MaxLength = 44 }},
		{"min_length", func(r *paycode.Row) { r.MinLength, r.MaxLength = 40, 50 }},
		{"prefixes", func(r *paycode.Row) { r.Prefixes = nil }},
		{"prefixes", func(r *paycode.Row) { r.Prefixes, r.Fallback, r.Market = nil, true, "" }},
		{"", func(r *paycode.Row) { r.Prefixes, r.Fallback = nil, true }},
		{"prefixes", func(r *paycode.Row) { r.Prefixes = []string{"7", ""} }},
		{"prefixes", func(r *paycode.Row) { r.Prefixes = []string{"7A"} }},
		{"prefixes", func(r *paycode.Row) { r.Prefixes = []string{strings.Repeat("7", 19)} }},
		{"class", func(r *paycode.Row) { r.Format = paycode.EMVCoCPM }},
		{"prefixes", func(r *paycode.Row) {
			*r = paycode.Row{Wallet: "a", Format: paycode.EMVCoCPM, Prefixes: []string{"a000"}, Confidence: "verified", Source: "x"}
		}},
		{"offline", func(r *paycode.Row) {
			*r = paycode.Row{Wallet: "a", Format: paycode.Signed, Confidence: "verified", Source: "x"}
		}},
	}
	for i, tt := range tests {
		row := good
		tt.change(&row)
		err := (&paycode.Table{Rows: []paycode.Row{good, row}}).Validate()
		switch {
		case tt.field == "" && err != nil:
			t.Errorf("%d: %v", i, err)
		case tt.field != "" && (!errors.Is(err, paycode.ErrTable) || !strings.Contains(err.Error(), "rows[1] ("+row.Wallet+"): "+tt.field)):
			t.Errorf("%d: %v, want the field %s", i, err, tt.field)
		}
	}
	if err := (&paycode.Table{Rows: slices.Repeat([]paycode.Row{good}, paycode.MaxRows+1)}).Validate(); !errors.Is(err, paycode.ErrTable) {
		t.Errorf("too many rows: %v", err)
	}
}

// The order: the store's own, then what the scanner saw, the market, the table's priority and confidence.
func TestOrderOfCandidates(t *testing.T) {
	row := func(wallet string, change func(*paycode.Row)) paycode.Row {
		r := paycode.Row{
			Wallet: wallet, Format: paycode.Numeric, Class: paycode.Digits, Prefixes: []string{"77"},
			MinLength: 16, MaxLength: 16, Confidence: paycode.ConfidenceReported, Source: "test",
		}
		change(&r)
		return r
	}
	table := &paycode.Table{Rows: []paycode.Row{
		row("plain", func(*paycode.Row) {}),
		row("sure", func(r *paycode.Row) { r.Confidence = paycode.ConfidenceVerified }),
		row("later", func(r *paycode.Row) { r.Confidence, r.Priority = paycode.ConfidenceVerified, 5 }),
		row("home", func(r *paycode.Row) { r.Market, r.Priority = "JP", 9 }),
		row("stripes", func(r *paycode.Row) { r.Symbology, r.Priority = paycode.Code128, 7 }),
		row("last", func(r *paycode.Row) { r.Fallback = true }),
		row("sure", func(r *paycode.Row) { r.Prefixes = []string{"7"} }), // the same wallet is named once
	}}
	if err := table.Validate(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		options paycode.Options
		want    string
	}{
		{"nothing known", paycode.Options{}, "sure plain later stripes home"},
		{"market", paycode.Options{Market: "JP"}, "home sure plain later stripes"},
		{"a QR code was seen", paycode.Options{AIM: "]Q1"}, "sure plain later home stripes"},
		{"the store's order", paycode.Options{Market: "JP", Wallets: []string{"stripes", "plain"}}, "stripes plain home sure later"},
		{"only a fallback is enabled", paycode.Options{Wallets: []string{"last"}}, "last sure plain later stripes home"},
		{"none is enabled", paycode.Options{Wallets: []string{}}, "sure plain later stripes home last"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.options
			o.Table = table
			c := paycode.Classify("7712345678901234", o)
			if got := strings.Join(wallets(&c), " "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			for _, w := range c.Candidates {
				if w.Enabled != (o.Wallets == nil || slices.Contains(o.Wallets, w.Wallet)) {
					t.Errorf("%s: enabled %v", w.Wallet, w.Enabled)
				}
			}
		})
	}
	c := paycode.Classify("3158990012345678901", paycode.Options{Table: paycode.DefaultTable(), AIM: "]Q1"})
	if !slices.Contains(c.Warnings, "symbology:qr") {
		t.Errorf("a bar code's text in a QR code: %q", c.Warnings)
	}
}

// A row that is over, or not yet, is said: the cashier's "why not?" has an answer.
func TestEndedRowsAreNamed(t *testing.T) {
	const text = "9000000000123456789"
	for on, want := range map[payment.Date]string{20260101: "valid_to:linepay 2025-04-30", 20190101: "valid_from:linepay 2019-08-01"} {
		c := paycode.Classify(text, paycode.Options{Table: paycode.DefaultTable(), On: on})
		if c.Kind != paycode.Unknown || !slices.Equal(c.Warnings, []string{want}) {
			t.Errorf("%v: %s, %q", on, c.Kind, c.Warnings)
		}
	}
	if c := paycode.Classify(text, paycode.Options{}); c.Kind != paycode.Unknown || len(c.Warnings) != 0 {
		t.Errorf("without a table: %s, %q", c.Kind, c.Warnings)
	}
}
