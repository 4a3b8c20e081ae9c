package signed_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

// A text that parses is the only text of its content, whatever the fuzzer tries; and Parse never panics.
func FuzzParse(f *testing.F) {
	v := readVectors(f)
	for _, c := range v.Codes {
		f.Add(c.Text)
	}
	for _, n := range v.Negatives {
		f.Add(n.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := signed.Parse(text)
		if err != nil {
			if c != nil || signed.ReasonOf(err) == payment.ReasonNone {
				t.Fatalf("%v: a code with an error, or an error without a reason", err)
			}
			return
		}
		if c.Text() != text {
			t.Fatalf("%q is written %q", text, c.Text())
		}
		if len(text) > signed.MaxText {
			t.Fatalf("%d characters", len(text))
		}
		checkRewrite(t, c)
	})
}

// checkRewrite makes the claims anew with keys of the test's own: whatever was parsed can also be written,
// with the same length.
func checkRewrite(t *testing.T, c *signed.Code) {
	issuer, phone := signer(t, "issuer"), signer(t, "phone")
	claims := c.Certificate.Claims
	if claims.Phone = phone.Public(); !claims.Cap.Currency.Known() {
		return
	}
	text := mustSign(t, phone, mustCertify(t, issuer, claims), c.CodeClaims)
	if len(text) != len(c.Text()) {
		t.Fatalf("%d characters are written as %d", len(c.Text()), len(text))
	}
}

// The same from the binary side, where the fuzzer gets deeper.
func FuzzParseBytes(f *testing.F) {
	v := readVectors(f)
	for _, c := range v.Codes {
		raw, err := signed.Decode45(strings.TrimPrefix(c.Text, signed.Prefix), signed.MaxBytes)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(base64.StdEncoding.EncodeToString(raw))
	}
	keys := wire.OneKey(signer(f, "issuer").Public())
	f.Fuzz(func(t *testing.T, b64 string) {
		raw, err := base64.StdEncoding.DecodeString(b64)
		if err != nil {
			return
		}
		text := signed.Prefix + signed.Encode45(raw)
		c, err := signed.Parse(text)
		if err != nil {
			return
		}
		if c.Text() != text {
			t.Fatalf("%x is written otherwise", raw)
		}
		if v, err := c.Verify(keys); (v == nil) != (err != nil) {
			t.Fatal("a result with an error, or none without")
		}
	})
}
