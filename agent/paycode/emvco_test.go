package paycode_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"tilld/agent/paycode"
)

func TestEMVCoFraming(t *testing.T) {
	app := tlv("61", aidOne, track2)
	dup := b64(emvHead, tlv("61", aidOne, tlv("5f20", "A")), tlv("61", aidTwo), tlv("62", tlv("5f20", "B")))
	tests := []struct {
		name, text string
		err        string // the fault with its tag; empty: a payment
		warnings   []string
	}{
		{"one application", b64(emvHead, app), "", nil},
		{"two applications and common data", b64(emvHead, tlv("61", aidOne), tlv("61", aidTwo), tlv("62", track2)), "", nil},
		{"long form of the length", b64(emvHead, tlv("61", aidOne, tlv("63", strings.Repeat("x", 200)))), "", nil},
		{"longer form of the length", b64(emvHead, tlv("61", aidOne, tlv("63", strings.Repeat("x", 300)))), "", nil},
		{"a length with leading zeros", b64(emvHead, raw("6183000009"), aidOne), "", nil},
		{"transparent data is not looked into", b64(emvHead, tlv("61", aidOne, tlv("63", "\xff\xff\xff"))), "", nil},
		{"transparent data at the top", b64(emvHead, app, tlv("63", "x")), "", []string{"template_outside:63"}},
		{"an unlisted object", b64(emvHead, tlv("61", aidOne, tlv("5f34", "\x00"))), "", []string{"unknown_tag:5F34"}},
		{"an unlisted template", b64(emvHead, app, tlv("65", "")), "", []string{"unknown_tag:65"}},
		{"common data before the application", b64(emvHead, tlv("62", ""), app), "", []string{"template_order:61"}},
		{"an application after common data", b64(emvHead, tlv("62", track2), tlv("61", aidOne)), "", []string{"template_order:61"}},
		{"another template before the application", b64(emvHead, tlv("65", ""), app), "", []string{"unknown_tag:65", "template_order:61"}},
		{"three applications", b64(emvHead, app, tlv("61", aidTwo), tlv("61", aidTwo)), "", []string{"applications:3"}},
		{"an application without name is skipped", b64(emvHead, tlv("61", track2), app), "", []string{"template_skipped:4F"}},
		{"an account number in letters", b64(emvHead, tlv("61", aidOne, tlv("5a", "0110704000"))), "", []string{"not_an_account_number:5A"}},
		{"a clash in the application that is not chosen", b64(emvHead, tlv("61", aidOne), tlv("61", aidTwo, tlv("50", "x"), tlv("50", "y"))), "", []string{"duplicate_poi_data:50"}},

		{"a clash in the chosen application", b64(emvHead, tlv("61", aidOne, tlv("50", "x"), tlv("50", "y"))), "duplicate_poi_data:50", nil},
		{"a clash with common data", dup, "duplicate_poi_data:5F20", nil},
		{"payload format twice", b64(emvHead, emvHead, app), "duplicate_poi_data:85", nil},
		{"only the head", b64(emvHead), "missing_application_template", nil},
		{"no usable application", b64(emvHead, tlv("61", tlv("4f", "abcd"))), "no_usable_application", nil},
		{"another version", b64(tlv("85", "CPV02"), app), "payload_format_unknown", nil},
		{"half a code", b64(emvHead, app[:20]), "value_overruns_buffer:61", nil},
		{"a length without its bytes", b64(emvHead, raw("6182")), "value_overruns_buffer:61", nil},
		{"a length and no value", b64(emvHead, raw("61")), "value_overruns_buffer:61", nil},
		{"16 MB announced", b64(emvHead, raw("6183ffffff")), "value_overruns_buffer:61", nil},
		{"4 GB announced", b64(emvHead, raw("6184ffffffff00")), "value_overruns_buffer:61", nil},
		{"19 length bytes announced", b64(emvHead, raw("6193"), aidOne, strings.Repeat("x", 200)), "ber_length_invalid:61", nil},
		{"no definite length", b64(emvHead, raw("6180"), aidOne, raw("0000")), "ber_length_invalid:61", nil},
		{"an inner length overruns", b64(emvHead, tlv("61", aidOne, raw("5005"), "abc")), "value_overruns_buffer:50", nil},
		{"a tag without end", b64(emvHead, app, raw("5f")), "ber_tag_invalid:5F", nil},
		{"a tag of four bytes", b64(emvHead, app, raw("5f81818101"), "x"), "ber_tag_invalid:5F8181", nil},
		{"padding", b64(emvHead, app, raw("0000")), "ber_tag_invalid:00", nil},
		{"not base 64 behind the head", b64(emvHead, app) + "!", "not_emvco_cpm", nil},
		{"the head's own length overruns", b64(raw("8520"), "CPV01"), "value_overruns_buffer:85", nil},
		{"another first object", b64(raw("8504"), "CPV1", app), "payload_format_unknown", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := classify(tt.text)
			checkPromises(t, &c)
			var f *paycode.Fault
			switch got := ""; {
			case errors.As(c.Err, &f):
				if got = f.String(); got != tt.err || c.Kind != paycode.Invalid || c.Format != paycode.EMVCoCPM {
					t.Errorf("%s %s, %s; want %s", c.Kind, c.Format, got, tt.err)
				}
			case tt.err != "" || c.Kind != paycode.Payment || c.Format != paycode.EMVCoCPM:
				t.Errorf("%s %s, %v; want the fault %q", c.Kind, c.Format, c.Err, tt.err)
			}
			if !slices.Equal(c.Warnings, tt.warnings) {
				t.Errorf("warnings %q, want %q", c.Warnings, tt.warnings)
			}
		})
	}
}

// What wallets and scanners do to base 64 costs no payment.
func TestEMVCoText(t *testing.T) {
	// Bytes whose text holds a plus, a slash and padding.
	text := b64(emvHead, tlv("61", aidOne, tlv("63", strings.Repeat("\xfb\xff\xbf\x00", 2))), tlv("62", tlv("50", "xy")))
	if !strings.Contains(text, "+") || !strings.Contains(text, "/") || !strings.HasSuffix(text, "=") {
		t.Fatalf("%s shows nothing", text)
	}
	tests := []struct {
		name, text string
		warnings   []string
	}{
		{"as it is", text, nil},
		{"without padding", strings.TrimRight(text, "="), []string{"base64_padding"}},
		{"the other alphabet", strings.NewReplacer("+", "-", "/", "_").Replace(text), []string{"base64_url_alphabet"}},
		{"a space too many", text[:20] + " " + text[20:], []string{"base64_space"}},
		{"a space for a plus", strings.ReplaceAll(text, "+", " "), []string{"base64_space_for_plus"}},
	}
	want := classify(text)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := classify(tt.text)
			if c.Kind != paycode.Payment || !slices.Equal(c.Warnings, tt.warnings) || !slices.Equal(wallets(&c), wallets(&want)) {
				t.Errorf("%s, %q, %q, %v", c.Kind, wallets(&c), c.Warnings, c.Err)
			}
			if c.Text != tt.text {
				t.Error("the text is not as it was scanned")
			}
		})
	}
}

// The terminal's own choice decides which clash matters.
func TestEMVCoChoosesWhatTheStoreTakes(t *testing.T) {
	clash := tlv("61", aidOne, tlv("50", "x"), tlv("50", "y")) // UnionPay's
	text := b64(emvHead, clash, tlv("61", aidTwo))
	for _, tt := range []struct {
		enabled []string
		kind    paycode.Kind
	}{
		{nil, paycode.Invalid}, {[]string{"unionpay", "qris"}, paycode.Invalid}, {[]string{"qris"}, paycode.Payment}, {[]string{}, paycode.Invalid},
	} {
		c := paycode.Classify(text, paycode.Options{Table: paycode.DefaultTable(), Wallets: tt.enabled})
		if c.Kind != tt.kind {
			t.Errorf("enabled %q: %s, %v", tt.enabled, c.Kind, c.Err)
		}
		if tt.kind == paycode.Payment && (c.Candidates[0].Wallet != "qris" || !c.Candidates[0].Enabled || c.Candidates[1].Enabled) {
			t.Errorf("enabled %q: %+v", tt.enabled, c.Candidates)
		}
	}
}

func TestEMVCoFields(t *testing.T) {
	text := b64(emvHead,
		tlv("61", aidOne, tlv("57", raw("6212345678901234567d30122010000001ff")), tlv("50", "Un\x1b[0m"), tlv("9f25", raw("9876"))),
		tlv("61", aidTwo, tlv("5a", raw("9360012345678901234fff")), tlv("9f25", "")))
	wantFields(t, explained(text, false).Fields, map[string]string{
		"85": "CPV01", "61.4F": "A0000003330102", "61.57": "***************4567D30122010000001FF", "61.57.pan": "***************4567",
		"61.57.expiry_yymm": "3012", "61.57.service_code": "201", "61.57.discretionary": "0000001",
		"61.50": "556E1B5B306D", "61.9F25": "9876",
		"61[2].4F": "A0000006022020", "61[2].5A": "***************1234FFF", "61[2].5A.pan": "***************1234",
	})
	wantFields(t, explained(text, true).Fields, map[string]string{
		"61.57": "6212345678901234567D30122010000001FF", "61.57.pan": "6212345678901234567",
		"61[2].5A": "9360012345678901234FFF", "61[2].5A.pan": "9360012345678901234",
	})
	c := classify(text)
	if !slices.Equal(wallets(&c), []string{"unionpay", "qris"}) {
		t.Errorf("wallets %q", wallets(&c))
	}
	c = classify(b64(emvHead, tlv("61", tlv("4f", raw("a000000065039202")), tlv("5a", raw("3158990012345678")))))
	if !slices.Equal(wallets(&c), []string{"merpay"}) {
		t.Errorf("merpay by its account number: %q", wallets(&c))
	}
	c = classify(b64(emvHead, tlv("61", tlv("4f", raw("a000000065039202")), tlv("5a", raw("3158992112345678")))))
	if !slices.Equal(wallets(&c), []string{"smartcode"}) {
		t.Errorf("another wallet on the same rails: %q", wallets(&c))
	}
}

func TestJPQR(t *testing.T) {
	app := tlv("61", tlv("4f", "12345678"), tlv("57", "9876543210123456"), tlv("99", `{"k":1}`))
	for reveal, number := range map[bool]string{false: "************3456", true: "9876543210123456"} {
		e := explained(b64(jpqrHead, app), reveal)
		wantFields(t, e.Fields, map[string]string{
			"85": "JPQR1", "61.4F": "12345678", "61.57": number, "61.99": `{"k":1}`, "61.57.pan": "",
		})
		if len(e.Warnings) != 0 {
			t.Errorf("warnings %q", e.Warnings)
		}
	}
	table := &paycode.Table{Rows: []paycode.Row{{
		Wallet: "anypay", Format: paycode.JPQRCPM, Prefixes: []string{"1234"}, Confidence: paycode.ConfidenceReported, Source: "test",
	}}}
	if err := table.Validate(); err != nil {
		t.Fatal(err)
	}
	if c := paycode.Classify(b64(jpqrHead, app), paycode.Options{Table: table}); !slices.Equal(wallets(&c), []string{"anypay"}) {
		t.Errorf("wallets %q", wallets(&c))
	}
	for text, want := range map[string]string{
		b64(jpqrHead): "missing_application_template", b64(tlv("85", "JPQR2"), app): "payload_format_unknown",
		b64(jpqrHead, app[:12]):                                  "value_overruns_buffer:61",
		b64(jpqrHead, tlv("61", tlv("57", "1"), tlv("57", "2"))): "duplicate_poi_data:57",
	} {
		c := classify(text)
		var f *paycode.Fault
		if !errors.As(c.Err, &f) || f.String() != want || c.Format != paycode.JPQRCPM || c.Kind != paycode.Invalid {
			t.Errorf("%s %s, %v; want %s", c.Kind, c.Format, c.Err, want)
		}
	}
	if c := classify(b64(jpqrHead, tlv("61", tlv("57", "1")))); c.Kind != paycode.Payment || !slices.Contains(c.Warnings, "no_operator_code:4F") {
		t.Errorf("without an operator: %s, %q", c.Kind, c.Warnings)
	}
}

// A length is never believed before the bytes are there.
func TestNoAllocationByLength(t *testing.T) {
	b := []byte(raw("6184ffffffff00"))
	if n := testing.AllocsPerRun(10, func() { paycode.ParseTLV(b) }); n > 4 {
		t.Errorf("%v allocations", n)
	}
}

// Every byte belongs to one object, and no object reaches beyond its input.
func FuzzTLV(f *testing.F) {
	for _, s := range []string{
		emvHead + tlv("61", aidOne, track2), raw("6193"), raw("6180"), raw("6182010c"), raw("5f8181"), raw("0000"), raw("9f7401ff"),
	} {
		f.Add(base64.StdEncoding.EncodeToString([]byte(s)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return
		}
		names, values, fault := paycode.ParseTLV(b)
		if fault != nil {
			if names != nil {
				t.Fatalf("objects with the fault %v", fault)
			}
			return
		}
		size := 0
		for i, v := range values {
			if size += len(names[i])/2 + 1 + len(v); !strings.Contains(string(b), string(v)) {
				t.Fatalf("%s is not of the input", names[i])
			}
		}
		if size > len(b) {
			t.Fatalf("%d bytes of %d", size, len(b))
		}
		rewriteTLV(t, b, names, values)
	})
}

// rewriteTLV writes the objects anew. With shortest lengths that is the input, or else shorter.
func rewriteTLV(t *testing.T, b []byte, names []string, values [][]byte) {
	var again strings.Builder
	for i := range names {
		if len(values[i]) > 0xffff {
			return
		}
		again.WriteString(tlv(names[i], string(values[i])))
	}
	if again.Len() > len(b) || (again.Len() == len(b) && again.String() != string(b)) {
		t.Fatalf("%x is written %x", b, again.String())
	}
	n2, _, fault := paycode.ParseTLV([]byte(again.String()))
	if fault != nil || !slices.Equal(n2, names) {
		t.Fatalf("%x: %v", again.String(), fault)
	}
}
