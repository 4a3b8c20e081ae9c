package paycode_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"tilld/agent/paycode"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

// tlv writes one data object: the tag in hexadecimal, a shortest length, the parts.
func tlv(tag string, parts ...string) string {
	value := strings.Join(parts, "")
	n := len(value)
	switch {
	case n < 0x80:
		return raw(tag) + string([]byte{byte(n)}) + value
	case n < 0x100:
		return raw(tag) + string([]byte{0x81, byte(n)}) + value
	}
	return raw(tag) + string([]byte{0x82, byte(n >> 8), byte(n)}) + value
}

// raw is the bytes of a hexadecimal text.
func raw(h string) string {
	b, err := hex.DecodeString(h)
	if err != nil {
		panic(err) // a constant of the tests
	}
	return string(b)
}

// b64 is the text that a phone shows for the bytes.
func b64(parts ...string) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Join(parts, "")))
}

var (
	emvHead  = tlv("85", "CPV01")
	jpqrHead = tlv("85", "JPQR1")
	aidOne   = tlv("4f", raw("a0000003330102"))
	aidTwo   = tlv("4f", raw("a0000006022020"))
	track2   = tlv("57", raw("6212345678901234d30122010000018801"))
)

// mpm writes a merchant's code of the fields, which are tag and value in turn, with its check sum.
func mpm(fields ...string) string {
	var b strings.Builder
	for i := 0; i < len(fields); i += 2 {
		fmt.Fprintf(&b, "%s%02d%s", fields[i], len([]rune(fields[i+1])), fields[i+1])
	}
	b.WriteString("6304")
	return fmt.Sprintf("%s%04X", b.String(), crc(b.String()))
}

// crc is CRC-16/CCITT-FALSE bit by bit, written from its definition and not from the code under test.
func crc(s string) (reg uint16) {
	reg = 0xffff
	for i := range len(s) * 8 {
		bit := uint16(s[i/8]) >> (7 - i%8) & 1
		top := reg >> 15
		if reg <<= 1; top != bit {
			reg ^= 0x1021
		}
	}
	return reg
}

var noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func signer(tb testing.TB, name string) *wire.Signer {
	tb.Helper()
	d := sha256.Sum256([]byte(name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])
	if err != nil {
		tb.Fatal(err)
	}
	s, err := wire.NewSigner(key, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// houseCode is a real code of the house wallet, shown at noon.
func houseCode(tb testing.TB) string {
	tb.Helper()
	issuer, phone := signer(tb, "issuer"), signer(tb, "phone")
	cert, err := signed.Certify(issuer, signed.Claims{
		Account: signed.Account{1}, Phone: phone.Public(), Cap: payment.Of(10000, "JPY"), NotBefore: noon.Add(-time.Hour), Hours: 24,
	})
	if err != nil {
		tb.Fatal(err)
	}
	text, err := signed.Sign(phone, cert, signed.CodeClaims{Counter: 7, Time: noon, Store: "0231", Lane: "3"})
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// classify asks with the shipped table on an ordinary day.
func classify(text string) paycode.Classification {
	return paycode.Classify(text, paycode.Options{Table: paycode.DefaultTable(), On: 20261122})
}

// explained is what is told of a text in no market at noon.
func explained(text string, reveal bool) paycode.Explanation {
	return paycode.Explainer{Table: paycode.DefaultTable(), Now: noon, Reveal: reveal}.Explain(text)
}

// wantFields compares the fields whose paths are given; an empty value stands for a path that isn't there.
func wantFields(tb testing.TB, got paycode.Fields, want map[string]string) {
	tb.Helper()
	for path, value := range want {
		if v, ok := got.Get(path); v != value || ok != (value != "") {
			tb.Errorf("%s = %q, %v; want %q", path, v, ok, value)
		}
	}
}

func hexOf(s string) string { return hex.EncodeToString([]byte(s)) }
