package paycode_test

import (
	"errors"
	"strings"
	"testing"

	"tilld/agent/paycode"
)

// A refusal says where: the byte at which the object begins whose framing is wrong, or the character of a merchant's
// field, counted from 1.
func TestFaultPositions(t *testing.T) {
	app := tlv("61", aidOne) // 2 + 9 bytes behind the head's 7
	for _, tt := range []struct {
		text string
		want string
	}{
		{b64(raw("8520"), "CPV01"), "value_overruns_buffer:85 (a data object is longer than what is there: half a code, at byte 1)"},
		{b64(emvHead, raw("6193")), "ber_length_invalid:61 (a data object's length is not valid, at byte 8)"},
		{b64(emvHead, app, raw("6180")), "ber_length_invalid:61 (a data object's length is not valid, at byte 19)"},
		{b64(emvHead, tlv("61", aidOne, raw("5005"), "abc")), "value_overruns_buffer:50 (a data object is longer than what is there: half a code, at byte 19)"},
		{b64(emvHead, raw("618200"), "\x0d", aidOne, raw("5005"), "ab"), "value_overruns_buffer:50 (a data object is longer than what is there: half a code, at byte 21)"},
		{b64(emvHead, app, raw("00")), "ber_tag_invalid:00 (a data object's tag is not valid, at byte 19)"},
		{b64(emvHead, app, emvHead), "duplicate_poi_data:85 (a data object is given twice, at byte 19)"},
		{b64(emvHead, tlv("61", aidOne, tlv("50", "x"), tlv("50", "y"))), "duplicate_poi_data:50 (a data object is given twice, at byte 22)"},
		{b64(emvHead), "missing_application_template (an EMVCo code that names no payment application)"},
		{mpm("00", "01", "59", "本舗", "59", "x"), "duplicate_tag:59 (a merchant's code with a field given twice, at character 13)"},
		{"000201" + "5802JP" + "60999", "mpm_framing_or_version:60 (a merchant's code that is cut, broken or of an unknown version, at character 13)"},
		{"000201" + "58X2JP6304ABCD", "mpm_framing_or_version (a merchant's code that is cut, broken or of an unknown version, at character 7)"},
	} {
		c := classify(tt.text)
		var f *paycode.Fault
		if !errors.As(c.Err, &f) || f.Error() != tt.want || strings.Contains(tt.want, ", at ") != (f.At > 0) {
			t.Errorf("got  %v\nwant %s", c.Err, tt.want)
		}
	}
}
