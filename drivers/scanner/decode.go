package scanner

import (
	"strings"
	"unicode/utf8"

	"tilld/firmware-configs"
)

const (
	stx = 0x02
	gs  = 0x1d // separates the fields of a GS1 code, so it is the one control character that is data
	del = 0x7f

	aimLength = 3 // ], a letter for the symbology, a digit for its variant
)

// decode makes a Symbol of the bytes of one frame, or says why it is none (then the Symbol is empty).
func (f *Framer) decode(frame []byte) (s Symbol, bad Reason) {
	frame, bad = f.stripSTX(frame)
	if bad == 0 {
		bad = checkBytes(frame)
	}
	if bad != 0 {
		return Symbol{}, bad
	}
	text := string(frame)
	switch {
	case f.rules.AIM != firmware.Off && isAIM(text):
		s.AIM, text = text[:aimLength], text[aimLength:]
	case f.rules.AIM == firmware.Required:
		return Symbol{}, ReasonNoAIM
	}
	if f.rules.AIM != firmware.Off && hasAIM(text) {
		return Symbol{}, ReasonTwoCodes
	}
	if hasECI(s.AIM) {
		if text, bad = undoECI(text); bad != 0 {
			return Symbol{}, bad
		}
	}
	if text == "" {
		return Symbol{}, ReasonEmpty
	}
	if f.hidesHouseCode(text) {
		return Symbol{}, ReasonTwoCodes
	}
	s.Text = text
	return s, 0
}

func (f *Framer) stripSTX(frame []byte) ([]byte, Reason) {
	if f.rules.STX == firmware.Off {
		return frame, 0
	}
	if len(frame) > 0 && frame[0] == stx {
		return frame[1:], 0
	}
	if f.rules.STX == firmware.Required {
		return nil, ReasonNoSTX
	}
	return frame, 0
}

// checkBytes refuses what no code on a screen or a package has: control characters of either set, and bytes that are
// no text.
func checkBytes(frame []byte) Reason {
	for i, b := range frame {
		if b < ' ' && (b != gs || i == 0) || b == del {
			return ReasonControl
		}
	}
	if !utf8.Valid(frame) {
		return ReasonEncoding
	}
	for _, r := range string(frame) {
		if r >= 0x80 && r < 0xa0 { // the second set of control characters
			return ReasonControl
		}
	}
	return 0
}

// isAIM tells whether text begins with an AIM identifier (ISO/IEC 15424).
func isAIM(text string) bool {
	if len(text) < aimLength || text[0] != ']' {
		return false
	}
	letter, variant := text[1]|0x20, text[2]
	return letter >= 'a' && letter <= 'z' && (variant >= '0' && variant <= '9' || variant >= 'A' && variant <= 'F')
}

// hasAIM tells whether an AIM identifier stands anywhere in text. No code has one inside: a second one means that the
// end of the first code was lost and two were run together.
func hasAIM(text string) bool {
	for {
		i := strings.IndexByte(text, ']')
		if i < 0 {
			return false
		}
		if isAIM(text[i:]) {
			return true
		}
		text = text[i+1:]
	}
}

// hidesHouseCode tells whether a house code begins in the middle of text.
func (f *Framer) hidesHouseCode(text string) bool {
	for _, p := range f.prefixes {
		if strings.Contains(text[1:], p) {
			return true
		}
	}
	return false
}

// hasECI tells the QR codes that are sent in ECI mode: every backslash doubled, and \nnnnnn in front for the
// character set (ISO/IEC 15424 and 18004).
func hasECI(aim string) bool { return aim == "]Q2" || aim == "]Q4" || aim == "]Q6" }

const eciLength = 7 // a backslash and six digits

// undoECI gives back the text as it is in the QR. Which character set was named does not matter: what is not UTF-8 has
// been refused before. A change of character set further on is refused: no payment code has one.
func undoECI(text string) (string, Reason) {
	if len(text) >= eciLength && text[0] == '\\' && text[1] != '\\' {
		for _, d := range []byte(text[1:eciLength]) {
			if d < '0' || d > '9' {
				return "", ReasonECI
			}
		}
		text = text[eciLength:]
	}
	if !strings.Contains(text, `\`) {
		return text, 0
	}
	if strings.Contains(strings.ReplaceAll(text, `\\`, ""), `\`) {
		return "", ReasonECI
	}
	return strings.ReplaceAll(text, `\\`, `\`), 0
}
