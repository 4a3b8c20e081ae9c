package paycode_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"tilld/agent/paycode"
	"tilld/agent/payment"
)

func TestMPM(t *testing.T) {
	whole := mpm("00", "01", "01", "12", "26", "0019jp.or.paymentsjapan01130000000000101", "52", "4121", "53", "392",
		"54", "100", "58", "JP", "59", "本舗食堂", "60", "Tokyo")
	bad := whole[:len(whole)-4] + "0000"
	if bad == whole {
		t.Fatal("the check sum is zero by chance")
	}
	tests := []struct {
		name, text string
		err        string
		fields     map[string]string
		warnings   string
	}{
		{"whole", whole, "", map[string]string{
			"crc_ok": "true", "59": "本舗食堂", "60": "Tokyo", "58": "JP", "53": "392",
			"54": "100", "52": "4121", "26.00": "jp.or.paymentsjapan",
		}, ""},
		{"check sum in small letters", whole[:len(whole)-4] + strings.ToLower(whole[len(whole)-4:]), "", map[string]string{"crc_ok": "true"}, ""},
		{"wrong check sum", bad, "", map[string]string{"crc_ok": "false"}, "crc_mismatch"},
		{"field 00 of three characters", "0003" + whole[4:], "mpm_framing_or_version", nil, ""},
		{"version 02", mpm("00", "02", "58", "JP", "60", "Tokyo"), "mpm_framing_or_version", nil, ""},
		{"a field twice", mpm("00", "01", "53", "392", "53", "156"), "duplicate_tag:53", nil, ""},
		{"empty check sum", whole[:len(whole)-4], "crc_missing", nil, ""},
		{"no check sum", whole[:len(whole)-8], "crc_missing", nil, ""},
		{"half a code", whole[:len(whole)-12], "mpm_framing_or_version:60", nil, ""},
		{"a field behind the check sum", whole + "6405hello", "mpm_framing_or_version:63", nil, ""},
		{"a check sum of three characters", whole[:len(whole)-6] + "03ABC", "mpm_framing_or_version:63", nil, ""},
		{"a check sum that is no number", whole[:len(whole)-4] + "GGGG", "mpm_framing_or_version:63", nil, ""},
		{"letters for a length", "000201" + "58XXJP" + "6304ABCD", "mpm_framing_or_version", nil, ""},
		{"full-width digits for a length", "000201" + "58０２JP" + "6304ABCD", "mpm_framing_or_version", nil, ""},
		{"only the head", "000201", "crc_missing", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := classify(tt.text)
			checkPromises(t, &c)
			if c.Format != paycode.EMVCoMPM || c.Reason() != payment.NotPaymentCode {
				t.Errorf("format %s, reason %v", c.Format, c.Reason())
			}
			var f *paycode.Fault
			if errors.As(c.Err, &f) != (tt.err != "") || (f != nil && f.String() != tt.err) {
				t.Errorf("error %v, want %q", c.Err, tt.err)
			}
			wantFields(t, explained(tt.text, false).Fields, tt.fields)
			if strings.Join(c.Warnings, " ") != tt.warnings {
				t.Errorf("warnings %q, want %q", c.Warnings, tt.warnings)
			}
		})
	}
}

// What splits into fields is just those fields, one behind the other.
func FuzzMPM(f *testing.F) {
	for _, s := range []string{
		mpm("00", "01", "59", "本舗", "60", "Tokyo"), "000201", "00030010", "0002015303392530315663041234", "6304", "000201630", "00020158０２JP6304ABCD",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		tags, values, fault := paycode.SplitMPM(text)
		if fault != nil {
			if tags != nil {
				t.Fatalf("fields with the fault %v", fault)
			}
			return
		}
		var again strings.Builder
		for i := range tags {
			n := utf8.RuneCountInString(values[i])
			if tags[i] == "63" && n == 0 { // the empty check sum keeps its announced length
				again.WriteString(text[len(text)-4:])
				continue
			}
			fmt.Fprintf(&again, "%s%02d%s", tags[i], n, values[i])
		}
		if again.String() != text {
			t.Fatalf("%q is written %q", text, again.String())
		}
		if _, _, fault := paycode.ParseMPM(text); fault == nil && (tags[0] != "00" || tags[len(tags)-1] != "63") {
			t.Fatalf("%q has no frame", text)
		}
	})
}
