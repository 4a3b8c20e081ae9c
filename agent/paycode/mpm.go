package paycode

import (
	"fmt"
	"strconv"
	"strings"
)

// The fields of a merchant's code that are shown (EMVCo MPM): what stands on the sticker for everyone to read.
var mpmFields = map[string]string{
	"52": "merchant_category", "53": "currency", "54": "amount", "58": "country", "59": "merchant_name", "60": "merchant_city",
}

const (
	mpmHead    = "000201" // field 00, two characters, version 01
	mpmCRC     = "63"
	mpmCRCHead = "6304" // the check sum's field: always last, always four characters
	mpmShown   = 40     // characters of a field that are shown
)

// field is one field of a merchant's code.
type field struct{ tag, value string }

// likeMPM says whether a text is a merchant's code or was meant to be one: by its head, or else by a first
// field 00 and a check sum at the end.
func likeMPM(text string) bool {
	if strings.HasPrefix(text, mpmHead) {
		return true
	}
	n := len(text)
	return n > 20 && strings.HasPrefix(text, "00") && isDigits(text[:4]) &&
		text[n-8:n-4] == mpmCRCHead && all(strings.ToUpper(text[n-4:]), isUpperHex)
}

// readMPM reads a merchant's code: the shop's own sticker, or the "receive" side of the customer's wallet.
// It is never a payment here; that it is broken is still said.
func readMPM(text string, _ *Options) *Classification {
	if !likeMPM(text) {
		return nil
	}
	fields, fault := parseMPM(text)
	if fault != nil {
		return invalid(EMVCoMPM, fault)
	}
	c := &Classification{Kind: NotPayment, Format: EMVCoMPM, Fields: map[string]string{"crc_ok": "true"}}
	for _, f := range fields {
		if name, ok := mpmFields[f.tag]; ok {
			c.Fields[name] = short(f.value)
		}
		if f.tag >= "26" && f.tag <= "51" {
			c.Fields["scheme."+f.tag] = short(scheme(f.value))
		}
	}
	stored, computed := fields[len(fields)-1].value, fmt.Sprintf("%04X", crc16(text[:len(text)-4]))
	if !strings.EqualFold(stored, computed) {
		c.Fields["crc_ok"] = "false"
		c.Warnings = append(c.Warnings, "crc_mismatch")
	}
	return c
}

// parseMPM splits a merchant's code: tag of two digits, length of two digits, that many characters (not
// bytes). Field 00 comes first, the check sum last.
func parseMPM(text string) ([]field, *Fault) {
	fields, fault := splitMPM(text)
	if fault != nil {
		return nil, fault
	}
	if len(fields) == 0 || fields[0] != (field{"00", "01"}) {
		return nil, &Fault{Name: FaultMPM}
	}
	last := fields[len(fields)-1]
	if last.tag != mpmCRC || last.value == "" {
		return nil, &Fault{Name: FaultCRCMissing}
	}
	if len(last.value) != 4 || !all(strings.ToUpper(last.value), isUpperHex) {
		return nil, &Fault{FaultMPM, mpmCRC}
	}
	return fields, nil
}

func splitMPM(text string) (fields []field, fault *Fault) {
	seen := map[string]bool{}
	for rest := []rune(text); len(rest) > 0; {
		if len(rest) < 4 || !isDigits(string(rest[:4])) {
			return nil, &Fault{Name: FaultMPM}
		}
		tag := string(rest[:2])
		n, _ := strconv.Atoi(string(rest[2:4])) // two digits, as just seen
		rest = rest[4:]
		if seen[tag] {
			return nil, &Fault{FaultDuplicateTag, tag}
		}
		seen[tag] = true
		if tag == mpmCRC && len(rest) == 0 {
			return append(fields, field{tag: tag}), nil
		}
		if n > len(rest) || (tag == mpmCRC && n < len(rest)) {
			return nil, &Fault{FaultMPM, tag}
		}
		fields = append(fields, field{tag, string(rest[:n])})
		rest = rest[n:]
	}
	return fields, nil
}

// scheme is the globally unique identifier of a merchant account template: its field 00, which comes first.
func scheme(template string) string {
	r := []rune(template)
	if len(r) < 4 || !isDigits(string(r[:4])) || string(r[:2]) != "00" {
		return ""
	}
	n, _ := strconv.Atoi(string(r[2:4])) // two digits, as just seen
	return string(r[4:min(4+n, len(r))])
}

// crc16 is CRC-16/CCITT-FALSE over the UTF-8 bytes: polynomial 1021, start FFFF.
func crc16(s string) uint16 {
	crc := uint16(0xffff)
	for i := range len(s) {
		crc ^= uint16(s[i]) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x1021
			}
		}
	}
	return crc
}

// short cuts a field to what a screen needs.
func short(s string) string {
	if r := []rune(s); len(r) > mpmShown {
		return string(r[:mpmShown])
	}
	return s
}
