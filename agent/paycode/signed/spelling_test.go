package signed_test

import (
	"crypto/elliptic"
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tilld/agent/paycode/signed"
	"tilld/sync/wire"
)

// The house prefix can't occur in base 45, so that a scanner may treat it as the start of a second code.
func TestPrefixNeverOccursInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := signed.Encode45(rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "bytes"))
		if strings.Contains(body, signed.House) || strings.Contains(signed.Prefix[1:]+body, signed.House) {
			t.Fatalf("%q holds the prefix", body)
		}
		if strings.HasSuffix(body, " ") {
			t.Fatalf("%q ends in a space, which a device may cut", body)
		}
	})
	// Of all groups of three characters, by computation: the third is never above W.
	for hi := range 256 {
		for lo := range 256 {
			if g := signed.Encode45([]byte{byte(hi), byte(lo)}); g[2] > 'W' && g[2] <= 'Z' || strings.Contains(" $%*+-./:", g[2:]) {
				t.Fatalf("group %q", g)
			}
		}
	}
}

// A signature's mirror image (r, n-s) is as good to plain ECDSA, and must not be to us.
func TestHighSIsRefused(t *testing.T) {
	issuer, phone := signer(t, "issuer"), signer(t, "phone")
	keys := wire.OneKey(issuer.Public())
	text := mustSign(t, phone, mustCertify(t, issuer, claims(phone)), signed.CodeClaims{Counter: 9, Time: noon})
	raw, err := signed.Decode45(strings.TrimPrefix(text, signed.Prefix), 300)
	if err != nil {
		t.Fatal(err)
	}
	mirror(raw[len(raw)-32:])
	if _, err := signed.Verify(signed.Prefix+signed.Encode45(raw), keys); !errors.Is(err, signed.ErrSignature) {
		t.Fatalf("got %v, want ErrSignature", err)
	}
}

// mirror replaces s by n-s in place.
func mirror(s []byte) {
	n := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(s))
	n.FillBytes(s)
}

func TestErrorsHoldNoCode(t *testing.T) {
	issuer, phone := signer(t, "issuer"), signer(t, "phone")
	text := mustSign(t, phone, mustCertify(t, issuer, claims(phone)), signed.CodeClaims{Counter: 9, Time: noon})
	for cut := range len(text) {
		_, err := signed.Parse(text[:cut])
		if err == nil {
			t.Fatalf("half a code of %d characters is taken", cut)
		}
		if cut > 12 && strings.Contains(err.Error(), text[4:12]) {
			t.Fatalf("the error %q holds the code", err)
		}
	}
}
