package paycode_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tilld/agent/paycode"
)

const pan = "6212345678901234"

// Every deviation that stops no payment is named with its place.
func TestContentWarnings(t *testing.T) {
	number := tlv("5a", raw(pan))
	app := tlv("61", aidOne, number)
	with := func(parts ...string) string { return b64(emvHead, tlv("61", aidOne, number, strings.Join(parts, ""))) }
	tests := []struct{ name, text, warnings string }{
		{"all that the table has", with(
			tlv("50", "Uni Pay 1"), tlv("5f20", "MEIER/ÄNNE"[:6]), tlv("5f2d", "dejaen"), tlv("5f50", "tel:+81-3-1234"), tlv("9f08", raw("0010")),
			tlv("9f19", raw("012345678901")), tlv("9f24", "V0010013021000123456789012345"), tlv("9f25", raw("1234")), tlv("63", tlv("9f26", "12345678"))), ""},
		{"no account number", b64(emvHead, tlv("61", aidOne)), "no_account_number:61"},
		{"the account number in the common data", b64(emvHead, tlv("61", aidOne), tlv("61", aidTwo), tlv("62", number)), ""},
		{"two account numbers", with(tlv("57", raw("6212345678901235d3012201"))), "account_numbers_differ:61"},
		{"the same account number twice", with(track2), ""},
		{"common data for one application", b64(emvHead, app, tlv("62", tlv("50", "A"))), "common_data_for_one_application:62"},
		{"a long label", with(tlv("50", strings.Repeat("a", 17))), "value_length:61.50"},
		{"an empty label", with(tlv("50", "")), "value_length:61.50"},
		{"a label that can't be seen", with(tlv("50", "\x00")), "not_text:61.50 value_form:61.50"},
		{"a label with a sign", with(tlv("50", "A&B")), "value_form:61.50"},
		{"a name in kanji", with(tlv("5f20", "山田")), "value_form:61.5F20"},
		{"half a language", with(tlv("5f2d", "dej")), "value_form:61.5F2D"},
		{"an address that is no URL", with(tlv("5f50", "a@example.com")), "value_form:61.5F50"},
		{"a version of one byte", with(tlv("9f08", raw("10"))), "value_length:61.9F08"},
		{"a reference in small letters", with(tlv("9f24", strings.Repeat("a", 29))), "value_form:61.9F24"},
		{"last four that are no digits", with(tlv("9f25", raw("12ab"))), "value_form:61.9F25"},
		{"track 2 without a date", b64(emvHead, tlv("61", aidOne, tlv("57", raw(pan)))), "value_form:61.57"},
		{"an account number of eleven bytes", b64(emvHead, tlv("61", aidOne, tlv("5a", raw(pan), raw("ffffff")))), "value_length:61.5A"},
		{"the other one's transparent data", with(tlv("64", "")), "misplaced:61.64"},
		{"transparent data twice", with(tlv("63", ""), tlv("63", "")), "template_twice:61.63[2]"},
		{"a template that is none", b64(emvHead, app, tlv("65", "x")), "unknown_tag:65 not_a_template:65"},
		{"a long code", with(tlv("63", tlv("df01", strings.Repeat("x", 400)))), "longer_than:512"},
		{"transparent data of any form", with(tlv("63", "\xff")), ""},
		{"JPQR without a number", b64(jpqrHead, tlv("61", tlv("4f", "12345678"))), "no_payment_number:61"},
		{"JPQR in bytes", b64(jpqrHead, tlv("61", tlv("4f", "1234\x00"), tlv("57", "12345678"))), "not_text:61.4F"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := explained(tt.text, false)
			if got := strings.Join(e.Warnings, " "); got != tt.warnings || e.Kind != paycode.Payment {
				t.Errorf("%s with the warnings %q, want %q", e.Kind, got, tt.warnings)
			}
		})
	}
}

// A refused code is still told, as far as its framing goes, so that its maker can be shown what is wrong.
func TestContentOfRefusedCodes(t *testing.T) {
	for text, want := range map[string]map[string]string{
		b64(emvHead):                             {"85": "CPV01"},
		b64(tlv("85", "CPV02"), tlv("61", "")):   {"85": "CPV02", "61": ""},
		b64(emvHead, tlv("61", aidOne, "\x50")):  {"85": "CPV01", "61": "********************", "61.4F": ""},
		b64(emvHead, tlv("61", aidOne), "\x62"):  {"85": ""},
		b64(emvHead, tlv("61", aidOne)) + "!":    {"85": ""},
		b64(emvHead, tlv("61", aidOne, aidOne)):  {"61.4F": "A0000003330102", "61.4F[2]": "A0000003330102"},
		b64(tlv("85", "CPV01"), tlv("9f01", "")): {"85": "CPV01"},
	} {
		e := explained(text, false)
		if e.Kind != paycode.Invalid || e.Format != paycode.EMVCoCPM {
			t.Errorf("%s %s", e.Kind, e.Format)
		}
		wantFields(t, e.Fields, want)
	}
}

// Unasked nothing shows an account number, wherever in the code it is repeated.
func TestAccountNumbersAreHidden(t *testing.T) {
	sequence := raw("57136212345678901234567d30122010000001ff")
	for name, parts := range map[string][]string{
		"track 2":                  {tlv("57", raw(pan+"d30122010000"))},
		"track 2, 19 digits":       {tlv("57", raw("6212345678901234567d3012201000ff"))},
		"track 2, no separator":    {tlv("57", raw(pan))},
		"5A":                       {tlv("5a", raw(pan))},
		"5A as text":               {tlv("5a", pan)},
		"in the transparent data":  {tlv("63", tlv("5a", raw(pan)), tlv("9f26", "12345678"))},
		"transparent, any form":    {tlv("63", "\x01", raw(pan))},
		"transparent, half of it":  {tlv("63", tlv("9f26", "12345678"), tlv("7f21", "\x01", raw(pan)))},
		"track 1":                  {tlv("56", "B"+pan+"^MEIER/A^3012201")},
		"contactless track 2":      {tlv("9f6b", raw(pan+"d30122010000"))},
		"repeated as bytes":        {tlv("5a", raw(pan)), tlv("df01", raw("0"+pan+"f"))},
		"repeated as text":         {tlv("5a", raw(pan)), tlv("9f74", "token:"+pan), tlv("50", pan), tlv("5f20", "X"+pan)},
		"repeated behind itself":   {tlv("57", raw(pan+"d3012201"+pan))},
		"in a template of another": {tlv("70", tlv("77", tlv("57", raw(pan+"d30122010000"))))},
		"too deep": {tlv("70", tlv("70", tlv("70", tlv("70", tlv("70", tlv("70", tlv("70", tlv("70", tlv("70",
			tlv("70", tlv("5a", raw(pan))))))))))))},
		"odd, in the transparent data's bytes": {tlv("63", sequence)},
	} {
		t.Run(name, func(t *testing.T) {
			text := b64(emvHead, tlv("61", aidOne, strings.Join(parts, "")))
			if e := explained(text, true); !holdsNumber(t, e, pan) {
				t.Errorf("not even revealed: %v", e.Fields)
			}
			if e := explained(text, false); holdsNumber(t, e, pan) {
				t.Errorf("shown: %v", e.Fields)
			}
		})
	}
	for _, text := range []string{
		mpm("00", "01", "02", pan, "58", "JP"), mpm("00", "01", "02", pan, "26", "0016"+pan, "62", "05"+"18"+"X"+pan+"X"),
		b64(jpqrHead, tlv("61", tlv("4f", "12345678"), tlv("57", pan), tlv("99", `{"n":"`+pan+`"}`))),
	} {
		if holdsNumber(t, explained(text, false), pan) || !holdsNumber(t, explained(text, true), pan) {
			t.Errorf("%v", explained(text, false).Fields)
		}
	}
}

// holdsNumber looks for digits in all that is told, as text and as bytes that are text, in both forms of the answer.
func holdsNumber(t *testing.T, e paycode.Explanation, digits string) bool {
	t.Helper()
	var human strings.Builder
	b, err := json.Marshal(e)
	if err := errors.Join(err, e.WriteHuman(&human)); err != nil {
		t.Fatal(err)
	}
	all := human.String() + string(b)
	return strings.Contains(all, digits) || strings.Contains(all, strings.ToUpper(hexOf(digits)))
}

// What is revealed of a code in hexadecimal is the code: nothing is lost on the way.
func TestContentIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tags := rapid.SampledFrom([]string{"9f10", "df01", "82", "c4", "9f7c"})
		var parts []string
		for range rapid.IntRange(0, 5).Draw(t, "objects") {
			parts = append(parts, tlv(tags.Draw(t, "tag"), rapid.StringN(0, 40, 300).Draw(t, "value")))
		}
		inner := strings.Join(parts, "")
		e := explained(b64(emvHead, tlv("61", aidOne, tlv("63", inner))), true)
		if got, ok := e.Fields.Get("61.63"); !ok || got != strings.ToUpper(hexOf(inner)) {
			t.Fatalf("%v", e.Fields)
		}
		if n := len(e.Fields); n != 3+len(parts) {
			t.Fatalf("%d fields of %d objects", n, 3+len(parts))
		}
	})
}

// Whatever the bytes, the tree writes them anew, each path is there once, and no account number is shown.
func FuzzContent(f *testing.F) {
	for _, s := range []string{
		emvHead + tlv("61", aidOne, track2) + tlv("62", tlv("5f20", "A/B"), tlv("64", tlv("9f26", "12345678"))),
		emvHead + tlv("61", aidOne, tlv("63", "\x00")) + tlv("61", aidTwo, tlv("5a", raw(pan))), jpqrHead + tlv("61", tlv("57", pan), tlv("99", "{}")),
		emvHead + raw("6183000009") + aidOne, emvHead + tlv("61", tlv("5a", raw("111111111111")), tlv("df01", raw("11111111111111111111111111"))),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again, fault := paycode.RewriteTree(b)
		if fault == nil && string(again) != string(b) {
			t.Fatalf("%x is written %x", b, again)
		}
		text := base64.StdEncoding.EncodeToString(b)
		masked, open := explained(text, false), explained(text, true)
		if len(masked.Fields) != len(open.Fields) || !slices.Equal(masked.Warnings, open.Warnings) || masked.Error != open.Error {
			t.Fatalf("revealing changes more than numbers:\n%+v\n%+v", masked, open)
		}
		for i, field := range open.Fields {
			if masked.Fields[i].Path != field.Path || slices.ContainsFunc(open.Fields[:i], func(other paycode.Field) bool { return other.Path == field.Path }) {
				t.Fatalf("the path %s", field.Path)
			}
			if strings.HasSuffix(field.Path, ".pan") && len(field.Value) >= 12 && holdsNumber(t, masked, field.Value) {
				t.Fatalf("%s is shown in %v", field.Path, masked.Fields)
			}
		}
	})
}

// TestLikelyNumbersAreHidden: what looks like an account number is not shown either where no rule says that there is one.
func TestLikelyNumbersAreHidden(t *testing.T) {
	const number = "4111111111111111"
	inText := strings.ToUpper(hex.EncodeToString([]byte(number)))
	for _, tt := range []struct{ name, value, want string }{
		{"in digits", raw("dd" + number + "ff"), "DD************1111FF"},
		{"in text", "a" + number + "z", "61" + strings.Repeat("*", 24) + inText[24:] + "7A"},
		{"another check digit", raw("4111111111111112"), "4111111111111112"},
		{"too short", raw("dd411111111117ff"), "DD411111111117FF"},
		{"longer than any", raw(strings.Repeat("4111111111", 3)), strings.Repeat("4111111111", 3)},
		{"noughts", raw(strings.Repeat("0", 16)), strings.Repeat("0", 16)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code := b64(emvHead, tlv("61", aidOne, tlv("5a", raw(pan)), tlv("63", tlv("df01", tt.value))))
			for reveal, want := range map[bool]string{false: tt.want, true: strings.ToUpper(hex.EncodeToString([]byte(tt.value)))} {
				i := slices.IndexFunc(explained(code, reveal).Fields, func(f paycode.Field) bool { return strings.HasSuffix(f.Path, "DF01") })
				if i < 0 {
					t.Fatal("the object is not shown")
				}
				if got := explained(code, reveal).Fields[i].Value; got != want {
					t.Errorf("reveal %v: %s, want %s", reveal, got, want)
				}
			}
		})
	}
}
