package paycode

import (
	"strings"
	"unicode/utf8"
)

// MaxText is the most bytes of a text that is looked at: the cap of a scanner's frame.
const MaxText = 4096

const (
	groupSeparator = 0x1d   // FNC1 inside a GS1 code
	aimQRWithECI   = "]Q2"  // the scanner escapes the text; see undoECI
	maxECI         = 1 << 3 // designators that are taken out of a text
)

// checkText refuses what no code is, before anything looks at it.
func checkText(text string) *Fault {
	switch {
	case text == "":
		return &Fault{Name: FaultEmpty}
	case len(text) > MaxText:
		return &Fault{Name: FaultTooLong}
	case !utf8.ValidString(text):
		return &Fault{Name: FaultNotUTF8}
	}
	for i := range len(text) {
		if c := text[i]; (c < 0x20 && c != groupSeparator) || c == 0x7f {
			return &Fault{Name: FaultControlByte}
		}
	}
	return nil
}

// SplitAIM takes an AIM identifier ("]", a letter, a modifier) off the front of a text, for where no device
// profile says whether there is one. No payment code begins with "]".
func SplitAIM(text string) (aim, rest string) {
	if len(text) < 3 || text[0] != ']' || !isLetter(text[1]) || (!isLetter(text[2]) && !isDigit(text[2])) {
		return "", text
	}
	return text[:3], text[3:]
}

// undoECI takes back what a scanner does to a QR code's text under ]Q2: a backslash is doubled, and a
// backslash with six digits names a character set.
func undoECI(text string) (plain string, warnings []string) {
	var b strings.Builder
	designators := 0
	for text != "" {
		before, after, found := strings.Cut(text, `\`)
		b.WriteString(before)
		switch {
		case !found:
		case strings.HasPrefix(after, `\`):
			b.WriteByte('\\')
			after = after[1:]
		case len(after) >= 6 && isDigits(after[:6]) && designators < maxECI:
			designators++
			after = after[6:]
		default:
			b.WriteByte('\\')
			warnings = append(warnings[:0], "eci_escape")
		}
		text = after
	}
	return b.String(), warnings
}

// symbology is the family that an AIM identifier tells, or "" when it tells none that matters.
func symbology(aim string) Symbology {
	if len(aim) != 3 {
		return AnySymbology
	}
	switch aim[1] {
	case 'C':
		return Code128
	case 'Q':
		return QR
	case 'A':
		return Code39
	case 'E':
		return EAN
	}
	return AnySymbology
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isLetter(c byte) bool { return isUpper(c) || ('a' <= c && c <= 'z') }

func isDigits(s string) bool { return s != "" && all(s, isDigit) }

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// mask shows the last four of a number that is long enough for the rest to stay secret, and else nothing.
func mask(number string) string {
	const shown, least = 4, 12
	if len(number) < least {
		return strings.Repeat("*", len(number))
	}
	return strings.Repeat("*", len(number)-shown) + number[len(number)-shown:]
}

// printable is a short text for a screen: ASCII, with ? for all else.
func printable(b []byte) string {
	s := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, string(b))
	return s[:min(len(s), 40)]
}
