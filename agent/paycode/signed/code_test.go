package signed_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

// signer makes the P-256 key whose scalar is the SHA-256 of a name. Its signatures are deterministic
// (RFC 6979), so that vectors come out the same each time.
func signer(tb testing.TB, name string) *wire.Signer {
	tb.Helper()
	s, err := wire.NewSigner(privateKey(tb, name), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func privateKey(tb testing.TB, name string) *ecdsa.PrivateKey {
	tb.Helper()
	d := sha256.Sum256([]byte(name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

var (
	account = signed.Account{0: 0xac, 15: 0x01}
	noon    = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
)

// claims are an ordinary certificate's.
func claims(phone *wire.Signer) signed.Claims {
	return signed.Claims{
		Account: account, Phone: phone.Public(), Cap: payment.Of(10000, "JPY"), NotBefore: noon.Add(-time.Hour), Hours: 24,
	}
}

func mustCertify(tb testing.TB, issuer *wire.Signer, c signed.Claims) []byte {
	tb.Helper()
	cert, err := signed.Certify(issuer, c)
	if err != nil {
		tb.Fatal(err)
	}
	return cert
}

func mustSign(tb testing.TB, phone *wire.Signer, cert []byte, c signed.CodeClaims) string {
	tb.Helper()
	text, err := signed.Sign(phone, cert, c)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func TestVerifyGivesWhatWasSigned(t *testing.T) {
	issuer, phone := signer(t, "issuer"), signer(t, "phone")
	cert := mustCertify(t, issuer, claims(phone))
	text := mustSign(t, phone, cert, signed.CodeClaims{Counter: 7, Time: noon, Store: "0231", Lane: "3"})
	got, err := signed.Verify(text, wire.OneKey(issuer.Public()))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := signed.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	want := signed.Verified{
		Account: account, PhoneKey: phone.Public().KID(), Counter: 7, Time: noon, Store: "0231", Lane: "3",
		Cap: payment.Of(10000, "JPY"), CertNotBefore: noon.Add(-time.Hour), CertExpiry: noon.Add(23 * time.Hour),
		IssuerKID: issuer.Public().KID(), CertID: parsed.ID(),
	}
	if *got != want {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
	kid := phone.Public().KID()
	if r := got.ReplayKey(); string(r.Phone) != string(kid[:]) || r.Counter != 7 {
		t.Errorf("replay key %+v", r)
	}
	code, err := signed.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if code.ReplayKey().Counter != 7 || code.Text() != text {
		t.Error("parsing a code loses what it was")
	}
}

func TestVerifyAsksTheRightKeys(t *testing.T) {
	issuer, other, phone := signer(t, "issuer"), signer(t, "other"), signer(t, "phone")
	text := mustSign(t, phone, mustCertify(t, issuer, claims(phone)), signed.CodeClaims{Counter: 1, Time: noon})
	keys := func(all ...wire.PublicKey) wire.Keys { return func(wire.KID) []wire.PublicKey { return all } }
	tests := []struct {
		name   string
		keys   wire.Keys
		err    error
		reason payment.Reason
	}{
		{"the issuer's key", wire.OneKey(issuer.Public()), nil, payment.ReasonNone},
		{"a key that shares its identifier comes first", keys(other.Public(), issuer.Public()), nil, payment.ReasonNone},
		{"another issuer's key", wire.OneKey(other.Public()), signed.ErrUnknownIssuer, payment.UnknownIssuer},
		{"no keys", keys(), signed.ErrUnknownIssuer, payment.UnknownIssuer},
		{"only a key of another kind", keys(ed25519Signer(t).Public()), signed.ErrUnknownIssuer, payment.UnknownIssuer},
		{"only a key that shares its identifier", keys(other.Public()), signed.ErrSignature, payment.BadSignature},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := signed.Verify(text, tt.keys)
			if !errors.Is(err, tt.err) || signed.ReasonOf(err) != tt.reason {
				t.Fatalf("error %v (%v), want %v (%v)", err, signed.ReasonOf(err), tt.err, tt.reason)
			}
			if (v == nil) != (err != nil) {
				t.Fatal("a result with an error, or none without")
			}
		})
	}
}

// Whatever is signed comes back, and the text has the promised size.
func TestRoundTrip(t *testing.T) {
	issuer, phone := signer(t, "issuer"), signer(t, "phone")
	rapid.Check(t, func(t *rapid.T) {
		in := signed.Claims{
			Account: signed.Account(rapid.SliceOfN(rapid.Byte(), 16, 16).Filter(func(b []byte) bool { return b[0] != 0 }).Draw(t, "account")),
			Phone:   phone.Public(),
			Cap: payment.Of(rapid.Int64Range(1, signed.MaxCap).Draw(t, "cap"),
				payment.Currency(rapid.SampledFrom([]string{"JPY", "TWD"}).Draw(t, "currency"))),
			NotBefore: time.Unix(rapid.Int64Range(0, 1<<32-256*3600).Draw(t, "not before"), 0).UTC(),
			Hours:     rapid.IntRange(1, signed.MaxHours).Draw(t, "hours"),
		}
		code := signed.CodeClaims{
			Counter: rapid.Uint64Range(1, signed.MaxCounter).Draw(t, "counter"),
			Time:    time.Unix(rapid.Int64Range(1, 1<<32-1).Draw(t, "time"), 0).UTC(),
			Store:   rapid.StringMatching(`([0-9A-Za-z._-]{1,8})?`).Draw(t, "store"),
		}
		if code.Store != "" {
			code.Lane = rapid.StringMatching(`([0-9A-Za-z._-]{1,3})?`).Draw(t, "lane")
		}
		cert, err := signed.Certify(issuer, in)
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.Sign(phone, cert, code)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > signed.MaxText {
			t.Fatalf("%d characters", len(text))
		}
		got, err := signed.Verify(text, wire.OneKey(issuer.Public()))
		if err != nil {
			t.Fatal(err)
		}
		if got.Account != in.Account || got.Cap != in.Cap || !got.CertNotBefore.Equal(in.NotBefore) ||
			!got.CertExpiry.Equal(in.Expiry()) || got.Counter != code.Counter || !got.Time.Equal(code.Time) ||
			got.Store != code.Store || got.Lane != code.Lane {
			t.Fatalf("%+v of %+v and %+v", got, in, code)
		}
	})
}

// No character of a code can be changed, dropped or doubled: nothing that differs from what was signed
// verifies.
func TestEveryCharacterCounts(t *testing.T) {
	issuer, phone := signer(t, "issuer"), signer(t, "phone")
	text := mustSign(t, phone, mustCertify(t, issuer, claims(phone)), signed.CodeClaims{Counter: 9, Time: noon, Store: "0231"})
	keys := wire.OneKey(issuer.Public())
	for i := range len(text) {
		next := byte('A')
		if text[i] == next {
			next = 'B'
		}
		for _, changed := range []string{
			text[:i] + string(next) + text[i+1:], text[:i] + text[i+1:], text[:i] + text[i:i+1] + text[i:], text[:i],
		} {
			if changed == text {
				continue
			}
			if v, err := signed.Verify(changed, keys); err == nil || v != nil {
				t.Fatalf("changed at character %d and taken", i)
			}
		}
	}
}
