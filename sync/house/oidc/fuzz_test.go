package oidc

import (
	"encoding/base64"
	"testing"
)

// FuzzToken reads anything as an ID token. What is read has an algorithm of ours and times within range.
func FuzzToken(f *testing.F) {
	b64 := base64.RawURLEncoding.EncodeToString
	claims := b64([]byte(`{"iss":"https://a","sub":"b","aud":["c","d"],"azp":"c","iat":1,"exp":2.5,"nonce":"n"}`))
	f.Add(b64([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + claims + ".AAAA")
	f.Add(b64([]byte(`{"alg":"none"}`)) + "." + claims + ".")
	f.Add(b64([]byte(`{"alg":"ES256","alg":"none"}`)) + ".e30.e30")
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := parseToken(s)
		if err != nil {
			if tok != nil {
				t.Error("a token beside an error")
			}
			return
		}
		if tok.alg != rs256 && tok.alg != es256 {
			t.Errorf("algorithm %q", tok.alg)
		}
		if y := tok.claims.expires.Year(); y < 1970 || y > 9999 || len(tok.claims.audience) == 0 {
			t.Errorf("claims %+v", tok.claims)
		}
	})
}

// FuzzKeys reads anything as a JWK Set. What is read can verify: it says no to nonsense and does not panic.
func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"e","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"oct"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseKeys(b)
		if err != nil && keys != nil {
			t.Error("keys beside an error")
		}
		for _, k := range keys {
			if k.verify([]byte("a.b"), make([]byte, 64)) || k.verify([]byte("a.b"), nil) {
				t.Error("nonsense is signed")
			}
		}
	})
}
