package paycode

import (
	"fmt"
	"strings"
)

// merchantFields are the names of a merchant's code's fields (EMVCo MPM 1.1, tables 3.3 to 3.5); 02 to 51 are the
// merchant's accounts.
var merchantFields = map[string]string{
	"00": "payload format", "01": "point of initiation", "52": "merchant category", "53": "currency", "54": "amount", "55": "tip or fee",
	"56": "fixed fee", "57": "fee in percent", "58": "country", "59": "merchant's name", "60": "merchant's city", "61": "postal code",
	"62": "additional data", mpmCRC: "check sum", "64": "name in another language",
}

// merchantTemplate says which fields are made of fields: the accounts from 26, additional data, the other language,
// and what schemes add from 80.
func merchantTemplate(tag string) bool {
	return "26" <= tag && tag <= "51" || tag == "62" || tag == "64" || "80" <= tag
}

func merchantName(tag string) string {
	if "02" <= tag && tag <= "51" {
		return "merchant's account"
	}
	return merchantFields[tag]
}

// readMerchant takes a merchant's code apart. Fields 02 to 25 hold card networks' account numbers.
func readMerchant(text string, reveal bool) (list Fields) {
	fields, fault := parseMPM(text)
	if fault != nil {
		return nil
	}
	var hide hidden
	for _, f := range fields {
		if !reveal && isNetworkAccount(f.tag) {
			hide = hide.add(f.value)
		}
	}
	hide = hide.longestFirst()
	for _, f := range fields {
		value := hide.out(f.value)
		if !reveal && isNetworkAccount(f.tag) {
			value = lastFour(f.value)
		}
		list = append(list, Field{f.tag, merchantName(f.tag), value})
		if !merchantTemplate(f.tag) {
			continue
		}
		inner, fault := splitMPM(f.value)
		if fault != nil {
			continue
		}
		for _, i := range inner {
			list = append(list, Field{Path: f.tag + "." + i.tag, Value: hide.out(i.value)})
		}
	}
	return append(list, checkSum(text, fields)...)
}

func isNetworkAccount(tag string) bool { return "02" <= tag && tag <= "25" }

// checkSum tells what the check sum is and should be.
func checkSum(text string, fields []field) Fields {
	stored, computed := fields[len(fields)-1].value, merchantCRC(text)
	return Fields{
		{Path: "crc_ok", Value: fmt.Sprint(strings.EqualFold(stored, computed))}, {Path: "crc_calculated", Value: computed},
	}
}

// merchantCRC is the check sum that a whole code should end with.
func merchantCRC(text string) string { return fmt.Sprintf("%04X", crc16(text[:len(text)-4])) }
