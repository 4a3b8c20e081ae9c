package paycode

import (
	"encoding/hex"
	"strings"
)

// maxPAN is the most digits of an account number (ISO/IEC 7812).
const maxPAN = 19

// track2 is what tag 57 holds (EMVCo CPM, table 6.2).
type track2 struct{ pan, expiry, service, discretionary string }

// splitTrack2 splits on nibbles, not bytes: with 19 digits the separator is the low half of one. When the form is
// not the table's, ok is false, and the account number is all that is told, if it can be read.
func splitTrack2(value []byte) (t track2, ok bool) {
	pan, rest, found := strings.Cut(upperHex(value), "D")
	if !found {
		pan = strings.TrimRight(pan, "F")
	}
	if !isDigits(pan) || len(pan) > maxPAN {
		return track2{}, false
	}
	const dates = 4 + 3 // expiry and service code
	rest = strings.TrimRight(rest, "F")
	if len(rest) < dates || !isDigits(rest) {
		return track2{pan: pan}, false
	}
	return track2{pan, rest[:4], rest[4:dates], rest[dates:]}, true
}

// accountNumber reads tag 5A: digits in nibbles, filled up with F.
func accountNumber(value []byte) (pan string, ok bool) {
	pan = strings.TrimRight(upperHex(value), "F")
	return pan, isDigits(pan) && len(pan) <= maxPAN
}

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }
