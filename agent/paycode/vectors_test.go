package paycode_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"tilld/agent/paycode"
)

// sample is one entry of the file that TILLD_VECTORS names: codes from public sources, which are other
// people's and not part of the project.
type sample struct {
	ID          string          `json:"id"`
	Format      string          `json:"format"`
	Encoding    string          `json:"encoding"`
	Input       string          `json:"input"`
	Expect      json.RawMessage `json:"expect"`
	ExpectError string          `json:"expect_error"`
}

// expected is what a sample's decoded fields may say, for the formats that are looked at.
type expected struct {
	Wallets      []string `json:"wallet_candidates"`
	CRCOK        *bool    `json:"crc_ok"`
	Operator     string   `json:"4F_operator_code"`
	Applications []struct {
		AID string `json:"4F"`
		PAN string `json:"pan"`
	} `json:"applications"`
	Common struct {
		PAN string `json:"pan"`
	} `json:"common"`
}

func TestPublicSamples(t *testing.T) {
	path := os.Getenv("TILLD_VECTORS")
	if path == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("TILLD_VECTORS is not set: continuous integration checks the public samples")
		}
		t.Log("TILLD_VECTORS is not set: the public samples were NOT checked")
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []sample
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 30 {
		t.Fatalf("%d samples", len(all))
	}
	table := paycode.DefaultTable()
	for _, s := range all {
		t.Run(s.ID, func(t *testing.T) {
			var want expected
			if s.ExpectError == "" {
				if err := json.Unmarshal(s.Expect, &want); err != nil {
					t.Fatal(err)
				}
			}
			for _, anywhere := range []bool{false, true} { // as a lane without a market reads it, and as it is explained
				c := paycode.Classify(s.text(t), paycode.Options{Table: table, On: 20261122, Anywhere: anywhere})
				if s.ExpectError != "" {
					s.checkError(t, &c)
					continue
				}
				s.check(t, &c, &want)
			}
		})
	}
}

func (s *sample) text(t *testing.T) string {
	if s.Encoding != "hex" {
		return s.Input
	}
	b, err := hex.DecodeString(s.Input)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// checkError expects the very fault, and for what is merely not of a format, that nothing was made of it.
func (s *sample) checkError(t *testing.T, c *paycode.Classification) {
	var f *paycode.Fault
	if !errors.As(c.Err, &f) {
		t.Fatalf("%s %s, error %v; want %s", c.Kind, c.Format, c.Err, s.ExpectError)
	}
	switch s.ExpectError {
	case "not_emvco_cpm":
		if c.Kind != paycode.Unknown && f.Name != paycode.FaultNotEMVCo {
			t.Errorf("%s, %v", c.Kind, f)
		}
	case "not_a_carrier_and_not_a_payment_code":
		if c.Kind != paycode.Unknown || f.String() != s.ExpectError {
			t.Errorf("%s, %v", c.Kind, f)
		}
	default:
		if c.Kind != paycode.Invalid || string(c.Format) != s.Format || (f.String() != s.ExpectError && string(f.Name) != s.ExpectError) {
			t.Errorf("%s %s, %v; want %s", c.Kind, c.Format, f, s.ExpectError)
		}
	}
}

func (s *sample) check(t *testing.T, c *paycode.Classification, want *expected) {
	kinds := map[string]paycode.Kind{
		"emvco-cpm": paycode.Payment, "jpqr-cpm": paycode.Payment, "payment-code": paycode.Payment,
		"stored-value-number": paycode.Loyalty, "emvco-mpm": paycode.NotPayment, "tw-einvoice-carrier": paycode.NotPayment,
	}
	formats := map[string][]paycode.Format{
		"payment-code": {paycode.Numeric, paycode.Text}, "stored-value-number": {paycode.NanacoNumber},
	}
	if kind, ok := kinds[s.Format]; !ok || c.Kind != kind || c.Err != nil {
		t.Fatalf("%s, %v; a sample of %s", c.Kind, c.Err, s.Format)
	}
	if f := formats[s.Format]; (f == nil && string(c.Format) != s.Format) || (f != nil && !slices.Contains(f, c.Format)) {
		t.Errorf("format %s, want %s", c.Format, s.Format)
	}
	if want.Wallets != nil {
		if got := wallets(c); !slices.Equal(got, want.Wallets) {
			t.Errorf("wallets %q, want %q", got, want.Wallets)
		}
	}
	if want.CRCOK != nil && (c.Fields["crc_ok"] == "true") != *want.CRCOK {
		t.Errorf("crc_ok = %s, want %v", c.Fields["crc_ok"], *want.CRCOK)
	}
	if want.Operator != c.Fields["operator_code"] {
		t.Errorf("operator %q, want %q", c.Fields["operator_code"], want.Operator)
	}
	for i, a := range want.Applications {
		prefix := "application." + string(rune('1'+i)) + "."
		if c.Fields[prefix+"aid"] != a.AID {
			t.Errorf("application %q, want %q", c.Fields[prefix+"aid"], a.AID)
		}
		pan := a.PAN + want.Common.PAN
		if got := c.Fields[prefix+"pan"]; len(got) != len(pan) || !strings.HasSuffix(pan, strings.Trim(got, "*")) {
			t.Errorf("account number %q of %q", got, pan)
		}
	}
}

func wallets(c *paycode.Classification) (names []string) {
	for _, w := range c.Candidates {
		names = append(names, w.Wallet)
	}
	return names
}
