package paycode_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"tilld/agent/paycode"
)

// sample is one entry of the file that TILLD_VECTORS names: codes from public sources, which are other
// people's and not part of the project.
type sample struct {
	ID          string         `json:"id"`
	Format      string         `json:"format"`
	Encoding    string         `json:"encoding"`
	Input       string         `json:"input"`
	Expect      map[string]any `json:"expect"`
	ExpectError string         `json:"expect_error"`
}

// TestPublicSamples holds every word that the samples say: a format or an expectation that no check here knows
// fails, and so does a field of a customer's code that the sample has not.
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
			text := s.text(t)
			for _, anywhere := range []bool{false, true} { // as a lane without a market reads it, and as it is explained
				c := paycode.Classify(text, paycode.Options{Table: table, On: 20261122, Anywhere: anywhere})
				if c.Text != text {
					t.Errorf("%q became %q", text, c.Text)
				}
				if s.ExpectError != "" {
					s.checkError(t, &c)
					continue
				}
				s.checkKind(t, &c)
			}
			e := explained(text, true)
			if s.ExpectError == "" {
				s.checkContent(t, &e)
			}
			s.checkMasked(t, text, &e)
		})
	}
}

func (s *sample) text(t *testing.T) string {
	switch s.Encoding {
	case "base64", "ascii", "utf8":
		return s.Input
	case "hex":
		b, err := hex.DecodeString(s.Input)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	t.Fatalf("encoding %q", s.Encoding)
	return ""
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
		if missing := f.Name == paycode.FaultNoApplication || f.Name == paycode.FaultCRCMissing; (f.At > 0) == missing {
			t.Errorf("%v begins at %d", f, f.At)
		}
	}
}

func (s *sample) checkKind(t *testing.T, c *paycode.Classification) {
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
}

// checkContent compares everything that the sample says of what is inside.
func (s *sample) checkContent(t *testing.T, e *paycode.Explanation) {
	got := map[string]string{}
	for _, f := range e.Fields {
		got[f.Path] = f.Value
	}
	if len(got) != len(e.Fields) {
		t.Errorf("a path is there twice: %v", e.Fields)
	}
	switch s.Format {
	case "emvco-cpm", "jpqr-cpm":
		if want := s.objects(t); !maps.Equal(got, want) {
			t.Errorf("fields\n%v, want\n%v", got, want)
		}
	case "emvco-mpm":
		maps.DeleteFunc(got, func(path, _ string) bool { return strings.Contains(path, ".") }) // inside a field
		want := map[string]string{}
		for key, value := range s.Expect {
			want[key] = fmt.Sprint(value)
		}
		if !maps.Equal(got, want) {
			t.Errorf("fields\n%v, want\n%v", got, want)
		}
	default:
		s.checkNumber(t, e)
	}
}

// checkNumber compares what is said of codes without structure.
func (s *sample) checkNumber(t *testing.T, e *paycode.Explanation) {
	format := map[any]paycode.Format{"nanaco_number": paycode.NanacoNumber, "einvoice_mobile_barcode": paycode.TWCarrier}
	var list []any
	for _, c := range e.Candidates {
		list = append(list, c.Wallet)
	}
	for key, want := range s.Expect {
		ok := false
		switch key {
		case "wallet_candidates":
			ok = slices.Equal(list, want.([]any))
		case "length":
			ok = float64(len(s.Input)) == want
			if length, told := e.Fields.Get("length"); told {
				ok = length == fmt.Sprint(want)
			}
		case "numeric":
			ok = (e.Format == paycode.Numeric || e.Format == paycode.NanacoNumber) == want
		case "ambiguous":
			ok = (len(list) > 1) == want
		case "cii", "bti", "uin":
			value, _ := e.Fields.Get(key)
			ok = value == want
		case "is_payment_code":
			ok = (e.Kind == paycode.Payment) == want
		case "kind":
			ok = format[want] == e.Format
		default:
			t.Fatalf("nothing checks %s", key)
		}
		if !ok {
			t.Errorf("%s: want %v of %+v", key, want, e)
		}
	}
}

// objects turns the sample's expectation into paths.
func (s *sample) objects(t *testing.T) map[string]string {
	want := map[string]string{}
	for key, value := range s.Expect {
		switch key {
		case "payload_format":
			want["85"] = value.(string)
		case "applications":
			for i, a := range value.([]any) {
				prefix := "61"
				if i > 0 {
					prefix = fmt.Sprintf("61[%d]", i+1)
				}
				addObjects(t, want, prefix, a.(map[string]any))
			}
		case "common":
			addObjects(t, want, "62", value.(map[string]any))
		case "4F_operator_code", "57_payment_id", "99_free_area":
			want["61."+key[:2]] = value.(string)
		default:
			t.Fatalf("nothing checks %s", key)
		}
	}
	return want
}

func addObjects(t *testing.T, want map[string]string, prefix string, template map[string]any) {
	for key, value := range template {
		switch key {
		case "track2":
			for part, v := range value.(map[string]any) {
				want[prefix+".57."+part] = v.(string)
			}
		case "63", "64":
			addObjects(t, want, prefix+"."+key, value.(map[string]any))
		case "63_raw", "64_raw":
			want[prefix+"."+key[:2]] = value.(string)
		case "pan":
			in := ".5A.pan"
			if _, ok := template["57"]; ok {
				in = ".57.pan"
			}
			want[prefix+in] = value.(string)
		default:
			if text, ok := value.(string); ok && strings.Trim(key, "0123456789ABCDEF") == "" {
				want[prefix+"."+key] = text
				continue
			}
			t.Fatalf("nothing checks %s", key)
		}
	}
}

// checkMasked demands that unasked nothing shows an account number, and that all else is shown as it is.
func (s *sample) checkMasked(t *testing.T, text string, open *paycode.Explanation) {
	e := explained(text, false)
	all, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range open.Fields {
		if strings.HasSuffix(f.Path, ".pan") && strings.Contains(string(all), f.Value) {
			t.Errorf("%s is in %s", f.Path, all)
		}
		if masked := e.Fields[i]; masked.Path != f.Path || len(masked.Value) != len(f.Value) || !strings.HasSuffix(masked.Value, f.Value[len(f.Value)-min(4, len(f.Value)):]) {
			t.Errorf("%s is masked %q", f.Path, masked.Value)
		}
	}
}

func wallets(c *paycode.Classification) (names []string) {
	for _, w := range c.Candidates {
		names = append(names, w.Wallet)
	}
	return names
}
