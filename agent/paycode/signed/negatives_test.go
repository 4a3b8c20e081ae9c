package signed_test

import (
	"crypto/elliptic"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"tilld/agent/paycode/signed"
)

func makeNegatives(t *testing.T) []negative {
	var all []negative
	for _, c := range slices.Concat(textCases(), formCases(t), claimCases(t), signatureCases(t)) {
		f := newForge(t)
		c.change(f)
		all = append(all, negative{c.name, f.String(t), c.fault, signed.ReasonOf(faults[c.fault])})
	}
	return all
}

type negativeCase struct {
	name, fault string
	change      func(*forge)
}

func textCases() []negativeCase {
	text := func(change func(string) string) func(*forge) { return func(f *forge) { f.text = change } }
	return []negativeCase{
		{"nothing", "prefix", text(func(string) string { return "" })},
		{"another scheme's prefix", "prefix", text(func(s string) string { return "HC1:" + s[4:] })},
		{"prefix in lower case", "prefix", text(func(s string) string { return "zy:1" + s[4:] })},
		{"a space in front", "prefix", text(func(s string) string { return " " + s })},
		{"a version of the future", "version", text(func(s string) string { return "ZY:2" + s[4:] })},
		{"no version", "version", text(func(string) string { return "ZY:" })},
		{"two codes in one", "size", text(func(s string) string { return s + s })},
		{"391 characters", "size", text(func(s string) string { return s + strings.Repeat("0", 391-len(s)) })},
		{"prefix alone", "form", text(func(s string) string { return s[:4] })},
		{"body in lower case", "base45", text(func(s string) string { return s[:4] + strings.ToLower(s[4:]) })},
		{"a character outside the alphabet", "base45", text(func(s string) string { return s[:40] + "#" + s[41:] })},
		{"a line end behind", "base45", text(func(s string) string { return s + "\n" })},
		{"a group that overflows", "base45", text(func(s string) string { return s[:4] + ":::" + s[7:] })},
		{"a last group that overflows", "base45", text(func(s string) string { return s[:len(s)-len(s[4:])%3] + "::" })},
		{"a character short of a group", "base45", text(func(s string) string { return s[:4+len(s[4:])/3*3-2] })},
		{"half a code", "form", text(func(s string) string { return s[:4+180] })},
	}
}

func formCases(t *testing.T) []negativeCase {
	bundle := func(make func(cert, code []byte) []byte) func(*forge) { return func(f *forge) { f.bundle = make } }
	wrap := func(change func([]byte) []byte) func(*forge) { return func(f *forge) { f.code.wrap = change } }
	payload := func(h string) func(*forge) { return func(f *forge) { f.code.payload = unhex(t, h) } }
	return []negativeCase{
		{"a byte behind", "form", bundle(func(cert, code []byte) []byte { return append(slices.Concat([]byte{0x82}, cert, code), 0) })},
		{"no array around", "form", bundle(func(cert, code []byte) []byte { return slices.Concat(cert, code) })},
		{"certificate and code in the other order", "form", bundle(func(cert, code []byte) []byte { return slices.Concat([]byte{0x82}, code, cert) })},
		{"only a certificate", "form", bundle(func(cert, _ []byte) []byte { return append([]byte{0x81}, cert...) })},
		{"an array without length", "form", bundle(func(cert, code []byte) []byte { return append(slices.Concat([]byte{0x9f}, cert, code), 0xff) })},
		{"null for the code", "form", bundle(func(cert, _ []byte) []byte { return append(append([]byte{0x82}, cert...), 0xf6) })},
		{"tag 18", "form", wrap(func(b []byte) []byte { return append([]byte{0xd2}, b...) })},
		{"an unprotected header", "form", wrap(func(b []byte) []byte { return slices.Concat(b[:2], []byte{0xa1, 0x01, 0x26}, b[3:]) })},
		{"an empty map for the empty protected header", "form", func(f *forge) { f.code.protected = []byte{0xa0} }},
		{"null for the protected header", "form", wrap(func(b []byte) []byte { return slices.Concat(b[:1], []byte{0xf6}, b[2:]) })},
		{"an algorithm in the code's header", "form", func(f *forge) { f.code.protected = []byte{0xa1, 0x01, 0x26} }},
		{"an algorithm in the certificate's header", "form", func(f *forge) {
			f.cert.protected = append([]byte{0xa2, 0x01, 0x26}, f.cert.protected[1:]...)
		}},
		{"a key identifier of 7 bytes", "form", func(f *forge) { f.cert.protected = unhex(t, "a1044701020304050607") }},
		{"a signature of 63 bytes", "form", func(f *forge) { f.code.mend = func(s []byte) []byte { return s[:63] } }},
		{"a length longer than needed", "form", wrap(func(b []byte) []byte { return slices.Concat(b[:1], []byte{0x58, 0x00}, b[2:]) })},
		{"a number longer than needed", "form", payload("a20619000a" + "074101")},
		{"claims out of order", "form", payload("a2074101" + "061a6b02b1b0")},
		{"a claim twice", "form", payload("a3061a6b02b1b0061a6b02b1b0074101")},
		{"a claim too many", "form", payload("a4016178036430323331061a6b02b1b0074101")},
		{"a time with a fraction", "form", payload("a206fb41dac0ac6c00000007" + "4101")},
		{"null for the place", "form", payload("a303f6061a6b02b1b0074101")},
		{"an empty place", "form", payload("a30360061a6b02b1b0074101")},
		{"a place that is not UTF-8", "form", payload("a30362fffe061a6b02b1b0074101")},
		{"claims in an array", "form", payload("82061a6b02b1b0")},
	}
}

func claimCases(t *testing.T) []negativeCase {
	point := hex.EncodeToString(signer(t, "phone").Public().Compressed())
	const exp, limit, yen, hours = "041a6b03f4a0", "192710", "634a5059", "1818"
	acct, phone := "50"+account.String(), "5821"+point
	cert := func(exp, acct, phone, limit, currency, hours string) func(*forge) {
		return func(f *forge) { f.cert.payload = certPayload(t, exp, acct, phone, limit, currency, hours) }
	}
	code := func(place, when, counter string) func(*forge) {
		return func(f *forge) {
			n := "a2"
			if place != "" {
				n, place = "a3", "03"+hex.EncodeToString(append([]byte{0x60 | byte(len(place))}, place...))
			}
			f.code.payload = unhex(t, n+place+"06"+when+"07"+counter)
		}
	}
	const now = "1a6b02b1b0"
	return []negativeCase{
		{"an account of 15 bytes", "claim", cert(exp, "4f"+acct[2:32], phone, limit, yen, hours)},
		{"an account of zeros", "claim", cert(exp, "50"+strings.Repeat("00", 16), phone, limit, yen, hours)},
		{"a point that is not on the curve", "claim", cert(exp, acct, "582102"+strings.Repeat("ff", 32), limit, yen, hours)},
		{"a point without its first byte", "claim", cert(exp, acct, "5820"+point[2:], limit, yen, hours)},
		{"a point with the first byte of an uncompressed one", "claim", cert(exp, acct, "582104"+point[2:], limit, yen, hours)},
		{"a cap of nothing", "claim", cert(exp, acct, phone, "00", yen, hours)},
		{"a cap too high", "claim", cert(exp, acct, phone, "1b0000000100000000", yen, hours)},
		{"a negative cap", "form", cert(exp, acct, phone, "20", yen, hours)},
		{"a currency in small letters", "claim", cert(exp, acct, phone, limit, "636a7079", hours)},
		{"a currency by number", "form", cert(exp, acct, phone, limit, "190188", hours)},
		{"valid for no hour", "claim", cert(exp, acct, phone, limit, yen, "00")},
		{"valid for 256 hours", "claim", cert(exp, acct, phone, limit, yen, "190100")},
		{"hours that overflow", "claim", cert(exp, acct, phone, limit, yen, "1bffffffffffffffff")},
		{"valid from before 1970", "claim", cert("04190e0f", acct, phone, limit, yen, "02")},
		{"expiry after 2106", "claim", cert("041b0000000100000000", acct, phone, limit, yen, hours)},
		{"no counter", "claim", code("", now, "40")},
		{"null for the counter", "form", code("", now, "f6")},
		{"counter 0", "claim", code("", now, "4100")},
		{"a counter with a leading zero", "claim", code("", now, "420001")},
		{"a counter of 5 bytes", "claim", code("", now, "450100000000")},
		{"time 0", "claim", code("", "00", "4101")},
		{"time after 2106", "claim", code("", "1b0000000100000000", "4101")},
		{"a lane without a store", "claim", code("/3", now, "4101")},
		{"a store with an empty lane", "claim", code("0231/", now, "4101")},
		{"a place of three parts", "claim", code("1/2/3", now, "4101")},
		{"a place of 13 characters", "claim", code("1234567890123", now, "4101")},
		{"a place with a space", "claim", code("store 1", now, "4101")},
	}
}

func signatureCases(t *testing.T) []negativeCase {
	issuer, other, thief := signer(t, "issuer"), signer(t, "other"), signer(t, "thief")
	highS := func(s []byte) []byte { mirror(s[32:]); return s }
	return []negativeCase{
		{"an issuer that is not trusted", "unknown_issuer", func(f *forge) {
			kid := other.Public().KID()
			f.cert.by, f.cert.protected = other, append([]byte{0xa1, 0x04}, bstr(kid[:])...)
		}},
		{"certified by another under the issuer's name", "signature", func(f *forge) { f.cert.by = other }},
		{"signed by another phone", "signature", func(f *forge) { f.code.by = thief }},
		{"signed by the issuer for the phone", "signature", func(f *forge) { f.code.by = issuer }},
		{"the mirror image of the code's signature", "signature", func(f *forge) { f.code.mend = highS }},
		{"the mirror image of the certificate's signature", "signature", func(f *forge) { f.cert.mend = highS }},
		{"r is zero", "signature", func(f *forge) {
			f.code.mend = func(s []byte) []byte { clear(s[:32]); return s }
		}},
		{"r is the group's order", "signature", func(f *forge) {
			f.code.mend = func(s []byte) []byte { elliptic.P256().Params().N.FillBytes(s[:32]); return s }
		}},
		{"a certificate signed without its purpose", "signature", func(f *forge) { f.cert.external = []byte{} }},
		{"a certificate signed as a code", "signature", func(f *forge) { f.cert.external = []byte(signed.CodeContext) }},
		{"a code signed without its certificate", "signature", func(f *forge) { f.code.external = []byte(signed.CodeContext) }},
		{"a code signed as a certificate", "signature", func(f *forge) { f.code.external = []byte(signed.CertContext) }},
		{"a code moved to another certificate of its key", "signature", func(f *forge) {
			f.code.external = append([]byte(signed.CodeContext), f.cert.bytes(t)...)
			f.cert.payload = slices.Clone(f.cert.payload)
			f.cert.payload[len(f.cert.payload)-7] ^= 1 // the cap
		}},
		{"a certificate with a changed cap", "signature", func(f *forge) {
			f.cert.wrap = func(b []byte) []byte { b[len(b)-66-7] ^= 1; return b }
		}},
	}
}
