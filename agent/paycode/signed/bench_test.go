package signed_test

import (
	"testing"

	"tilld/agent/paycode/signed"
	"tilld/sync/wire"
)

// What a lane does at a scan: read a text and check both signatures.
func BenchmarkVerify(b *testing.B) {
	issuer, phone := signer(b, "issuer"), signer(b, "phone")
	text := mustSign(b, phone, mustCertify(b, issuer, claims(phone)), signed.CodeClaims{Counter: 1, Time: noon, Store: "0231", Lane: "3"})
	keys := wire.OneKey(issuer.Public())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signed.Verify(text, keys); err != nil {
			b.Fatal(err)
		}
	}
}

// What is left of it without the two signatures.
func BenchmarkParse(b *testing.B) {
	issuer, phone := signer(b, "issuer"), signer(b, "phone")
	text := mustSign(b, phone, mustCertify(b, issuer, claims(phone)), signed.CodeClaims{Counter: 1, Time: noon, Store: "0231", Lane: "3"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signed.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
