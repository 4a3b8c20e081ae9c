package operatortest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
)

// testRefused: without a connection nothing was sent, and that is said.
func testRefused(b *bench) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	b.must(err)
	url := "http://" + l.Addr().String()
	b.must(l.Close())
	op, c := b.open(url, 20*time.Second), b.charge(nil)
	b.want(b.checked(op.Pay(b.ctx, c)), operator.NotSent)
	b.want(b.checked(op.Query(b.ctx, find(c))), operator.NotSent)
	b.want(b.checked(op.Cancel(b.ctx, find(c))), operator.NotSent)
	b.want(b.checked(op.Refund(b.ctx, operator.Refund{Ref: b.ref(), Of: find(c), Amount: c.Amount})), operator.NotSent)
}

// testTLS: only the operator itself is spoken to, and only by TLS 1.2 and later.
func testTLS(b *bench) {
	s := httptest.NewUnstartedServer(b.counted())
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshakes that fail are the point
	s.StartTLS()
	defer s.Close()
	old := httptest.NewUnstartedServer(b.counted())
	old.Config.ErrorLog = s.Config.ErrorLog
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	defer old.Close()
	known := x509.NewCertPool()
	known.AddCert(s.Certificate())
	for name, reach := range map[string]operator.Reach{
		"another name":   {BaseURL: strings.Replace(s.URL, "127.0.0.1", "localhost", 1), Roots: known},
		"not trusted":    {BaseURL: s.URL},
		"trusts nobody":  {BaseURL: s.URL, Roots: x509.NewCertPool()},
		"TLS 1.1":        {BaseURL: old.URL, Roots: known},
		"plain, not TLS": {BaseURL: strings.Replace(b.url, "http:", "https:", 1), Roots: known},
	} {
		reach.Timeout, reach.Now = 20*time.Second, b.clock.get
		a := b.checked(b.Open(b, reach, true).Pay(b.ctx, b.charge(nil)))
		if a.Outcome != operator.NotSent {
			b.Errorf("%s: %s, %v", name, a.Outcome, a.Err)
		}
	}
	if n := b.requests.Load(); n != 0 {
		b.Fatalf("%d requests", n)
	}
	op := b.Open(b, operator.Reach{BaseURL: s.URL, Roots: known, Timeout: 20 * time.Second, Now: b.clock.get}, true)
	c := b.charge(nil)
	b.want(b.checked(op.Pay(b.ctx, c)), operator.Paid)
	b.net(c, c.Amount)
}

// testCredentials: refused credentials say nothing of a charge that may have been made before they were.
func testCredentials(b *bench) {
	bad := b.Open(b, operator.Reach{BaseURL: b.url, Timeout: 20 * time.Second, Now: b.clock.get}, false)
	c := b.charge(nil)
	f := find(c)
	f.Transaction = "1234567890"
	for _, a := range []operator.Answer{bad.Pay(b.ctx, c), bad.Query(b.ctx, f), bad.Cancel(b.ctx, f),
		bad.Refund(b.ctx, operator.Refund{Ref: b.ref(), Of: f, Amount: c.Amount})} {
		b.want(b.checked(a), operator.Unknown)
		if !errors.Is(a.Err, operator.ErrCredentials) {
			b.Errorf("error %v", a.Err)
		}
	}
	b.net(c, b.none())
	b.behave(emulate.Unauthorized)
	b.want(b.pay(c), operator.Unknown)
	b.behave(emulate.None)
	b.want(b.query(c), operator.Absent)
}

// testContext: who no longer waits gets the call back at once, while the operator still thinks.
func testContext(b *bench) {
	gone, leave := context.WithCancel(b.ctx)
	leave()
	c := b.charge(nil)
	a := b.checked(b.op.Pay(gone, c))
	if a.Outcome != operator.NotSent || !errors.Is(a.Err, context.Canceled) || b.requests.Load() != 0 {
		b.Errorf("%s, %v, %d requests", a.Outcome, a.Err, b.requests.Load())
	}
	b.behave(emulate.Slow)
	ctx, leave := context.WithCancel(b.ctx)
	done := make(chan operator.Answer)
	go func() { done <- b.op.Pay(ctx, c) }()
	b.server.Await(b.Wallet, 1)
	leave()
	a = b.checked(<-done)
	b.want(a, operator.Unknown)
	if !errors.Is(a.Err, context.Canceled) {
		b.Errorf("error %v", a.Err)
	}
	b.behave(emulate.None)
	b.want(b.query(c), operator.Paid)
	b.endless()
}

// endless: nor does an answer without an end hold anybody.
func (b *bench) endless() {
	stalls := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else net/http doesn't see that the caller has gone
		_, _ = w.Write([]byte("{"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer stalls.Close()
	b.want(b.checked(b.open(stalls.URL, impatience).Pay(b.ctx, b.charge(nil))), operator.Unknown)
}
