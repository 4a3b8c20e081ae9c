package paycode

import (
	"encoding/base64"
	"strings"
)

// decodeBase64 reads the text of an EMVCo or JPQR code (RFC 4648, padded). What real wallets and scanners do
// to it is let pass with a warning: a space inside, the padding missing, the URL alphabet, stray bits behind
// the last byte. The text itself is sent to the operator as it was scanned.
func decodeBase64(text string) (b []byte, warnings []string, ok bool) {
	if b, err := base64.StdEncoding.Strict().DecodeString(text); err == nil {
		return b, nil, true
	}
	s, warnings := despace(text)
	if strings.ContainsAny(s, "-_") {
		s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
		warnings = append(warnings, "base64_url_alphabet")
	}
	if n := len(s) % 4; n > 1 {
		s += "=="[:4-n]
		warnings = append(warnings, "base64_padding")
	}
	if _, err := base64.StdEncoding.Strict().DecodeString(s); err != nil {
		warnings = append(warnings, "base64_trailing_bits")
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, nil, false
	}
	return b, warnings, true
}

// despace deals with spaces: ones too many are taken out, and ones that stand where a character is missing
// were a plus sign on the way through some form.
func despace(text string) (s string, warnings []string) {
	if !strings.Contains(text, " ") {
		return text, nil
	}
	without := strings.ReplaceAll(text, " ", "")
	if len(without)%4 != 0 && len(text)%4 == 0 {
		return strings.ReplaceAll(text, " ", "+"), []string{"base64_space_for_plus"}
	}
	return without, []string{"base64_space"}
}
