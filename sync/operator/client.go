package operator

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// MaxBody is how much of an answer is read, in bytes. Operators' answers are a few thousand.
const MaxBody = 64 << 10

// The reasons why there is no answer. Match with errors.Is; a call that ran out of time also matches
// context.DeadlineExceeded, one whose context ended context.Canceled.
var (
	ErrNotSent     = errors.New("nothing was sent") // wraps what kept the connection from being made
	ErrCut         = errors.New("the connection ended without a whole answer")
	ErrTooLong     = errors.New("the answer is too long")
	ErrGarbled     = errors.New("the answer can't be read")
	ErrStatus      = errors.New("the answer says nothing of the money")
	ErrMismatch    = errors.New("the answer is about something else than was asked")
	ErrCredentials = errors.New("the operator refuses our credentials or our signature")
	ErrSignature   = errors.New("the answer's signature is missing or wrong")
)

// Request is one HTTP call to an operator.
type Request struct {
	Method string
	Path   string // escaped, with its query
	Header http.Header
	Body   []byte
}

// Reply is what came back: a whole answer of at most MaxBody bytes, whatever it says.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Client carries connectors' requests. Each goes over a connection of its own: an operator, or a proxy before it, that
// answers twice would else have its second answer taken for that of the next customer's request. Redirects are not
// followed, nothing is sent again, compressed bodies are not asked for, and proxies are not looked for.
type Client struct {
	reach Reach
	base  string
	http  *http.Client
}

// NewClient makes one. timeout bounds a call when r gives no other.
func NewClient(r Reach, timeout time.Duration) (*Client, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	r = r.filled(timeout)
	only1 := new(http.Protocols)
	only1.SetHTTP1(true)
	return &Client{reach: r, base: strings.TrimRight(r.BaseURL, "/"), http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: r.Roots, ClientSessionCache: tls.NewLRUClientSessionCache(16)},
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: MaxBody,
			Protocols:              only1,
		},
	}}, nil
}

// Timeout bounds one call.
func (c *Client) Timeout() time.Duration { return c.reach.Timeout }

// Bound is ctx for an operation of several calls, which shall take no longer than one may.
func (c *Client) Bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.reach.Timeout)
}

// Now is the time by the client's clock.
func (c *Client) Now() time.Time { return c.reach.Now() }

// Nonce is 32 random hexadecimal digits.
func (c *Client) Nonce() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(c.reach.Random, b[:]); err != nil {
		return "", fmt.Errorf("%w: no randomness: %w", ErrNotSent, err)
	}
	return hex.EncodeToString(b[:]), nil
}

// Do asks once. An error that is ErrNotSent means that no byte of the request left this machine; after any other the
// operator may have got it. No error quotes what was sent or came back.
func (c *Client) Do(ctx context.Context, q Request) (Reply, error) {
	ctx, stop := context.WithTimeout(ctx, c.reach.Timeout)
	defer stop()
	// From the moment there is a connection, with TLS's handshake done, bytes may flow.
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, q.Method, c.base+q.Path, bytes.NewReader(q.Body))
	if err != nil {
		return Reply{}, fmt.Errorf("%w: the request can't be made", ErrNotSent)
	}
	for k, v := range q.Header {
		req.Header[k] = v
	}
	res, err := c.http.Do(req)
	if err != nil {
		if !connected.Load() {
			return Reply{}, fmt.Errorf("%w: %w", ErrNotSent, whyNotSent(ctx, err))
		}
		return Reply{}, whyCut(ctx)
	}
	defer func() { _ = res.Body.Close() }() // the connection ends with the answer
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxBody+1))
	switch {
	case len(body) > MaxBody:
		return Reply{}, ErrTooLong
	case err != nil:
		return Reply{}, whyCut(ctx)
	}
	return Reply{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

// whyCut leaves out the transport's own words: they may quote the answer.
func whyCut(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return ErrCut
}

func whyNotSent(ctx context.Context, err error) error {
	var host x509.HostnameError
	var cert *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &host):
		return errors.New("the certificate is another host's")
	case errors.As(err, &cert):
		return errors.New("the certificate is not trusted")
	case errors.As(err, &dns):
		return errors.New("the operator's name can't be resolved")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("connection refused")
	}
	return errors.New("no connection")
}
