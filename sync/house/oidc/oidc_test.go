package oidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tilld/sync/house/oidc"
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

var b64 = base64.RawURLEncoding.EncodeToString

// provider plays an OpenID provider, honest or not.
type provider struct {
	t      *testing.T
	url    string
	rsa    *rsa.PrivateKey
	ec     *ecdsa.PrivateKey
	token  string // what the next exchange answers
	status int
	asked  url.Values
	keys   int // times that the keys were asked for
	jwks   string
}

func newProvider(t *testing.T) *provider {
	p := &provider{t: t, status: http.StatusOK}
	var err error
	if p.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if p.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	point, err := p.ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	p.jwks = fmt.Sprintf(`{"keys":[{"kty":"RSA","use":"sig","kid":"r","n":%q,"e":"AQAB"},{"kty":"EC","crv":"P-256","kid":"e","x":%q,"y":%q},
		{"kty":"OKP","crv":"Ed25519","kid":"o","x":"AA"},{"kty":"RSA","use":"enc","kid":"enc","n":"AQ","e":"AQ"}]}`,
		b64(p.rsa.N.Bytes()), b64(point[1:33]), b64(point[33:]))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		p.asked = r.PostForm
		w.WriteHeader(p.status)
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.token})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { p.keys++; _, _ = w.Write([]byte(p.jwks)) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

func (p *provider) client(now func() time.Time) *oidc.Provider {
	p.t.Helper()
	c, err := oidc.New(oidc.Config{Issuer: p.url, Authorize: p.url + "/authorize", Token: p.url + "/token", Keys: p.url + "/keys",
		ClientID: "tilld", Secret: "s3", Redirect: "app://back", Now: now})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func (p *provider) claims() map[string]any {
	return map[string]any{"iss": p.url, "sub": "u-1", "aud": "tilld", "nonce": "n-1", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
}

func (p *provider) sign(head, claims any, by string) string {
	p.t.Helper()
	h, err := json.Marshal(head)
	if err != nil {
		p.t.Fatal(err)
	}
	c, ok := claims.(string)
	if !ok {
		b, err := json.Marshal(claims)
		if err != nil {
			p.t.Fatal(err)
		}
		c = string(b)
	}
	signed := b64(h) + "." + b64([]byte(c))
	return signed + "." + b64(p.signature(by, signed))
}

func (p *provider) signature(by, signed string) (sig []byte) {
	sum := sha256.Sum256([]byte(signed))
	var err error
	switch by {
	case "rsa":
		sig, err = rsa.SignPKCS1v15(rand.Reader, p.rsa, crypto.SHA256, sum[:])
	case "ec":
		r, s, failed := ecdsa.Sign(rand.Reader, p.ec, sum[:])
		sig, err = make([]byte, 64), failed
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
	case "hmac": // with the public key as its secret, the old trick
		m := hmac.New(sha256.New, p.rsa.N.Bytes())
		m.Write([]byte(signed))
		sig = m.Sum(nil)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return sig
}

type head map[string]any

func TestFinish(t *testing.T) {
	p := newProvider(t)
	rs, es := head{"alg": "RS256", "kid": "r"}, head{"alg": "ES256", "kid": "e"}
	with := func(name string, v any) map[string]any {
		c := p.claims()
		if c[name] = v; v == nil {
			delete(c, name)
		}
		return c
	}
	twice := fmt.Sprintf(`{"iss":%q,"sub":"u-1","sub":"u-2","aud":"tilld","nonce":"n-1","iat":%d,"exp":%d}`, p.url, now.Unix(), now.Add(time.Hour).Unix())
	capital := fmt.Sprintf(`{"iss":%q,"SUB":"u-1","aud":"tilld","nonce":"n-1","iat":%d,"exp":%d}`, p.url, now.Unix(), now.Add(time.Hour).Unix())
	tests := []struct {
		name  string
		token string
		err   error
	}{
		{"RS256", p.sign(rs, p.claims(), "rsa"), nil},
		{"ES256", p.sign(es, p.claims(), "ec"), nil},
		{"no key named, and one fits", p.sign(head{"alg": "RS256"}, p.claims(), "rsa"), nil},
		{"among several audiences", p.sign(rs, func() any { c := with("aud", []string{"x", "tilld"}); c["azp"] = "tilld"; return c }(), "rsa"), nil},
		{"no algorithm", p.sign(head{"alg": "none"}, p.claims(), ""), oidc.ErrToken},
		{"no signature", p.sign(rs, p.claims(), ""), oidc.ErrToken},
		{"HS256 with the public key", p.sign(head{"alg": "HS256", "kid": "r"}, p.claims(), "hmac"), oidc.ErrToken},
		{"ES256 over the RSA key's name", p.sign(head{"alg": "ES256", "kid": "r"}, p.claims(), "ec"), oidc.ErrToken},
		{"the other key", p.sign(rs, p.claims(), "ec"), oidc.ErrToken},
		{"an unknown key", p.sign(head{"alg": "RS256", "kid": "z"}, p.claims(), "rsa"), oidc.ErrToken},
		{"a key that it brings along", p.sign(head{"alg": "RS256", "kid": "z", "jwk": map[string]string{"kty": "RSA"}}, p.claims(), "rsa"), oidc.ErrToken},
		{"a critical extension", p.sign(head{"alg": "RS256", "kid": "r", "crit": []string{"b64"}}, p.claims(), "rsa"), oidc.ErrToken},
		{"another issuer", p.sign(rs, with("iss", "https://evil.example"), "rsa"), oidc.ErrToken},
		{"another issuer, nearly", p.sign(rs, with("iss", p.url+"/"), "rsa"), oidc.ErrToken},
		{"no issuer", p.sign(rs, with("iss", nil), "rsa"), oidc.ErrToken},
		{"another client", p.sign(rs, with("aud", "other"), "rsa"), oidc.ErrToken},
		{"several audiences, no party", p.sign(rs, with("aud", []string{"x", "tilld"}), "rsa"), oidc.ErrToken},
		{"another party", p.sign(rs, with("azp", "other"), "rsa"), oidc.ErrToken},
		{"no audience", p.sign(rs, with("aud", nil), "rsa"), oidc.ErrToken},
		{"nobody", p.sign(rs, with("sub", nil), "rsa"), oidc.ErrToken},
		{"a number for a subject", p.sign(rs, with("sub", 7), "rsa"), oidc.ErrToken},
		{"two subjects", p.sign(rs, twice, "rsa"), oidc.ErrToken},
		{"a subject in capitals", p.sign(rs, capital, "rsa"), oidc.ErrToken},
		{"another nonce", p.sign(rs, with("nonce", "n-2"), "rsa"), oidc.ErrToken},
		{"no nonce", p.sign(rs, with("nonce", nil), "rsa"), oidc.ErrToken},
		{"expired", p.sign(rs, with("exp", now.Add(-time.Hour).Unix()), "rsa"), oidc.ErrToken},
		{"no end", p.sign(rs, with("exp", nil), "rsa"), oidc.ErrToken},
		{"of the future", p.sign(rs, with("iat", now.Add(time.Hour).Unix()), "rsa"), oidc.ErrToken},
		{"of yesterday", p.sign(rs, with("iat", now.Add(-24*time.Hour).Unix()), "rsa"), oidc.ErrToken},
		{"no token", "", oidc.ErrProvider},
		{"not a token", "a.b", oidc.ErrToken},
		{"changed after signing", strings.Replace(p.sign(rs, p.claims(), "rsa"), ".", ".e30", 1), oidc.ErrToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.token = tt.token
			iss, sub, err := p.client(func() time.Time { return now }).Finish(t.Context(), "code", "n-1", "verifier")
			if !errors.Is(err, tt.err) || (err == nil && (iss != p.url || sub != "u-1")) || (err != nil && iss+sub != "") {
				t.Errorf("%q, %q, %v; want %v", iss, sub, err, tt.err)
			}
			if err != nil && tt.token != "" && strings.Contains(err.Error(), tt.token) {
				t.Error("the error holds the token")
			}
		})
	}
}

// TestBegin sends everything that the flow rests on, and the verifier only as its hash.
func TestBegin(t *testing.T) {
	p := newProvider(t)
	u, err := url.Parse(p.client(time.Now).Begin("the state", "the nonce", "the verifier"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("the verifier"))
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "tilld", "redirect_uri": "app://back", "state": "the state", "nonce": "the nonce",
		"code_challenge": b64(sum[:]), "code_challenge_method": "S256", "scope": "openid",
	} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	p.token = p.sign(head{"alg": "RS256", "kid": "r"}, p.claims(), "rsa")
	if _, _, err := p.client(func() time.Time { return now }).Finish(t.Context(), "the code", "n-1", "the verifier"); err != nil {
		t.Fatal(err)
	}
	if p.asked.Get("code") != "the code" || p.asked.Get("code_verifier") != "the verifier" || p.asked.Get("redirect_uri") != "app://back" {
		t.Errorf("the exchange sends %v", p.asked)
	}
}

// TestKeys asks for keys once an hour, and for one that it does not know once a minute.
func TestKeys(t *testing.T) {
	p := newProvider(t)
	at := now
	c := p.client(func() time.Time { return at })
	try := func(kid string) error {
		m := p.claims()
		m["iat"], m["exp"] = at.Unix(), at.Add(time.Hour).Unix()
		p.token = p.sign(head{"alg": "RS256", "kid": kid}, m, "rsa")
		_, _, err := c.Finish(t.Context(), "code", "n-1", "v")
		return err
	}
	for range 3 {
		if err := try("r"); err != nil {
			t.Fatal(err)
		}
		_ = try("unknown")
	}
	if p.keys != 1 {
		t.Errorf("the keys were asked for %d times", p.keys)
	}
	at = at.Add(time.Minute)
	_ = try("unknown")
	if p.keys != 2 {
		t.Errorf("an unknown key, a minute later: %d times", p.keys)
	}
	at = at.Add(2 * time.Hour)
	p.jwks = `{"keys":[]}`
	if err := try("r"); !errors.Is(err, oidc.ErrToken) {
		t.Errorf("a key that the provider took back: %v", err)
	}
}

func TestProviderAway(t *testing.T) {
	p := newProvider(t)
	p.status = http.StatusFound
	if _, _, err := p.client(time.Now).Finish(t.Context(), "code", "n", "v"); !errors.Is(err, oidc.ErrProvider) {
		t.Errorf("sent elsewhere: %v", err)
	}
	if _, _, err := p.client(time.Now).Finish(t.Context(), "", "n", "v"); !errors.Is(err, oidc.ErrProvider) {
		t.Errorf("no code: %v", err)
	}
}

func TestNew(t *testing.T) {
	good := oidc.Config{Issuer: "https://id.example", Authorize: "https://id.example/a", Token: "https://id.example/t",
		Keys: "https://id.example/k", ClientID: "c", Redirect: "app://x", Now: time.Now}
	for name, change := range map[string]func(*oidc.Config){
		"plain http": func(c *oidc.Config) { c.Token = "http://id.example/t" }, "no issuer": func(c *oidc.Config) { c.Issuer = "" },
		"a password in it": func(c *oidc.Config) { c.Keys = "https://a:b@id.example/k" }, "no client": func(c *oidc.Config) { c.ClientID = "" },
		"no clock": func(c *oidc.Config) { c.Now = nil }, "no scheme": func(c *oidc.Config) { c.Authorize = "id.example" },
	} {
		c := good
		change(&c)
		if _, err := oidc.New(c); !errors.Is(err, oidc.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := oidc.New(good); err != nil {
		t.Error(err)
	}
}
