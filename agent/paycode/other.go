package paycode

import (
	"strings"

	"tilld/agent/paycode/signed"
)

// readSigned reads the house wallet's own code.
func readSigned(text string, o *Options) *Classification {
	if !strings.HasPrefix(text, signed.House) {
		return nil
	}
	if strings.LastIndex(text, signed.House) > 0 {
		return invalid(Signed, &Fault{Name: FaultTwoCodes})
	}
	if strings.HasPrefix(text, signed.ApprovalPrefix) {
		return readApproval(text, o)
	}
	code, err := signed.Parse(text)
	if err != nil {
		return invalid(Signed, err)
	}
	cert := code.Certificate
	c := &Classification{Kind: Payment, Format: Signed, Signed: code}
	c.Candidates = o.candidates(o.match(&subject{format: Signed, key: cert.Issuer.String()}))
	c.Fields = map[string]string{
		"issuer": cert.Issuer.String(), "certificate": cert.ID().String(), "phone_key": cert.Phone.KID().String(),
		"cap": cert.Cap.String(), "not_before": stamp(cert.NotBefore), "expiry": stamp(cert.Expiry()),
		"time": stamp(code.Time), "counter": decimal(code.Counter),
	}
	if code.Store != "" {
		c.Fields["store"] = code.Store
	}
	if code.Lane != "" {
		c.Fields["lane"] = code.Lane
	}
	return c
}

func notPayment(format Format) *Classification {
	return &Classification{Kind: NotPayment, Format: format}
}

// schemes are the addresses that a wallet or a shop's sticker shows, longest match first. Schemes have no case
// (RFC 3986); the text keeps its own.
var schemes = []struct {
	prefix string
	format Format
}{
	{"upi://", UPIURI},    // India: the merchant's side
	{"twqrp://", TWQRURI}, // Taiwan: the merchant's side, a transfer or a bill
	{"https://", URL},
	{"http://", URL},
	{"", URI}, // any other scheme
}

// readURI names an address.
func readURI(text string, _ *Options) *Classification {
	i := strings.Index(text, "://")
	if i < 1 || i > 30 || !isLetter(text[0]) || !all(text[:i], isSchemeChar) {
		return nil
	}
	for _, s := range schemes {
		if len(text) >= len(s.prefix) && strings.EqualFold(text[:len(s.prefix)], s.prefix) {
			c := notPayment(s.format)
			c.Fields = map[string]string{"scheme": text[:i]}
			return c
		}
	}
	return nil
}

func isSchemeChar(c byte) bool { return isDigit(c) || isLetter(c) || strings.IndexByte("+-.", c) >= 0 }

// readGoods names an article's bar code: by the scanner's word, else by 13 or 8 digits whose check digit is
// right. No wallet has codes of those lengths.
func readGoods(text string, o *Options) *Classification {
	goods := symbology(o.AIM) == EAN
	format := EAN13
	switch {
	case !isDigits(text):
		return nil
	case len(text) == 8 && (o.AIM == "]E4" || checkDigit(text)):
		format = EAN8
	case !goods && (len(text) != 13 || !checkDigit(text)):
		return nil
	}
	c := notPayment(format)
	c.Fields = map[string]string{"gtin": text}
	if !checkDigit(text) {
		c.Warnings = append(c.Warnings, "check_digit")
	}
	return c
}

// checkDigit is GS1's: from the right, weights 1 and 3 in turn sum to a multiple of ten.
func checkDigit(text string) bool {
	sum := 0
	for i := range len(text) {
		d := int(text[len(text)-1-i] - '0')
		if i%2 == 1 {
			d *= 3
		}
		sum += d
	}
	return sum%10 == 0
}

// readBill names a Japanese convenience-store bill (GS1-128, application identifier 91, 44 digits in one row). A
// wallet never has 44 digits; see billLength.
func readBill(text string, _ *Options) *Classification {
	digits := strings.TrimPrefix(text, string(rune(groupSeparator)))
	if len(digits) != billLength || !isDigits(digits) || !strings.HasPrefix(digits, "91") {
		return nil
	}
	return notPayment(JPBill)
}

// readGS1 names any other code that the scanner says is GS1-128 or that holds GS1's separator: logistics,
// coupons, bills. Payment codes are plain Code 128.
func readGS1(text string, o *Options) *Classification {
	if o.AIM != "]C1" && strings.IndexByte(text, groupSeparator) < 0 {
		return nil
	}
	if bill := readBill(text, o); bill != nil {
		return bill
	}
	return notPayment(GS1128)
}

// readTaiwan names a customer's invoice carriers: a slash and seven characters (Code 39), or the number of a
// citizen's certificate. They say where the invoice goes, not who pays.
func readTaiwan(text string, _ *Options) *Classification {
	switch {
	case len(text) == 8 && text[0] == '/' && all(text[1:], isCarrierChar):
		return notPayment(TWCarrier)
	case len(text) == 16 && all(text[:2], isUpper) && isDigits(text[2:]):
		return notPayment(TWCitizen)
	}
	return nil
}

func isCarrierChar(c byte) bool { return isDigit(c) || isUpper(c) || strings.IndexByte(".+-", c) >= 0 }

// onlyIn begins a warning: what is said of the text holds in this market, and nobody said where we are.
const onlyIn = "only_in_market:"

// readDonation names a Taiwanese donation code: 3 to 7 digits and nothing else to know it by, so it is told only
// where it is at home, or where nobody said where we are.
func readDonation(text string, o *Options) *Classification {
	if (o.Market != "TW" && o.Market != "") || len(text) < 3 || len(text) > 7 || !isDigits(text) {
		return nil
	}
	c := notPayment(TWDonation)
	if o.Market == "" {
		c.Warnings = append(c.Warnings, onlyIn+"TW")
	}
	return c
}

// readNothing describes what is left.
func readNothing(text string, o *Options) *Classification {
	if strings.Contains(text, signed.House) {
		return invalid(Text, &Fault{Name: FaultTwoCodes})
	}
	c := opaque(text)
	c.Kind, c.Err = Unknown, &Fault{Name: FaultUnknown}
	if text[0] == '/' {
		c.Err = &Fault{Name: FaultNotCarrierNorPayment}
	}
	c.Warnings = ended(text, o)
	return c
}
