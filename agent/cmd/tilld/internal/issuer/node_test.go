package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
)

// certFiles writes a certificate for this machine and its key.
func certFiles(t *testing.T, dir string) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "tls.pem"), filepath.Join(dir, "tls.key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(parsed)
	return cert, key, roots
}

// TestNode: both doors speak TLS; HQ's token opens the gateway and nothing on the phones' address; a second one does not
// start beside it; and it ends in order and begins again on what it has.
func TestNode(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if _, err := Init(data); err != nil {
		t.Fatal(err)
	}
	cert, key, roots := certFiles(t, dir)
	file := filepath.Join(dir, "issuer.toml")
	text := fmt.Sprintf("data = %q\n[messages]\nkind = \"spool\"\nspool = %q\n", data, filepath.Join(dir, "spool"))
	for _, door := range []string{"phones", "gateway"} {
		text += fmt.Sprintf("[%s]\naddress = \"127.0.0.1:0\"\n[%s.tls]\ncert = %q\nkey = %q\n", door, door, cert, key)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.ReadIssuer(file)
	if err != nil {
		t.Fatal(err)
	}
	if f := c.Files(); len(f) > 0 {
		t.Fatal(f)
	}
	token, err := os.ReadFile(filepath.Join(data, tokenFile))
	if err != nil {
		t.Fatal(err)
	}
	bearer := "Bearer " + strings.TrimSpace(string(token))
	log := slog.New(slog.DiscardHandler)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}, Timeout: 5 * time.Second}
	for range 2 {
		n, err := Open(t.Context(), c, time.Now, log)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), c, time.Now, log); err == nil || !strings.Contains(err.Error(), "runs here already") {
			t.Errorf("a second one: %v", err)
		}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		get := func(address, path, auth string) (int, string) {
			t.Helper()
			req, err := http.NewRequest("GET", "https://"+address+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", auth)
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return res.StatusCode, string(b)
		}
		for _, tt := range []struct {
			name, address, path, auth string
			code                      int
			says                      string
		}{
			{"HQ", n.GatewayAddr(), "/operator/v1/word", bearer, 200, `"spending_stopped":false`},
			{"a stranger", n.GatewayAddr(), "/operator/v1/word", "Bearer x", 401, "unauthorized"},
			{"HQ by the phones' door", n.PhonesAddr(), "/operator/v1/word", bearer, 404, ""},
			{"a phone by HQ's", n.GatewayAddr(), "/phone/v1/account", bearer, 404, ""},
			{"health", n.GatewayAddr(), "/healthz", "", 200, "ok"},
			{"figures", n.GatewayAddr(), "/metrics", "", 200, `tilld_issuer_stopped{what="spending"} 0`},
			{"figures by the phones' door", n.PhonesAddr(), "/metrics", "", 404, ""},
			{"a phone", n.PhonesAddr(), "/phone/v1/account", "", 401, "not signed in"},
		} {
			if code, body := get(tt.address, tt.path, tt.auth); code != tt.code || !strings.Contains(body, tt.says) {
				t.Errorf("%s: %d, %s", tt.name, code, body)
			}
		}
		end()
		if err := <-done; err != nil {
			t.Errorf("it ended with %v", err)
		}
	}
}
