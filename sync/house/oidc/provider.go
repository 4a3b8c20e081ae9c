package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// ErrConfig reports a provider that can't be asked safely.
var ErrConfig = errors.New("the outside log-in's configuration")

// ErrProvider reports a provider that gave no usable answer. It names no code and no token.
var ErrProvider = errors.New("the outside log-in gave no answer")

// Config is a provider as its owner publishes it, and this client as it was registered there.
type Config struct {
	Issuer    string // exactly as in its ID tokens
	Authorize string // where the customer signs in
	Token     string // where we exchange the code
	Keys      string // its JWK Set
	ClientID  string
	Secret    string // "": a public client, PKCE only
	Redirect  string // ours, as registered
	Client    *http.Client
	Now       func() time.Time
}

// Provider asks one provider. It is safe for concurrent use.
type Provider struct {
	c    Config
	http http.Client

	mu     sync.Mutex
	keys   []key
	asked  time.Time // when the keys were asked for last
	expire time.Time
}

// The bounds of what is read and waited for.
const (
	maxBody  = 64 << 10
	timeout  = 10 * time.Second
	keysLife = time.Hour
	keysRest = time.Minute // between two askings for a key that we don't know
)

// New takes a provider. Addresses are https, except on loopback.
func New(c Config) (*Provider, error) {
	for name, text := range map[string]string{"issuer": c.Issuer, "authorize": c.Authorize, "token": c.Token, "keys": c.Keys} {
		if err := checkAddress(text); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrConfig, name, err)
		}
	}
	if c.ClientID == "" || c.Redirect == "" || c.Now == nil {
		return nil, fmt.Errorf("%w: client, redirect or clock is missing", ErrConfig)
	}
	p := &Provider{c: c}
	if c.Client != nil {
		p.http = *c.Client
	}
	p.http.Timeout = timeout
	// A provider that sends us elsewhere sends our code and secret there too.
	p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return p, nil
}

func checkAddress(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("not an address")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return errors.New("not https")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// Begin is the address that the customer opens. verifier has at least 43 characters of randomness (RFC 7636, 4.1).
func (p *Provider) Begin(state, nonce, verifier string) string {
	challenge := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"response_type": {"code"}, "scope": {"openid"}, "client_id": {p.c.ClientID}, "redirect_uri": {p.c.Redirect},
		"state": {state}, "nonce": {nonce}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
	}
	join := "?"
	if strings.Contains(p.c.Authorize, "?") {
		join = "&"
	}
	return p.c.Authorize + join + q.Encode()
}

// Finish exchanges the code and verifies who it is: ErrProvider, or ErrToken.
func (p *Provider) Finish(ctx context.Context, code, nonce, verifier string) (issuer, subject string, err error) {
	const longest = 2048
	if code == "" || len(code) > longest || nonce == "" || verifier == "" {
		return "", "", fmt.Errorf("%w: no code", ErrProvider)
	}
	token, err := p.exchange(ctx, code, verifier)
	if err != nil {
		return "", "", err
	}
	t, err := parseToken(token)
	if err != nil {
		return "", "", err
	}
	key, err := p.key(ctx, t)
	if err != nil {
		return "", "", err
	}
	if !key.verify(t.signed, t.signature) {
		return "", "", fmt.Errorf("%w: the signature", ErrToken)
	}
	if err := t.claims.check(p.c.Issuer, p.c.ClientID, nonce, p.c.Now()); err != nil {
		return "", "", err
	}
	return t.claims.issuer, t.claims.subject, nil
}

func (p *Provider) exchange(ctx context.Context, code, verifier string) (string, error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {p.c.Redirect},
		"client_id": {p.c.ClientID}, "code_verifier": {verifier},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.c.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("%w: the token's address", ErrProvider)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if p.c.Secret != "" {
		req.SetBasicAuth(url.QueryEscape(p.c.ClientID), url.QueryEscape(p.c.Secret)) // RFC 6749, 2.3.1
	}
	body, err := p.read(req)
	if err != nil {
		return "", err
	}
	answer, err := object(body)
	if err != nil {
		return "", fmt.Errorf("%w: the token's answer: %w", ErrProvider, err)
	}
	token, err := text(answer, "id_token")
	if err != nil || token == "" {
		return "", fmt.Errorf("%w: no ID token", ErrProvider)
	}
	return token, nil
}

// read asks for something. What went wrong is said without the address, which may hold what was asked.
func (p *Provider) read(req *http.Request) ([]byte, error) {
	req.Header.Set("Accept", "application/json")
	res, err := p.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: status %d", ErrProvider, res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return nil, fmt.Errorf("%w: an answer that can't be read", ErrProvider)
	}
	return body, nil
}

// key finds the key that a token says it was signed by. Keys are asked for again when they are old, or when the token
// names one that we don't know; not oftener than keysRest, or anybody could make us ask.
func (p *Provider) key(ctx context.Context, t *token) (key, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.c.Now()
	k, found := t.pick(p.keys)
	if found && now.Before(p.expire) {
		return k, nil
	}
	if !p.asked.IsZero() && now.Sub(p.asked) < keysRest && now.Before(p.expire) {
		return key{}, fmt.Errorf("%w: signed by a key that is not the provider's", ErrToken)
	}
	p.asked = now
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.c.Keys, nil)
	if err != nil {
		return key{}, fmt.Errorf("%w: the keys' address", ErrProvider)
	}
	body, err := p.read(req)
	if err != nil {
		return key{}, err
	}
	if p.keys, err = parseKeys(body); err != nil {
		return key{}, err
	}
	p.expire = now.Add(keysLife)
	if k, found = t.pick(p.keys); !found {
		return key{}, fmt.Errorf("%w: signed by a key that is not the provider's", ErrToken)
	}
	return k, nil
}
