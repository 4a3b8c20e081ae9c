package paycode

import (
	"strconv"
	"strings"
)

const (
	mpmHead    = "000201" // field 00, two characters, version 01
	mpmCRC     = "63"
	mpmCRCHead = "6304" // the check sum's field: always last, always four characters
)

// field is one field of a merchant's code.
type field struct {
	tag, value string
	at         int // its first character in the whole code, counted from 1
}

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
	c := notPayment(EMVCoMPM)
	if !strings.EqualFold(fields[len(fields)-1].value, merchantCRC(text)) {
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
	if len(fields) == 0 || fields[0].tag != "00" || fields[0].value != "01" {
		return nil, &Fault{Name: FaultMPM, At: 1}
	}
	last := fields[len(fields)-1]
	if last.tag != mpmCRC || last.value == "" {
		return nil, &Fault{Name: FaultCRCMissing}
	}
	if len(last.value) != 4 || !all(strings.ToUpper(last.value), isUpperHex) {
		return nil, &Fault{Name: FaultMPM, Tag: mpmCRC, At: last.at}
	}
	return fields, nil
}

func splitMPM(text string) (fields []field, fault *Fault) {
	seen := map[string]bool{}
	whole := []rune(text)
	for rest := whole; len(rest) > 0; {
		at := len(whole) - len(rest) + 1
		if len(rest) < 4 || !isDigits(string(rest[:4])) {
			return nil, &Fault{Name: FaultMPM, At: at}
		}
		tag := string(rest[:2])
		n, _ := strconv.Atoi(string(rest[2:4])) // two digits, as just seen
		rest = rest[4:]
		if seen[tag] {
			return nil, &Fault{FaultDuplicateTag, tag, at}
		}
		seen[tag] = true
		if tag == mpmCRC && len(rest) == 0 {
			return append(fields, field{tag: tag, at: at}), nil
		}
		if n > len(rest) || (tag == mpmCRC && n < len(rest)) {
			return nil, &Fault{FaultMPM, tag, at}
		}
		fields = append(fields, field{tag, string(rest[:n]), at})
		rest = rest[n:]
	}
	return fields, nil
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
